//! JPEG and PNG, as `compressed_image_transport` sends them.

use super::{MAX_PIXELS, MAX_SIDE, Named, bayer, millimetres};
use crate::sensing::{DepthImage, SensingError};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};
use std::io::Cursor;

const COLOR: &str = "JPEG and PNG";
const DEPTH: &str = "compressedDepth and 16-bit grey PNG (millimetres)";

/// The colours of a JPEG or PNG. The bytes tell which; the format string often does not.
pub(super) fn color(named: Named<'_>, data: &[u8]) -> Result<RgbImage, SensingError> {
    match image::guess_format(data) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png)) => {
            let picture = decode(named, data, format)?;
            // A mosaic is sent as the grey picture it is, under the name of its encoding.
            let (encoding, _) = named.encoding.split_once(';').unwrap_or((named.encoding, ""));
            match (bayer::Pattern::of_encoding(encoding.trim()), picture) {
                (Some(pattern), DynamicImage::ImageLuma8(mosaic)) => {
                    let (width, height) = mosaic.dimensions();
                    let rgb = bayer::demosaic(named, &mosaic, (width, height), pattern)?;
                    Ok(RgbImage::from_raw(width, height, rgb).expect("three bytes for every pixel"))
                }
                (_, picture) => Ok(picture.into_rgb8()),
            }
        }
        _ => Err(named.unsupported(COLOR)),
    }
}

/// The depths of a 16-bit PNG in millimetres.
pub(super) fn depth(named: Named<'_>, data: &[u8]) -> Result<DepthImage, SensingError> {
    match image::guess_format(data) {
        Ok(ImageFormat::Png) => {
            let (width, height, raw) = png16(named, data)?;
            Ok(DepthImage { width, height, data_m: raw.into_iter().map(millimetres).collect() })
        }
        _ => Err(named.unsupported(DEPTH)),
    }
}

/// Width, height and samples of a 16-bit grey PNG.
pub(super) fn png16(named: Named<'_>, data: &[u8]) -> Result<(u32, u32, Vec<u16>), SensingError> {
    match decode(named, data, ImageFormat::Png)? {
        DynamicImage::ImageLuma16(grey) => Ok((grey.width(), grey.height(), grey.into_raw())),
        other => {
            let reason = format!("expected a 16-bit grey PNG, found {:?}", other.color());
            Err(named.broken(data, reason))
        }
    }
}

fn decode(
    named: Named<'_>,
    data: &[u8],
    format: ImageFormat,
) -> Result<DynamicImage, SensingError> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    // Four 16-bit channels at most.
    limits.max_alloc = Some(8 * MAX_PIXELS);
    let mut reader = ImageReader::with_format(Cursor::new(data), format);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| named.broken(data, error))?;
    let (width, height) = decoder.dimensions();
    named.check_size(width, height)?;
    DynamicImage::from_decoder(decoder).map_err(|error| named.broken(data, error))
}
