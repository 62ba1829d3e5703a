//! A task and its steps with their places, as the expert does it.

use super::pair::{Pair, PairFrame, PairKind};
use super::words::{plain, wording};
use crate::sim::household::{Command, SampledTask};
use crate::tasks::{SpokenStep, acts_in_words};
use rand_pcg::Pcg64Mcg;

/// The steps of a task: "take the mug from the countertop, wash the mug in the sinkbasin, put the mug
/// on the shelf".
pub fn task_decomposition(sampled: &SampledTask, rng: &mut Pcg64Mcg) -> Pair {
    const WORDS: [&str; 4] =
        ["how would you {}", "what are the steps to {}", "break it down, {}", "how do i {}"];
    let prompt = wording(rng, &WORDS, &plain(&sampled.goal));
    let commands = &sampled.expert.commands;
    let steps: Vec<SpokenStep> = commands.iter().map(Command::spoken).collect();
    let acts: Vec<String> = acts_in_words(&steps).into_iter().map(|act| act.words).collect();
    let targets = commands.iter().flat_map(|command| &command.targets);
    let ids = targets.filter_map(|target| Some(target.believed.as_ref()?.id.0)).collect();
    Pair::new(PairKind::TaskDecomposition, PairFrame::Scene, prompt, acts.join(", "), ids)
}
