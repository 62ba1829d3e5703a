//! Data sets of one JSON object a line, gzipped or plain, written as `lines.rs` reads them.

use super::LearnError;
use super::save::replace;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Writes a data set of one JSON object a line, gzipped when `path` ends in `.gz`.
///
/// The file at `path` is replaced only when the new one is complete. The same objects give the same
/// bytes: no time stands in them.
///
/// # Errors
///
/// The first error among `objects`; when there is no object, or the file cannot be written.
pub fn write_lines<T: Serialize>(
    path: &Path,
    objects: impl Iterator<Item = Result<T, LearnError>>,
) -> Result<(), LearnError> {
    replace(path, |beside| {
        let out = BufWriter::new(File::create(beside).map_err(LearnError::file(path))?);
        let written = if path.extension().is_some_and(|extension| extension == "gz") {
            put(path, GzEncoder::new(out, Compression::default()), objects)?.finish()
        } else {
            Ok(put(path, out, objects)?)
        };
        written.and_then(|mut out| out.flush()).map_err(LearnError::file(path))
    })
}

/// Writes the objects and gives `out` back.
fn put<T: Serialize, W: Write>(
    path: &Path,
    mut out: W,
    objects: impl Iterator<Item = Result<T, LearnError>>,
) -> Result<W, LearnError> {
    let mut is_empty = true;
    for object in objects {
        let text =
            serde_json::to_string(&object?).map_err(|error| LearnError::invalid(path, error))?;
        writeln!(out, "{text}").map_err(LearnError::file(path))?;
        is_empty = false;
    }
    if is_empty {
        return Err(LearnError::invalid(path, "not written, for there is no line to write"));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::lines::read_lines;
    use super::*;

    #[test]
    fn what_is_written_is_read_and_stays_until_more_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.jsonl", "a.jsonl.gz"] {
            let path = folder.path().join(name);
            write_lines(&path, [1, 2].into_iter().map(Ok)).unwrap();
            assert_eq!(read_lines::<i32>(&path).unwrap(), [1, 2]);
            let whole = std::fs::read(&path).unwrap();
            let broken = [Ok(3), Err(LearnError::Views("none".into()))];
            assert!(write_lines(&path, broken.into_iter()).is_err());
            let none: [Result<i32, LearnError>; 0] = [];
            let error = write_lines(&path, none.into_iter()).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("no line"), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), whole);
            write_lines(&path, [1, 2].into_iter().map(Ok)).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), whole, "the same lines, the same bytes");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left over");
        let nowhere = folder.path().join("no/such.jsonl");
        let error = write_lines(&nowhere, [1].into_iter().map(Ok)).unwrap_err().to_string();
        assert!(error.contains("no/such.jsonl"), "{error}");
    }
}
