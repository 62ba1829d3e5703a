//! What keeps the node from starting.

use crate::planner::ConfigError;
use crate::ros::ArgumentError;
use crate::ros::transport::TransportError;
use crate::scene::SceneError;
use crate::tasks::PlanningError;
use crate::vision::VisionError;

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
    #[error(transparent)]
    Model(#[from] PlanningError),
    /// The features of the map.
    #[error(transparent)]
    Features(#[from] VisionError),
    /// The map.
    #[error(transparent)]
    Map(#[from] SceneError),
    /// The graph.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The system gives no thread, or no signals.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}
