//! Training from goals to a model folder that plans, stopped and gone on with.

#![allow(clippy::unwrap_used, reason = "tests stop where they fail")]

use candle_core::{Device, Tensor};
use scenellm::learn::{
    About, AdamWConfig, Augmentation, Goal, HomesConfig, LabelsConfig, LlamaShape, Mixture,
    ObjectiveConfig, PlannerTraining, TaughtAnswer, TaughtGoal, Trajectory, VisionTraining,
    train_planner,
};
use scenellm::tasks::{ActionVocabulary, GoalPlanner, SpokenStep};
use scenellm::vision::SceneVitShape;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

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
                    scene: None,
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
        epochs: 200,
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

    // Nothing was held out, so nothing is said of it.
    let manifest = std::fs::read_to_string(second.join("scenellm.yaml")).unwrap();
    assert!(!manifest.contains("held_out"), "{manifest}");

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
    assert!(
        error.contains("state.safetensors") && error.contains("another configuration"),
        "{error}"
    );
}

#[test]
fn other_data_do_not_go_on_from_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    train(folder.path(), 8);
    let vocabulary = ActionVocabulary::alfred();
    let error = |trajectories: &[Trajectory], taught: &[TaughtGoal]| {
        let out = folder.path();
        train_planner(&config(), trajectories, taught, &vocabulary, out, None, &mut |_| false)
            .unwrap_err()
            .to_string()
    };
    let fewer = error(&trajectories()[1..], &taught());
    assert!(fewer.contains("trajectories: 24 then, 23 now"), "{fewer}");
    let untaught = error(&trajectories(), &[]);
    assert!(untaught.contains("goals of a teacher: 3 then, 0 now"), "{untaught}");
    let mut reworded = trajectories();
    reworded[0].goals[0].goal.push_str(" Please.");
    let reworded = error(&reworded, &taught());
    assert!(reworded.contains("(bytes of words: ") && reworded.contains("same data"), "{reworded}");
    train(folder.path(), 1);
}

#[test]
fn a_gradient_that_is_no_number_ends_a_training_and_leaves_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    train(folder.path(), 8);
    let path = folder.path().join("checkpoint/state.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let lost = tensors.get_mut("weights.model.norm.weight").unwrap();
    *lost = Tensor::full(f32::NAN, lost.dims(), &Device::Cpu).unwrap();
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let before = std::fs::read(&path).unwrap();
    let vocabulary = ActionVocabulary::alfred();
    let (data, out) = (trajectories(), folder.path());
    let error = train_planner(&config(), &data, &taught(), &vocabulary, out, None, &mut |_| true);
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("step ") && error.contains("the gradient of `model."), "{error}");
    assert!(std::fs::read(&path).unwrap() == before, "it was written over");
    assert!(!folder.path().join("model.safetensors").exists(), "it is no model");
}

/// Runs `scenellm train` with a configuration, and looks for these names in what TensorBoard reads;
/// returns the lines of the log.
#[track_caller]
fn logged(words: &[&str], config: &impl Serialize, folder: &Path, names: &[&str]) -> Vec<Value> {
    let path = folder.join("config.yaml");
    std::fs::write(&path, serde_yaml::to_string(config).unwrap()).unwrap();
    let out = folder.join("out");
    let mut command = Command::new(env!("CARGO_BIN_EXE_scenellm"));
    command.current_dir(folder).arg("train").args(words);
    let done = command.arg("--config").arg(&path).arg("--out").arg(&out).output().unwrap();
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{told}");
    assert!(told.contains("step ") && told.contains("held-out"), "no measurement: {told}");
    let files = std::fs::read_dir(out.join("log")).unwrap();
    let files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    let is_event_file = |path: &&PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("events.out.tfevents.") && name.ends_with(".scenellm")
    };
    let events: Vec<&PathBuf> = files.iter().filter(is_event_file).collect();
    assert_eq!(events.len(), 1, "{files:?}");
    let events = std::fs::read(events[0]).unwrap();
    for name in names {
        let is_there = events.windows(name.len()).any(|part| part == name.as_bytes());
        assert!(is_there, "{name} is not in the events");
    }
    let lines = std::fs::read_to_string(out.join("log/training.jsonl")).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_program_logs_how_a_planner_learns() {
    let folder = tempfile::tempdir().unwrap();
    let line = |trajectory: Trajectory| {
        let goals = trajectory.goals.iter().map(|goal| json!({"goal": goal.goal}));
        let steps = trajectory.plan.iter();
        let steps = steps.map(|step| json!({"action": step.action, "args": step.arguments}));
        let (goals, plan): (Vec<Value>, Vec<Value>) = (goals.collect(), steps.collect());
        json!({"type": trajectory.task, "goals": goals, "plan": plan}).to_string() + "\n"
    };
    let lines: String = trajectories().into_iter().map(line).collect();
    std::fs::write(folder.path().join("train.jsonl"), lines).unwrap();
    let brief = PlannerTraining { epochs: 1, holdout: 0.1, ..config() };
    let words = ["planner", "--data", "train.jsonl"];
    let names = ["train/loss", "train/tokens_per_s", "plan/blind/exact"];
    let lines = logged(&words, &brief, folder.path(), &names);
    let last = lines.last().unwrap();
    assert_eq!((&last["step"], &last["watch"]["step"]), (&json!(3), &json!(3)));
    assert!(last["tokens_per_s"].as_f64().unwrap() > 0.0, "{last}");
}

/// What `scenellm train finetune` prints, run in an empty folder, in which it leaves nothing.
#[track_caller]
fn tried(config: &Path, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_scenellm"));
    command.current_dir(folder.path()).args(["train", "finetune", "--config"]).arg(config);
    let done = command.args(arguments).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was kept");
    String::from_utf8(done.stdout).unwrap()
}

/// Trainings of the full size, whose decoder is not here.
const LARGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/train");

#[test]
fn the_memory_of_a_training_of_full_size_is_told_without_its_weights() {
    // docs/training.md tells the same.
    for (name, part, gib) in
        [("llama2-7b.yaml", "LoRA", 75.0), ("llama2-7b-full.yaml", "all weights", 212.0)]
    {
        let told = tried(&Path::new(LARGE).join(name), &["--dry-run"]);
        let row = told.lines().find(|line| line.ends_with("<-")).unwrap();
        assert!(row.starts_with(part) && row.contains("bf16"), "{told}");
        let all: f64 = row.split_whitespace().rev().nth(1).unwrap().parse().unwrap();
        assert_eq!(all.round(), gib, "{told}");
    }
}

#[test]
fn a_trial_with_random_weights_tells_what_its_steps_took() {
    let text = std::fs::read_to_string(Path::new(LARGE).join("llama2-7b.yaml")).unwrap();
    let mut config: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    // The same training, thousands of times smaller.
    for (part, name, number) in [
        ("model", "hidden", 32),
        ("model", "intermediate", 32),
        ("model", "layers", 2),
        ("model", "heads", 2),
        ("model", "max_positions", 256),
        ("vision", "width", 16),
        ("projector", "hidden", 24),
        ("tokens", "frame", 16),
        ("tokens", "scene", 64),
        ("tokens", "context", 256),
        ("syllabus", "seeds", 2),
    ] {
        config[part][name] = number.into();
    }
    for (name, number) in
        [("max_length", 256), ("batch_size", 4), ("rounds", 2), ("random_weights", 2000)]
    {
        config[name] = number.into();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.yaml");
    std::fs::write(&path, serde_yaml::to_string(&config).unwrap()).unwrap();
    let told = tried(&path, &["--random-weights", "--steps", "2", "--json"]);
    let told: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    let steps = told["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 2, "{told}");
    for step in steps {
        let number = |name: &str| step[name].as_f64().unwrap();
        assert!(number("loss") > 0.0 && number("gradient") > 0.0, "{told}");
        assert!(number("tokens") > 0.0 && number("tokens_per_s") > 0.0, "{told}");
    }
    assert!(told["planned_bytes"].as_u64().unwrap() > 0, "{told}");
}

#[test]
fn eyes_that_are_not_there_are_told_before_anything_is_learnt() {
    let folder = tempfile::tempdir().unwrap();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/config/train/recordings.yaml");
    let data = ["--pairs", "pairs.jsonl", "--map", "map.scenemap", "--vision", "nowhere"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_scenellm"));
    command.current_dir(folder.path()).args(["train", "finetune", "--config", config]);
    let done = command.args(data).args(["--out", "out"]).output().unwrap();
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success());
    assert!(told.contains("--vision nowhere: there is no such folder"), "{told}");
}

#[test]
fn the_program_logs_how_eyes_learn() {
    let labels = LabelsConfig { weight: 1.0, temperature: 0.1, rarity: 0.5, tilt: 0.2, most: 30.0 };
    let tiny = VisionTraining {
        seed: 5,
        init: None,
        homes: HomesConfig {
            seed: 1,
            procedural: 2,
            alfred: 0,
            moved: 0.3,
            views: 2,
            close: 0.5,
            hold_out_every: 2,
        },
        model: SceneVitShape {
            embed: 12,
            cell: 8,
            width: 16,
            layers: 1,
            heads: 2,
            hidden: 20,
            refine: 1,
            head: 24,
            features: 16,
        },
        objective: ObjectiveConfig { labels: Some(labels), ..ObjectiveConfig::default() },
        crops: None,
        augmentation: Augmentation {
            mirror: 0.0,
            brightness: 0.0,
            tint: 0.0,
            contrast: 0.0,
            holes: 0.0,
            no_depth: 0.0,
            floor_m: 0.0,
        },
        steps: 2,
        batch_size: 2,
        replicas: 2,
        optimizer: config().optimizer,
        warmup_steps: 1,
        checkpoint_steps: 1,
        watched_views: 1,
    };
    let folder = tempfile::tempdir().unwrap();
    let names = ["train/loss", "train/views_per_s", "held_out/cells"];
    let lines = logged(&["vision"], &tiny, folder.path(), &names);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!((&lines[1]["step"], &lines[1]["watch"]["step"]), (&json!(2), &json!(2)));
    assert!(lines[1]["views_per_s"].as_f64().unwrap() > 0.0, "{lines:?}");
}
