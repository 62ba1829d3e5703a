//! The zip archive that `torch.save` writes: entries stored as they are, listed at the end.
//!
//! General readers of archives reserve memory for as many entries as a file says it has, and search
//! it for a list that is elsewhere. Here the list stands where PyTorch puts it, and is read whole
//! before it is believed.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Longer lists are not read; one takes some 100 bytes a tensor.
const MOST_LIST_BYTES: u64 = 16 << 20;
const END_BYTES: u64 = 22;
const LOCATOR_BYTES: u64 = 20;
const WIDE_END_BYTES: usize = 56;
const LISTED_BYTES: usize = 46;
const HEADER_BYTES: usize = 30;
/// Stands for a number that does not fit 32 bits and follows in an extra field.
const WIDE: u64 = 0xffff_ffff;

/// An open archive.
#[derive(Debug)]
pub(super) struct Archive {
    file: File,
    length: u64,
    entries: HashMap<String, Entry>,
}

/// Where an entry lies.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Place of its header, behind which are its bytes.
    header: u64,
    bytes: u64,
}

impl Archive {
    /// Opens the archive at `path` and reads the list of its entries.
    pub fn open(path: &Path) -> Result<Self, String> {
        let mut file = File::open(path).map_err(|error| error.to_string())?;
        let length = file.metadata().map_err(|error| error.to_string())?.len();
        let list = read_list(&mut file, length)?;
        let mut entries = HashMap::new();
        let mut rest = list.as_slice();
        while !rest.is_empty() {
            let (name, entry, behind) = listed(rest)?;
            let end = entry.header.checked_add(HEADER_BYTES as u64);
            let end = end.and_then(|end| end.checked_add(entry.bytes));
            if end.is_none_or(|end| end > length) {
                return Err(format!("entry {name} lies outside the file of {length} bytes"));
            }
            entries.insert(name, entry);
            rest = behind;
        }
        Ok(Self { file, length, entries })
    }

    /// Names and lengths of all entries.
    pub fn entries(&self) -> impl Iterator<Item = (&str, u64)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry.bytes))
    }

    /// Length of entry `name`, if it is there.
    pub fn bytes(&self, name: &str) -> Option<u64> {
        self.entries.get(name).map(|entry| entry.bytes)
    }

    /// `bytes` of entry `name`, from its byte `from` on.
    pub fn read(&mut self, name: &str, from: u64, bytes: usize) -> Result<Vec<u8>, String> {
        let entry = *self.entries.get(name).ok_or_else(|| format!("no entry {name}"))?;
        if from.checked_add(bytes as u64).is_none_or(|end| end > entry.bytes) {
            return Err(format!("entry {name} has no {bytes} bytes from byte {from} on"));
        }
        let header = read_at(&mut self.file, self.length, entry.header, HEADER_BYTES)?;
        let sizes = (number(&header, 26, 2), number(&header, 28, 2));
        let (true, (Some(name_bytes), Some(extra_bytes))) =
            (header.starts_with(b"PK\x03\x04"), sizes)
        else {
            return Err(format!("entry {name} has no header"));
        };
        let start = entry.header + HEADER_BYTES as u64 + name_bytes + extra_bytes;
        read_at(&mut self.file, self.length, start.saturating_add(from), bytes)
    }
}

/// The list of entries, whose place stands at the end of the file.
fn read_list(file: &mut File, length: u64) -> Result<Vec<u8>, String> {
    let start = read_at(file, length, 0, length.min(4) as usize)?;
    let end_at = length.saturating_sub(END_BYTES);
    let end = read_at(file, length, end_at, (length - end_at) as usize)?;
    if !end.starts_with(b"PK\x05\x06") {
        return Err(match start.as_slice() {
            [b'P', b'K', ..] => "a zip archive that is cut short or that torch.save did not write",
            [0x80, 2, ..] => {
                "saved in the form before PyTorch 1.6; convert it once with Python: \
                 torch.save(torch.load(FILE, weights_only=True), FILE)"
            }
            _ => "no zip archive: torch.save did not write it",
        }
        .into());
    }
    let mut place = (number(&end, 16, 4), number(&end, 12, 4));
    if let Some(locator_at) = end_at.checked_sub(LOCATOR_BYTES) {
        let locator = read_at(file, length, locator_at, LOCATOR_BYTES as usize)?;
        if locator.starts_with(b"PK\x06\x07") {
            let at = number(&locator, 8, 8).unwrap_or(length);
            let wide = read_at(file, length, at, WIDE_END_BYTES)?;
            place = (number(&wide, 48, 8), number(&wide, 40, 8));
        }
    }
    match place {
        (Some(at), Some(bytes)) if bytes <= MOST_LIST_BYTES => {
            read_at(file, length, at, bytes as usize)
        }
        (_, bytes) => {
            let bytes = bytes.unwrap_or_default();
            Err(format!("a list of entries of {bytes} bytes, of at most {MOST_LIST_BYTES}"))
        }
    }
}

/// The entry at the start of `list`, and what of the list is behind it.
fn listed(list: &[u8]) -> Result<(String, Entry, &[u8]), String> {
    let field = |at: usize, size: usize| number(list, at, size).unwrap_or_default();
    if !list.starts_with(b"PK\x01\x02") || list.len() < LISTED_BYTES {
        return Err("a list of entries that is cut short".into());
    }
    let (name_bytes, extra_bytes) = (field(28, 2) as usize, field(30, 2) as usize);
    let extra_at = LISTED_BYTES + name_bytes;
    let behind = extra_at + extra_bytes + field(32, 2) as usize;
    let parts = (list.get(LISTED_BYTES..extra_at), list.get(extra_at..extra_at + extra_bytes));
    let ((Some(name), Some(extra)), Some(behind)) = (parts, list.get(behind..)) else {
        return Err("a list of entries that is cut short".into());
    };
    let name = String::from_utf8_lossy(name).into_owned();
    if field(8, 2) & 1 != 0 || field(10, 2) != 0 {
        return Err(format!("entry {name} is packed or encrypted: torch.save did not write it"));
    }
    let mut sizes = [field(24, 4), field(20, 4), field(42, 4)];
    widen(&mut sizes, extra).ok_or_else(|| format!("entry {name} has sizes without values"))?;
    let [bytes, packed, header] = sizes;
    if bytes != packed {
        return Err(format!("entry {name} is packed: torch.save did not write it"));
    }
    Ok((name, Entry { header, bytes }, behind))
}

/// Replaces those of `sizes` that did not fit 32 bits by what `extra` fields say.
fn widen(sizes: &mut [u64], mut extra: &[u8]) -> Option<()> {
    if sizes.iter().all(|size| *size != WIDE) {
        return Some(());
    }
    loop {
        let (kind, bytes) = (number(extra, 0, 2)?, number(extra, 2, 2)? as usize);
        let field = extra.get(4..4 + bytes)?;
        if kind == 1 {
            let missing = sizes.iter_mut().filter(|size| **size == WIDE);
            for (index, size) in missing.enumerate() {
                *size = number(field, 8 * index, 8)?;
            }
            return Some(());
        }
        extra = extra.get(4 + bytes..)?;
    }
}

/// The little-endian number of `size` bytes at `at`.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(size)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// `bytes` of a file of `length` at `at`.
fn read_at(file: &mut File, length: u64, at: u64, bytes: usize) -> Result<Vec<u8>, String> {
    if at.checked_add(bytes as u64).is_none_or(|end| end > length) {
        return Err(format!("{bytes} bytes at {at} lie outside the file of {length} bytes"));
    }
    let mut read = vec![0; bytes];
    file.seek(SeekFrom::Start(at))
        .and_then(|_| file.read_exact(&mut read))
        .map_err(|error| error.to_string())?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files above 4 GiB say so in an extra field, behind others.
    #[test]
    fn wide_sizes_stand_in_an_extra_field() {
        let extra = [
            &[9, 0, 3, 0, 1, 2, 3, 1, 0, 16, 0][..],
            &(5u64 << 30).to_le_bytes(),
            &(6u64 << 30).to_le_bytes(),
        ]
        .concat();
        let mut sizes = [WIDE, 7, WIDE];
        widen(&mut sizes, &extra).unwrap();
        assert_eq!(sizes, [5 << 30, 7, 6 << 30]);
        assert_eq!(widen(&mut [WIDE, WIDE, WIDE], &extra), None);
        assert_eq!(widen(&mut [WIDE], &[]), None);
    }
}
