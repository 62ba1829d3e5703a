//! A home in which a robot acts: what stands where and in which state, ALFRED's actions with their
//! preconditions and effects (Shridhar et al., CVPR 2020), tasks and whether they are met.
//!
//! Comes in: a home and actions. Goes out: the home as it is then, or why an action is refused; a
//! refused action changes nothing. Positions are in the world frame, z up, the floor at z = 0.
//!
//! Actions stand on two levels, as in ALFRED. [`World::touch`] is one [`Touch`] of one thing and is
//! strict: a fridge must be open before something is taken out. [`World::perform`] carries out a
//! high-level action as ALFRED's controller does, opening and closing what is in the way.

mod act;
mod alfred;
mod command;
mod expert;
mod failure;
mod goal;
mod hand;
mod interior;
mod kinds;
mod look;
mod motion;
mod rooms;
mod sample;
mod shown;
mod survey;
mod touch;
mod tour;
mod wording;
mod world;

#[cfg(test)]
mod tests;

pub(in crate::sim) use crate::tasks::{plural, with_article};
pub use alfred::{AlfredHome, AlfredReceptacle, alfred_world};
pub use command::{Action, Command, Target};
pub use expert::expert_plan;
pub use failure::Failure;
pub use goal::{GoalCondition, Task, TaskKind};
pub use kinds::{
    categories, is_knife, is_lamp, is_portable, may_be_cleaned, may_be_cooled, may_be_heated,
    may_be_sliced, may_hold, opens,
};
pub use motion::{Move, STEP_M};
pub use rooms::task_kinds;
pub use sample::{SampledTask, household, household_in, pose_task, sample_task};
pub use touch::Touch;
pub(crate) use wording::spoken;
pub use world::{Condition, Low, Place, REACH_M, Stance, Tally, World};
