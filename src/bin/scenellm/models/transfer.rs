//! The transfer of one file: taken up where it broke off, in this run or in one before.

use super::login::is_refusal;
use crate::progress;
use anyhow::Context;
use hf_hub::api::Progress;
use hf_hub::api::sync::ApiRepo;
use indicatif::ProgressBar;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a broken transfer is taken up again.
const RETRIES: u32 = 3;
/// How long to wait before the first time; each wait is twice the one before.
const PAUSE: Duration = Duration::from_millis(300);

/// A file of a hub, and what of it is on disk.
pub struct Transfer<'a> {
    /// Where it comes from.
    pub remote: &'a ApiRepo,
    /// Its name.
    pub file: &'a str,
    /// All its bytes.
    pub bytes: u64,
    /// Where it is written while it comes.
    pub part: PathBuf,
}

impl Transfer<'_> {
    /// Fetches what is missing, and says where the whole is.
    ///
    /// Each try opens what is on disk anew and asks for the rest. The client's own tries, which are off
    /// therefore, ask for all again where nothing came yet in this run, and write it behind what is there.
    pub fn run(&self) -> anyhow::Result<PathBuf> {
        let mut tries = 0;
        loop {
            leave_a_rest(&self.part, self.bytes)
                .with_context(|| format!("{}: cannot be written", self.part.display()))?;
            let bar = Bar(progress::bytes(self.bytes, self.file));
            match self.remote.download_with_progress(self.file, bar) {
                Ok(path) => return Ok(path),
                Err(error) if tries == RETRIES || is_refusal(&error) => {
                    let (file, url) = (self.file, self.remote.url(self.file));
                    return Err(error).with_context(|| {
                        let told = "not fetched; the same command goes on from here";
                        format!("{file}: {told} ({url})")
                    });
                }
                Err(_) => std::thread::sleep(PAUSE * 2u32.pow(tries)),
            }
            tries += 1;
        }
    }
}

/// Sees to it that there is a rest to ask for of the file that is written at `part`. A run that ended
/// before it could give a whole file its name leaves none: the last byte comes again. What is longer than
/// the file of `bytes` bytes is no part of it.
fn leave_a_rest(part: &Path, bytes: u64) -> std::io::Result<()> {
    let Ok(there) = std::fs::metadata(part) else { return Ok(()) };
    if there.len() > bytes {
        return std::fs::remove_file(part);
    }
    if there.len() == bytes && bytes > 0 {
        OpenOptions::new().write(true).open(part)?.set_len(bytes - 1)?;
    }
    Ok(())
}

/// The hub's progress on our bar.
struct Bar(ProgressBar);

impl Progress for Bar {
    fn init(&mut self, size: usize, _filename: &str) {
        self.0.set_length(size as u64);
        self.0.set_position(0);
    }

    fn update(&mut self, size: usize) {
        self.0.inc(size as u64);
    }

    fn finish(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_every_part_there_is_a_rest_to_ask_for() {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join("file.part");
        leave_a_rest(&part, 5).unwrap();
        assert!(!part.exists());
        for (there, left) in [(0, Some(0)), (4, Some(4)), (5, Some(4)), (6, None)] {
            std::fs::write(&part, vec![b'x'; there]).unwrap();
            leave_a_rest(&part, 5).unwrap();
            assert_eq!(std::fs::metadata(&part).ok().map(|there| there.len()), left);
        }
    }
}
