//! What there is in the scene, or what one thing is like, in sentences of a model that sees.

use super::planning::PlanningError;
use super::scene_mind::{Listener, SceneMind, Words};
use super::view::{About, SceneView};
use crate::model::{PromptInput, PromptKind};

/// Longest caption, tokens.
const MOST_CAPTION: usize = 160;

impl SceneMind {
    /// What the model says of the scene to `instruction` ("describe the scene", "describe the mug");
    /// of the frame, where no scene is shown.
    ///
    /// # Errors
    ///
    /// When the model was not taught to, or fails.
    pub fn caption(
        &mut self,
        instruction: &str,
        view: Option<&SceneView>,
        on_text: &mut Listener<'_>,
    ) -> Result<Words, PlanningError> {
        let (frame, scene) = self.shown(About::Scene, view);
        let input = PromptInput {
            frame,
            scene,
            kind: PromptKind::Caption,
            goal: instruction.to_owned(),
            ..PromptInput::default()
        };
        self.speak_freely(input, &[], MOST_CAPTION, on_text)
    }
}
