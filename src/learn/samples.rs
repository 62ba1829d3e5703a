//! Training samples of the planner: prompt and answer as text.
//!
//! Three kinds, all from the same trajectories:
//!
//! * the goal alone, answered by the kind of task and the whole plan: what the planner is for;
//! * the goal with the person's step instructions, answered by the same;
//! * one step instruction, answered by its one step: it ties people's many words for a thing
//!   (*wash cloth*, *timer*) to the vocabulary, and plan lines up with instructions one to one.

use super::alfred::{Trajectory, complete_plan};
use crate::model::GoalStyle;
use crate::tasks::{ActionVocabulary, plan_text, step_text};
use rand::Rng;
use rand::seq::SliceRandom;
use std::ops::Range;

/// Marks the goal in a prompt.
pub const GOAL: &str = "<goal>";
/// Marks the step instructions in a prompt.
pub const STEPS: &str = "<steps>";
/// Marks one step instruction in a prompt.
pub const STEP: &str = "<step>";
/// Marks the place where the answer begins.
pub const PLAN: &str = "<plan>";
/// Begins a text.
pub const BEGIN: &str = "<s>";
/// Ends a text.
pub const END: &str = "</s>";
/// Fills batches, and stands for words hidden in training.
pub const PAD: &str = "<pad>";

/// A prompt and the answer to learn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// What the model reads.
    pub prompt: String,
    /// What it must write, the end of text included.
    pub answer: String,
    /// Bytes of the answer that name places to go to. They depend on the home, which the words do
    /// not tell, so a blind model must not spend itself on them.
    pub places: Vec<Range<usize>>,
}

/// How words are written in samples, and must be written for the finished model.
pub const STYLE: GoalStyle = GoalStyle::Plain;

/// The prompt for a goal.
pub fn goal_prompt(goal: &str) -> String {
    format!("{BEGIN}{GOAL}{}{PLAN}", STYLE.apply(goal))
}

/// The token that names a kind of task.
pub fn task_token(task: &str) -> String {
    format!("<{task}>")
}

/// How many samples of each kind an epoch holds.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mixture {
    /// Share of the goals that come again with their step instructions, 0..=1.
    pub with_instructions: f64,
    /// Share of the single step instructions that are learnt, 0..=1.
    pub single_steps: f64,
}

/// All goals, each with the answer to learn.
pub fn goal_samples(trajectories: &[Trajectory], vocabulary: &ActionVocabulary) -> Vec<Sample> {
    let mut samples = Vec::new();
    for trajectory in trajectories {
        let answer = answer(trajectory, vocabulary);
        for goal in &trajectory.goals {
            samples.push(sample(goal_prompt(&goal.goal), answer.clone(), vocabulary));
        }
    }
    samples
}

/// The samples of one epoch, shuffled by `rng`.
pub fn epoch_samples(
    trajectories: &[Trajectory],
    vocabulary: &ActionVocabulary,
    mixture: Mixture,
    rng: &mut impl Rng,
) -> Vec<Sample> {
    let mut samples = goal_samples(trajectories, vocabulary);
    for trajectory in trajectories {
        let steps = complete_plan(&trajectory.plan);
        let answer = answer(trajectory, vocabulary);
        for goal in &trajectory.goals {
            if rng.random_bool(mixture.with_instructions) {
                let mut prompt = format!("{BEGIN}{GOAL}{}{STEPS}", STYLE.apply(&goal.goal));
                for instruction in &goal.steps {
                    prompt.push_str(&format!("{}\n", STYLE.apply(instruction)));
                }
                prompt.push_str(PLAN);
                samples.push(sample(prompt, answer.clone(), vocabulary));
            }
            if goal.steps.len() != steps.len() {
                continue;
            }
            for (instruction, step) in goal.steps.iter().zip(&steps) {
                if rng.random_bool(mixture.single_steps) {
                    let prompt = format!("{BEGIN}{STEP}{}{PLAN}", STYLE.apply(instruction));
                    let answer = format!("{}{END}", step_text(step));
                    samples.push(sample(prompt, answer, vocabulary));
                }
            }
        }
    }
    samples.shuffle(rng);
    samples
}

fn sample(prompt: String, answer: String, vocabulary: &ActionVocabulary) -> Sample {
    let mut places = Vec::new();
    let mut at = 0;
    for line in answer.split_inclusive('\n') {
        let words = line.trim_end_matches('\n').trim_end_matches(END);
        if let Some((action, _)) = words.split_once(' ')
            && vocabulary.action(action).is_some_and(|action| action.only_goes())
        {
            places.push(at + action.len()..at + words.len());
        }
        at += line.len();
    }
    Sample { prompt, answer, places }
}

fn answer(trajectory: &Trajectory, vocabulary: &ActionVocabulary) -> String {
    let plan = plan_text(&complete_plan(&trajectory.plan), vocabulary);
    format!("{}{plan}{END}", task_token(&trajectory.task))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::Goal;
    use crate::tasks::SpokenStep;
    use rand::SeedableRng;

    fn trajectory() -> Trajectory {
        let step = |action: &str, word: &str| SpokenStep {
            action: action.into(),
            arguments: vec![word.into()],
        };
        Trajectory {
            task: "pick_and_place_simple".into(),
            goals: vec![Goal {
                goal: "Take the MUG.".into(),
                steps: vec!["Go to the desk.".into(), "Grab it.".into()],
            }],
            plan: vec![step("GotoLocation", "desk"), step("PickupObject", "mug")],
        }
    }

    #[test]
    fn answers_name_the_task_and_mark_the_places() {
        let samples = goal_samples(&[trajectory()], &ActionVocabulary::alfred());
        assert_eq!(samples[0].prompt, "<s><goal> take the mug<plan>");
        let answer = "<pick_and_place_simple>\nGotoLocation desk\nPickupObject mug\nNoOp</s>";
        assert_eq!(samples[0].answer, answer);
        let marked: Vec<_> = samples[0].places.iter().map(|at| &answer[at.clone()]).collect();
        assert_eq!(marked, [" desk"]);
    }

    #[test]
    fn an_epoch_holds_all_three_kinds() {
        let all = Mixture { with_instructions: 1.0, single_steps: 1.0 };
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(0);
        let samples = epoch_samples(&[trajectory()], &ActionVocabulary::alfred(), all, &mut rng);
        let mut prompts: Vec<_> = samples.iter().map(|sample| sample.prompt.as_str()).collect();
        prompts.sort_unstable();
        let expected = [
            "<s><goal> take the mug<plan>",
            "<s><goal> take the mug<steps> go to the desk\n grab it\n<plan>",
            "<s><step> go to the desk<plan>",
            "<s><step> grab it<plan>",
        ];
        assert_eq!(prompts, expected);
    }
}
