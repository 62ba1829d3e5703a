//! Turns of dialogues that a robot is measured by.

use crate::tasks::SpokenStep;
use serde::Serialize;

/// What a turn asks of who answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnKind {
    /// A question about the scene that stands alone.
    Scene,
    /// One about "it", or of a question word alone.
    FollowUp,
    /// One about what the answer before named.
    OfReply,
    /// The same question about another thing: "and the plate".
    Another,
    /// What the scene does not tell.
    Unknown,
    /// A request to do something with "it".
    Request,
    /// A question about the plan in hand.
    Plan,
    /// A greeting, or thanks.
    Courtesy,
}

impl TurnKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Scene,
        Self::FollowUp,
        Self::OfReply,
        Self::Another,
        Self::Unknown,
        Self::Request,
        Self::Plan,
        Self::Courtesy,
    ];

    /// Its name, as in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scene => "scene",
            Self::FollowUp => "follow_up",
            Self::OfReply => "of_reply",
            Self::Another => "another",
            Self::Unknown => "unknown",
            Self::Request => "request",
            Self::Plan => "plan",
            Self::Courtesy => "courtesy",
        }
    }
}

/// What a person says in a dialogue, and what the robot truly should say or do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TalkTurn {
    /// What it asks of who answers.
    pub kind: TurnKind,
    /// The words of the person.
    pub said: String,
    /// What they mean, whatever was said before.
    pub meant: String,
    /// The true reply; to a request, the plan in words.
    pub reply: String,
    /// What a request asks to be done: the steps of the expert that do not only go somewhere.
    pub acts: Vec<SpokenStep>,
    /// How many acts of the plan in hand have succeeded when this is said.
    pub done: usize,
}

impl TalkTurn {
    /// A turn that asks for no act.
    pub(super) fn new(
        kind: TurnKind,
        said: impl Into<String>,
        meant: impl Into<String>,
        reply: impl Into<String>,
    ) -> Self {
        let (said, meant, reply) = (said.into(), meant.into(), reply.into());
        Self { kind, said, meant, reply, acts: Vec::new(), done: 0 }
    }
}
