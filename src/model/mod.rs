//! Scene-LLM: the projector that joins 3D tokens and language, and the checkpoint folder.

mod error;
mod manifest;
mod parts;
mod projector;
mod prompt;
mod scene_llm;
mod template;

pub use error::ModelError;
pub use manifest::{Coordinates, Decoding, MANIFEST_FILE, Manifest, TokenBudget};
pub use parts::{
    LanguageKind, LanguageSpec, PositionEmbedding, ProjectorSpec, VisionSpec, WeightsFormat,
};
pub use projector::Projector;
pub use prompt::{PromptInput, Segment, SplicedPrompt, splice};
pub use scene_llm::{Reply, SceneLlm};
pub use template::{GoalStyle, PromptTemplate};
