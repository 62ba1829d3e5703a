//! CLIP's byte-pair tokens, from `tokenizer.json` or from `vocab.json` and `merges.txt`.
//!
//! open_clip cuts texts in the same way, so folders in its layout hold the same files. What it does
//! before, it mends broken Unicode and resolves HTML, is not done here, nor by CLIP's own tokenizer.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::checkpoint::read_json;
use crate::language::{LanguageError, Tokenizer};
use crate::vision::VisionError;

const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";
/// What OpenAI's tokenizer takes for a word.
const WORDS: &str = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
/// The tokenizer as one file, or else as two.
const WHOLE: &str = "tokenizer.json";
const PARTS: [&str; 2] = ["vocab.json", "merges.txt"];
/// Larger lists of merges are not read; CLIP's has half a megabyte.
const MOST_MERGES_BYTES: u64 = 64 << 20;

/// Texts to tokens.
#[derive(Debug)]
pub(super) struct ClipTokenizer {
    inner: Tokenizer,
    start: u32,
    end: u32,
    context: usize,
}

impl ClipTokenizer {
    /// Reads the tokenizer in `folder` for a text tower of `vocabulary` tokens and `context` places.
    pub fn open(folder: &Path, vocabulary: usize, context: usize) -> Result<Self, VisionError> {
        let path = folder.join(WHOLE);
        let (inner, path) = if path.exists() {
            (Tokenizer::open(&path).map_err(|error| fault(&path, &error))?, path)
        } else {
            let [path, merges] = PARTS.map(|part| folder.join(part));
            if let Some(missing) = [&path, &merges].into_iter().find(|part| !part.exists()) {
                let [vocabulary, merges] = PARTS;
                let reason = format!(
                    "is not there, nor is {WHOLE}: texts need either that or both {vocabulary} and \
                     {merges}; models of open_clip take those of openai/clip-vit-base-patch32"
                );
                return Err(VisionError::Config { path: missing.clone(), reason });
            }
            let merges = read_merges(&merges)?;
            let json = as_tokenizer(&read_json(&path)?, merges).to_string();
            let inner = Tokenizer::from_json(json.as_bytes(), &path);
            (inner.map_err(|error| fault(&path, &error))?, path)
        };
        let config = |reason: String| VisionError::Config { path: path.clone(), reason };
        if inner.vocabulary_size() > vocabulary {
            let found = inner.vocabulary_size();
            return Err(config(format!("has {found} tokens, the text tower knows {vocabulary}")));
        }
        let mark = |name: &str| {
            inner.token(name).ok_or_else(|| config(format!("'{name}' is no token of it")))
        };
        let (start, end) = (mark(START)?, mark(END)?);
        Ok(Self { inner, start, end, context })
    }

    /// Tokens of `text` between the marks at its ends, cut to what the context holds. Names of marks
    /// in it are only words.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, VisionError> {
        let words = self.inner.encode_plain(text);
        let words = words.map_err(|error| fault(Path::new("text"), &error))?;
        let words = words.into_iter().take(self.context - 2);
        Ok([self.start].into_iter().chain(words).chain([self.end]).collect())
    }
}

fn fault(path: &Path, error: &LanguageError) -> VisionError {
    VisionError::Config { path: PathBuf::from(path), reason: error.to_string() }
}

/// Pairs that are merged, in order of their rank.
fn read_merges(path: &Path) -> Result<Vec<Value>, VisionError> {
    let fault = |reason: String| VisionError::Config { path: path.into(), reason };
    let length = std::fs::metadata(path).map_err(|error| fault(error.to_string()))?.len();
    if length > MOST_MERGES_BYTES {
        return Err(fault(format!("{length} bytes are too many for a list of merges")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.starts_with("#version") && !line.trim().is_empty());
    lines
        .map(|(number, line)| match line.split_once(' ') {
            Some((left, right)) if !right.contains(' ') => Ok(json!([left, right])),
            _ => Err(fault(format!("line {}: '{line}' is no pair", number + 1))),
        })
        .collect()
}

/// The same tokenizer as one `tokenizer.json`.
fn as_tokenizer(vocabulary: &Value, merges: Vec<Value>) -> Value {
    let mark = |name: &str| {
        let id = vocabulary.get(name).cloned();
        id.map(|id| {
            json!({"id": id, "content": name, "special": true, "single_word": false,
                "lstrip": false, "rstrip": false, "normalized": false})
        })
    };
    let marks: Vec<Value> = [START, END].into_iter().filter_map(mark).collect();
    let level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
        "use_regex": true});
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": marks,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFC"},
            {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
            {"type": "Lowercase"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": WORDS}, "behavior": "Removed", "invert": true},
            level]},
        "post_processor": null, "decoder": level,
        "model": {"type": "BPE", "dropout": null, "unk_token": END,
            "continuing_subword_prefix": "", "end_of_word_suffix": "</w>", "fuse_unk": false,
            "byte_fallback": false, "ignore_merges": false, "vocab": vocabulary, "merges": merges},
    })
}
