//! What a planner is, whatever its model is.

use super::planning::{PlanRequest, PlanningError};
use super::scene_mind::SceneMind;
use super::view::SceneView;
use super::{ActionVocabulary, Argument, SpokenStep};
use crate::vision::TextEncoder;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A plan before its words are bound to the map.
#[derive(Debug, Clone, PartialEq)]
pub struct SpokenPlan {
    /// Kind of task, where the model names one.
    pub task: Option<String>,
    /// The steps, the end action left out.
    pub steps: Vec<SpokenStep>,
    /// Mean log-probability of a token among those the grammar allowed; of what is done, where
    /// that is decided before where to go. `None` where the model does not tell.
    pub mean_log_probability: Option<f64>,
    /// What the model saw before it planned, in its own words, where it describes what it sees.
    pub saw: Option<String>,
}

/// What a planner wrote for a request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WrittenPlan {
    /// Kind of task, where the model names one.
    pub task: Option<String>,
    /// Action and bound arguments of every step, the end action left out.
    pub steps: Vec<(String, Vec<Argument>)>,
    /// See [`SpokenPlan::mean_log_probability`].
    pub mean_log_probability: Option<f64>,
    /// What the model itself says the map lacks; then there is no plan.
    pub missing: Vec<String>,
    /// How much of the map the model was shown, where it reads the map.
    pub shown: Option<ShownObjects>,
    /// See [`SpokenPlan::saw`].
    pub saw: Option<String>,
}

/// How many objects of the map stood in the prompt: lines of a list, or 3D tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownObjects {
    /// Those that did.
    pub listed: usize,
    /// Those for which there was no room.
    pub left_out: usize,
}

/// What a planner knows of the world beside the words of the goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Nothing: its words are bound to the map afterwards.
    Blind,
    /// The labelled objects of the map, as text.
    ObjectList,
    /// 3D tokens.
    VisualTokens,
}

impl Sight {
    /// What a reader must know before trusting the plans of the model `name`; `None` when it sees.
    pub fn note(self, name: &str) -> Option<String> {
        match self {
            Self::Blind => Some(format!(
                "{name} is blind: it plans from the words of the goal. Positions come from the \
                 labelled objects of the map"
            )),
            Self::ObjectList => Some(format!(
                "{name} sees no picture: it reads the labelled objects of the map as text"
            )),
            Self::VisualTokens => None,
        }
    }
}

/// A model that writes plans. There are two: Scene-LLM and its likes, trained for this, and any
/// chat model, which reads the map as text.
pub trait PlanWriter: Send {
    /// Name of the model.
    fn name(&self) -> &str;

    /// What it knows of the world.
    fn sight(&self) -> Sight;

    /// Its actions and words.
    fn vocabulary(&self) -> &ActionVocabulary;

    /// Gives it an encoder by which it may tell what goals mean, or what the features that it is shown
    /// look like.
    fn set_text_encoder(&mut self, _encoder: Arc<dyn TextEncoder>) {}

    /// The Scene-LLM behind it, which can do more than plan; `None` where there is none.
    fn mind(&mut self) -> Option<&mut SceneMind> {
        None
    }

    /// The likeliest plan for `goal` in the words of `vocabulary`, bound to no map. A model that
    /// sees takes `view` in.
    fn speak(
        &mut self,
        goal: &str,
        view: Option<&SceneView>,
        vocabulary: &ActionVocabulary,
    ) -> Result<SpokenPlan, PlanningError>;

    /// The plan for `request`, or what is left of it after what was tried so far, bound to its
    /// objects; `on_text` as in [`super::GoalPlanner::plan_aloud`].
    fn write(
        &mut self,
        request: &PlanRequest<'_>,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<WrittenPlan, PlanningError>;
}
