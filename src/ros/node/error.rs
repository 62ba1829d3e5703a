//! What keeps the node from starting.

use crate::planner::{ConfigError, EyesError};
use crate::ros::ArgumentError;
use crate::ros::transport::TransportError;
use crate::tasks::PlanningError;
use std::path::PathBuf;

/// What keeps the node from starting.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The command line.
    #[error(transparent)]
    Arguments(#[from] ArgumentError),
    /// The parameters.
    #[error(transparent)]
    Parameters(#[from] ConfigError),
    /// The device that the model should run on.
    #[error(transparent)]
    Device(#[from] crate::language::LanguageError),
    /// The model.
    #[error(
        "no planner model in {}: {source}. Name the folder of one: -p plan.model:=FOLDER, or \
         `ros2 param set` while the node is unconfigured",
        folder.display()
    )]
    Model {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        source: PlanningError,
    },
    /// The features of the map, the names of things, or the map.
    #[error(transparent)]
    Eyes(#[from] EyesError),
    /// The graph.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A transition that does not begin where the node is.
    #[error("no transition {asked} begins at the state {state}")]
    NoTransition {
        /// Name or number of it.
        asked: String,
        /// Where the node is.
        state: &'static str,
    },
    /// A thread of the node panicked and took the model or the map with it.
    #[error("a thread of the node panicked; what was loaded is lost")]
    Panicked,
    /// The system gives no thread, or no signals.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}
