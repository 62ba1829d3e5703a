//! Services that tell what the map holds.

use serde::{Deserialize, Serialize};

/// `scenellm/Ask`.
#[derive(Debug)]
pub struct Ask;
/// `scenellm/DescribeScene`.
#[derive(Debug)]
pub struct DescribeScene;

/// A question in a person's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskRequest {
    /// The question.
    pub question: String,
}

/// An answer with what it rests on, or the reason why there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskResponse {
    /// In words; empty when there is none.
    pub answer: String,
    /// The objects it rests on.
    pub object_ids: Vec<u32>,
    /// [`ERROR_NONE`](super::ERROR_NONE) or one of the constants.
    pub error_code: u16,
    /// In words; empty when there is an answer.
    pub error_msg: String,
}

impl AskResponse {
    /// No question that the list of objects can answer.
    pub const ERROR_NOT_UNDERSTOOD: u16 = 100;
    /// No object of the map answers to it.
    pub const ERROR_NOT_FOUND: u16 = 101;
}

/// How much to tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribeSceneRequest {
    /// Most objects to name; 0 names all.
    pub max_objects: u32,
}

/// What the map holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribeSceneResponse {
    /// In words.
    pub description: String,
    /// Frame of the positions in it.
    pub frame_id: String,
    /// The objects named.
    pub object_ids: Vec<u32>,
}
