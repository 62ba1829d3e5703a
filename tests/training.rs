//! Training from goals to a model folder that plans, stopped and gone on with.

#![allow(clippy::unwrap_used, reason = "tests stop where they fail")]

use candle_core::Device;
use scenellm::learn::{
    About, AdamWConfig, Goal, LlamaShape, Mixture, PlannerTraining, TaughtAnswer, TaughtGoal,
    Trajectory, train_planner,
};
use scenellm::tasks::{ActionVocabulary, GoalPlanner, SpokenStep};
use std::path::Path;

/// Goals of two kinds over a few things and places.
fn trajectories() -> Vec<Trajectory> {
    let step = |action: &str, words: &[&str]| SpokenStep {
        action: action.into(),
        arguments: words.iter().map(|word| word.to_string()).collect(),
    };
    let mut all = Vec::new();
    for thing in ["mug", "apple", "book", "pan"] {
        for place in ["desk", "shelf", "fridge"] {
            for task in ["pick_and_place_simple", "pick_clean_then_place_in_recep"] {
                let clean = task != "pick_and_place_simple";
                let mut plan = vec![step("PickupObject", &[thing])];
                if clean {
                    plan.push(step("CleanObject", &[thing]));
                }
                plan.push(step("PutObject", &[thing, place]));
                let kind = if clean { "a clean " } else { "the " };
                all.push(Trajectory {
                    task: task.into(),
                    goals: vec![Goal {
                        goal: format!("Put {kind}{thing} on the {place}."),
                        steps: vec![],
                    }],
                    plan,
                });
            }
        }
    }
    all
}

/// Other words for clean mugs than the expert's goals use, with what a teacher says of them.
fn taught() -> Vec<TaughtGoal> {
    let mut mugs = trajectories();
    mugs.retain(|trajectory| trajectory.goals[0].goal.contains("a clean mug"));
    mugs.into_iter()
        .map(|mug| {
            let answer = |acts: &[SpokenStep], probability| TaughtAnswer {
                task: mug.task.clone(),
                acts: acts.to_vec(),
                probability,
            };
            TaughtGoal {
                goal: mug.goals[0].goal.replace("Put a clean mug", "Clean the mug"),
                answers: vec![answer(&mug.plan[..1], 0.1), answer(&mug.plan, 0.8)],
            }
        })
        .collect()
}

fn config() -> PlannerTraining {
    PlannerTraining {
        about: About {
            name: "tiny".into(),
            description: "a test".into(),
            license: "none".into(),
            data: vec![],
        },
        seed: 3,
        init: None,
        model: LlamaShape {
            hidden: 64,
            intermediate: 64,
            layers: 2,
            heads: 4,
            kv_heads: None,
            own_head: false,
            max_positions: 128,
            rope_theta: 1e4,
        },
        tokenizer_size: 400,
        epochs: 120,
        batch_size: 8,
        replicas: 2,
        max_length: 96,
        mixture: Mixture { retold: 0.0, with_instructions: 0.0, single_steps: 0.0, taught: 1.0 },
        place_weight: 1.0,
        dropout: 0.0,
        hide_words: 0.0,
        tear_words: 0.0,
        optimizer: AdamWConfig {
            learning_rate: 0.006,
            beta1: 0.9,
            beta2: 0.98,
            weight_decay: 0.01,
            gradient_clip: 1.0,
            average_decay: 0.9,
        },
        warmup_steps: 50,
        holdout: 0.0,
        checkpoint_steps: 20,
    }
}

/// Trains into `out`, stopping after `steps` steps of this run; returns the last loss.
fn train(out: &Path, steps: usize) -> f64 {
    let (mut done, mut loss) = (0, f64::NAN);
    let vocabulary = ActionVocabulary::alfred();
    train_planner(&config(), &trajectories(), &taught(), &vocabulary, out, None, &mut |step| {
        done += 1;
        loss = step.loss;
        done < steps
    })
    .unwrap();
    loss
}

#[test]
fn training_goes_on_to_the_same_weights_and_the_model_plans() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let loss = train(&whole, usize::MAX);
    assert!(loss < 0.2, "the few goals were not learnt: loss {loss}");
    train(&parts, 25);
    assert!(!parts.join("model.safetensors").exists(), "a stopped training is no model");
    train(&parts, usize::MAX);
    let weights = |folder: &Path| std::fs::read(folder.join("model.safetensors")).unwrap();
    assert!(weights(&whole) == weights(&parts), "going on gave other weights");

    let mut planner = GoalPlanner::load(&whole, &Device::Cpu).unwrap();
    let vocabulary = planner.vocabulary().clone();
    for trajectory in trajectories() {
        let plan = planner.speak(&trajectory.goals[0].goal, None, &vocabulary).unwrap();
        assert_eq!(plan.task.as_deref(), Some(trajectory.task.as_str()));
        assert_eq!(plan.steps, trajectory.plan, "{}", trajectory.goals[0].goal);
    }
    for goal in taught() {
        let plan = planner.speak(&goal.goal, None, &vocabulary).unwrap();
        assert_eq!(plan.steps, goal.answers[1].acts, "{}", goal.goal);
    }
}

#[test]
fn a_finished_model_is_where_another_training_begins() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let vocabulary = ActionVocabulary::alfred();
    let train = |config: &PlannerTraining, out: &Path| {
        let mut first_loss = None;
        train_planner(config, &trajectories(), &taught(), &vocabulary, out, None, &mut |step| {
            first_loss.get_or_insert(step.loss);
            true
        })
        .map(|()| first_loss.unwrap())
    };
    let brief = PlannerTraining { epochs: 40, ..config() };
    let fresh = train(&brief, &first).unwrap();
    let again = PlannerTraining { init: Some(first.clone()), epochs: 1, ..config() };
    let learnt = train(&again, &second).unwrap();
    assert!(learnt < 0.5 * fresh, "{learnt} after a training, {fresh} before");

    let mut narrower = again;
    narrower.model.hidden = 32;
    let error = train(&narrower, &folder.path().join("third")).unwrap_err().to_string();
    assert!(error.contains("first/model.safetensors: tensor `model."), "{error}");
}

#[test]
fn another_configuration_does_not_go_on_from_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    train(folder.path(), 8);
    let other = PlannerTraining { seed: 4, ..config() };
    let vocabulary = ActionVocabulary::alfred();
    let out = folder.path();
    let error = train_planner(&other, &trajectories(), &[], &vocabulary, out, None, &mut |_| false)
        .unwrap_err()
        .to_string();
    assert!(error.contains("state.json") && error.contains("another configuration"), "{error}");
}
