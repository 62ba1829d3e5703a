//! From the bytes of an image message to pixels.
//!
//! One file a family: [`raw`] for `sensor_msgs/Image`, [`compressed`] for JPEG and PNG,
//! [`compressed_depth`] for what `compressed_depth_image_transport` makes, with [`rvl`] inside.
//! Sizes are checked before anything is allocated, and every error names the topic.

mod bayer;
mod compressed;
mod compressed_depth;
mod raw;
mod rvl;
#[cfg(test)]
mod tests;

use super::{DepthImage, ImageEvent, ImagePayload, SensingError};
use image::RgbImage;

/// Longest side of an image in pixels.
const MAX_SIDE: u32 = 16_384;
/// Most pixels of an image: 64 megapixels.
const MAX_PIXELS: u64 = 1 << 26;

/// Decodes a colour image.
///
/// # Errors
/// Names the topic, the encoding and what does not fit.
pub fn decode_color(event: &ImageEvent) -> Result<RgbImage, SensingError> {
    match &event.payload {
        ImagePayload::Raw { .. } => raw::color(event),
        ImagePayload::Compressed { format, data } => {
            compressed::color(Named { topic: &event.topic, encoding: format }, data)
        }
    }
}

/// Decodes a depth image to metres; invalid readings become 0.
///
/// # Errors
/// Names the topic, the encoding and what does not fit.
pub fn decode_depth(event: &ImageEvent) -> Result<DepthImage, SensingError> {
    match &event.payload {
        ImagePayload::Raw { .. } => raw::depth(event),
        ImagePayload::Compressed { format, data } => {
            let named = Named { topic: &event.topic, encoding: format };
            if format.contains("compressedDepth") {
                compressed_depth::depth(named, data)
            } else {
                compressed::depth(named, data)
            }
        }
    }
}

/// What an error says about an image.
#[derive(Clone, Copy)]
struct Named<'a> {
    topic: &'a str,
    encoding: &'a str,
}

impl Named<'_> {
    fn unsupported(self, supported: &'static str) -> SensingError {
        SensingError::UnsupportedEncoding {
            topic: self.topic.to_owned(),
            encoding: self.encoding.to_owned(),
            supported,
        }
    }

    fn broken(self, data: &[u8], reason: impl ToString) -> SensingError {
        SensingError::BrokenStream {
            topic: self.topic.to_owned(),
            encoding: self.encoding.to_owned(),
            found: data.len(),
            reason: reason.to_string(),
        }
    }

    fn bad_shape(self, width: u32, height: u32, reason: impl ToString) -> SensingError {
        SensingError::BadShape {
            topic: self.topic.to_owned(),
            encoding: self.encoding.to_owned(),
            width,
            height,
            reason: reason.to_string(),
        }
    }

    /// Refuses empty images and images too large to be true.
    fn check_size(self, width: u32, height: u32) -> Result<(), SensingError> {
        if width == 0 || height == 0 {
            return Err(self.bad_shape(width, height, "the image is empty"));
        }
        let pixels = u64::from(width) * u64::from(height);
        if width > MAX_SIDE || height > MAX_SIDE || pixels > MAX_PIXELS {
            let reason = format!("more than {MAX_SIDE} pixels a side or {MAX_PIXELS} in all");
            return Err(self.bad_shape(width, height, reason));
        }
        Ok(())
    }
}

/// Metres of a reading in millimetres. 65535 is "too far" for most drivers.
fn millimetres(raw: u16) -> f32 {
    if raw == u16::MAX { 0.0 } else { f32::from(raw) / 1000.0 }
}

/// A reading in metres, or 0 where it is none (NaN, infinite, not positive).
fn metres(raw: f32) -> f32 {
    if raw.is_finite() && raw > 0.0 { raw } else { 0.0 }
}
