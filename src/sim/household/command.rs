//! High-level actions with what the robot believes of their targets.

use super::failure::Failure;
use crate::scene::MapObject;
use crate::tasks::{Argument, PlanStep, SpokenStep};

/// ALFRED's high-level actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Go to where something can be acted on, and look at it.
    GotoLocation,
    /// Take a thing into the hand.
    PickupObject,
    /// Put what is held on or into a receptacle.
    PutObject,
    /// Open a door or a drawer.
    OpenObject,
    /// Close it.
    CloseObject,
    /// Switch a lamp or an appliance on, or off when it is on.
    ToggleObject,
    /// Slice a thing with the knife in the hand.
    SliceObject,
    /// Wash what is held in a sink.
    CleanObject,
    /// Heat what is held in a microwave.
    HeatObject,
    /// Cool what is held in a fridge.
    CoolObject,
    /// Do nothing: the end of a plan.
    NoOp,
}

impl Action {
    const ALL: [Self; 11] = [
        Self::GotoLocation,
        Self::PickupObject,
        Self::PutObject,
        Self::OpenObject,
        Self::CloseObject,
        Self::ToggleObject,
        Self::SliceObject,
        Self::CleanObject,
        Self::HeatObject,
        Self::CoolObject,
        Self::NoOp,
    ];

    /// Its name in ALFRED's vocabulary.
    pub fn name(self) -> &'static str {
        match self {
            Self::GotoLocation => "GotoLocation",
            Self::PickupObject => "PickupObject",
            Self::PutObject => "PutObject",
            Self::OpenObject => "OpenObject",
            Self::CloseObject => "CloseObject",
            Self::ToggleObject => "ToggleObject",
            Self::SliceObject => "SliceObject",
            Self::CleanObject => "CleanObject",
            Self::HeatObject => "HeatObject",
            Self::CoolObject => "CoolObject",
            Self::NoOp => "NoOp",
        }
    }

    /// Number of its arguments.
    pub fn arity(self) -> usize {
        match self {
            Self::NoOp => 0,
            Self::PutObject => 2,
            _ => 1,
        }
    }
}

/// What an action is done to.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Class name.
    pub name: String,
    /// The object of the map that is meant; `None` when the map has none.
    pub believed: Option<MapObject>,
}

impl Target {
    /// An argument of a plan, with the object of the map that it is bound to.
    pub fn of_argument(argument: &Argument, objects: &[MapObject]) -> Self {
        let id = argument.grounding.bound().map(|(id, _)| id);
        let believed = objects.iter().find(|object| Some(object.id) == id).cloned();
        Self { name: argument.name.clone(), believed }
    }
}

/// A high-level action and its targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The action.
    pub action: Action,
    /// Its targets, as many as its arity.
    pub targets: Vec<Target>,
    /// An entity that must be in sight from where the robot goes. Only an expert who knows the home
    /// can ask for it.
    pub sees: Option<u32>,
}

impl Command {
    /// A command to one who knows where things are no better than the map does.
    ///
    /// # Errors
    ///
    /// When there is no such action, or not with so many targets.
    pub fn new(action: &str, targets: Vec<Target>) -> Result<Self, Failure> {
        let known = Action::ALL.into_iter().find(|known| known.name() == action);
        let known = known.ok_or_else(|| Failure::UnknownAction { action: action.into() })?;
        if targets.len() != known.arity() {
            return Err(Failure::WrongArguments {
                action: action.into(),
                expected: known.arity(),
                found: targets.len(),
            });
        }
        Ok(Self { action: known, targets, sees: None })
    }

    /// A step of a plan over `objects`, those of the map.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn of_step(step: &PlanStep, objects: &[MapObject]) -> Result<Self, Failure> {
        let target = |argument| Target::of_argument(argument, objects);
        Self::new(&step.action, step.arguments.iter().map(target).collect())
    }

    /// The command in the words of a plan.
    pub fn spoken(&self) -> SpokenStep {
        SpokenStep {
            action: self.action.name().into(),
            arguments: self.targets.iter().map(|target| target.name.clone()).collect(),
        }
    }
}
