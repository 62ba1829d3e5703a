//! Segments of an MCAP file: a chunk, or a run of records outside of chunks. A segment is what is
//! read at once.

use super::fields::{Fields, RECORD_HEAD, nanoseconds, op};
use flate2::Crc;
use mcap::McapError;
use mcap::sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

/// Largest record read, bytes. A 4k RGB image takes 25 MB.
const MAX_RECORD_BYTES: u64 = 256 << 20;
/// Largest chunk read, bytes after decompression; writers make chunks of a few MB.
const MAX_CHUNK_BYTES: u64 = 1 << 30;
/// Bytes read from the file at once.
const READ_BYTES: usize = 128 << 10;

/// Takes a record's opcode and body; its error is damage.
type Visit<'v> = dyn FnMut(u8, &[u8]) -> Result<(), String> + 'v;

/// A part of the file that holds messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// Log time of its first message, nanoseconds.
    pub first_ns: i64,
    /// Where it starts in the file: the first record of a run, the record of a chunk.
    pub at: u64,
    /// How it is stored.
    pub stored: Stored,
}

/// How a segment is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stored {
    /// Records one after the other.
    Run {
        /// Bytes of all records.
        length: u64,
    },
    /// A chunk without compression.
    Plain {
        /// Where its records start.
        records_at: u64,
        /// Bytes of its records.
        length: u64,
        /// CRC-32 of the records; 0 when not known.
        crc: u32,
    },
    /// A chunk with compression.
    Compressed {
        /// Bytes of the chunk record with its head.
        length: u64,
        /// Bytes of its records, as the chunk claims.
        unpacked: u64,
    },
}

/// Damage in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Where it is, bytes from the start of the file.
    pub at: u64,
    /// What is wrong.
    pub reason: String,
    /// Whether the records before it in the same segment can be trusted.
    pub keep_before: bool,
}

impl Fault {
    pub fn new(at: u64, reason: impl Into<String>) -> Self {
        Self { at, reason: reason.into(), keep_before: true }
    }
}

impl Segment {
    /// The segment of a chunk record at `at` of `length` bytes with its head; `head` holds the
    /// first bytes of its body. `None` when the chunk's own header cannot be read.
    pub fn chunk(at: u64, length: u64, head: &[u8]) -> Option<Self> {
        let mut fields = Fields(head);
        let first_ns = nanoseconds(fields.u64()?);
        fields.u64()?;
        let unpacked = fields.u64()?;
        let crc = fields.u32()?;
        let compression = fields.text()?;
        let records = fields.u64()?;
        let stored = if compression.is_empty() {
            let header = (head.len() - fields.0.len()) as u64;
            let inside = length.checked_sub(RECORD_HEAD + header)?;
            if records > inside {
                return None;
            }
            Stored::Plain { records_at: at + RECORD_HEAD + header, length: records, crc }
        } else {
            Stored::Compressed { length, unpacked }
        };
        Some(Self { first_ns, at, stored })
    }

    /// Hands every record of the segment to `visit`, as opcode and body, until the end or the first
    /// damage. What `visit` returns as an error is damage as well.
    pub fn read(
        &self,
        file: &mut File,
        mut visit: impl FnMut(u8, &[u8]) -> Result<(), String>,
    ) -> Result<(), Fault> {
        let io = |error: std::io::Error| Fault::new(self.at, error.to_string());
        match self.stored {
            Stored::Run { length } => {
                file.seek(SeekFrom::Start(self.at)).map_err(io)?;
                read_plain(file, self.at, length, 0, &mut visit)
            }
            Stored::Plain { records_at, length, crc } => {
                file.seek(SeekFrom::Start(records_at)).map_err(io)?;
                read_plain(file, records_at, length, crc, &mut visit)
            }
            Stored::Compressed { length, unpacked } => {
                file.seek(SeekFrom::Start(self.at)).map_err(io)?;
                read_compressed(&mut file.take(length), self.at, unpacked, &mut visit)
            }
        }
    }
}

/// Reads `length` bytes of records that start at `at`; checks `crc` unless it is 0.
fn read_plain(
    file: &mut File,
    mut at: u64,
    length: u64,
    crc: u32,
    visit: &mut Visit<'_>,
) -> Result<(), Fault> {
    let mut input = BufReader::with_capacity(READ_BYTES, file.take(length));
    let mut sum = Crc::new();
    let mut left = length;
    let mut body = Vec::new();
    while left > 0 {
        let cut = || Fault::new(at, "the file ends inside a record");
        let mut head = [0; RECORD_HEAD as usize];
        if left < RECORD_HEAD {
            return Err(Fault::new(at, "a record reaches beyond its chunk"));
        }
        input.read_exact(&mut head).map_err(|_| cut())?;
        let (opcode, size) = record_head(&head);
        if size > left - RECORD_HEAD {
            return Err(Fault::new(at, "a record reaches beyond its chunk"));
        }
        if size > MAX_RECORD_BYTES {
            let reason = format!("a record of {size} bytes; at most {MAX_RECORD_BYTES} are read");
            return Err(Fault::new(at, reason));
        }
        body.clear();
        // Grows with what is there, not with what is claimed.
        let read = (&mut input).take(size).read_to_end(&mut body).map_err(|_| cut())?;
        if (read as u64) < size {
            return Err(cut());
        }
        if crc != 0 {
            sum.update(&head);
            sum.update(&body);
        }
        visit(opcode, &body).map_err(|reason| Fault::new(at, reason))?;
        at += RECORD_HEAD + size;
        left -= RECORD_HEAD + size;
    }
    if crc != 0 && sum.sum() != crc {
        let reason = "a chunk's checksum does not match its content";
        return Err(Fault { keep_before: false, ..Fault::new(at - length, reason) });
    }
    Ok(())
}

/// Opcode and body length in the head of a record.
pub(super) fn record_head(head: &[u8; RECORD_HEAD as usize]) -> (u8, u64) {
    let [opcode, size @ ..] = *head;
    (opcode, u64::from_le_bytes(size))
}

/// Reads one chunk record of `claimed` bytes unpacked from `input`, which ends where it ends.
fn read_compressed(
    input: &mut impl Read,
    at: u64,
    claimed: u64,
    visit: &mut Visit<'_>,
) -> Result<(), Fault> {
    // No record in the chunk can be larger than the chunk; the rest is for the chunk's header.
    let limit = claimed.saturating_add(READ_BYTES as u64).min(MAX_RECORD_BYTES);
    let options = LinearReaderOptions::default()
        .with_skip_start_magic(true)
        .with_skip_end_magic(true)
        .with_validate_chunk_crcs(true)
        .with_record_length_limit(limit as usize);
    let mut reader = LinearReader::new_with_options(options);
    let mut unpacked = 0;
    while let Some(event) = reader.next_event() {
        match event.map_err(|error| mcap_fault(at, &error))? {
            LinearReadEvent::ReadRequest(wanted) => {
                // In small steps, so that a claimed length alone allocates nothing.
                let buffer = reader.insert(wanted.clamp(1, READ_BYTES));
                let read = input.read(buffer).map_err(|e| Fault::new(at, e.to_string()))?;
                reader.notify_read(read);
            }
            LinearReadEvent::Record { opcode, data } => {
                unpacked += RECORD_HEAD + data.len() as u64;
                if unpacked > MAX_CHUNK_BYTES {
                    let reason = format!("a chunk of more than {MAX_CHUNK_BYTES} bytes");
                    return Err(Fault::new(at, reason));
                }
                visit(opcode, data).map_err(|reason| Fault::new(at, reason))?;
            }
        }
    }
    Ok(())
}

fn mcap_fault(at: u64, error: &McapError) -> Fault {
    let reason = match error {
        McapError::UnexpectedEof => "the file ends inside a chunk".to_owned(),
        McapError::BadChunkCrc { .. } => "a chunk's checksum does not match its content".to_owned(),
        other => format!("in a chunk: {other}"),
    };
    let keep_before = !matches!(error, McapError::BadChunkCrc { .. });
    Fault { keep_before, ..Fault::new(at, reason) }
}

/// Whether a record outside of chunks may stand inside a run.
pub(super) fn continues_run(opcode: u8) -> bool {
    matches!(opcode, op::MESSAGE | op::SCHEMA | op::CHANNEL)
}
