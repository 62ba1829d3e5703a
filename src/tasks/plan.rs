//! The typed plan.

use super::writer::ShownObjects;
use super::{ActionVocabulary, ArgumentKind, SoFar, SpokenStep, class_word, named_in};
use crate::scene::ObjectId;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// An ordered list of steps towards a goal, or a typed refusal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The goal in the words of the person who set it.
    pub goal: String,
    /// Frame of all positions, such as `map`.
    pub frame_id: String,
    /// Time of the newest observation the plan rests on, nanoseconds.
    pub stamp_ns: i64,
    /// Kind of task the planner took the goal for, where the model names one.
    pub task: Option<String>,
    /// Name of the model that wrote it.
    pub model: String,
    /// Mean log-probability of a decoded token; `None` when nothing was decoded.
    pub mean_log_probability: Option<f64>,
    /// How much of the map the model was shown, where it reads the map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<ShownObjects>,
    /// What the model saw before it planned, in its own words ("i saw a mug on the countertop").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saw: Option<String>,
    /// The steps, in order.
    pub steps: Vec<PlanStep>,
    /// The things of its acts that the goal does not name: what the planner took other words to mean, or added.
    /// A model that knows no unicorn plans for something else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unnamed: Vec<String>,
    /// The things that the goal names and nothing is done with: of two wishes in a sentence a model may plan
    /// for one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undone: Vec<String>,
    /// Why there is no plan; `None` when there is one.
    pub refusal: Option<Refusal>,
}

impl Plan {
    /// The things of its acts that the goal does not name, in the words of `vocabulary` or in those that people
    /// have for them, each once. Ways to an act are left out, as where a thing is the goal need not say.
    pub(super) fn added(&self, vocabulary: &ActionVocabulary) -> Vec<String> {
        let meant = vocabulary.meant_anywhere(&self.goal);
        let last = self.steps.last().map(|step| step.id);
        let is_act = |step: &&PlanStep| step.action != "GotoLocation" || Some(step.id) == last;
        let acts = self.steps.iter().filter(is_act);
        let mut added: Vec<String> = Vec::new();
        for Argument { name, .. } in acts.flat_map(|step| &step.arguments) {
            let is_named = meant.contains(&class_word(name))
                || !named_in(&self.goal, [name.as_str()]).is_empty();
            if !is_named && !added.contains(name) {
                added.push(name.clone());
            }
        }
        added
    }

    /// The things of `vocabulary` that the goal names, and neither a step nor what was done `so_far`.
    pub(super) fn untouched(&self, so_far: &SoFar, vocabulary: &ActionVocabulary) -> Vec<String> {
        let words = so_far.done.iter().chain(&self.steps).flat_map(|step| &step.arguments);
        let touched: HashSet<String> = words.map(|word| class_word(&word.name)).collect();
        let named = vocabulary.named(&self.goal, ArgumentKind::Object);
        named.into_iter().filter(|thing| !touched.contains(thing)).collect()
    }

    /// What is said of `unnamed` and `undone`; `None` where goal and plan name the same.
    pub fn told_mismatch(&self) -> Option<String> {
        let parts = [
            ("the goal does not name", self.unnamed.join(", ")),
            ("the plan leaves out", self.undone.join(", ")),
        ];
        let parts = parts.iter().filter(|(_, names)| !names.is_empty());
        let told: Vec<String> = parts.map(|(what, names)| format!("{what}: {names}")).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// What is said where the model was not shown the whole map; `None` where it was. A refusal then
    /// speaks of what the model was shown: what it did not find may be among the rest.
    pub fn told_left_out(&self) -> Option<String> {
        let ShownObjects { listed, left_out } = self.shown.filter(|shown| shown.left_out > 0)?;
        Some(format!("the model read {listed} objects; {left_out} were left out"))
    }
}

/// One action of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanStep {
    /// Position in the plan, from 1.
    pub id: u32,
    /// Action name from the vocabulary.
    pub action: String,
    /// Its arguments, in order.
    pub arguments: Vec<Argument>,
    /// After this time the step must not be started without a new plan, nanoseconds.
    pub expires_ns: i64,
}

impl PlanStep {
    /// The step in the words of the model, bound to nothing.
    pub fn spoken(&self) -> SpokenStep {
        let names = self.arguments.iter().map(|argument| argument.name.clone());
        SpokenStep { action: self.action.clone(), arguments: names.collect() }
    }

    /// The step in one line, such as `PutObject mug → desk`.
    pub fn summary(&self) -> String {
        let names: Vec<_> = self.arguments.iter().map(|argument| argument.name.as_str()).collect();
        if names.is_empty() {
            self.action.clone()
        } else {
            format!("{} {}", self.action, names.join(" → "))
        }
    }

    /// Lets words that are bound be so no more, for `reason`.
    pub fn unbind(&mut self, reason: &str) {
        let bound = self.arguments.iter_mut().filter(|word| word.grounding.bound().is_some());
        bound.for_each(|word| word.grounding = Grounding::Ungrounded { reason: reason.into() });
    }

    /// Whether all its words are bound to objects of the map.
    pub fn is_bound(&self) -> bool {
        self.arguments.iter().all(|argument| argument.grounding.bound().is_some())
    }

    /// Whether the step brings a thing to another.
    pub fn brings(&self) -> bool {
        self.arguments.len() == 2
    }

    /// What the step brings to another thing, where it does so and that is known.
    pub fn brought(&self) -> Option<ObjectId> {
        match self.arguments.as_slice() {
            [thing, _] => thing.grounding.bound().map(|(id, _)| id),
            _ => None,
        }
    }

    /// Where the step happens in the plan's frame, metres: the place of its last grounded argument,
    /// since what is held moves to what it is put on.
    pub fn target_position_m(&self) -> Option<[f64; 3]> {
        let bound = self.arguments.iter().rev().find_map(|argument| argument.grounding.bound());
        bound.map(|(_, position_m)| position_m)
    }
}

/// A word of the vocabulary and what it stands for in the map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Argument {
    /// Class name.
    pub name: String,
    /// What it is bound to.
    pub grounding: Grounding,
}

/// The binding of an argument to the map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Grounding {
    /// Bound to an object of the map.
    Grounded {
        /// The object.
        object_id: ObjectId,
        /// Its centre in the plan's frame, metres.
        position_m: [f64; 3],
        /// Belief that the binding is right, 0..=1.
        confidence: f32,
    },
    /// Not bound.
    Ungrounded {
        /// Why not, in words.
        reason: String,
    },
}

impl Grounding {
    /// The object and its centre in the plan's frame, metres; `None` where there is none.
    pub fn bound(&self) -> Option<(ObjectId, [f64; 3])> {
        match *self {
            Self::Grounded { object_id, position_m, .. } => Some((object_id, position_m)),
            Self::Ungrounded { .. } => None,
        }
    }
}

/// Why no plan was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Refusal {
    /// Nothing in the map answers to these words.
    NotFound {
        /// The words.
        names: Vec<String>,
    },
    /// The goal is empty or longer than the model can read.
    BadGoal {
        /// What is wrong with it.
        reason: String,
    },
    /// The model failed.
    ModelFailed {
        /// The error.
        reason: String,
    },
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound { names } => {
                write!(f, "nothing in the map answers to {}", names.join(", "))
            }
            Self::BadGoal { reason } => write!(f, "the goal cannot be planned for: {reason}"),
            Self::ModelFailed { reason } => write!(f, "the model failed: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::fixtures::{plan, step};

    #[test]
    fn what_the_goal_does_not_name_is_told() {
        let vocabulary = ActionVocabulary::alfred();
        let put = |thing: &str, place: &str| {
            let (take, put) =
                (format!("PickupObject {thing}"), format!("PutObject {thing} {place}"));
            ["GotoLocation desk".to_owned(), take, format!("GotoLocation {place}"), put]
        };
        for (goal, thing, place, unnamed) in [
            ("put two mugs in the coffee machine", "mug", "coffeemachine", ""),
            ("Bring the Cell Phone, then the sofa", "cellphone", "sofa", ""),
            ("put the phone on the couch", "cellphone", "sofa", ""),
            ("put the mug in the sink", "mug", "sinkbasin", ""),
            ("put the pot on the table", "potato", "diningtable", "potato"),
            ("put the cup on the shelf", "mug", "shelf", "mug"),
            ("bring me the unicorn", "statue", "sofa", "statue, sofa"),
        ] {
            let steps = put(thing, place);
            let mut plan = plan(goal, &steps.each_ref().map(String::as_str));
            plan.unnamed = plan.added(&vocabulary);
            assert_eq!(plan.unnamed.join(", "), unnamed, "{goal}");
            assert_eq!(plan.told_mismatch().is_some(), !unnamed.is_empty());
        }
        let mut plan = plan("go to the unicorn", &["GotoLocation bed", "GotoLocation desk"]);
        plan.unnamed = plan.added(&vocabulary);
        assert_eq!(plan.told_mismatch().as_deref(), Some("the goal does not name: desk"));
    }

    #[test]
    fn of_two_wishes_the_one_that_is_not_planned_for_is_told() {
        let vocabulary = ActionVocabulary::alfred();
        let goal = "put the mug in the cupboard and the plates in the fridge";
        let mut made = plan(goal, &["PickupObject mug", "PutObject mug cabinet"]);
        made.unnamed = made.added(&vocabulary);
        made.undone = made.untouched(SoFar::nothing(), &vocabulary);
        assert_eq!(made.undone, ["plate"]);
        let told = "the goal does not name: cabinet; the plan leaves out: plate";
        assert_eq!(made.told_mismatch().as_deref(), Some(told));
        // What was done before is not left out of a plan that goes on.
        let so_far = SoFar { done: vec![step(2, "PutObject plate fridge")], ..SoFar::default() };
        assert_eq!(made.untouched(&so_far, &vocabulary).len(), 0);
    }
}
