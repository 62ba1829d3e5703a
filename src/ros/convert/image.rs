//! Images and calibrations.

use super::{ConvertError, frame, parse};
use crate::ros::msg::{CameraInfo, CompressedImage, Header, Image, Message, RegionOfInterest};
use crate::sensing::{CameraInfoEvent, ImageEvent, ImagePayload};
use serde_bytes::ByteBuf;

/// The image in the bytes of an `Image` or a `CompressedImage`.
pub(super) fn event(topic: &str, type_name: &str, cdr: &[u8]) -> Result<ImageEvent, ConvertError> {
    let (header, payload) = if type_name == CompressedImage::TYPE {
        let CompressedImage { header, format, data } = parse(topic, cdr)?;
        (header, ImagePayload::Compressed { format, data: data.into_vec() })
    } else {
        let Image { header, height, width, encoding, is_bigendian, step, data } =
            parse(topic, cdr)?;
        let data = data.into_vec();
        let is_bigendian = is_bigendian != 0;
        (header, ImagePayload::Raw { width, height, encoding, is_bigendian, step, data })
    };
    Ok(ImageEvent {
        camera: 0,
        topic: topic.to_owned(),
        stamp_ns: header.stamp.to_ns(),
        frame_id: frame(header.frame_id),
        payload,
    })
}

/// The calibration in a message.
pub(super) fn camera_info_event(topic: &str, info: CameraInfo) -> CameraInfoEvent {
    let RegionOfInterest { x_offset, y_offset, height, width, do_rectify } = info.roi;
    CameraInfoEvent {
        camera: 0,
        topic: topic.to_owned(),
        stamp_ns: info.header.stamp.to_ns(),
        frame_id: frame(info.header.frame_id),
        width: info.width,
        height: info.height,
        distortion_model: info.distortion_model,
        d: info.d,
        k: info.k,
        r: info.r,
        p: info.p,
        binning_x: info.binning_x,
        binning_y: info.binning_y,
        roi: [x_offset, y_offset, width, height],
        roi_do_rectify: do_rectify,
    }
}

/// An image as a message, raw or compressed as it came.
#[derive(Debug, Clone, PartialEq)]
pub enum ImageMessage {
    /// For a topic of `sensor_msgs/msg/Image`.
    Raw(Image),
    /// For a topic of `sensor_msgs/msg/CompressedImage`.
    Compressed(CompressedImage),
}

/// The message of an image.
pub fn image_message(event: &ImageEvent) -> ImageMessage {
    let header = Header::new(event.stamp_ns, &event.frame_id);
    match &event.payload {
        ImagePayload::Raw { width, height, encoding, is_bigendian, step, data } => {
            ImageMessage::Raw(Image {
                header,
                height: *height,
                width: *width,
                encoding: encoding.clone(),
                is_bigendian: u8::from(*is_bigendian),
                step: *step,
                data: ByteBuf::from(data.clone()),
            })
        }
        ImagePayload::Compressed { format, data } => ImageMessage::Compressed(CompressedImage {
            header,
            format: format.clone(),
            data: ByteBuf::from(data.clone()),
        }),
    }
}

/// The message of a calibration.
pub fn camera_info_message(event: &CameraInfoEvent) -> CameraInfo {
    let [x_offset, y_offset, width, height] = event.roi;
    CameraInfo {
        header: Header::new(event.stamp_ns, &event.frame_id),
        height: event.height,
        width: event.width,
        distortion_model: event.distortion_model.clone(),
        d: event.d.clone(),
        k: event.k,
        r: event.r,
        p: event.p,
        binning_x: event.binning_x,
        binning_y: event.binning_y,
        roi: RegionOfInterest {
            x_offset,
            y_offset,
            height,
            width,
            do_rectify: event.roi_do_rectify,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::{TopicRole, decode};
    use super::*;
    use crate::ros::to_cdr;
    use crate::sensing::SensorEvent;

    #[test]
    fn raw_image_round_trip() {
        let event = ImageEvent {
            camera: 0,
            topic: "/depth".into(),
            stamp_ns: 12_345_678_901,
            frame_id: "camera_optical".into(),
            payload: ImagePayload::Raw {
                width: 3,
                height: 2,
                encoding: "16UC1".into(),
                is_bigendian: true,
                step: 8,
                data: (0..16).collect(),
            },
        };
        let ImageMessage::Raw(message) = image_message(&event) else { panic!("raw stays raw") };
        let back = decode(TopicRole::Depth, "/depth", Image::TYPE, &to_cdr(&message)).unwrap();
        let SensorEvent::Depth(back) = back else { panic!("depth stays depth") };
        assert_eq!(format!("{back:?}"), format!("{event:?}"));
    }

    #[test]
    fn compressed_image_round_trip() {
        let event = ImageEvent {
            camera: 0,
            topic: "/color/compressed".into(),
            stamp_ns: -1,
            frame_id: "optical".into(),
            payload: ImagePayload::Compressed { format: "jpeg".into(), data: vec![0xff, 0xd8] },
        };
        let ImageMessage::Compressed(mut message) = image_message(&event) else {
            panic!("compressed stays compressed")
        };
        message.header.frame_id = "/optical".into();
        let cdr = to_cdr(&message);
        let back = decode(TopicRole::Color, &event.topic, CompressedImage::TYPE, &cdr).unwrap();
        let SensorEvent::Color(back) = back else { panic!("colour stays colour") };
        assert_eq!(format!("{back:?}"), format!("{event:?}"));
    }

    #[test]
    fn camera_info_round_trip() {
        let event = CameraInfoEvent {
            camera: 0,
            topic: "/camera_info".into(),
            stamp_ns: 5,
            frame_id: "optical".into(),
            width: 640,
            height: 480,
            distortion_model: "plumb_bob".into(),
            d: vec![0.1, -0.2, 0.0, 0.0, 0.3],
            k: std::array::from_fn(|i| i as f64),
            r: std::array::from_fn(|i| -(i as f64)),
            p: std::array::from_fn(|i| 0.5 * i as f64),
            binning_x: 1,
            binning_y: 2,
            roi: [1, 2, 3, 4],
            roi_do_rectify: true,
        };
        let cdr = to_cdr(&camera_info_message(&event));
        let back = decode(TopicRole::DepthInfo, "/camera_info", CameraInfo::TYPE, &cdr).unwrap();
        assert!(matches!(back, SensorEvent::DepthInfo(back) if back == event));
    }
}
