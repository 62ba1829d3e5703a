//! Training samples of the planner: prompt and answer as text.
//!
//! Five kinds, the first four from the same trajectories:
//!
//! * the goal alone, answered by the kind of task, what is to be done, and the whole plan with
//!   where to go: what the planner is for;
//! * the goal retold, in the words of the person's step instructions for what is done;
//! * the goal with all step instructions;
//! * one step instruction, answered by its one step: it ties people's many words for a thing
//!   (*wash cloth*, *timer*) to the vocabulary, and plan lines up with instructions one to one;
//! * a goal answered by a teacher, as far as what is to be done.

use super::alfred::{Trajectory, complete_plan};
use super::taught::{TaughtAnswer, TaughtGoal};
use crate::model::GoalStyle;
use crate::tasks::{ActionVocabulary, SpokenStep, plan_text, step_text};
use rand::Rng;
use rand::seq::SliceRandom;
use std::ops::Range;

/// Marks the goal in a prompt.
pub const GOAL: &str = "<goal>";
/// Marks the step instructions in a prompt.
pub const STEPS: &str = "<steps>";
/// Marks one step instruction in a prompt.
pub const STEP: &str = "<step>";
/// Marks the place where it begins to be said what is to be done.
pub const DRAFT: &str = "<draft>";
/// Marks the place where steps with places begin.
pub const PLAN: &str = "<plan>";
/// Begins a text.
pub const BEGIN: &str = "<s>";
/// Ends a text.
pub const END: &str = "</s>";
/// Fills batches, and stands for words hidden in training.
pub const PAD: &str = "<pad>";

/// A prompt and the answer to learn.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// What the model reads.
    pub prompt: String,
    /// What it must write, the end of text included.
    pub answer: String,
    /// Bytes of the answer that name places to go to. They depend on the home, which the words do
    /// not tell, so a blind model must not spend itself on them.
    pub places: Vec<Range<usize>>,
    /// All answers of a teacher with their probabilities, `answer` among them; empty where the
    /// answer is the expert's.
    pub taught: Vec<(String, f64)>,
}

/// How words are written in samples, and must be written for the finished model.
pub const STYLE: GoalStyle = GoalStyle::Plain;

/// The prompt for a goal.
pub fn goal_prompt(goal: &str) -> String {
    format!("{BEGIN}{GOAL}{}{DRAFT}", STYLE.apply(goal))
}

/// The token that names a kind of task.
pub fn task_token(task: &str) -> String {
    format!("<{task}>")
}

/// How many samples of each kind an epoch holds.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mixture {
    /// Share of the goals that come again in the words of their step instructions, 0..=1.
    pub retold: f64,
    /// Share of the goals that come again with their step instructions, 0..=1.
    pub with_instructions: f64,
    /// Share of the single step instructions that are learnt, 0..=1.
    pub single_steps: f64,
    /// Share of the teacher's goals that are learnt, 0..=1.
    pub taught: f64,
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
    taught: &[TaughtGoal],
    vocabulary: &ActionVocabulary,
    mixture: Mixture,
    rng: &mut impl Rng,
) -> Vec<Sample> {
    let mut samples = goal_samples(trajectories, vocabulary);
    for goal in taught {
        if rng.random_bool(mixture.taught) {
            samples.push(taught_sample(goal, vocabulary, rng));
        }
    }
    for trajectory in trajectories {
        let steps = complete_plan(&trajectory.plan);
        let answer = answer(trajectory, vocabulary);
        for goal in &trajectory.goals {
            if rng.random_bool(mixture.with_instructions) {
                let mut prompt = format!("{BEGIN}{GOAL}{}{STEPS}", STYLE.apply(&goal.goal));
                for instruction in &goal.steps {
                    prompt.push_str(&format!("{}\n", STYLE.apply(instruction)));
                }
                prompt.push_str(DRAFT);
                samples.push(sample(prompt, answer.clone(), vocabulary));
            }
            if goal.steps.len() != steps.len() {
                continue;
            }
            if rng.random_bool(mixture.retold) {
                let words = retold(&goal.steps, &steps, vocabulary, rng);
                let told = format!("{BEGIN}{GOAL}{words}{DRAFT}");
                samples.push(sample(told, answer.clone(), vocabulary));
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

/// A goal in the words of the instructions: most of those for what is done, few of those that only
/// lead somewhere, as people leave them out when they say what they want.
pub(super) fn retold(
    instructions: &[String],
    steps: &[SpokenStep],
    vocabulary: &ActionVocabulary,
    rng: &mut impl Rng,
) -> String {
    let told = instructions.iter().zip(steps).filter(|(_, step)| {
        rng.random_bool(if vocabulary.only_goes(&step.action) { 0.2 } else { 0.9 })
    });
    told.map(|(instruction, _)| STYLE.apply(instruction)).collect()
}

fn sample(prompt: String, answer: String, vocabulary: &ActionVocabulary) -> Sample {
    let places = places_to_go_to(&answer, vocabulary);
    Sample { prompt, answer, places, taught: Vec::new() }
}

/// Bytes of a plan's text that name places to go to.
pub(super) fn places_to_go_to(answer: &str, vocabulary: &ActionVocabulary) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let mut at = 0;
    for line in answer.split_inclusive('\n') {
        let words = line.trim_end_matches('\n').trim_end_matches(END);
        if let Some((action, _)) = words.split_once(' ')
            && vocabulary.only_goes(action)
        {
            places.push(at + action.len()..at + words.len());
        }
        at += line.len();
    }
    places
}

fn taught_sample(goal: &TaughtGoal, vocabulary: &ActionVocabulary, rng: &mut impl Rng) -> Sample {
    let (answer, taught) = drawn(goal, vocabulary, rng);
    Sample { prompt: goal_prompt(&goal.goal), answer, places: Vec::new(), taught }
}

/// One of the teacher's answers, drawn by its probability, along which all of them are learnt; and
/// all of them.
pub(super) fn drawn(
    goal: &TaughtGoal,
    vocabulary: &ActionVocabulary,
    rng: &mut impl Rng,
) -> (String, Vec<(String, f64)>) {
    let total: f64 = goal.answers.iter().map(|answer| answer.probability).sum();
    let write = |answer: &TaughtAnswer| {
        (draft(&answer.task, &answer.acts, vocabulary), answer.probability / total)
    };
    let taught: Vec<_> = goal.answers.iter().map(write).collect();
    let mut left = rng.random::<f64>();
    let drawn = taught.iter().find(|(_, probability)| {
        left -= probability;
        left < 0.0
    });
    // Rounding may leave a little over; the last answer stands in.
    let answer = drawn.or(taught.last()).map(|(answer, _)| answer.clone()).unwrap_or_default();
    (answer, taught)
}

/// What is to be done, up to the mark behind it.
fn draft(task: &str, acts: &[SpokenStep], vocabulary: &ActionVocabulary) -> String {
    format!("{}{}{PLAN}", task_token(task), plan_text(acts, vocabulary))
}

/// What is to be said to a goal of the trajectory: what is to be done, then the whole plan.
pub(super) fn answer(trajectory: &Trajectory, vocabulary: &ActionVocabulary) -> String {
    let steps = complete_plan(&trajectory.plan);
    let acts: Vec<_> =
        steps.iter().filter(|step| !vocabulary.only_goes(&step.action)).cloned().collect();
    let draft = draft(&trajectory.task, &acts, vocabulary);
    format!("{draft}{}{END}", plan_text(&steps, vocabulary))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::Goal;
    use rand::SeedableRng;

    fn trajectory() -> Trajectory {
        let step = |action: &str, word: &str| SpokenStep {
            action: action.into(),
            arguments: vec![word.into()],
        };
        Trajectory {
            task: "pick_and_place_simple".into(),
            scene: None,
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
        assert_eq!(samples[0].prompt, "<s><goal> take the mug<draft>");
        let answer = "<pick_and_place_simple>\nPickupObject mug\nNoOp\
            <plan>\nGotoLocation desk\nPickupObject mug\nNoOp</s>";
        assert_eq!(samples[0].answer, answer);
        let marked: Vec<_> = samples[0].places.iter().map(|at| &answer[at.clone()]).collect();
        assert_eq!(marked, [" desk"]);
    }

    fn taught() -> TaughtGoal {
        let answer = |word: &str, probability| TaughtAnswer {
            task: "pick_and_place_simple".into(),
            acts: vec![SpokenStep { action: "PickupObject".into(), arguments: vec![word.into()] }],
            probability,
        };
        let answers = vec![answer("mug", 0.6), answer("cup", 0.2)];
        TaughtGoal { goal: "Get the mug.".into(), answers }
    }

    #[test]
    fn a_teachers_answers_are_drawn_as_likely_as_it_finds_them() {
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(0);
        let mut draw = || taught_sample(&taught(), &ActionVocabulary::alfred(), &mut rng);
        let mug = "<pick_and_place_simple>\nPickupObject mug\nNoOp<plan>";
        assert_eq!(draw().taught[0], (mug.to_string(), 0.6 / 0.8));
        let mugs = (0..1000).filter(|_| draw().answer == mug).count();
        assert!((700..800).contains(&mugs), "{mugs}");
    }

    #[test]
    fn an_epoch_holds_all_kinds() {
        let all = Mixture { retold: 1.0, with_instructions: 1.0, single_steps: 1.0, taught: 1.0 };
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(0);
        let vocabulary = ActionVocabulary::alfred();
        let samples = epoch_samples(&[trajectory()], &[taught()], &vocabulary, all, &mut rng);
        let mut prompts: Vec<_> = samples.iter().map(|sample| sample.prompt.as_str()).collect();
        prompts.sort_unstable();
        // How much is retold is left to chance.
        let (retold, rest): (Vec<_>, Vec<_>) = prompts
            .into_iter()
            .partition(|prompt| prompt.starts_with("<s><goal>") && !prompt.contains("the mug"));
        assert_eq!(retold.len(), 1);
        assert!("<s><goal> go to the desk grab it<draft>".ends_with(&retold[0][9..]));
        let expected = [
            "<s><goal> get the mug<draft>",
            "<s><goal> take the mug<draft>",
            "<s><goal> take the mug<steps> go to the desk\n grab it\n<draft>",
            "<s><step> go to the desk<plan>",
            "<s><step> grab it<plan>",
        ];
        assert_eq!(rest, expected);
    }
}
