//! Safetensors files, read one tensor at a time: a model never stands in memory twice.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use serde::Deserialize;

use super::error::LanguageError;
use super::finite::floats_are_finite;
use super::shard_index::ShardIndex;

/// Larger headers are not read; real ones stay below 1 MB.
const MOST_HEADER_BYTES: u64 = 64 << 20;

/// Where one tensor lies.
#[derive(Debug, Clone)]
struct Entry {
    file: usize,
    dtype: DType,
    shape: Vec<usize>,
    start: u64,
    bytes: usize,
}

/// One safetensors file, or all shards of a sharded one.
#[derive(Debug)]
pub struct SafetensorsFiles {
    /// What was opened: a file, or the folder of the shards.
    path: PathBuf,
    files: Vec<(PathBuf, File)>,
    entries: HashMap<String, Entry>,
    /// Types of the tensors that are none of floats.
    others: HashMap<String, String>,
}

/// What the header of a file says.
#[derive(Debug, Default)]
struct Header {
    /// Tensors of floats.
    entries: HashMap<String, Entry>,
    /// Types of index buffers and the like; an error only if the model asks for them.
    others: HashMap<String, String>,
}

#[derive(Deserialize)]
struct HeaderEntry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

impl SafetensorsFiles {
    /// Opens one file.
    pub fn open_file(path: &Path) -> Result<Self, LanguageError> {
        let mut files = Self::none(path.into());
        files.add(path, None)?;
        Ok(files)
    }

    /// Opens `model.safetensors` in `folder`, or the shards `model.safetensors.index.json` names.
    pub fn open_folder(folder: &Path) -> Result<Self, LanguageError> {
        let index = folder.join("model.safetensors.index.json");
        match index.exists() {
            true => Self::open_index(&index),
            false => Self::open_file(&folder.join("model.safetensors")),
        }
    }

    /// Opens the files that the index at `path` names.
    pub fn open_index(path: &Path) -> Result<Self, LanguageError> {
        let broken = |reason| LanguageError::Weights { path: path.into(), reason };
        let index = ShardIndex::read(path).map_err(broken)?;
        let folder = path.parent().unwrap_or(Path::new("")).into();
        let mut files = Self::none(folder);
        index.files().iter().try_for_each(|file| files.add(file, Some(&index)))?;
        Ok(files)
    }

    fn none(path: PathBuf) -> Self {
        Self { path, files: Vec::new(), entries: HashMap::new(), others: HashMap::new() }
    }

    /// What was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a tensor called `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Names and shapes of all tensors.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry.shape.as_slice()))
    }

    /// Reads tensor `name`, which must have the shape `expected` and finite numbers, as `dtype`.
    pub fn tensor(
        &mut self,
        name: &str,
        expected: &[usize],
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor, LanguageError> {
        let Some(entry) = self.entries.get(name) else {
            return Err(self.missing(name, expected));
        };
        let (path, file) = &mut self.files[entry.file];
        if entry.shape != expected {
            return Err(LanguageError::TensorShape {
                path: path.clone(),
                name: name.into(),
                expected: expected.to_vec(),
                found: entry.shape.clone(),
            });
        }
        let mut bytes = vec![0; entry.bytes];
        file.seek(SeekFrom::Start(entry.start))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|source| LanguageError::Read { path: path.clone(), source })?;
        if !floats_are_finite(&bytes, entry.dtype) {
            return Err(LanguageError::NotFinite { path: path.clone(), name: name.into() });
        }
        // Converted where it was read: a GPU then receives no more than it keeps.
        let tensor = Tensor::from_raw_buffer(&bytes, entry.dtype, &entry.shape, &Device::Cpu)?;
        Ok(tensor.to_dtype(dtype)?.to_device(device)?)
    }

    /// Of a model that sees pictures as well leaves the decoder alone, under the names it has by itself:
    /// its own stand behind `language_model.` or, since transformers 4.52, `model.language_model.`.
    pub(super) fn decoder_alone(mut self) -> Self {
        const BEHIND: [&str; 2] = ["language_model.model.", "model.language_model."];
        let is_behind = |name: &String| BEHIND.iter().any(|prefix| name.starts_with(prefix));
        if !self.entries.keys().any(is_behind) {
            return self;
        }
        let alone = |name: String| {
            let newer = name.strip_prefix(BEHIND[1]).map(|rest| format!("model.{rest}"));
            let older = || name.strip_prefix("language_model.").map(str::to_owned);
            newer.or_else(older).or_else(|| (name == "lm_head.weight").then(|| name.clone()))
        };
        let entries = std::mem::take(&mut self.entries).into_iter();
        self.entries = entries.filter_map(|(name, entry)| Some((alone(name)?, entry))).collect();
        let others = std::mem::take(&mut self.others).into_iter();
        self.others = others.filter_map(|(name, dtype)| Some((alone(name)?, dtype))).collect();
        self
    }

    /// Why tensor `name` of shape `expected` cannot be read: there is none, or its numbers are
    /// quantised in a way that only the program knows that did it.
    fn missing(&self, name: &str, expected: &[usize]) -> LanguageError {
        let path = self.path.clone();
        let packed = name.strip_suffix("weight").map(|stem| format!("{stem}qweight"));
        let in_its_place = [Some(name), packed.as_deref()].into_iter().flatten();
        let mut found = in_its_place.filter_map(|name| Some((name, self.others.get(name)?)));
        match found.next() {
            Some((name, dtype)) => {
                let reason = format!(
                    "tensor '{name}' is of type {dtype}, and floats of 16 bits and more are read; of \
                     a quantised model take one as GGUF, or the original"
                );
                LanguageError::Weights { path, reason }
            }
            None => {
                let (name, expected) = (name.into(), expected.to_vec());
                LanguageError::MissingTensor { path, name, expected }
            }
        }
    }

    /// Reads tensor `name` in whatever shape it has.
    pub fn tensor_of_any_shape(
        &mut self,
        name: &str,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor, LanguageError> {
        let shape = self.entries.get(name).map(|entry| entry.shape.clone()).unwrap_or_default();
        self.tensor(name, &shape, dtype, device)
    }

    /// Opens a file, of whose tensors `index` tells which are meant.
    fn add(&mut self, path: &Path, index: Option<&ShardIndex>) -> Result<(), LanguageError> {
        let read = |source| LanguageError::Read { path: path.into(), source };
        let mut file = File::open(path).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        let Header { entries, others } = read_header(&mut file, length)
            .map_err(|reason| LanguageError::Weights { path: path.into(), reason })?;
        if let Some(index) = index {
            index
                .check(path, |name| entries.contains_key(name) || others.contains_key(name))
                .map_err(|reason| LanguageError::Weights { path: index.path().into(), reason })?;
        }
        let number = self.files.len();
        self.files.push((path.into(), file));
        for (name, entry) in entries {
            if index.is_none_or(|index| index.means(&name, path)) {
                self.entries.insert(name, Entry { file: number, ..entry });
            }
        }
        self.others.extend(others);
        Ok(())
    }
}

/// The header of a file of `length` bytes, every entry checked to lie inside it.
fn read_header(reader: &mut impl Read, length: u64) -> Result<Header, String> {
    let mut prefix = [0; 8];
    reader.read_exact(&mut prefix).map_err(|_| "shorter than 8 bytes".to_string())?;
    let header_bytes = u64::from_le_bytes(prefix);
    let data_bytes = length.saturating_sub(8).checked_sub(header_bytes);
    let data_bytes = match data_bytes {
        Some(data_bytes) if header_bytes <= MOST_HEADER_BYTES => data_bytes,
        _ => return Err(format!("a header of {header_bytes} bytes in {length}: not safetensors")),
    };
    let mut header = vec![0; header_bytes as usize];
    reader.read_exact(&mut header).map_err(|e| format!("header: {e}"))?;
    let header: HashMap<String, serde_json::Value> =
        serde_json::from_slice(&header).map_err(|e| format!("header: {e}"))?;
    let mut found = Header::default();
    for (name, value) in header {
        if name == "__metadata__" {
            continue;
        }
        let entry: HeaderEntry =
            serde_json::from_value(value).map_err(|e| format!("header of '{name}': {e}"))?;
        let dtype = match entry.dtype.as_str() {
            "F32" => DType::F32,
            "F16" => DType::F16,
            "BF16" => DType::BF16,
            "F64" => DType::F64,
            _ => {
                found.others.insert(name, entry.dtype);
                continue;
            }
        };
        let [start, end] = entry.data_offsets;
        let bytes = entry
            .shape
            .iter()
            .try_fold(dtype.size_in_bytes(), |bytes, dim| bytes.checked_mul(*dim));
        // A tensor without elements still has strides, which must fit as well.
        let strides =
            entry.shape.iter().try_fold(1, |all: usize, dim| all.checked_mul((*dim).max(1)));
        if strides.is_none()
            || end > data_bytes
            || end.checked_sub(start) != bytes.map(|bytes| bytes as u64)
        {
            return Err(format!(
                "'{name}' {:?} {} does not fit bytes {start}..{end} of {data_bytes}",
                entry.shape, entry.dtype
            ));
        }
        let start = 8 + header_bytes + start;
        let bytes = bytes.unwrap_or_default();
        found.entries.insert(name, Entry { file: 0, dtype, shape: entry.shape, start, bytes });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(header: &str, data: usize) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(vec![0; data]);
        bytes
    }

    fn header(bytes: &[u8]) -> Result<HashMap<String, Entry>, String> {
        read_header(&mut &bytes[..], bytes.len() as u64).map(|header| header.entries)
    }

    #[test]
    fn entries_must_lie_inside_the_file() {
        let good = r#"{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]}}"#;
        assert_eq!(header(&file(good, 28)).unwrap()["a"].shape, [2, 3]);
        assert!(header(&file(good, 27)).unwrap_err().contains("'a'"));
        for (from, to) in [("28", "29"), ("[2,3]", "[2,4]"), ("[4,", "[40,")] {
            assert!(header(&file(&good.replace(from, to), 64)).unwrap_err().contains("'a'"));
        }
        let huge = good.replace("[2,3]", "[18446744073709551615,18446744073709551615]");
        assert!(header(&file(&huge, 64)).is_err());
        assert!(header(&u64::MAX.to_le_bytes()).unwrap_err().contains("not safetensors"));
    }

    #[test]
    fn shards_hold_what_their_index_says() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        };
        let header = |name: &str, dtype: &str| {
            format!(r#"{{"{name}":{{"dtype":"{dtype}","shape":[2],"data_offsets":[0,8]}}}}"#)
        };
        write("1.safetensors", &file(&header("a", "F32"), 8));
        write("2.safetensors", &file(&header("ids", "I32"), 8));
        let index = r#"{"weight_map":{"a":"1.safetensors","ids":"2.safetensors"}}"#;
        write("model.safetensors.index.json", index.as_bytes());
        let mut files = SafetensorsFiles::open_folder(folder.path()).unwrap();
        assert_eq!(files.path(), folder.path());
        assert_eq!(files.tensor("a", &[2], DType::F32, &Device::Cpu).unwrap().dims(), [2]);
        let wrong = index.replace("\"ids\"", "\"b\"");
        write("model.safetensors.index.json", wrong.as_bytes());
        let error = SafetensorsFiles::open_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("tensor 'b' is not in 2.safetensors"), "{error}");
        let wrong = index.replace("2.saf", "../2.saf");
        write("model.safetensors.index.json", wrong.as_bytes());
        let error = SafetensorsFiles::open_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("../2.safetensors"), "{error}");
    }

    #[test]
    fn weights_that_are_quantised_are_told_from_those_that_are_missing() {
        let file = |name: &str, dtype: &str| {
            let header =
                format!(r#"{{"{name}":{{"dtype":"{dtype}","shape":[2],"data_offsets":[0,8]}}}}"#);
            let path = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(path.path(), self::file(&header, 8)).unwrap();
            let mut files = SafetensorsFiles::open_file(path.path()).unwrap().decoder_alone();
            let name = "model.layers.0.mlp.up_proj.weight";
            files.tensor(name, &[2], DType::F32, &Device::Cpu).unwrap_err().to_string()
        };
        for (name, dtype) in [
            ("model.layers.0.mlp.up_proj.qweight", "I32"),
            ("model.layers.0.mlp.up_proj.weight", "F8_E4M3"),
        ] {
            let error = file(name, dtype);
            assert!(error.contains(&format!("'{name}' is of type {dtype}")), "{error}");
        }
        let error = file("model.layers.0.mlp.down_proj.qweight", "I32");
        assert!(error.contains("no tensor 'model.layers.0.mlp.up_proj.weight'"), "{error}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = header(&bytes);
        }

        #[test]
        fn arbitrary_headers_never_panic(text in "\\{\"a\":\\{\"dtype\":\"F(16|32)\",\"shape\":\\[[0-9,]{0,12}\\],\"data_offsets\":\\[[0-9]{1,20},[0-9]{1,20}\\]\\}\\}") {
            let _ = header(&file(&text, 16));
        }
    }
}
