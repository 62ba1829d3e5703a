//! Prompts: words and 3D tokens in one row.

use std::hash::{DefaultHasher, Hash, Hasher};

use candle_core::Tensor;

use super::error::ModelError;
use super::projector::Projector;
use super::template::{Around, PromptKind, PromptTemplate};
use crate::language::{LanguageError, TokenEmbedder, Tokenizer};
use crate::scene::VisualTokens;

/// A piece of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub enum Segment {
    /// Words of the template, where names of special tokens are those tokens.
    Template(String),
    /// Words of others, where names of special tokens are only words.
    Text(String),
    /// 3D tokens.
    Visual(VisualTokens),
}

/// What a prompt is made of; what is absent is left out together with its introduction.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PromptInput {
    /// 3D tokens of the egocentric frame, camera coordinates.
    pub frame: Option<VisualTokens>,
    /// 3D tokens of the scene, world coordinates.
    pub scene: Option<VisualTokens>,
    /// What is known in words: the state description, the objects of the map.
    pub context: Option<String>,
    /// What is asked of the model.
    pub kind: PromptKind,
    /// What was said before, and the replies, oldest first.
    pub turns: Vec<[String; 2]>,
    /// The instruction, question or utterance.
    pub goal: String,
}

impl PromptTemplate {
    /// The prompt for `input`: begin, frame, scene, context, earlier turns, instruction; `None` where
    /// the model was not taught what is asked.
    pub fn segments(&self, input: PromptInput) -> Option<Vec<Segment>> {
        let Around { before, after } = self.around(input.kind)?;
        let style = self.goal_style;
        let mut segments = vec![Segment::Template(self.begin.clone())];
        for (introduction, tokens) in [(&self.ego, input.frame), (&self.scene, input.scene)] {
            if let Some(tokens) = tokens {
                segments.push(Segment::Template(introduction.clone()));
                segments.push(Segment::Visual(tokens));
            }
        }
        if let Some(context) = input.context {
            segments.push(Segment::Template(self.context.clone()));
            segments.push(Segment::Text(style.apply(&context)));
        }
        for [said, reply] in &input.turns {
            segments.push(Segment::Template(before.clone()));
            segments.push(Segment::Text(style.apply(said)));
            segments.push(Segment::Template(after.clone()));
            segments.push(Segment::Text(style.apply(reply)));
        }
        segments.push(Segment::Template(before));
        segments.push(Segment::Text(style.apply(&input.goal)));
        segments.push(Segment::Template(after));
        Some(segments)
    }
}

/// A prompt as the language model takes it.
#[derive(Debug)]
pub struct SplicedPrompt {
    /// `(1, positions, hidden)`.
    pub embeds: Tensor,
    /// One number a position; prompts that begin with equal numbers begin with equal embeddings.
    pub keys: Vec<u64>,
}

/// The number of a word in [`SplicedPrompt::keys`].
pub(super) fn token_key(token: u32) -> u64 {
    u64::from(token)
}

/// Makes one row of embeddings of `segments`. Gradients pass through to the projector.
pub fn splice(
    segments: &[Segment],
    tokenizer: &Tokenizer,
    embedder: &TokenEmbedder,
    projector: Option<&Projector>,
) -> Result<SplicedPrompt, ModelError> {
    let (mut rows, mut keys) = (Vec::new(), Vec::new());
    for segment in segments {
        let embeds = match segment {
            Segment::Visual(tokens) => {
                let projector = projector.ok_or_else(|| {
                    ModelError::VisualTokens("there is no projector to read them".into())
                })?;
                let projected = projector.project(tokens)?;
                // Only now are the lengths inside the tokens known to agree.
                keys.extend(visual_keys(tokens));
                projected.to_dtype(embedder.dtype())?.unsqueeze(0)?
            }
            Segment::Template(text) | Segment::Text(text) => {
                let ids = match segment {
                    Segment::Text(_) => tokenizer.encode_plain(text)?,
                    _ => tokenizer.encode(text)?,
                };
                if let Some(name) = tokenizer.beyond(embedder.rows(), &ids) {
                    let rows = embedder.rows();
                    return Err(LanguageError::Argument(format!(
                        "the prompt has the token `{name}`, which is not among the {rows} that the \
                         language model knows"
                    ))
                    .into());
                }
                keys.extend(ids.iter().copied().map(token_key));
                embedder.embed(&ids)?
            }
        };
        // An empty tensor cannot be joined to others.
        if embeds.dim(1)? > 0 {
            rows.push(embeds);
        }
    }
    let embeds = if rows.is_empty() { embedder.embed(&[])? } else { Tensor::cat(&rows, 1)? };
    Ok(SplicedPrompt { embeds, keys })
}

/// Hashes of the tokens' numbers, kept apart from words by the highest bit.
fn visual_keys(tokens: &VisualTokens) -> impl Iterator<Item = u64> {
    let width = tokens.width;
    tokens.xyz_m.iter().zip(&tokens.rgb).enumerate().map(move |(index, (xyz, rgb))| {
        let features = &tokens.features[index * width..(index + 1) * width];
        let mut hasher = DefaultHasher::new();
        for number in features.iter().chain(xyz).chain(rgb) {
            number.to_bits().hash(&mut hasher);
        }
        hasher.finish() | 1 << 63
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GoalStyle;

    #[test]
    fn turns_stand_before_what_is_said_now() {
        let around = Around { before: "<say>".into(), after: "<answer>".into() };
        let template = PromptTemplate {
            begin: "<s>".into(),
            goal_style: GoalStyle::Plain,
            others: [(PromptKind::Say, around)].into(),
            ..Default::default()
        };
        let input = PromptInput {
            kind: PromptKind::Say,
            turns: vec![["Where is the mug?".into(), "On the table.".into()]],
            goal: "Thanks".into(),
            ..Default::default()
        };
        let words: Vec<String> = template
            .segments(input)
            .unwrap()
            .into_iter()
            .map(|segment| match segment {
                Segment::Template(words) | Segment::Text(words) => words,
                Segment::Visual(_) => "?".into(),
            })
            .collect();
        let told = "<s><say> where is the mug?<answer> on the table<say> thanks<answer>";
        assert_eq!(words.concat(), told);
        let ask = PromptInput { kind: PromptKind::Ask, ..Default::default() };
        assert_eq!(template.segments(ask), None);
    }
}
