//! Scene-LLM: the projector that joins 3D tokens and language, and the checkpoint folder.

mod error;
mod manifest;
mod projector;
mod prompt;
mod scene_llm;

pub use error::ModelError;
pub use manifest::{
    Coordinates, Decoding, GoalStyle, LanguageKind, LanguageSpec, MANIFEST_FILE, Manifest,
    PositionEmbedding, ProjectorSpec, PromptTemplate, TokenBudget, VisionSpec, WeightsFormat,
};
pub use projector::Projector;
pub use prompt::{PromptInput, Segment, SplicedPrompt, splice};
pub use scene_llm::{Reply, SceneLlm};
