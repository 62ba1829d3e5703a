//! Paths on the command line.

use clap::builder::{PathBufValueParser, TypedValueParser};
use scenellm::model::model_folder;
use std::path::PathBuf;

/// Takes a model folder; the shipped one goes by its name from anywhere.
pub fn model() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().map(|named| model_folder(&named))
}

/// Takes a file to write. What keeps it from being written is told before the work, whose results would
/// be lost: its folder is not there, or it is a folder itself.
pub fn file_to_write() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| {
        // A bare name has an empty parent: the working folder.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return Err(format!("there is no folder {}", folder.display()));
        }
        if path.is_dir() {
            return Err("it is a folder".to_owned());
        }
        Ok(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Arguments {
        #[arg(long, value_parser = super::file_to_write())]
        json: Option<PathBuf>,
        #[arg(long, default_value = "models/nano", value_parser = super::model())]
        model: PathBuf,
    }

    #[test]
    fn files_that_cannot_be_written_are_told_before() {
        let folder = tempfile::tempdir().unwrap();
        let fault = |name: &str| {
            let path = folder.path().join(name).display().to_string();
            Arguments::try_parse_from(["eval", "--json", &path]).err().map(|e| e.to_string())
        };
        assert_eq!(fault("scores.json"), None);
        assert!(fault("none/scores.json").unwrap().contains("there is no folder"));
        assert!(fault("").unwrap().contains("it is a folder"));
        let bare = Arguments::try_parse_from(["eval", "--json", "scores.json"]).unwrap();
        assert_eq!(bare.json, Some(PathBuf::from("scores.json")));
        assert!(bare.model.join("scenellm.yaml").is_file());
    }
}
