//! `sensor_msgs/Image`: pixels as they are, row after row.

use super::{Named, bayer, metres, millimetres};
use crate::sensing::{DepthImage, ImageEvent, ImagePayload, SensingError};
use image::RgbImage;

const COLOR: &str = "rgb8, bgr8, rgba8, bgra8, mono8, mono16, yuv422, yuv422_yuy2, \
                     bayer_{rggb,bggr,gbrg,grbg}8";
const DEPTH: &str = "16UC1, mono16 (millimetres) and 32FC1 (metres)";

/// Rows of a raw image, checked to be all there.
struct Rows<'a> {
    named: Named<'a>,
    width: u32,
    height: u32,
    big_endian: bool,
    step: usize,
    row_bytes: usize,
    data: &'a [u8],
}

impl<'a> Rows<'a> {
    fn new(event: &'a ImageEvent, bytes_per_pixel: u32) -> Result<Self, SensingError> {
        let ImagePayload::Raw { width, height, encoding, is_bigendian, step, data } =
            &event.payload
        else {
            return Err(named(event).unsupported("raw images here"));
        };
        let (named, width, height) = (Named { topic: &event.topic, encoding }, *width, *height);
        named.check_size(width, height)?;
        // Fits: the sides are at most 2^14.
        let row_bytes = (width * bytes_per_pixel) as usize;
        // Some drivers leave the step empty.
        let step = if *step == 0 { row_bytes } else { *step as usize };
        if step < row_bytes {
            let reason = format!("its step is {step} bytes, but a row has {row_bytes}");
            return Err(named.bad_shape(width, height, reason));
        }
        // The last row may lack its padding.
        let expected = step as u64 * u64::from(height - 1) + row_bytes as u64;
        if (data.len() as u64) < expected {
            return Err(SensingError::Truncated {
                topic: event.topic.clone(),
                encoding: encoding.clone(),
                width,
                height,
                expected,
                found: data.len() as u64,
            });
        }
        Ok(Self { named, width, height, big_endian: *is_bigendian, step, row_bytes, data })
    }

    /// The rows without padding.
    fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        let row_bytes = self.row_bytes;
        self.data.chunks(self.step).take(self.height as usize).map(move |row| &row[..row_bytes])
    }

    /// The rows in one piece.
    fn packed(&self) -> Vec<u8> {
        let mut packed = Vec::with_capacity(self.row_bytes * self.height as usize);
        self.iter().for_each(|row| packed.extend_from_slice(row));
        packed
    }

    /// Maps each pixel of `N` bytes to a colour.
    fn map_color<const N: usize>(&self, color: impl Fn([u8; N]) -> [u8; 3]) -> Vec<u8> {
        let mut rgb = Vec::with_capacity(3 * self.width as usize * self.height as usize);
        for row in self.iter() {
            rgb.extend(row.as_chunks::<N>().0.iter().flat_map(|pixel| color(*pixel)));
        }
        rgb
    }

    /// Maps each sample of `N` bytes, brought to little-endian, to a depth.
    fn map_depth<const N: usize>(&self, depth: impl Fn([u8; N]) -> f32) -> DepthImage {
        let mut data_m = Vec::with_capacity(self.width as usize * self.height as usize);
        for row in self.iter() {
            let samples = row.as_chunks::<N>().0.iter();
            if self.big_endian {
                data_m.extend(samples.map(|sample| {
                    let mut little = *sample;
                    little.reverse();
                    depth(little)
                }));
            } else {
                data_m.extend(samples.map(|sample| depth(*sample)));
            }
        }
        DepthImage { width: self.width, height: self.height, data_m }
    }

    fn image(&self, rgb: Vec<u8>) -> RgbImage {
        RgbImage::from_raw(self.width, self.height, rgb).expect("three bytes for every pixel")
    }
}

/// The colours of a raw image.
pub(super) fn color(event: &ImageEvent) -> Result<RgbImage, SensingError> {
    let named = named(event);
    let (rows, rgb) = match named.encoding {
        "rgb8" => {
            let rows = Rows::new(event, 3)?;
            let rgb = rows.packed();
            (rows, rgb)
        }
        "bgr8" | "8UC3" => {
            let rows = Rows::new(event, 3)?;
            let rgb = rows.map_color(|[b, g, r]| [r, g, b]);
            (rows, rgb)
        }
        "rgba8" => {
            let rows = Rows::new(event, 4)?;
            let rgb = rows.map_color(|[r, g, b, _]| [r, g, b]);
            (rows, rgb)
        }
        "bgra8" | "8UC4" => {
            let rows = Rows::new(event, 4)?;
            let rgb = rows.map_color(|[b, g, r, _]| [r, g, b]);
            (rows, rgb)
        }
        "mono8" | "8UC1" => {
            let rows = Rows::new(event, 1)?;
            let rgb = rows.map_color(|[grey]| [grey; 3]);
            (rows, rgb)
        }
        "mono16" => {
            let rows = Rows::new(event, 2)?;
            let high = usize::from(!rows.big_endian);
            let rgb = rows.map_color(|sample: [u8; 2]| [sample[high]; 3]);
            (rows, rgb)
        }
        "yuv422" | "uyvy" => yuv422(event, |[u, y0, v, y1]| (y0, y1, u, v))?,
        "yuv422_yuy2" | "yuyv" => yuv422(event, |[y0, u, y1, v]| (y0, y1, u, v))?,
        other => {
            let Some(pattern) = bayer::Pattern::of_encoding(other) else {
                return Err(named.unsupported(COLOR));
            };
            let rows = Rows::new(event, 1)?;
            let size = (rows.width, rows.height);
            let rgb = bayer::demosaic(named, &rows.packed(), size, pattern)?;
            (rows, rgb)
        }
    };
    Ok(rows.image(rgb))
}

/// Two pixels that share their colour: `parts` names (y0, y1, u, v).
fn yuv422(
    event: &ImageEvent,
    parts: impl Fn([u8; 4]) -> (u8, u8, u8, u8),
) -> Result<(Rows<'_>, Vec<u8>), SensingError> {
    let rows = Rows::new(event, 2)?;
    if rows.width % 2 == 1 {
        let reason = "pixels come in pairs, so the width must be even";
        return Err(rows.named.bad_shape(rows.width, rows.height, reason));
    }
    let mut rgb = Vec::with_capacity(3 * rows.width as usize * rows.height as usize);
    for row in rows.iter() {
        for pair in row.as_chunks::<4>().0 {
            let (y0, y1, u, v) = parts(*pair);
            rgb.extend_from_slice(&rgb_of_yuv(y0, u, v));
            rgb.extend_from_slice(&rgb_of_yuv(y1, u, v));
        }
    }
    Ok((rows, rgb))
}

/// BT.601 with limited range, as cameras send it, in 8-bit fixed point.
fn rgb_of_yuv(y: u8, u: u8, v: u8) -> [u8; 3] {
    let y = 298 * (i32::from(y) - 16) + 128;
    let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
    let clamp = |value: i32| (value >> 8).clamp(0, 255) as u8;
    [clamp(y + 409 * v), clamp(y - 100 * u - 208 * v), clamp(y + 516 * u)]
}

/// The depths of a raw image, metres.
pub(super) fn depth(event: &ImageEvent) -> Result<DepthImage, SensingError> {
    match named(event).encoding {
        "16UC1" | "mono16" => {
            Ok(Rows::new(event, 2)?.map_depth(|sample| millimetres(u16::from_le_bytes(sample))))
        }
        "32FC1" => Ok(Rows::new(event, 4)?.map_depth(|sample| metres(f32::from_le_bytes(sample)))),
        _ => Err(named(event).unsupported(DEPTH)),
    }
}

fn named(event: &ImageEvent) -> Named<'_> {
    let encoding = match &event.payload {
        ImagePayload::Raw { encoding, .. } => encoding,
        ImagePayload::Compressed { format, .. } => format,
    };
    Named { topic: &event.topic, encoding }
}
