//! The index of a checkpoint in several files: which of them, beside the index, has which tensor.
//!
//! Hugging Face's `model.safetensors.index.json` and `pytorch_model.bin.index.json` are alike.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Larger indices are not read; those of models with thousands of tensors stay below 1 MB.
const MOST_INDEX_BYTES: u64 = 16 << 20;

/// Which file has which tensor.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ShardIndex {
    #[serde(skip)]
    path: PathBuf,
    /// Names of files by names of tensors.
    weight_map: HashMap<String, String>,
}

impl ShardIndex {
    /// Reads the index at `path`; says why it cannot, also when the index leads out of its folder.
    pub fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
        if bytes > MOST_INDEX_BYTES {
            return Err(format!("{bytes} bytes, of at most {MOST_INDEX_BYTES}"));
        }
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        let index: Self = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let beside = |name: &str| Path::new(name).file_name().is_some_and(|file| file == name);
        match index.weight_map.values().find(|name| !beside(name)) {
            Some(name) => Err(format!("'{name}' is not the name of a file beside the index")),
            None if index.weight_map.is_empty() => Err("it names no tensor".into()),
            None => Ok(Self { path: path.into(), ..index }),
        }
    }

    /// Where it stands.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The files, in order of their names.
    pub fn files(&self) -> Vec<PathBuf> {
        let names: BTreeSet<&String> = self.weight_map.values().collect();
        names.into_iter().map(|name| self.path.with_file_name(name)).collect()
    }

    /// Whether tensor `name` of `file` is the one that is meant: no other file is named for it.
    pub fn means(&self, name: &str, file: &Path) -> bool {
        self.weight_map.get(name).is_none_or(|of| file.ends_with(of))
    }

    /// Fails, naming the first that is missing, unless `file` has every tensor that it is named for,
    /// of which `has` tells.
    pub fn check(&self, file: &Path, has: impl Fn(&str) -> bool) -> Result<(), String> {
        let missing = |entry: &(&String, &String)| file.ends_with(entry.1) && !has(entry.0);
        match self.weight_map.iter().filter(missing).min() {
            None => Ok(()),
            Some((tensor, of)) => Err(format!("tensor '{tensor}' is not in {of}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ShardIndex, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pytorch_model.bin.index.json");
        std::fs::write(&path, text).unwrap();
        ShardIndex::read(&path)
    }

    #[test]
    fn files_stand_beside_the_index_each_once() {
        let index = read(r#"{"metadata":{},"weight_map":{"a":"2.bin","b":"1.bin","c":"2.bin"}}"#);
        let index = index.unwrap();
        let names: Vec<_> =
            index.files().iter().map(|file| file.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["1.bin", "2.bin"]);
        assert!(index.means("a", Path::new("x/2.bin")) && !index.means("a", Path::new("x/1.bin")));
        assert!(index.means("d", Path::new("x/1.bin")), "nothing is said of it");
        index.check(Path::new("x/2.bin"), |name| name != "b").unwrap();
        let error = index.check(Path::new("x/2.bin"), |name| name == "a").unwrap_err();
        assert_eq!(error, "tensor 'c' is not in 2.bin");
    }

    #[test]
    fn an_index_must_not_lead_out_of_its_folder() {
        for name in ["../other.bin", "/etc/passwd", "a/b.bin", "..", ".", "", "b.bin/"] {
            let error = read(&format!(r#"{{"weight_map":{{"a":"{name}"}}}}"#)).unwrap_err();
            assert!(error.contains(&format!("'{name}' is not the name")), "{error}");
        }
        for text in ["", "[]", "{}", r#"{"weight_map":{}}"#, r#"{"weight_map":{"a":3}}"#] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
