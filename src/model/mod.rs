//! Models as their folders describe them: Scene-LLM, with the projector that joins 3D tokens and
//! language, and chat models of any make, which read the map as text.

mod chat;
mod check;
mod decoder;
mod error;
mod goal_reader;
mod manifest;
mod parts;
mod projector;
mod prompt;
mod scene_llm;
mod served;
mod shipped;
mod template;
mod torch_file;

pub use chat::{
    ChatBackend, ChatEndpoint, ChatManifest, ChatModel, ChatTemplate, EndpointFault, EndpointSpec,
    LocalChat, LocalChatSpec, Message, ResponseFormat, Role,
};
pub use check::check_language_model;
pub use decoder::Reply;
pub use error::ModelError;
pub use goal_reader::{GoalReader, Meaning};
pub use manifest::{
    Coordinates, DataSource, Decoding, MANIFEST_FILE, Manifest, ModelKind, PriorSpec, TokenBudget,
};
pub use parts::{
    LanguageKind, LanguageSpec, PositionEmbedding, ProjectorSpec, TokenKind, VisionSpec,
    WeightsFormat,
};
pub use projector::Projector;
pub use prompt::{PromptInput, Segment, SplicedPrompt, splice};
pub use scene_llm::SceneLlm;
pub use shipped::{SHIPPED_MODEL, model_folder};
pub use template::{Around, GoalStyle, PromptKind, PromptTemplate};

#[cfg(test)]
pub(crate) use chat::stand_in;
#[cfg(test)]
pub(crate) use scene_llm::tests::checkpoint_of;
