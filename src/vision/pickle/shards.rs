//! One file of weights that `torch.save` wrote, or all of a checkpoint in several.

use std::path::{Path, PathBuf};

use candle_core::Tensor;

use super::PickleFile;
use crate::language::ShardIndex;
use crate::vision::VisionError;

/// The files of one checkpoint.
#[derive(Debug)]
pub(in crate::vision) struct PickleFiles {
    /// What was opened: a file, or the index of several.
    path: PathBuf,
    files: Vec<PickleFile>,
}

impl PickleFiles {
    /// Opens one file.
    pub fn open_file(path: &Path) -> Result<Self, VisionError> {
        Ok(Self { path: path.into(), files: vec![PickleFile::open(path)?] })
    }

    /// Opens the files that an index, `pytorch_model.bin.index.json`, names.
    pub fn open_index(path: &Path) -> Result<Self, VisionError> {
        let broken = |reason| VisionError::Weights { path: path.into(), reason };
        let index = ShardIndex::read(path).map_err(broken)?;
        let open = |file: PathBuf| {
            let mut shard = PickleFile::open(&file)?;
            let has = |name: &str| shard.contains(name) || shard.others.contains(name);
            index.check(&file, has).map_err(broken)?;
            shard.tensors.retain(|name, _| index.means(name, &file));
            Ok(shard)
        };
        let files = index.files().into_iter().map(open).collect::<Result<_, VisionError>>()?;
        Ok(Self { path: path.into(), files })
    }

    /// What was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a tensor called `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.files.iter().any(|file| file.contains(name))
    }

    /// Names and shapes of all tensors.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.files.iter().flat_map(PickleFile::shapes)
    }

    /// Reads tensor `name`, as [`PickleFile::tensor`].
    pub fn tensor(&mut self, name: &str, expected: &[usize]) -> Result<Tensor, VisionError> {
        match self.files.iter_mut().find(|file| file.contains(name)) {
            Some(file) => file.tensor(name, expected),
            None => Err(VisionError::Weights {
                path: self.path.clone(),
                reason: format!("no tensor `{name}`; expected one of shape {expected:?}"),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::fixtures::{fixture, values};
    use std::fs::{copy, remove_file, write};

    const SHARDS: [&str; 2] =
        ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"];

    /// A checkpoint in two files: tensors of each, `counter` (whole numbers) in the first.
    fn sharded(of: [&[&str]; 2]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        copy(fixture("pickle/plain.pth"), folder.path().join(SHARDS[0])).unwrap();
        copy(fixture("mobile_sam_tiny/mobile_sam.pt"), folder.path().join(SHARDS[1])).unwrap();
        let mut map = serde_json::Map::new();
        for (names, shard) in of.into_iter().zip(SHARDS) {
            map.extend(names.iter().map(|name| ((*name).to_owned(), shard.into())));
        }
        let index = serde_json::json!({"metadata": {"total_size": 1}, "weight_map": map});
        let path = folder.path().join("pytorch_model.bin.index.json");
        write(&path, index.to_string()).unwrap();
        (folder, path)
    }

    const OF_SAM: &str = "mask_decoder.iou_token.weight";

    #[test]
    fn tensors_come_from_the_file_that_has_them() {
        let (_folder, path) = sharded([&["f32", "counter"], &[OF_SAM]]);
        let mut files = PickleFiles::open_index(&path).unwrap();
        let mut first = PickleFile::open(&fixture("pickle/plain.pth")).unwrap();
        let mut second = PickleFile::open(&fixture("mobile_sam_tiny/mobile_sam.pt")).unwrap();
        for (name, file) in [("f32", &mut first), (OF_SAM, &mut second)] {
            let shape = files.shapes().find(|(found, _)| *found == name).unwrap().1.to_vec();
            let (found, expected) = (files.tensor(name, &shape), file.tensor(name, &shape));
            assert_eq!(values(&found.unwrap()), values(&expected.unwrap()), "{name}");
        }
        let error = files.tensor("nothing", &[2]).unwrap_err().to_string();
        assert!(error.contains("index.json") && error.contains("no tensor `nothing`"), "{error}");
    }

    #[test]
    fn a_tensor_or_a_file_that_is_not_there_is_named() {
        let (folder, path) = sharded([&["f32"], &["f32_of_nobody", OF_SAM]]);
        let error = PickleFiles::open_index(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("'f32_of_nobody' is not in {}", SHARDS[1])), "{error}");
        remove_file(folder.path().join(SHARDS[1])).unwrap();
        let error = PickleFiles::open_index(&path).unwrap_err().to_string();
        assert!(error.contains(SHARDS[1]) && error.contains("No such file"), "{error}");
    }
}
