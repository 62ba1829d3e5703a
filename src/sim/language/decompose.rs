//! A task and its steps with their places, as the expert does it.

use super::pair::{Pair, PairFrame, PairKind};
use super::words::{plain, wording};
use crate::sim::household::{Action, Command, SampledTask};
use crate::tasks::preposition;
use rand_pcg::Pcg64Mcg;

/// The steps of a task: "take the mug from the countertop, wash the mug in the sinkbasin, put the mug
/// on the shelf".
pub fn task_decomposition(sampled: &SampledTask, rng: &mut Pcg64Mcg) -> Pair {
    const WORDS: [&str; 4] =
        ["how would you {}", "what are the steps to {}", "break it down, {}", "how do i {}"];
    let prompt = wording(rng, &WORDS, &plain(&sampled.goal));
    let mut clauses = Vec::new();
    let mut place = "";
    for command in &sampled.expert.commands {
        match command.action {
            Action::GotoLocation => place = name(command, 0),
            _ => clauses.extend(clause(command, place)),
        }
    }
    let targets = sampled.expert.commands.iter().flat_map(|command| &command.targets);
    let ids = targets.filter_map(|target| Some(target.believed.as_ref()?.id.0)).collect();
    let answer = clauses.join(", ");
    Pair::new(PairKind::TaskDecomposition, PairFrame::Scene, prompt, answer, ids)
}

fn name(command: &Command, at: usize) -> &str {
    command.targets.get(at).map_or("", |target| &target.name)
}

/// An act that is done at `place` in words.
fn clause(command: &Command, place: &str) -> Option<String> {
    let thing = name(command, 0);
    Some(match command.action {
        Action::PickupObject if place == thing => format!("take the {thing}"),
        Action::PickupObject => format!("take the {thing} from the {place}"),
        Action::PutObject => {
            let receptacle = name(command, 1);
            format!("put the {thing} {} the {receptacle}", preposition(receptacle))
        }
        Action::CleanObject => format!("wash the {thing} in the {place}"),
        Action::HeatObject => format!("heat the {thing} in the {place}"),
        Action::CoolObject => format!("cool the {thing} in the {place}"),
        Action::SliceObject => format!("slice the {thing}"),
        Action::ToggleObject => format!("turn on the {thing}"),
        Action::OpenObject => format!("open the {thing}"),
        Action::CloseObject => format!("close the {thing}"),
        Action::GotoLocation | Action::NoOp => return None,
    })
}
