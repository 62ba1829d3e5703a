//! Pairs about a home, all kinds of them, checked.

use super::balance::Balance;
use super::caption::{dense_caption, object_caption};
use super::check::CheckReport;
use super::decompose::task_decomposition;
use super::dialogue::dialogue;
use super::facts::SceneFacts;
use super::function::{tool_for, use_of};
use super::navigate::{ego_navigations, navigations};
use super::pair::{Pair, PairFrame};
use super::question::{coin, questions};
use super::saw::state_description;
use crate::sim::SimError;
use crate::sim::household::{TaskKind, World, pose_task, sample_task};
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

/// How many pairs of each kind are made of one state of a home, before the check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PairMix {
    /// Captions of all there is: of the scene, and of the view.
    pub dense_captions: [usize; 2],
    /// Captions of one thing: of the scene, and of the view.
    pub object_captions: [usize; 2],
    /// Tasks and their steps. Each takes as long as some hundred other pairs: an expert does the
    /// task.
    pub decompositions: usize,
    /// What serves a purpose, and what things are for.
    pub functionalities: usize,
    /// Questions: about the scene, and about the view.
    pub questions: [usize; 2],
    /// Dialogues.
    pub dialogues: usize,
    /// State descriptions, each for a goal of its own.
    pub state_descriptions: usize,
    /// Navigation: on the scene, and in the view.
    pub navigations: [usize; 2],
}

impl Default for PairMix {
    fn default() -> Self {
        Self {
            dense_captions: [1, 1],
            object_captions: [3, 2],
            decompositions: 0,
            functionalities: 3,
            questions: [16, 8],
            dialogues: 3,
            state_descriptions: 4,
            navigations: [3, 2],
        }
    }
}

/// Pairs about `world` as it is, those from a view through the camera of its robot, and what the
/// check made of them. The same world, mix, balance and state of `rng` give the same pairs.
///
/// # Errors
///
/// When the camera cannot be rendered.
pub fn pairs(
    world: &World,
    mix: &PairMix,
    balance: &Balance,
    rng: &mut Pcg64Mcg,
) -> Result<(Vec<Pair>, CheckReport), SimError> {
    let facts = SceneFacts::of_world(world);
    let view = SceneFacts::in_view(world, &world.robot().world_T_camera())?;
    let mut made: Vec<Pair> = Vec::new();
    for (frame, seen, at) in [(PairFrame::Scene, &facts, 0), (PairFrame::Ego, &view, 1)] {
        made.extend((0..mix.dense_captions[at]).map(|_| dense_caption(seen, frame, rng)));
        made.extend((0..mix.object_captions[at]).filter_map(|_| object_caption(seen, frame, rng)));
        made.extend(questions(seen, frame, balance, mix.questions[at], rng));
    }
    for _ in 0..mix.functionalities {
        let tell = if coin(rng) { tool_for } else { use_of };
        made.extend(tell(&facts, PairFrame::Scene, rng));
    }
    made.extend((0..mix.dialogues).filter_map(|_| dialogue(&facts, rng)));
    for _ in 0..mix.state_descriptions {
        let Some(kind) = TaskKind::ALL.choose(rng) else { break };
        let goal = pose_task(world, *kind, rng).map(|(_, goal)| goal);
        made.extend(goal.map(|goal| state_description(&view, &goal)));
    }
    for _ in 0..mix.decompositions {
        let Some(kind) = TaskKind::ALL.choose(rng) else { break };
        let sampled = sample_task(world, *kind, rng);
        made.extend(sampled.map(|sampled| task_decomposition(&sampled, rng)));
    }
    made.extend(navigations(world, &facts, mix.navigations[0], rng));
    made.extend(ego_navigations(world, &view, mix.navigations[1], rng));
    let mut report = CheckReport::default();
    made.retain(|pair| {
        let seen = if pair.frame == PairFrame::Ego { &view } else { &facts };
        report.take(pair, seen)
    });
    Ok((made, report))
}
