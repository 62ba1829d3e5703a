//! ALFRED's public release (`json_2.1.0`) as our lines: of one `traj_data.json`, one line.
//!
//! Nothing is made up: all that a line tells stands in the release, which tells more (pixel masks,
//! images, how things are turned). `docs/alfred.md` has both formats field by field.

mod line;
mod released;

use super::LearnError;
pub use line::AlfredLine;
use released::Released;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The largest file of the release has 0.9 MB. A line is shorter than the file it is made of, and so
/// never longer than readers of lines take.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// The files of a split (`json_2.1.0/train`), in the order of their names.
///
/// # Errors
///
/// When the folder cannot be read, or has no trajectory in it.
pub fn alfred_files(split: &Path) -> Result<Vec<PathBuf>, LearnError> {
    let mut files = Vec::new();
    for task in folders(split)? {
        let trials = folders(&task)?.into_iter().map(|trial| trial.join("traj_data.json"));
        files.extend(trials.filter(|file| file.is_file()));
    }
    if files.is_empty() {
        return Err(LearnError::invalid(split, "there is no <task>/<trial>/traj_data.json in it"));
    }
    Ok(files)
}

fn folders(of: &Path) -> Result<Vec<PathBuf>, LearnError> {
    let entries = std::fs::read_dir(of).map_err(LearnError::file(of))?;
    let paths: io::Result<Vec<PathBuf>> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(LearnError::file(of))?;
    paths.retain(|path| path.is_dir());
    paths.sort();
    Ok(paths)
}

/// The line of a `traj_data.json` in the folder of its trial in the folder of its task.
///
/// # Errors
///
/// When the file cannot be read, is too long, or is not what it should be: a key is missing, say, as
/// the plan is in the splits whose answers are kept secret.
pub fn import_alfred(path: &Path) -> Result<AlfredLine, LearnError> {
    let file = File::open(path).map_err(LearnError::file(path))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(LearnError::file(path))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(LearnError::invalid(path, format!("longer than {MAX_FILE_BYTES} bytes")));
    }
    let released: Released =
        serde_json::from_slice(&bytes).map_err(|error| LearnError::invalid(path, error))?;
    let task = path.ancestors().nth(2).and_then(Path::file_name).unwrap_or_default();
    let line = released.line(task.to_string_lossy().into_owned());
    line.map_err(|reason| LearnError::invalid(path, reason))
}
