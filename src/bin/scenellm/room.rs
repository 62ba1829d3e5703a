//! Which kind of room a home of a seed is.

use clap::ValueEnum;
use scenellm::sim::HomeKind;

/// Kinds of room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Room {
    Kitchen,
    #[value(name = "livingroom")]
    Living,
    Bedroom,
    Bathroom,
}

impl Room {
    /// As the simulator has it.
    pub fn kind(self) -> HomeKind {
        match self {
            Self::Kitchen => HomeKind::Kitchen,
            Self::Living => HomeKind::LivingRoom,
            Self::Bedroom => HomeKind::Bedroom,
            Self::Bathroom => HomeKind::Bathroom,
        }
    }
}

/// What the home of a seed is called in reports.
pub fn seed_name(kind: HomeKind, seed: u64) -> String {
    match kind {
        HomeKind::Kitchen => format!("seed {seed}"),
        other => format!("{} {seed}", other.name()),
    }
}
