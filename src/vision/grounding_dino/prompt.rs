//! From names to the texts that the model reads, and back from tokens to words.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::NAME;
use super::config::GroundingDinoConfig;
use crate::language::{LanguageError, Tokenizer};
use crate::vision::VisionError;

/// What the reference does to a text that was put together from tokens, in this order.
const CLEANED: [(&str, &str); 10] = [
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
];

/// One text for the model: names, each a phrase with a full stop behind it, between the marks at the
/// ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prompt {
    pub tokens: Vec<u32>,
    /// Which name a phrase is, and where its tokens stand; the full stop follows.
    pub phrases: Vec<(usize, Range<usize>)>,
}

/// Names to prompts.
#[derive(Debug)]
pub(super) struct Prompter {
    path: PathBuf,
    tokenizer: Tokenizer,
    start: u32,
    end: u32,
    stop: u32,
    question: u32,
    /// Most tokens of a prompt.
    context: usize,
    /// Most tokens of a phrase.
    most: usize,
}

impl Prompter {
    /// Reads `tokenizer.json` in `folder`.
    pub fn open(folder: &Path, config: &GroundingDinoConfig) -> Result<Self, VisionError> {
        let path = folder.join("tokenizer.json");
        let fault = |reason: String| VisionError::Config { path: path.clone(), reason };
        let tokenizer = Tokenizer::open(&path).map_err(|error| fault(error.to_string()))?;
        let (found, known) = (tokenizer.vocabulary_size(), config.text_config.vocab_size);
        if found > known {
            return Err(fault(format!("has {found} tokens, the text tower knows {known}")));
        }
        let mark = |name: &str| {
            tokenizer.token(name).ok_or_else(|| fault(format!("'{name}' is no token of it")))
        };
        let (start, end, stop, question) = (mark("[CLS]")?, mark("[SEP]")?, mark(".")?, mark("?")?);
        // A phrase's tokens and its full stop have positions of their own.
        let positions = config.text_config.max_position_embeddings;
        let context = config.max_text_len;
        let most = context.saturating_sub(3).min(positions.saturating_sub(1));
        Ok(Self { path, tokenizer, start, end, stop, question, context, most })
    }

    /// Prompts of all names, as few as hold them. Full stops and question marks end a phrase, so
    /// those within a name are left out.
    ///
    /// # Errors
    ///
    /// Without names, and for a name without words or with more than a prompt holds.
    pub fn prompts(&self, names: &[&str]) -> Result<Vec<Prompt>, VisionError> {
        if names.is_empty() {
            return Err(bad("there are no names to look for".into()));
        }
        let mut prompts = Vec::new();
        let mut open = self.empty();
        for (index, name) in names.iter().enumerate() {
            let words = self.words(name)?;
            if words.is_empty() {
                return Err(bad(format!("name {index} ('{name}') has no word in it")));
            }
            if words.len() > self.most {
                let (count, most) = (words.len(), self.most);
                let start: String = name.chars().take(40).collect();
                let reason =
                    format!("name {index} ('{start}…') has {count} tokens, of at most {most}");
                return Err(bad(reason));
            }
            // A full stop behind the words, and the mark at the end.
            if open.tokens.len() + words.len() + 2 > self.context {
                prompts.push(self.closed(std::mem::replace(&mut open, self.empty())));
            }
            let first = open.tokens.len();
            open.phrases.push((index, first..first + words.len()));
            open.tokens.extend(words);
            open.tokens.push(self.stop);
        }
        prompts.push(self.closed(open));
        Ok(prompts)
    }

    /// The words of some tokens of a prompt, as the reference writes them.
    pub fn text(&self, tokens: &[u32]) -> Result<String, VisionError> {
        let text = self.tokenizer.joined(tokens).map_err(|error| self.fault(&error))?;
        Ok(CLEANED.iter().fold(text, |text, (from, to)| text.replace(from, to)))
    }

    /// Tokens of a name.
    fn words(&self, name: &str) -> Result<Vec<u32>, VisionError> {
        let words = self.tokenizer.encode_plain(&name.to_lowercase());
        let mut words = words.map_err(|error| self.fault(&error))?;
        words.retain(|word| ![self.start, self.end, self.stop, self.question].contains(word));
        Ok(words)
    }

    fn empty(&self) -> Prompt {
        Prompt { tokens: vec![self.start], phrases: Vec::new() }
    }

    fn closed(&self, mut prompt: Prompt) -> Prompt {
        prompt.tokens.push(self.end);
        prompt
    }

    fn fault(&self, error: &LanguageError) -> VisionError {
        VisionError::Config { path: self.path.clone(), reason: error.to_string() }
    }
}

impl Prompt {
    /// The place of each token within its phrase, the full stop counted; 0 for the marks.
    pub fn places(&self) -> Vec<u32> {
        let mut places = vec![0; self.tokens.len()];
        for (_, phrase) in &self.phrases {
            // The full stop is the last of its phrase.
            for (place, at) in (0..).zip(phrase.start..=phrase.end) {
                if let Some(entry) = places.get_mut(at) {
                    *entry = place;
                }
            }
        }
        places
    }

    /// Added to scores among tokens, row by row: each sees those of its phrase only, the full stop
    /// included; a mark sees itself.
    pub fn mask(&self) -> Vec<f32> {
        let mut phrase_of: Vec<Option<usize>> = vec![None; self.tokens.len()];
        for (number, (_, phrase)) in self.phrases.iter().enumerate() {
            for at in phrase.start..=phrase.end {
                if let Some(entry) = phrase_of.get_mut(at) {
                    *entry = Some(number);
                }
            }
        }
        let rows = phrase_of.iter().enumerate();
        let sees = rows.flat_map(|(row, own)| {
            let columns = phrase_of.iter().enumerate();
            columns.map(move |(column, other)| row == column || own.is_some() && own == other)
        });
        sees.map(|sees| if sees { 0.0 } else { f32::NEG_INFINITY }).collect()
    }
}

fn bad(reason: String) -> VisionError {
    VisionError::BadText { extractor: NAME.into(), reason }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::fixture;
    use super::*;

    fn prompter() -> Prompter {
        let folder = fixture("grounding_dino_tiny");
        Prompter::open(&folder, &GroundingDinoConfig::read(&folder).unwrap()).unwrap()
    }

    #[test]
    fn words_of_a_phrase_see_each_other_and_nothing_else() {
        let prompts = prompter().prompts(&["a mug", "cup"]).unwrap();
        let [prompt] = prompts.as_slice() else { panic!("{prompts:?}") };
        assert_eq!(prompt.phrases, [(0, 1..3), (1, 4..5)]);
        assert_eq!(prompt.places(), [0, 0, 1, 2, 0, 1, 0]);
        let mask = prompt.mask();
        let sees = |row: usize| -> Vec<usize> {
            (0..7).filter(|column| mask[row * 7 + column] == 0.0).collect()
        };
        assert_eq!((sees(0), sees(1), sees(3)), (vec![0], vec![1, 2, 3], vec![1, 2, 3]));
        assert_eq!((sees(5), sees(6)), (vec![4, 5], vec![6]));
    }

    #[test]
    fn long_vocabularies_become_several_prompts() {
        let prompter = prompter();
        let names: Vec<String> = (0..5000).map(|at| format!("a {at} mug")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let prompts = prompter.prompts(&names).unwrap();
        let told = prompts.iter().flat_map(|prompt| prompt.phrases.iter().map(|(name, _)| *name));
        assert!(told.eq(0..5000));
        for prompt in &prompts {
            assert!(prompt.tokens.len() <= 40, "{}", prompt.tokens.len());
            assert!(prompt.places().iter().all(|place| *place < 32));
            for (name, phrase) in &prompt.phrases {
                let text = prompter.text(&prompt.tokens[phrase.clone()]).unwrap();
                assert_eq!(text.replace(' ', ""), names[*name].replace(' ', ""));
                assert_eq!(prompt.tokens[phrase.end], prompter.stop);
            }
        }
    }

    #[test]
    fn names_that_cannot_be_asked_for_are_told() {
        let prompter = prompter();
        let long = "mug ".repeat(32);
        for (names, message) in [
            (vec![], "no names"),
            (vec!["cup", " \t"], "name 1 (' \t') has no word"),
            (vec!["...?"], "name 0 ('...?') has no word"),
            (vec![long.as_str()], "has 32 tokens, of at most 31"),
        ] {
            let error = prompter.prompts(&names).unwrap_err().to_string();
            assert!(error.contains(message), "{error} does not say {message}");
        }
        let stops = prompter.prompts(&["st. bernard?"]).unwrap();
        assert_eq!(stops[0].tokens.iter().filter(|token| **token == prompter.stop).count(), 1);
        assert_eq!(prompter.prompts(&["[SEP] mug"]).unwrap()[0].phrases.len(), 1);
    }
}
