//! Lessons as rows of tokens, words and 3D tokens in the order in which the finished model will read
//! them ([`crate::model::splice`]).

use super::super::LearnError;
use super::super::batch::{Encoded, expert_targets, pad_id, taught_ids, taught_targets, torn};
use super::lesson::Lesson;
use crate::model::Segment;
use rand::Rng;
use std::ops::Range;
use tokenizers::Tokenizer;

/// How freely the words of a prompt are spelled in training. Probabilities are 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Freedom {
    /// Of hiding a token of what a person says.
    pub hide: f64,
    /// Of tearing a word of it into other tokens.
    pub tear: f64,
}

/// A tokenizer, with and without an eye for special tokens.
#[derive(Debug, Clone)]
pub struct Speller {
    tokenizer: Tokenizer,
    plain: Tokenizer,
    pad: u32,
}

impl Speller {
    /// Spells as `tokenizer` does.
    pub fn new(tokenizer: Tokenizer) -> Result<Self, LearnError> {
        let mut plain = tokenizer.clone();
        plain.set_encode_special_tokens(true);
        let pad = pad_id(&tokenizer)?;
        Ok(Self { tokenizer, plain, pad })
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The token that fills rows.
    pub fn pad(&self) -> u32 {
        self.pad
    }

    /// The row of a lesson whose prompt is `segments`, with what else is asked behind its answer, each
    /// with its own words and answer.
    pub fn row(
        &self,
        lesson: &Lesson,
        segments: Vec<Segment>,
        further: Vec<(Vec<Segment>, &str)>,
        freedom: Freedom,
        rng: &mut impl Rng,
    ) -> Result<Encoded, LearnError> {
        let mut row = Encoded {
            ids: vec![],
            answer_at: 0,
            targets: vec![],
            seen: vec![],
            looks: Default::default(),
        };
        self.ask(&mut row, segments, freedom, rng)?;
        row.answer_at = row.ids.len();
        self.answer(&mut row, &lesson.answer, &lesson.places, &lesson.taught)?;
        for (segments, answer) in further {
            self.ask(&mut row, segments, freedom, rng)?;
            self.answer(&mut row, answer, &[], &[])?;
        }
        Ok(row)
    }

    fn ask(
        &self,
        row: &mut Encoded,
        segments: Vec<Segment>,
        freedom: Freedom,
        rng: &mut impl Rng,
    ) -> Result<(), LearnError> {
        for segment in segments {
            match segment {
                Segment::Template(text) => {
                    let encoding = self.tokenizer.encode_fast(text, false).map_err(failed)?;
                    row.ids.extend_from_slice(encoding.get_ids());
                }
                Segment::Text(text) => {
                    for piece in torn(&text, freedom.tear, rng) {
                        let encoding = self.plain.encode_fast(piece, false).map_err(failed)?;
                        let hidden = |id: &u32| {
                            let hide = freedom.hide > 0.0 && rng.random_bool(freedom.hide);
                            if hide { self.pad } else { *id }
                        };
                        row.ids.extend(encoding.get_ids().iter().map(hidden));
                    }
                }
                Segment::Visual(tokens) => {
                    let at = row.ids.len();
                    row.ids.resize(at + tokens.len(), self.pad);
                    if !tokens.is_empty() {
                        row.seen.push((at, tokens));
                    }
                }
            }
        }
        Ok(())
    }

    fn answer(
        &self,
        row: &mut Encoded,
        answer: &str,
        places: &[Range<usize>],
        taught: &[(String, f64)],
    ) -> Result<(), LearnError> {
        let answer = self.tokenizer.encode(answer, false).map_err(failed)?;
        let at = row.ids.len();
        row.targets.extend(match taught {
            [] => expert_targets(&answer, at, places),
            taught => {
                let answers = taught_ids(&self.tokenizer, taught).map_err(failed)?;
                taught_targets(answer.get_ids(), at, answers)
            }
        });
        row.ids.extend_from_slice(answer.get_ids());
        Ok(())
    }
}

fn failed(error: tokenizers::Error) -> LearnError {
    LearnError::Tokenizer(error.to_string())
}
