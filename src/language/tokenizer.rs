//! Text to tokens and back, with the bytes every token stands for.

use std::path::{Path, PathBuf};

use super::error::LanguageError;

/// Larger files are refused; those of known models stay below 40 MB.
const MOST_FILE_BYTES: u64 = 256 << 20;

/// How the strings in a vocabulary spell bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// GPT-2 and Llama 3: every byte has a printable character of its own.
    ByteLevel,
    /// Llama 2: `▁` is a space, `<0xNN>` is a byte.
    SentencePiece,
    /// Tokens are what they spell.
    Plain,
}

/// A `tokenizer.json` and the bytes of all its tokens.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    path: PathBuf,
    inner: tokenizers::Tokenizer,
    /// The same, blind to special tokens.
    plain: tokenizers::Tokenizer,
    bytes: Vec<Vec<u8>>,
    special: Vec<bool>,
    least_rows: usize,
    /// Names of the special tokens, longer ones first.
    special_names: Vec<String>,
}

impl Tokenizer {
    /// Reads `tokenizer.json`.
    pub fn open(path: &Path) -> Result<Self, LanguageError> {
        let read = |source| LanguageError::Read { path: path.into(), source };
        let length = std::fs::metadata(path).map_err(read)?.len();
        if length > MOST_FILE_BYTES {
            let reason = format!("{length} bytes are too many for a tokenizer");
            return Err(LanguageError::Tokenizer { path: path.into(), reason });
        }
        Self::from_json(&std::fs::read(path).map_err(read)?, path)
    }

    /// Parses the contents of `tokenizer.json`; `path` stands in errors.
    pub fn from_json(json: &[u8], path: &Path) -> Result<Self, LanguageError> {
        let refuse = |reason: String| LanguageError::Tokenizer { path: path.into(), reason };
        let mut inner =
            tokenizers::Tokenizer::from_bytes(json).map_err(|e| refuse(e.to_string()))?;
        // How texts were cut and filled up for the batches of a training is saved with the tokenizer, and no part
        // of it: transformers pays no heed to it either.
        inner.with_padding(None).with_truncation(None).map_err(|e| refuse(e.to_string()))?;
        let vocabulary = inner.get_vocab(true);
        let size = vocabulary.values().max().map_or(0, |most| *most as usize + 1);
        if size > 2 * vocabulary.len() + 1024 {
            let count = vocabulary.len();
            return Err(refuse(format!("{count} tokens with ids up to {size}")));
        }
        let spelling = spelling(&inner);
        let (mut bytes, mut special) = (vec![Vec::new(); size], vec![false; size]);
        for (token, id) in &vocabulary {
            bytes[*id as usize] = token_bytes(token, spelling);
        }
        for (id, token) in inner.get_added_tokens_decoder() {
            // Added tokens stand in the text as they are, but for the blanks of SentencePiece: Gemma has
            // runs of them among its added tokens.
            bytes[id as usize] = match spelling {
                Spelling::SentencePiece => token_bytes(&token.content, spelling),
                Spelling::ByteLevel | Spelling::Plain => token.content.into_bytes(),
            };
            special[id as usize] = token.special;
        }
        let words = vocabulary.values().filter(|id| !special[**id as usize]);
        let least_rows = words.max().map_or(0, |most| *most as usize + 1);
        let added = inner.get_added_tokens_decoder().into_values();
        let names = added.filter(|token| token.special).map(|token| token.content);
        let mut special_names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
        special_names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        let mut plain = inner.clone();
        plain.set_encode_special_tokens(true);
        Ok(Self { path: path.into(), inner, plain, bytes, special, least_rows, special_names })
    }

    /// One more than the greatest id.
    pub fn vocabulary_size(&self) -> usize {
        self.bytes.len()
    }

    /// Fewest rows of the table of a language model that can read all words: one more than the
    /// greatest id of a token that is not special. For special ones behind them a model may have no
    /// rows, as Gemma 3 1B, which sees nothing, has none for the token of pictures.
    pub fn least_rows(&self) -> usize {
        self.least_rows
    }

    /// Name of the first of `tokens` that has no row in a table of so many.
    pub fn beyond(&self, rows: usize, tokens: &[u32]) -> Option<String> {
        let token = tokens.iter().find(|token| **token as usize >= rows)?;
        Some(String::from_utf8_lossy(self.token_bytes(*token)).into_owned())
    }

    /// Tokens of `text`. Names of special tokens in it become those tokens; nothing is put before
    /// or behind it.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, LanguageError> {
        self.encode_with(&self.inner, text)
    }

    /// Tokens of words of others, in which names of special tokens are only words.
    pub fn encode_plain(&self, text: &str) -> Result<Vec<u32>, LanguageError> {
        self.encode_with(&self.plain, text)
    }

    fn encode_with(
        &self,
        tokenizer: &tokenizers::Tokenizer,
        text: &str,
    ) -> Result<Vec<u32>, LanguageError> {
        let encoding = tokenizer.encode_fast(text, false).map_err(|error| {
            LanguageError::Tokenizer { path: self.path.clone(), reason: error.to_string() }
        })?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Text of `tokens`, special ones left out, broken characters marked.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let visible = tokens.iter().filter(|token| !self.is_special(**token));
        let bytes: Vec<u8> = visible.flat_map(|token| self.token_bytes(*token)).copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Text of `tokens` as the file's own decoder joins words, special ones included.
    pub fn joined(&self, tokens: &[u32]) -> Result<String, LanguageError> {
        self.inner.decode(tokens, false).map_err(|error| LanguageError::Tokenizer {
            path: self.path.clone(),
            reason: error.to_string(),
        })
    }

    /// Bytes `token` stands for; none for an id that is no token.
    pub fn token_bytes(&self, token: u32) -> &[u8] {
        self.bytes.get(token as usize).map_or(&[], Vec::as_slice)
    }

    /// Whether `token` is a mark and no text.
    pub fn is_special(&self, token: u32) -> bool {
        self.special.get(token as usize).copied().unwrap_or(false)
    }

    /// Words of others with every name of a special token in them broken by a space, so that they
    /// may stand in a text in which such names become tokens.
    pub fn defuse(&self, words: &str) -> String {
        let mut text = words.to_owned();
        for name in &self.special_names {
            let mut letters = name.chars();
            if let Some(first) = letters.next().filter(|_| text.contains(name.as_str())) {
                text = text.replace(name.as_str(), &format!("{first} {}", letters.as_str()));
            }
        }
        text
    }

    /// The token spelled `token` in the vocabulary, such as `<|eot_id|>`.
    pub fn token(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }
}

/// The spelling follows from what the tokenizer decodes with.
fn spelling(tokenizer: &tokenizers::Tokenizer) -> Spelling {
    let decoder = tokenizer.get_decoder().map(serde_json::to_string);
    let decoder = decoder.and_then(Result::ok).unwrap_or_default();
    if decoder.contains("\"ByteLevel\"") {
        Spelling::ByteLevel
    } else if decoder.contains("\"ByteFallback\"") || decoder.contains('▁') {
        Spelling::SentencePiece
    } else {
        Spelling::Plain
    }
}

fn token_bytes(token: &str, spelling: Spelling) -> Vec<u8> {
    match spelling {
        Spelling::Plain => token.as_bytes().to_vec(),
        Spelling::SentencePiece => {
            let hex = token.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
            match hex.map(|hex| u8::from_str_radix(hex, 16)) {
                Some(Ok(byte)) => vec![byte],
                _ => token.replace('▁', " ").into_bytes(),
            }
        }
        Spelling::ByteLevel => {
            let bytes: Option<Vec<u8>> = token.chars().map(byte_of).collect();
            bytes.unwrap_or_else(|| token.as_bytes().to_vec())
        }
    }
}

/// The byte a character of a byte-level vocabulary stands for: printable Latin-1 stands for
/// itself, the 68 other bytes for U+0100 and on, in order.
fn byte_of(character: char) -> Option<u8> {
    let code = u32::from(character);
    match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => u8::try_from(code).ok(),
        0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        0x121..=0x142 => u8::try_from(code - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::detokenize::Detokenizer;
    use super::*;

    /// A byte-level tokenizer with some merges: `<s>`, `</s>`, then the bytes in order.
    pub(crate) fn byte_level() -> Tokenizer {
        let alphabet = (0..=0x143u32)
            .filter_map(char::from_u32)
            .filter_map(|character| byte_of(character).map(|byte| (byte, character.to_string())));
        let mut vocabulary: serde_json::Map<String, serde_json::Value> =
            alphabet.map(|(byte, character)| (character, json!(2 + u32::from(byte)))).collect();
        assert_eq!(vocabulary.len(), 256);
        let merges = [("o", "p"), ("e", "n"), ("op", "en"), ("Ġ", "open"), ("â", "Ĥ")];
        for (number, (left, right)) in (258..).zip(merges) {
            vocabulary.insert(format!("{left}{right}"), json!(number));
        }
        vocabulary.insert("<s>".into(), json!(0));
        vocabulary.insert("</s>".into(), json!(1));
        let added = |id: u32, content: &str| {
            json!({"id": id, "content": content, "special": true, "single_word": false,
                "lstrip": false, "rstrip": false, "normalized": false})
        };
        let level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
            "use_regex": true});
        let json = json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
            "added_tokens": [added(0, "<s>"), added(1, "</s>")],
            "pre_tokenizer": level, "post_processor": null, "decoder": level,
            "model": {"type": "BPE", "vocab": vocabulary, "merges": merges, "dropout": null,
                "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
                "fuse_unk": false, "byte_fallback": false, "ignore_merges": false},
        });
        Tokenizer::from_json(json.to_string().as_bytes(), Path::new("tokenizer.json")).unwrap()
    }

    impl Tokenizer {
        /// The contents of `tokenizer.json`.
        pub(crate) fn to_json(&self) -> String {
            self.inner.to_string(false).unwrap()
        }

        /// The same with these special tokens behind all others.
        pub(crate) fn with_special(&self, names: &[&str]) -> Self {
            let mut inner = self.inner.clone();
            let added = names.iter().map(|name| tokenizers::AddedToken::from(*name, true));
            inner.add_special_tokens(added).unwrap();
            let json = inner.to_string(false).unwrap();
            Self::from_json(json.as_bytes(), &self.path).unwrap()
        }
    }

    #[test]
    fn special_tokens_and_merges() {
        let tokenizer = byte_level();
        let tokens = tokenizer.encode("<s> open</s>").unwrap();
        assert_eq!(tokens, [0, 261, 1]);
        assert_eq!(tokenizer.token_bytes(261), b" open");
        assert_eq!(tokenizer.decode(&tokens), " open");
        let plain = tokenizer.encode_plain("<s> open</s>").unwrap();
        assert_eq!(tokenizer.decode(&plain), "<s> open</s>");
        assert_eq!(tokenizer.token("</s>"), Some(1));
        assert!(tokenizer.is_special(0) && !tokenizer.is_special(261));
        assert_eq!(tokenizer.token_bytes(9999), b"");
    }

    /// As `save_pretrained` leaves it behind a training in batches.
    #[test]
    fn texts_are_neither_cut_nor_filled_up() {
        let mut saved: serde_json::Value = serde_json::from_str(&byte_level().to_json()).unwrap();
        saved["truncation"] = json!({"direction": "Right", "max_length": 2,
            "strategy": "LongestFirst", "stride": 0});
        saved["padding"] = json!({"strategy": {"Fixed": 8}, "direction": "Right",
            "pad_to_multiple_of": null, "pad_id": 1, "pad_type_id": 0, "pad_token": "</s>"});
        let path = Path::new("tokenizer.json");
        let tokenizer = Tokenizer::from_json(saved.to_string().as_bytes(), path).unwrap();
        for text in ["o", "open open open"] {
            let expected = byte_level().encode(text).unwrap();
            assert_eq!(tokenizer.encode(text).unwrap(), expected, "{text}");
            assert_eq!(tokenizer.encode_plain(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn special_tokens_behind_the_others_need_no_rows() {
        let tokenizer = byte_level().with_special(&["<image>"]);
        assert_eq!((tokenizer.vocabulary_size(), tokenizer.least_rows()), (264, 263));
        assert_eq!(byte_level().least_rows(), 263);
        let tokens = tokenizer.encode("open <image>").unwrap();
        assert_eq!(tokenizer.beyond(263, &tokens).as_deref(), Some("<image>"));
        assert_eq!(tokenizer.beyond(264, &tokens), None);
        let words = tokenizer.encode_plain("open <image>").unwrap();
        assert_eq!(tokenizer.beyond(263, &words), None);
    }

    #[test]
    fn defused_words_are_no_special_tokens() {
        let tokenizer = byte_level();
        assert_eq!(tokenizer.defuse("a <s> and </s>"), "a < s> and < /s>");
        assert_eq!(tokenizer.defuse("plain"), "plain");
        let tokens = tokenizer.encode(&tokenizer.defuse("<s><s></s>")).unwrap();
        assert!(!tokens.iter().any(|token| tokenizer.is_special(*token)));
    }

    #[test]
    fn sentence_piece_spelling() {
        assert_eq!(token_bytes("▁the", Spelling::SentencePiece), b" the");
        assert_eq!(token_bytes("<0x0A>", Spelling::SentencePiece), b"\n");
        assert_eq!(token_bytes("<0xZZ>", Spelling::SentencePiece), b"<0xZZ>");
    }

    /// As in Gemma's `tokenizer.json`, where JSON would else be indented with `▁▁`.
    #[test]
    fn added_runs_of_blanks_are_blanks() {
        let json = json!({
            "version": "1.0", "truncation": null, "padding": null, "pre_tokenizer": null,
            "post_processor": null,
            "added_tokens": [{"id": 2, "content": "▁▁", "special": false, "single_word": false,
                "lstrip": false, "rstrip": false, "normalized": false}],
            "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"}, {"type": "Fuse"}]},
            "model": {"type": "BPE", "vocab": {"▁": 0, "a": 1, "▁▁": 2}, "merges": [["▁", "▁"]],
                "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": true,
                "ignore_merges": false},
        });
        let path = Path::new("tokenizer.json");
        let tokenizer = Tokenizer::from_json(json.to_string().as_bytes(), path).unwrap();
        let tokens = tokenizer.encode("  a").unwrap();
        assert_eq!(tokens, [2, 1]);
        assert_eq!(tokenizer.decode(&tokens), "  a");
        assert_eq!(tokenizer.joined(&tokens).unwrap(), "  a");
    }

    #[test]
    fn broken_files_are_named() {
        let path = Path::new("models/x/tokenizer.json");
        let error = Tokenizer::from_json(b"{}", path).unwrap_err().to_string();
        assert!(error.starts_with("models/x/tokenizer.json: tokenizer:"), "{error}");
        assert!(Tokenizer::open(Path::new("no/such/file")).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn bytes_of_the_tokens_are_the_text(text in "(open| |€|[a-z]|.){0,30}") {
            let tokenizer = byte_level();
            let tokens = tokenizer.encode(&text).unwrap();
            prop_assume!(!tokens.iter().any(|token| tokenizer.is_special(*token)));
            prop_assert_eq!(tokenizer.decode(&tokens), text.clone());
            prop_assert_eq!(tokenizer.inner.decode(&tokens, true).unwrap(), text.clone());
            let mut detokenizer = Detokenizer::new();
            let mut streamed = String::new();
            for token in tokens {
                streamed.push_str(&detokenizer.push(tokenizer.token_bytes(token)));
            }
            streamed.push_str(&detokenizer.finish());
            prop_assert_eq!(streamed, text);
        }

        #[test]
        fn arbitrary_files_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(Tokenizer::from_json(&bytes, Path::new("tokenizer.json")).is_err());
        }
    }
}
