//! The files of a model in GGUF: one, or several that a large model was cut into.
//!
//! `llama-gguf-split` writes `…-00001-of-00003.gguf` and so on. Each part has a header and tensors of
//! its own, the first has what is known of the model as well.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Content, TensorInfo};

use super::error::LanguageError;

/// Kinds of blocks that are not read, by the numbers that ggml gives them.
const UNREAD: [(u32, &str); 15] = [
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (29, "IQ1_M"),
    (31, "Q4_0_4_4"),
    (32, "Q4_0_4_8"),
    (33, "Q4_0_8_8"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
];

/// An open file and its header.
#[derive(Debug)]
pub(super) struct GgufPart {
    pub(super) path: PathBuf,
    pub(super) content: Content,
    reader: BufReader<File>,
    /// Bytes of the file.
    length: u64,
}

impl GgufPart {
    /// Opens the file at `path`, and the parts behind it where it is the first of several.
    pub(super) fn open_all(path: &Path) -> Result<Vec<Self>, LanguageError> {
        let broken =
            |path: &Path, reason| LanguageError::Weights { path: path.to_path_buf(), reason };
        let first = Self::open(path)?;
        let count = first.integer("split.count").unwrap_or(1);
        if count <= 1 {
            return Ok(vec![first]);
        }
        let number = first.integer("split.no").unwrap_or(0).saturating_add(1);
        if number != 1 {
            let reason =
                format!("it is part {number} of {count}; name the first, which knows the model");
            return Err(broken(path, reason));
        }
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let Some(stem) = name.strip_suffix(&format!("-00001-of-{count:05}.gguf")) else {
            let reason = format!(
                "it is the first of {count} parts, so its name must end in -00001-of-{count:05}.gguf"
            );
            return Err(broken(path, reason));
        };
        let mut parts = vec![first];
        for number in 2..=count {
            let name = format!("{stem}-{number:05}-of-{count:05}.gguf");
            let part = Self::open(&path.with_file_name(name))?;
            let place = (part.integer("split.no"), part.integer("split.count"));
            if place != (Some(number - 1), Some(count)) {
                let reason = format!("it is not part {number} of {count}, as its name says");
                return Err(broken(&part.path, reason));
            }
            parts.push(part);
        }
        Ok(parts)
    }

    /// Reads the header of `path`.
    fn open(path: &Path) -> Result<Self, LanguageError> {
        let read = |source| LanguageError::Read { path: path.into(), source };
        let file = File::open(path).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        let mut reader = BufReader::new(file);
        let broken = |reason: String| LanguageError::Weights { path: path.into(), reason };
        // The parser below us divides by an alignment and multiplies shapes it has not checked.
        let content = catch_unwind(AssertUnwindSafe(|| Content::read(&mut reader)))
            .map_err(|_| broken("not a readable GGUF header".into()))?
            .map_err(|error| broken(in_words(&error.to_string())))?;
        // No format takes less than a bit an element. Checked here, products of dimensions fit.
        let fits = |shape: &[usize]| {
            let elements =
                shape.iter().try_fold(1u64, |all, dim| all.checked_mul((*dim).max(1) as u64));
            elements.is_some_and(|elements| elements / 8 <= length)
        };
        if let Some((name, info)) =
            content.tensor_infos.iter().find(|(_, info)| !fits(info.shape.dims()))
        {
            let shape = info.shape.dims();
            return Err(broken(format!("'{name}' {shape:?} is larger than the file")));
        }
        Ok(Self { path: path.into(), content, reader, length })
    }

    fn integer(&self, key: &str) -> Option<u64> {
        self.content.metadata.get(key)?.to_u64().ok()
    }

    /// First byte and number of bytes of the blocks of tensor `name`, or why they cannot be read.
    pub(super) fn place(&self, name: &str, info: &TensorInfo) -> Result<(u64, usize), String> {
        let (shape, dtype, length) = (info.shape.dims(), info.ggml_dtype, self.length);
        let start = self.content.tensor_data_offset.saturating_add(info.offset);
        let bytes = shape.iter().product::<usize>() / dtype.block_size() * dtype.type_size();
        let row_is_whole = shape.last().is_some_and(|row| row.is_multiple_of(dtype.block_size()));
        if !row_is_whole || start.saturating_add(bytes as u64) > length {
            return Err(format!(
                "'{name}' {shape:?} {dtype:?} needs {bytes} bytes at {start} of {length}"
            ));
        }
        Ok((start, bytes))
    }

    /// `length` bytes from `start` on.
    pub(super) fn read(&mut self, start: u64, length: usize) -> Result<Vec<u8>, LanguageError> {
        let mut bytes = vec![0; length];
        self.reader
            .seek(SeekFrom::Start(start))
            .and_then(|_| self.reader.read_exact(&mut bytes))
            .map_err(|source| LanguageError::Read { path: self.path.clone(), source })?;
        Ok(bytes)
    }
}

/// What is `told` of a header that cannot be read, with the name of a kind of blocks that the parser
/// knows by its number only.
fn in_words(told: &str) -> String {
    let number = told
        .split_once("unknown dtype for tensor ")
        .and_then(|(_, number)| number.split_whitespace().next()?.parse::<u32>().ok());
    let Some(number) = number else { return told.to_owned() };
    let kind = match UNREAD.iter().find(|(of, _)| *of == number) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("the unknown kind {number}"),
    };
    format!(
        "it has blocks of {kind}, which are not read; take a file in Q4_K_M, Q5_K_M, Q6_K or Q8_0"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_are_not_read_are_named() {
        for (kind, name) in [(23u32, "IQ4_XS"), (20, "IQ4_NL"), (250, "the unknown kind 250")] {
            let mut bytes = b"GGUF\x03\0\0\0".to_vec();
            // One tensor, of one row of 256 numbers, and no metadata.
            bytes.extend([1u64, 0, 1].map(u64::to_le_bytes).concat());
            bytes.extend(b"a");
            bytes.extend(1u32.to_le_bytes());
            bytes.extend(256u64.to_le_bytes());
            bytes.extend(kind.to_le_bytes());
            bytes.extend([0; 8]);
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), bytes).unwrap();
            let error = GgufPart::open_all(file.path()).unwrap_err().to_string();
            assert!(error.contains(&format!("blocks of {name}, which")), "{error}");
            assert!(error.contains("Q4_K_M"), "{error}");
        }
        assert_eq!(in_words("unknown magic 0x0"), "unknown magic 0x0");
    }
}
