//! Instructions to go somewhere, turned into a program of lines by a model that sees.

use super::line_grammar::LineGrammar;
use super::planning::PlanningError;
use super::scene_mind::{Listener, SceneMind};
use super::view::{About, SceneView};
use crate::model::{PromptInput, PromptKind};

/// A program as the model wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// Its lines.
    pub lines: Vec<String>,
    /// Mean log-probability of a token among those the grammar allowed.
    pub mean_log_probability: f64,
}

impl SceneMind {
    /// The likeliest program of at most `most` of `lines` for `instruction`. Nothing but these lines
    /// can come out, whatever the weights. Of the view the scene is shown; the frame, where there is
    /// none.
    ///
    /// # Errors
    ///
    /// When the model was not taught to, fails, or finds no end.
    pub fn navigate(
        &mut self,
        instruction: &str,
        view: Option<&SceneView>,
        (lines, most): (&[String], usize),
        on_text: &mut Listener<'_>,
    ) -> Result<Program, PlanningError> {
        let (frame, scene) = self.shown(About::Scene, view);
        let input = PromptInput {
            frame,
            scene,
            kind: PromptKind::Navigate,
            goal: instruction.to_owned(),
            ..PromptInput::default()
        };
        let segments = self.model.prompt(input)?;
        let grammar = LineGrammar::new(lines, self.table(&[]).into(), most)?;
        let mut wanted = true;
        let mut listen = |text: &str| {
            wanted = wanted && on_text(text);
            wanted
        };
        let replies = self.model.search(&segments, Some(Box::new(grammar)), 1, &mut listen)?;
        if !wanted {
            return Err(PlanningError::Interrupted);
        }
        let best = replies.into_iter().find(|reply| reply.finished);
        let tokens = self.model.manifest().decoding.max_tokens;
        let best = best.ok_or(PlanningError::Unfinished { tokens })?;
        Ok(Program {
            lines: best.text.lines().map(|line| line.trim().to_owned()).collect(),
            mean_log_probability: f64::from(best.mean_log_probability),
        })
    }
}
