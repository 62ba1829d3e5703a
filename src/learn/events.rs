//! Event files that TensorBoard reads: scalars by step.
//!
//! A file is a row of TFRecords (length, its checksum, data, its checksum), each a protobuf `Event`
//! (`tensorflow/core/util/event.proto`). Four fields of it are all that scalars need.

use super::LearnError;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A growing event file.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Begins a file in `folder` at `wall_s`, seconds since 1970; TensorBoard shows all files of a
    /// folder as one run.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn create(folder: &Path, wall_s: f64) -> Result<Self, LearnError> {
        let path = folder.join(format!("events.out.tfevents.{wall_s:.0}.scenellm"));
        let file = File::create(&path).map_err(LearnError::file(&path))?;
        let mut events = Self { path, file };
        let mut event = wall_time(wall_s);
        bytes_field(&mut event, 3, b"brain.Event:2");
        events.record(&event)?;
        Ok(events)
    }

    /// Writes the values of `step`, by name.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub fn scalars(
        &mut self,
        wall_s: f64,
        step: u64,
        values: &[(String, f64)],
    ) -> Result<(), LearnError> {
        let mut summary = Vec::new();
        for (name, number) in values {
            let mut value = Vec::new();
            bytes_field(&mut value, 1, name.as_bytes());
            value.push(2 << 3 | 5);
            value.extend_from_slice(&(*number as f32).to_le_bytes());
            bytes_field(&mut summary, 1, &value);
        }
        let mut event = wall_time(wall_s);
        event.push(2 << 3);
        varint(&mut event, step);
        bytes_field(&mut event, 5, &summary);
        self.record(&event)
    }

    fn record(&mut self, data: &[u8]) -> Result<(), LearnError> {
        let length = (data.len() as u64).to_le_bytes();
        let mut record = length.to_vec();
        record.extend_from_slice(&masked(crc32c(&length)).to_le_bytes());
        record.extend_from_slice(data);
        record.extend_from_slice(&masked(crc32c(data)).to_le_bytes());
        self.file.write_all(&record).map_err(LearnError::file(&self.path))
    }
}

/// An event with its first field, the time.
fn wall_time(wall_s: f64) -> Vec<u8> {
    let mut event = vec![1 << 3 | 1];
    event.extend_from_slice(&wall_s.to_le_bytes());
    event
}

fn bytes_field(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    message.push(field << 3 | 2);
    varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

fn varint(message: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        message.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}

/// CRC-32C (Castagnoli), bit by bit: events are few and short.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 }
        })
    })
}

/// Checksums of data that may hold checksums are masked (TFRecord).
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, appendix B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn records_are_laid_out_as_tensorboard_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::create(folder.path(), 1000.0).unwrap();
        events.scalars(1001.5, 300, &[("loss".into(), 0.5)]).unwrap();
        let path = folder.path().join("events.out.tfevents.1000.scenellm");
        let bytes = std::fs::read(path).unwrap();
        let mut rest = bytes.as_slice();
        let mut records = Vec::new();
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            let stored = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
            assert_eq!(stored(8), masked(crc32c(&rest[..8])));
            let data = &rest[12..12 + length];
            assert_eq!(stored(12 + length), masked(crc32c(data)));
            records.push(data.to_vec());
            rest = &rest[16 + length..];
        }
        let first = [&[0x09][..], &1000f64.to_le_bytes(), &[0x1a, 13], b"brain.Event:2"].concat();
        assert_eq!(records[0], first);
        let value = [&[0x0a, 4][..], b"loss", &[0x15], &0.5f32.to_le_bytes()].concat();
        let summary = [&[0x0a, value.len() as u8][..], &value].concat();
        // 300 is 0b10_0101100.
        let second = [
            &[0x09][..],
            &1001.5f64.to_le_bytes(),
            &[0x10, 0xac, 0x02, 0x2a, summary.len() as u8],
            &summary,
        ];
        assert_eq!(records[1], second.concat());
    }
}
