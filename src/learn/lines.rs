//! Data sets of one JSON object a line, gzipped or plain.

use super::LearnError;
use flate2::read::MultiGzDecoder;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// No line of a data set is near this long; a longer one is an error, not an allocation.
const MAX_LINE_BYTES: u64 = 4 << 20;

/// Reads all objects of a `.jsonl.gz` (or plain `.jsonl`) file; empty lines are passed over.
///
/// # Errors
///
/// When the file cannot be read or is empty, or a line is not what it should be, which is named.
pub fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, LearnError> {
    let file = File::open(path).map_err(LearnError::file(path))?;
    let reader: Box<dyn Read> = if path.extension().is_some_and(|extension| extension == "gz") {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut reader = BufReader::new(reader);
    let mut objects = Vec::new();
    let mut text = String::new();
    for line in 1.. {
        text.clear();
        let read = (&mut reader).take(MAX_LINE_BYTES).read_line(&mut text);
        let data_error =
            |reason: String| LearnError::Data { path: path.display().to_string(), line, reason };
        match read {
            Ok(0) => break,
            Ok(n) if n as u64 == MAX_LINE_BYTES => {
                return Err(data_error(format!("longer than {MAX_LINE_BYTES} bytes")));
            }
            Ok(_) => {}
            Err(error) => return Err(data_error(error.to_string())),
        }
        if !text.trim().is_empty() {
            let object =
                serde_json::from_str(&text).map_err(|error| data_error(error.to_string()))?;
            objects.push(object);
        }
    }
    if objects.is_empty() {
        return Err(LearnError::invalid(path, "the file is empty"));
    }
    Ok(objects)
}
