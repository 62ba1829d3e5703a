//! Files that are there whole or not at all: a stop, a full disk or a power cut leaves the old one.

use super::LearnError;
use candle_core::Tensor;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Writes tensors. The file at `path` is replaced only when the new one is complete.
///
/// # Errors
///
/// When they cannot be written; the old file stays.
pub fn save_tensors(tensors: &HashMap<String, Tensor>, path: &Path) -> Result<(), LearnError> {
    replace(path, |beside| {
        candle_core::safetensors::save(tensors, beside)
            .map_err(|error| LearnError::invalid(path, format!("cannot be written: {error}")))
    })
}

/// Writes a text in the same way.
///
/// # Errors
///
/// When it cannot be written; the old file stays.
pub fn save_text(text: &str, path: &Path) -> Result<(), LearnError> {
    replace(path, |beside| std::fs::write(beside, text).map_err(LearnError::file(path)))
}

/// Where what will be at `path` is until it is whole.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

/// Lets `write` write a file beside `path`, which takes its place when it is complete.
///
/// # Errors
///
/// Those of `write`, and when the file cannot be kept; the old file stays.
pub fn replace(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), LearnError>,
) -> Result<(), LearnError> {
    let beside = beside(path);
    let on_disk = || File::options().write(true).open(&beside)?.sync_all();
    let written = write(&beside).and_then(|()| {
        on_disk().and_then(|()| std::fs::rename(&beside, path)).map_err(LearnError::file(path))
    });
    if written.is_err() {
        // Half a file is of no use, and on a full disk it is in the way.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_file_is_replaced_as_a_whole_or_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| folder.path().join(name);
        let tensors = |value: f32| {
            HashMap::from([("a".to_owned(), Tensor::new(&[value], &Device::Cpu).unwrap())])
        };
        let (numbers, words) = (of("a.safetensors"), of("a.json"));
        save_tensors(&tensors(1.0), &numbers).unwrap();
        save_text("one", &words).unwrap();
        let whole = std::fs::read(&numbers).unwrap();
        // Nothing can be written there, as on a full disk.
        for path in [&numbers, &words] {
            std::fs::create_dir(beside(path)).unwrap();
        }
        let error = save_tensors(&tensors(2.0), &numbers).unwrap_err().to_string();
        assert!(error.contains("a.safetensors: cannot be written"), "{error}");
        assert!(save_text("two", &words).unwrap_err().to_string().contains("a.json"));
        assert!(std::fs::read(&numbers).unwrap() == whole);
        assert_eq!(std::fs::read_to_string(&words).unwrap(), "one");
        for path in [&numbers, &words] {
            std::fs::remove_dir(beside(path)).unwrap();
        }
        save_tensors(&tensors(2.0), &numbers).unwrap();
        save_text("two", &words).unwrap();
        assert!(std::fs::read(&numbers).unwrap() != whole);
        assert_eq!(std::fs::read_to_string(&words).unwrap(), "two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left over");
    }
}
