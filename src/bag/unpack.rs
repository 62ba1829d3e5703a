//! zstd: whole files to a temporary file, single messages in memory.

use super::error::BagError;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// A file may grow this much, and 64 MiB: more is no sensor data but a bomb.
const MAX_GROWTH: u64 = 1000;
/// Largest unpacked message, bytes.
const MAX_MESSAGE_BYTES: u64 = 256 << 20;

/// Unpacks `path` to a temporary file. What comes before damage is kept; the text says what is
/// wrong with the rest.
pub(super) fn file(path: &Path) -> Result<(NamedTempFile, Option<String>), BagError> {
    let packed = File::open(path).map_err(BagError::io(path))?;
    let size = packed.metadata().map_err(BagError::io(path))?.len();
    let limit = size.saturating_mul(MAX_GROWTH).saturating_add(64 << 20);
    let mut decoder = zstd::Decoder::new(BufReader::new(packed)).map_err(BagError::io(path))?;
    let mut unpacked = NamedTempFile::with_prefix("scenellm-bag-").map_err(BagError::io(path))?;
    let mut buffer = vec![0; 256 << 10];
    let mut written = 0;
    loop {
        let read = match decoder.read(&mut buffer) {
            Ok(0) => return Ok((unpacked, None)),
            Ok(read) => read,
            Err(error) => return Ok((unpacked, Some(format!("zstd: {error}")))),
        };
        written += read as u64;
        if written > limit {
            let reason = format!("unpacks to more than {limit} bytes; is it a bag?");
            return Err(BagError::not_a_bag(path, reason));
        }
        unpacked
            .write_all(&buffer[..read])
            .map_err(|source| BagError::Io { path: unpacked.path().to_owned(), source })?;
    }
}

/// Unpacks one message.
pub(super) fn message(packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut data = Vec::new();
    zstd::Decoder::with_buffer(packed)
        .and_then(|decoder| decoder.take(MAX_MESSAGE_BYTES + 1).read_to_end(&mut data))
        .map_err(|error| format!("the message is not whole zstd: {error}"))?;
    if data.len() as u64 > MAX_MESSAGE_BYTES {
        return Err(format!("the message unpacks to more than {MAX_MESSAGE_BYTES} bytes"));
    }
    Ok(data)
}

/// Whether bytes are zstd. No CDR message starts so.
pub(super) fn is_zstd(data: &[u8]) -> bool {
    data.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bombs_and_broken_messages_are_refused() {
        let bomb = zstd::encode_all(std::io::repeat(0).take(MAX_MESSAGE_BYTES + 1), 1).unwrap();
        assert!(is_zstd(&bomb));
        assert!(message(&bomb).unwrap_err().contains("more than"));
        assert!(message(&bomb[..bomb.len() / 2]).is_err());
        assert!(message(b"no zstd").is_err());
        assert_eq!(message(&zstd::encode_all(&b"yes"[..], 1).unwrap()).unwrap(), b"yes");
    }

    #[test]
    fn a_cut_file_keeps_what_came_before() {
        let content: Vec<u8> =
            (0..1_000_000u32).flat_map(|i| i.wrapping_mul(i).to_le_bytes()).collect();
        let packed = zstd::encode_all(&content[..], 1).unwrap();
        let mut cut = NamedTempFile::new().unwrap();
        cut.write_all(&packed[..packed.len() / 2]).unwrap();
        let (unpacked, damage) = file(cut.path()).unwrap();
        let unpacked = std::fs::read(unpacked.path()).unwrap();
        assert!(damage.is_some());
        assert!(!unpacked.is_empty() && content.starts_with(&unpacked));
    }

    #[test]
    fn a_file_bomb_is_refused() {
        let bomb = zstd::encode_all(std::io::repeat(0).take(200 << 20), 1).unwrap();
        let mut path = NamedTempFile::new().unwrap();
        path.write_all(&bomb).unwrap();
        let refused = file(path.path()).unwrap_err().to_string();
        assert!(refused.contains("unpacks to more than"), "{refused}");
    }
}
