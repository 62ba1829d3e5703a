//! `compressedDepth`, as `compressed_depth_image_transport` sends it.
//!
//! ```text
//! i32 format   f32 quant_a   f32 quant_b   PNG, or RVL: u32 width, u32 height, words
//! ```
//!
//! All little-endian. `16UC1` holds millimetres. `32FC1` holds quantised inverse depth:
//! `depth = quant_a / (raw - quant_b)` metres, 0 where there is none.

use super::{Named, compressed, metres, millimetres, rvl};
use crate::sensing::{DepthImage, SensingError};

const FORMATS: &str = "\"16UC1; compressedDepth png\", \"32FC1; compressedDepth png\" and the same \
                       with rvl or without either";
/// Length of the header in bytes.
const HEADER: usize = 12;

/// The depths of a `compressedDepth` message, metres.
pub(super) fn depth(named: Named<'_>, data: &[u8]) -> Result<DepthImage, SensingError> {
    let (encoding, transport) = named.encoding.split_once(';').unwrap_or((named.encoding, ""));
    let Some((header, stream)) = data.split_first_chunk::<HEADER>() else {
        return Err(named.broken(data, format!("expected a header of {HEADER} bytes and a stream")));
    };
    // The codec's name follows "compressedDepth"; old senders leave it out and mean PNG.
    let codec = transport.trim().strip_prefix("compressedDepth").unwrap_or(transport).trim();
    let (width, height, raw) = match codec {
        "" | "png" => compressed::png16(named, stream)?,
        "rvl" => rvl_image(named, stream)?,
        _ => return Err(named.unsupported(FORMATS)),
    };
    let data_m = match encoding.trim() {
        "16UC1" | "mono16" => raw.into_iter().map(millimetres).collect(),
        "32FC1" => {
            let [_, _, _, _, a0, a1, a2, a3, b0, b1, b2, b3] = *header;
            let quant_a = f32::from_le_bytes([a0, a1, a2, a3]);
            let quant_b = f32::from_le_bytes([b0, b1, b2, b3]);
            raw.into_iter()
                .map(
                    |raw| if raw == 0 { 0.0 } else { metres(quant_a / (f32::from(raw) - quant_b)) },
                )
                .collect()
        }
        _ => return Err(named.unsupported(FORMATS)),
    };
    Ok(DepthImage { width, height, data_m })
}

fn rvl_image(named: Named<'_>, stream: &[u8]) -> Result<(u32, u32, Vec<u16>), SensingError> {
    let Some(([w0, w1, w2, w3, h0, h1, h2, h3], words)) = stream.split_first_chunk::<8>() else {
        return Err(named.broken(stream, "expected width and height before the RVL words"));
    };
    let width = u32::from_le_bytes([*w0, *w1, *w2, *w3]);
    let height = u32::from_le_bytes([*h0, *h1, *h2, *h3]);
    named.check_size(width, height)?;
    let raw = rvl::decode(words, width as usize * height as usize)
        .map_err(|error| named.broken(stream, format!("{width}x{height}: {error}")))?;
    Ok((width, height, raw))
}
