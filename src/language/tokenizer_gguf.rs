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

/// Special tokens of Phi 3 behind which blanks stay.
const KEEP_BLANKS: [&str; 3] = ["<unk>", "<s>", "<|endoftext|>"];

/// Llama 3: numbers in groups of three digits.
const LLAMA3: &str = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| \
    ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
/// Qwen 2: the same with every digit for itself.
const QWEN2: &str = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| \
    ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/// Mistral since Nemo: words end where capital letters begin, and every digit stands for itself.
const TEKKEN: &str = "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|\
    [^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\
    \\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
/// Phi 4 mini: the same with what is cut off behind an apostrophe, and three digits.
const GPT_4O: &str = "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+\
    (?i:'s|'t|'re|'ve|'m|'ll|'d)?|\
    [^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*\
    (?i:'s|'t|'re|'ve|'m|'ll|'d)?|\
    \\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

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
        let strips_behind = |name: &str, kind| {
            self.strips_behind_marks() && special(kind) && !KEEP_BLANKS.contains(&name)
        };
        let is_added = |kind| special(kind) || kind == Kind::UserDefined;
        let added = self
            .tokens
            .iter()
            .enumerate()
            .filter(|(_, (name, kind))| is_added(*kind) && !name.is_empty());
        added
            .map(|(id, (name, kind))| {
                json!({"id": id, "content": name, "special": special(*kind), "lstrip": false,
                    "rstrip": strips_behind(name, *kind), "single_word": false,
                    "normalized": false})
            })
            .collect()
    }

    /// Whether blanks behind marks such as `<|user|>` belong to the mark: so it is in the `tokenizer.json`
    /// of Phi 3, whose template ends each mark with a newline. A GGUF file does not tell.
    fn strips_behind_marks(&self) -> bool {
        let is = |key: &str, value: &str| text(self.metadata, key) == Some(value);
        is("general.architecture", "phi3") && is("tokenizer.ggml.model", "llama")
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
            // Phi 4.
            "dbrx" => (Value::Null, split(LLAMA3), false),
            "tekken" => (Value::Null, split(TEKKEN), true),
            "gpt-4o" => (Value::Null, split(GPT_4O), false),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(serde::Deserialize)]
    struct Golden {
        texts: Vec<String>,
        tokenizers: Vec<Reference>,
    }

    /// A vocabulary and the ids its own library gives the texts; see
    /// `tests/fixtures/make_tokenizer_golden.py`.
    #[derive(serde::Deserialize)]
    struct Reference {
        model: String,
        pre: Option<String>,
        prefix: Option<bool>,
        tokens: Vec<String>,
        types: Vec<i32>,
        scores: Option<Vec<f32>>,
        merges: Option<Vec<String>>,
        ids: Vec<Option<Vec<u32>>>,
    }

    fn golden() -> Golden {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tokenizers.json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    impl Reference {
        fn metadata(&self) -> HashMap<String, GgufValue> {
            let texts = |all: &[String]| {
                GgufValue::Array(all.iter().cloned().map(GgufValue::String).collect())
            };
            let types = self.types.iter().map(|kind| GgufValue::I32(*kind)).collect();
            let mut metadata = HashMap::from([
                ("tokenizer.ggml.model".to_owned(), GgufValue::String(self.model.clone())),
                ("tokenizer.ggml.tokens".to_owned(), texts(&self.tokens)),
                ("tokenizer.ggml.token_type".to_owned(), GgufValue::Array(types)),
            ]);
            let mut add = |key: &str, value: GgufValue| {
                metadata.insert(format!("tokenizer.ggml.{key}"), value);
            };
            if let Some(pre) = &self.pre {
                add("pre", GgufValue::String(pre.clone()));
            }
            if let Some(prefix) = self.prefix {
                add("add_space_prefix", GgufValue::Bool(prefix));
            }
            if let Some(merges) = &self.merges {
                add("merges", texts(merges));
            }
            if let Some(scores) = &self.scores {
                let scores = scores.iter().map(|score| GgufValue::F32(*score)).collect();
                add("scores", GgufValue::Array(scores));
            }
            metadata
        }

        fn tokenizer(&self) -> Tokenizer {
            Tokenizer::from_gguf(&self.metadata(), Path::new("m.gguf")).unwrap()
        }
    }

    #[test]
    fn texts_of_all_scripts_are_cut_as_the_references_cut_them() {
        let golden = golden();
        assert_eq!(golden.tokenizers.len(), 9);
        for reference in &golden.tokenizers {
            let tokenizer = reference.tokenizer();
            for (text, ids) in golden.texts.iter().zip(&reference.ids) {
                let Some(ids) = ids else { continue };
                let found = tokenizer.encode(text).unwrap();
                let name = (&reference.model, &reference.pre, reference.prefix);
                assert_eq!(&found, ids, "{name:?} {text:?}");
            }
        }
    }

    #[test]
    fn the_bytes_of_tokens_are_the_text() {
        let golden = golden();
        for reference in &golden.tokenizers {
            let tokenizer = reference.tokenizer();
            // NFC changes a text, and special tokens are no text.
            let whole = golden.texts.iter().filter(|text| {
                !text.contains("<|") && !text.contains('<') && !text.contains('\u{301}')
            });
            for text in whole.filter(|text| !text.contains('▁')) {
                let bytes = tokenizer.decode(&tokenizer.encode_plain(text).unwrap());
                let begin =
                    if reference.prefix == Some(true) && !text.is_empty() { " " } else { "" };
                assert_eq!(bytes, format!("{begin}{text}"), "{:?}", reference.pre);
            }
        }
    }

    /// As Phi 3's own tokenizer and llama.cpp have it.
    #[test]
    fn blanks_behind_the_marks_of_phi_3_belong_to_them() {
        let golden = golden();
        let reference = golden.tokenizers.iter().find(|one| one.prefix == Some(true)).unwrap();
        let mark = reference.tokens.len() as u32;
        let of = |architecture: &str| {
            let mut metadata = reference.metadata();
            let architecture = GgufValue::String(architecture.into());
            metadata.insert("general.architecture".into(), architecture);
            for (key, value) in [
                ("tokenizer.ggml.tokens", GgufValue::String("<|user|>".into())),
                ("tokenizer.ggml.token_type", GgufValue::I32(3)),
                ("tokenizer.ggml.scores", GgufValue::F32(0.0)),
            ] {
                let Some(GgufValue::Array(all)) = metadata.get_mut(key) else { panic!("{key}") };
                all.push(value);
            }
            Tokenizer::from_gguf(&metadata, Path::new("m.gguf")).unwrap()
        };
        let (phi_3, llama) = (of("phi3"), of("llama"));
        let words = phi_3.encode("Put the mug").unwrap();
        let marked: Vec<u32> = std::iter::once(mark).chain(words).collect();
        assert_eq!(phi_3.encode("<|user|>\n Put the mug").unwrap(), marked);
        assert_ne!(llama.encode("<|user|>\n Put the mug").unwrap(), marked);
        let text = "<s>\nPut the mug";
        assert_eq!(phi_3.encode(text).unwrap(), llama.encode(text).unwrap());
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let golden = golden();
        let [byte_level, .., sentence_piece] = &golden.tokenizers[..] else { panic!() };
        let error = |reference: &Reference, key: &str, value: Option<GgufValue>| {
            let mut metadata = reference.metadata();
            metadata.remove(key);
            metadata.extend(value.map(|value| (key.to_owned(), value)));
            Tokenizer::from_gguf(&metadata, Path::new("m.gguf")).unwrap_err().to_string()
        };
        let text = |text: &str| Some(GgufValue::String(text.into()));
        let key = |key: &str| format!("tokenizer.ggml.{key}");
        let cases = [
            (error(byte_level, &key("model"), None), "name one"),
            (error(byte_level, &key("model"), text("bert")), "'bert' is not known"),
            (error(byte_level, &key("pre"), text("new")), "pre 'new' is not known"),
            (error(byte_level, &key("merges"), None), "merges is missing"),
            (error(byte_level, &key("tokens"), None), "tokens is missing"),
            (error(sentence_piece, &key("scores"), None), "scores is missing"),
            (error(sentence_piece, &key("scores"), Some(GgufValue::Array(vec![]))), "no score"),
        ];
        for (error, message) in cases {
            assert!(error.starts_with("m.gguf: tokenizer: "), "{error}");
            assert!(error.contains(message), "{error} does not say {message}");
        }
        let long = GgufValue::String("x".repeat(1 << 20));
        let mut metadata = sentence_piece.metadata();
        let Some(GgufValue::Array(tokens)) = metadata.get_mut(&key("tokens")) else { panic!() };
        tokens.push(long);
        let error = Tokenizer::from_gguf(&metadata, Path::new("m.gguf")).unwrap_err().to_string();
        assert!(error.contains("too long"), "{error}");
    }

    proptest! {
        #[test]
        fn arbitrary_vocabularies_never_panic(
            model in "(llama|gpt2)",
            tokens in proptest::collection::vec("([a-c]|<0x0A>|▁|Ġ){0,4}", 0..12),
            types in proptest::collection::vec(-1i32..8, 0..12),
            merges in proptest::collection::vec("[a-c]{0,2} ?[a-c]{0,2}", 0..6),
            scores in proptest::collection::vec(any::<f32>(), 0..12),
        ) {
            let array = |values: Vec<GgufValue>| GgufValue::Array(values);
            let texts = |all: Vec<String>| array(all.into_iter().map(GgufValue::String).collect());
            let metadata = HashMap::from([
                ("model", GgufValue::String(model)),
                ("pre", GgufValue::String("qwen2".into())),
                ("tokens", texts(tokens)),
                ("merges", texts(merges)),
                ("token_type", array(types.into_iter().map(GgufValue::I32).collect())),
                ("scores", array(scores.into_iter().map(GgufValue::F32).collect())),
            ]);
            let named = |(key, value)| (format!("tokenizer.ggml.{key}"), value);
            let metadata = metadata.into_iter().map(named).collect();
            if let Ok(tokenizer) = Tokenizer::from_gguf(&metadata, Path::new("m.gguf")) {
                let _ = tokenizer.encode("abc cab\n");
            }
        }
    }
}
