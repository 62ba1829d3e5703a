//! What the node has loaded before it listens to anything: the model and the map.

use super::NodeError;
use super::jobs::Abilities;
use crate::language::parse_device;
use crate::model::model_folder;
use crate::planner::{PlannerConfig, Session};
use crate::tasks::{ActionVocabulary, GoalPlanner};

/// A node that could work at once.
pub struct Configured {
    /// The planner model.
    pub planner: GoalPlanner,
    /// The map, and how frames come into it.
    pub session: Session,
    /// What the model can do beside planning.
    pub abilities: Abilities,
}

impl Configured {
    /// Loads what `config` names, after checking that all of it fits into memory.
    ///
    /// # Errors
    ///
    /// When it does not fit, or the model or the features cannot be loaded, with the path and what to
    /// do.
    pub fn load(config: &PlannerConfig) -> Result<Self, NodeError> {
        let device = parse_device(&config.plan.device)?;
        let mut config = config.clone();
        config.plan.model = model_folder(&config.plan.model);
        let memory = config.memory(&device, true).check()?;
        tracing::info!("memory: {memory}");
        let folder = &config.plan.model;
        let mut planner = GoalPlanner::load(folder, &device)
            .map_err(|source| NodeError::Model { folder: folder.clone(), source })?;
        if let Some(note) = planner.sight().note(planner.name()) {
            tracing::warn!("{note}");
        }
        let session = Session::open(&config, &device)?;
        config.give_text_encoder(&mut planner, session.map(), &device);
        Ok(Self::new(planner, session))
    }

    /// A model and a map.
    pub fn new(mut planner: GoalPlanner, session: Session) -> Self {
        let abilities = Abilities::of(&mut planner);
        Self { planner, session, abilities }
    }

    /// The words the model plans in.
    pub fn vocabulary(&self) -> ActionVocabulary {
        self.planner.vocabulary().clone()
    }

    /// Name of the model.
    pub fn model(&self) -> &str {
        self.planner.name()
    }
}
