//! The tokenizer in the metadata of a GGUF file, put together again.
//!
//! Two kinds are known: SentencePiece's BPE (`llama`), where pieces have scores, and byte-level BPE
//! (`gpt2`), where merges are listed and text is first cut by a pattern that only has a name
//! (`tokenizer.ggml.pre`).

use std::collections::HashMap;
use std::path::Path;

use candle_core::quantized::gguf_file::Value as GgufValue;
use serde_json::{Map, Value, json};

use super::error::LanguageError;
use super::tokenizer::Tokenizer;

/// Larger vocabularies are refused.
const MOST_TOKENS: usize = 1 << 20;
/// Bound of the work of finding merges: the sum of the squared lengths of all pieces.
const MOST_SPLITS: usize = 1 << 28;

/// Llama 3: numbers in groups of three digits.
const LLAMA3: &str = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| \
    ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
/// Qwen 2: the same with every digit for itself.
const QWEN2: &str = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| \
    ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/// What a token is, as GGUF counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Byte,
}

/// The vocabulary of a file.
struct Vocabulary<'a> {
    tokens: Vec<(&'a str, Kind)>,
    metadata: &'a HashMap<String, GgufValue>,
}

impl Tokenizer {
    /// Puts together the tokenizer in `metadata`; `path` stands in errors.
    pub fn from_gguf(
        metadata: &HashMap<String, GgufValue>,
        path: &Path,
    ) -> Result<Self, LanguageError> {
        let json = to_json(metadata)
            .map_err(|reason| LanguageError::Tokenizer { path: path.into(), reason })?;
        Self::from_json(json.to_string().as_bytes(), path)
    }
}

fn to_json(metadata: &HashMap<String, GgufValue>) -> Result<Value, String> {
    let model = text(metadata, "tokenizer.ggml.model").ok_or("the file has none; name one")?;
    let vocabulary = Vocabulary::read(metadata)?;
    match model {
        "llama" => vocabulary.sentence_piece(),
        "gpt2" => vocabulary.byte_level(),
        other => Err(format!(
            "tokenizer.ggml.model '{other}' is not known; name the model's tokenizer.json"
        )),
    }
}

fn text<'a>(metadata: &'a HashMap<String, GgufValue>, key: &str) -> Option<&'a str> {
    metadata.get(key)?.to_string().ok().map(String::as_str)
}

impl<'a> Vocabulary<'a> {
    fn read(metadata: &'a HashMap<String, GgufValue>) -> Result<Self, String> {
        let list = |key: &str| metadata.get(key).and_then(|value| value.to_vec().ok());
        let names = list("tokenizer.ggml.tokens").ok_or("tokenizer.ggml.tokens is missing")?;
        if names.is_empty() || names.len() > MOST_TOKENS {
            return Err(format!("{} tokens; must be 1..={MOST_TOKENS}", names.len()));
        }
        let kinds = list("tokenizer.ggml.token_type");
        let tokens = names.iter().enumerate().map(|(id, name)| {
            let name = name.to_string().map_err(|_| format!("token {id} is no text"))?;
            let kind = kinds.and_then(|kinds| kinds.get(id));
            let kind = match kind.and_then(|kind| kind.to_i32().ok()) {
                Some(2) => Kind::Unknown,
                Some(3) => Kind::Control,
                Some(4) => Kind::UserDefined,
                Some(6) => Kind::Byte,
                _ => Kind::Normal,
            };
            Ok((name.as_str(), kind))
        });
        let tokens: Result<_, String> = tokens.collect();
        Ok(Self { tokens: tokens?, metadata })
    }

    fn ids(&self) -> Map<String, Value> {
        let ids = self.tokens.iter().enumerate();
        ids.map(|(id, (name, _))| ((*name).to_owned(), json!(id))).collect()
    }

    /// Tokens that are found in a text before anything else.
    fn added(&self) -> Vec<Value> {
        let special = |kind| matches!(kind, Kind::Control | Kind::Unknown);
        let is_added = |kind| special(kind) || kind == Kind::UserDefined;
        let added = self
            .tokens
            .iter()
            .enumerate()
            .filter(|(_, (name, kind))| is_added(*kind) && !name.is_empty());
        added
            .map(|(id, (name, kind))| {
                json!({"id": id, "content": name, "special": special(*kind), "lstrip": false,
                    "rstrip": false, "single_word": false, "normalized": false})
            })
            .collect()
    }

    fn byte_level(&self) -> Result<Value, String> {
        let pre = text(self.metadata, "tokenizer.ggml.pre").unwrap_or("default");
        let split = |pattern: &str| {
            json!({"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated",
                    "invert": false},
                {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false,
                    "use_regex": false},
            ]})
        };
        let level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false,
            "use_regex": true});
        // What is normalised, how it is cut, and whether a whole word is looked up before merges.
        let (normalizer, pre_tokenizer, ignore_merges) = match pre {
            "llama-bpe" | "llama3" | "llama-v3" => (Value::Null, split(LLAMA3), true),
            "qwen2" | "deepseek-r1-qwen" => (json!({"type": "NFC"}), split(QWEN2), false),
            "smollm" => {
                let digits = json!({"type": "Digits", "individual_digits": true});
                let both = json!({"type": "Sequence", "pretokenizers": [digits, level]});
                (Value::Null, both, false)
            }
            "gpt-2" => (Value::Null, level.clone(), false),
            other => {
                return Err(format!(
                    "tokenizer.ggml.pre '{other}' is not known; name the model's tokenizer.json"
                ));
            }
        };
        let merges = self.metadata.get("tokenizer.ggml.merges");
        let merges = merges.and_then(|merges| merges.to_vec().ok());
        let merges = merges.ok_or("tokenizer.ggml.merges is missing")?.iter().map(|merge| {
            let merge = merge.to_string().ok().and_then(|merge| merge.split_once(' '));
            merge.map(|(left, right)| json!([left, right]))
        });
        let merges: Option<Vec<Value>> = merges.collect();
        let merges = merges.ok_or("tokenizer.ggml.merges: one is no pair of texts")?;
        Ok(json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": normalizer,
            "added_tokens": self.added(), "pre_tokenizer": pre_tokenizer,
            "post_processor": null, "decoder": level,
            "model": {"type": "BPE", "vocab": self.ids(), "merges": merges, "dropout": null,
                "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
                "fuse_unk": false, "byte_fallback": false, "ignore_merges": ignore_merges},
        }))
    }

    fn sentence_piece(&self) -> Result<Value, String> {
        let prefix = match self.metadata.get("tokenizer.ggml.add_space_prefix") {
            Some(value) => value.to_bool().map_err(|_| "add_space_prefix is no truth value")?,
            None => true,
        };
        let replace = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
        let normalizer = match prefix {
            true => json!({"type": "Sequence", "normalizers":
                [{"type": "Prepend", "prepend": "▁"}, replace]}),
            false => replace,
        };
        let back = json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "});
        let decoder = json!({"type": "Sequence", "decoders":
            [back, {"type": "ByteFallback"}, {"type": "Fuse"}]});
        let unknown = self.tokens.iter().find(|(_, kind)| *kind == Kind::Unknown);
        Ok(json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": normalizer,
            "added_tokens": self.added(), "pre_tokenizer": null, "post_processor": null,
            "decoder": decoder,
            "model": {"type": "BPE", "vocab": self.ids(), "merges": self.merges()?,
                "dropout": null, "unk_token": unknown.map(|(name, _)| *name),
                "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": true,
                "byte_fallback": true, "ignore_merges": false},
        }))
    }

    /// The merges that pieces with scores mean: every way to make a piece of two others, the best
    /// piece first, in the order that `transformers` gives them.
    fn merges(&self) -> Result<Vec<Value>, String> {
        let scores = self.metadata.get("tokenizer.ggml.scores").and_then(|all| all.to_vec().ok());
        let scores = scores.ok_or("tokenizer.ggml.scores is missing")?;
        let normal = self.tokens.iter().enumerate().filter(|(_, (_, kind))| *kind == Kind::Normal);
        let ids: HashMap<&str, usize> = normal.clone().map(|(id, (name, _))| (*name, id)).collect();
        let splits: usize = ids
            .keys()
            .map(|name| name.len().saturating_mul(name.len()))
            .fold(0, usize::saturating_add);
        if splits > MOST_SPLITS {
            return Err("its pieces are too long".into());
        }
        let mut merges = Vec::new();
        for (id, (name, _)) in normal {
            let score = scores.get(id).and_then(|score| score.to_f32().ok());
            let score = score.ok_or_else(|| format!("token {id} has no score"))?;
            let mut ways: Vec<_> = name
                .char_indices()
                .skip(1)
                .filter_map(|(at, _)| {
                    let (left, right) = name.split_at(at);
                    Some((*ids.get(left)?, *ids.get(right)?, left, right))
                })
                .collect();
            ways.sort_unstable();
            merges.extend(ways.into_iter().map(|(_, _, left, right)| (score, left, right)));
        }
        let letters = |piece: &str| piece.chars().count();
        merges.sort_by(|a, b| {
            let by_length = letters(b.1).cmp(&letters(a.1)).then(letters(b.2).cmp(&letters(a.2)));
            b.0.total_cmp(&a.0).then(by_length)
        });
        Ok(merges.into_iter().map(|(_, left, right)| json!([left, right])).collect())
    }
}
