//! The planner's own byte-level BPE tokenizer, trained on its goals, instructions and plans.

use super::LearnError;
use super::alfred::Trajectory;
use super::samples::{BEGIN, DRAFT, END, GOAL, PAD, PLAN, STEP, STEPS, STYLE, task_token};
use crate::tasks::{ActionVocabulary, plan_text};
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::{AddedToken, SplitDelimiterBehavior};
use tokenizers::{PreTokenizerWrapper, Tokenizer, TokenizerBuilder};

/// Words with their space, numbers, marks, white space: no token crosses these.
const PIECES: &str = r"\s?\p{L}+|\s?\d+|\s?[^\s\p{L}\d]+|\s+";

/// Trains a tokenizer of at most `vocabulary_size` tokens.
pub fn train_tokenizer(
    trajectories: &[Trajectory],
    vocabulary: &ActionVocabulary,
    vocabulary_size: usize,
) -> Result<Tokenizer, LearnError> {
    let failed = |error: tokenizers::Error| LearnError::Tokenizer(error.to_string());
    let specials: Vec<_> = [BEGIN, END, PAD, GOAL, DRAFT, PLAN, STEPS, STEP]
        .into_iter()
        .map(str::to_string)
        .chain(vocabulary.tasks.iter().map(|task| task_token(task)))
        .map(|text| AddedToken::from(text, true))
        .collect();
    let split = Split::new(
        SplitPattern::Regex(PIECES.to_string()),
        SplitDelimiterBehavior::Isolated,
        false,
    )
    .map_err(failed)?;
    let bytes = ByteLevel::new(false, false, false);
    let mut tokenizer = TokenizerBuilder::default()
        .with_model(BPE::default())
        .with_normalizer(None::<tokenizers::NormalizerWrapper>)
        .with_pre_tokenizer(Some(Sequence::new(vec![
            PreTokenizerWrapper::Split(split),
            PreTokenizerWrapper::ByteLevel(bytes),
        ])))
        .with_post_processor(None::<tokenizers::PostProcessorWrapper>)
        .with_decoder(Some(bytes))
        .build()
        .map_err(failed)?;
    let mut trainer = BpeTrainer::builder()
        .vocab_size(vocabulary_size)
        .min_frequency(2)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(specials)
        .build();
    let mut texts = Vec::new();
    for trajectory in trajectories {
        texts.push(plan_text(&trajectory.plan, vocabulary));
        for goal in &trajectory.goals {
            texts.push(STYLE.apply(&goal.goal));
            texts.extend(goal.steps.iter().map(|step| STYLE.apply(step)));
        }
    }
    tokenizer.train(&mut trainer, texts.into_iter()).map_err(failed)?;
    // Through its text, so that what is used in training is what will be loaded.
    let text = tokenizer.to_string(true).map_err(failed)?;
    Tokenizer::from_bytes(text.as_bytes()).map_err(failed)
}
