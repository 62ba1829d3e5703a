//! A loaded Scene-LLM with the words of its plans: what all its tasks share.

use super::ActionVocabulary;
use super::grammar::{PlanGrammar, TokenTable, token_table};
use super::planning::PlanningError;
use super::view::{SceneView, ViewSpec};
use crate::language::{SamplingOptions, StopReason};
use crate::model::{PromptInput, PromptKind, SceneLlm};
use candle_core::Device;
use std::path::Path;

/// What becomes of a listener that is told words as they come: `false` ends the answer.
pub(super) type Listener<'a> = dyn FnMut(&str) -> bool + 'a;

/// One model, many tasks: plans, descriptions, answers, captions, ways, replies. What its manifest
/// was not taught it refuses by name ([`crate::model::ModelError::Untaught`]).
#[derive(Debug)]
pub struct SceneMind {
    pub(super) model: SceneLlm,
    vocabulary: ActionVocabulary,
}

/// What the model said.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    /// The words, trimmed.
    pub text: String,
    /// Mean log-probability of a token.
    pub mean_log_probability: f64,
    /// Whether the model ended them, rather than their greatest length.
    pub finished: bool,
}

impl SceneMind {
    /// Loads the model folder `folder` onto `device`.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, PlanningError> {
        let model = SceneLlm::load(folder, device)?;
        let vocabulary = match &model.manifest().vocabulary {
            Some(file) => ActionVocabulary::read(&folder.join(file))?,
            None => ActionVocabulary::alfred(),
        };
        let mind = Self { model, vocabulary };
        // A tokenizer that cannot write the plans is found now, not at the first goal.
        PlanGrammar::new(&mind.vocabulary, mind.table(&mind.vocabulary.tasks))?;
        Ok(mind)
    }

    /// Name of the model.
    pub fn name(&self) -> &str {
        &self.model.manifest().name
    }

    /// Its actions and words.
    pub fn vocabulary(&self) -> &ActionVocabulary {
        &self.vocabulary
    }

    /// What it takes in; `None` where it is blind.
    pub fn view_spec(&self) -> Option<ViewSpec> {
        ViewSpec::of(self.model.manifest())
    }

    /// Whether it was taught what is asked.
    pub fn can(&self, kind: PromptKind) -> bool {
        self.model.can(kind)
    }

    /// As much of a view as the model can take in: nothing where it is blind.
    pub(super) fn seen<'v>(&self, view: Option<&'v SceneView>) -> Option<&'v SceneView> {
        view.filter(|_| self.model.sees())
    }

    /// The model's own words for `input`, likeliest token by likeliest token, at most `most_tokens`.
    /// They go to `on_text` as they come; it ends them by returning `false`.
    pub(super) fn speak_freely(
        &mut self,
        input: PromptInput,
        most_tokens: usize,
        on_text: &mut Listener<'_>,
    ) -> Result<Words, PlanningError> {
        let segments = self.model.prompt(input)?;
        let options = SamplingOptions {
            temperature: 0.0,
            top_k: None,
            top_p: None,
            seed: 0,
            max_tokens: most_tokens,
        };
        let answer = self.model.generate(&segments, None, &options, on_text)?;
        if answer.stop == StopReason::Cancelled {
            return Err(PlanningError::Interrupted);
        }
        Ok(Words {
            text: self.model.tokenizer().decode(&answer.tokens).trim().to_owned(),
            mean_log_probability: f64::from(answer.mean_log_probability),
            finished: answer.stop == StopReason::EndOfText,
        })
    }

    /// What a grammar needs to know of the model's tokenizer, with the tokens of `tasks`.
    pub(super) fn table(&self, tasks: &[String]) -> TokenTable {
        let config = self.model.llama().config();
        let end = config.eos.first().copied().unwrap_or_default();
        token_table(self.model.tokenizer(), config.vocab_size, end, tasks)
    }
}

impl SceneMind {
    /// What of the egocentric frame matters to `goal`, in words that begin with "i saw". `None`
    /// where no frame is shown, or the model was not taught to describe one, or finds no end.
    pub fn describe(
        &mut self,
        goal: &str,
        view: Option<&SceneView>,
        on_text: &mut Listener<'_>,
    ) -> Result<Option<String>, PlanningError> {
        let frame = self.seen(view).and_then(|view| view.frame.clone());
        let Some(frame) = frame.filter(|_| self.can(PromptKind::Describe)) else {
            return Ok(None);
        };
        let input = PromptInput {
            frame: Some(frame),
            kind: PromptKind::Describe,
            goal: goal.to_owned(),
            ..PromptInput::default()
        };
        let words = self.speak_freely(input, MOST_DESCRIPTION, on_text)?;
        Ok(Some(words.text).filter(|text| words.finished && !text.is_empty()))
    }
}

/// Longest description, tokens; one that is longer has lost its way.
const MOST_DESCRIPTION: usize = 96;
