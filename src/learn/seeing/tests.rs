//! Training from a blind model to one that sees, at a size that takes seconds.

use super::super::LearnError;
use super::super::checkpoint::{change, lose_weights};
use super::super::llama::{LlamaShape, fresh_weights};
use super::super::optimizer::AdamWConfig;
use super::super::scenes::{
    Arrangement, Eyes, Faults, Lexicon, Oracle, Seen, SeenHome, Thing, things_of,
};
use super::super::seeing::config::{LanguagePart, Precision, ProjectorShape};
use super::super::trainer::{Cut, Trainer};
use super::lesson::taught_lesson;
use super::look::Names;
use super::spell::{Freedom, Speller};
use super::start::Weights;
use super::teaching::{Classroom, Teaching, Variation};
use super::*;
use crate::learn::{About, LoraSpec, TaughtAnswer, TaughtGoal};
use crate::model::{
    Coordinates, PositionEmbedding, Projector, PromptInput, PromptKind, SceneLlm, TokenBudget,
    TokenKind, VisionSpec, splice,
};
use crate::scene::TokenFrame;
use crate::sim::household::household;
use crate::tasks::{ActionVocabulary, SpokenStep};
use crate::vision::{Provenance, WordHash};
use candle_core::{DType, Device, Tensor};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

mod added;
mod gradients;
mod kept_voxels;
mod labelled;
mod world_views;

/// What the manifests say that made them.
const COMMAND: &str = "scenellm train finetune --config tiny.yaml";

const SHAPE: LlamaShape = LlamaShape {
    hidden: 32,
    intermediate: 32,
    layers: 2,
    heads: 2,
    kv_heads: None,
    own_head: false,
    max_positions: 192,
    rope_theta: 1e4,
};

fn config(init: &Path, language: LanguagePart) -> SeeingTraining {
    SeeingTraining {
        about: About {
            name: "tiny".into(),
            description: "a test".into(),
            license: "none".into(),
            data: vec![],
        },
        seed: 5,
        init: init.into(),
        random_weights: None,
        model: SHAPE,
        language,
        vision: VisionSpec {
            extractor: "scene_vit".into(),
            provenance: Provenance::Trained,
            weights: Some("vision".into()),
            width: 16,
            tokens: TokenKind::Regions,
        },
        projector: ProjectorShape { hidden: 24, position: PositionEmbedding::Fourier { bands: 2 } },
        warm_steps: 0,
        coordinates: Coordinates { centre_m: [0.0, 0.0, 1.0], scale_m: 4.0 },
        tokens: TokenBudget { frame: 16, scene: 64, context: 192 },
        syllabus: Syllabus::default(),
        faults: Faults::NONE,
        arrangement: Arrangement::NONE,
        mixture: BTreeMap::from([("where".to_string(), 1.0)]),
        blind: 0.0,
        epochs: 1,
        batch_size: 8,
        replicas: 2,
        rounds: 2,
        max_length: 192,
        place_weight: 1.0,
        looking: None,
        dropout: 0.0,
        hide_words: 0.0,
        tear_words: 0.0,
        optimizer: AdamWConfig {
            learning_rate: 0.003,
            beta1: 0.9,
            beta2: 0.98,
            weight_decay: 0.01,
            gradient_clip: 1.0,
            average_decay: 0.9,
        },
        projector_rate: 0.006,
        warmup_steps: 5,
        holdout: 0.25,
        watched: 16,
        checkpoint_steps: 4,
        patience: None,
        precision: Precision::F32,
    }
}

/// A folder with a blind model of random weights.
fn blind_model() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let nano = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models/nano"));
    for name in ["tokenizer.json", "vocabulary.yaml"] {
        std::fs::copy(nano.join(name), folder.path().join(name)).unwrap();
    }
    let known = tokenizers::Tokenizer::from_file(nano.join("tokenizer.json")).unwrap();
    let known = known.get_vocab_size(true);
    let weights = fresh_weights(&SHAPE, known, &mut Pcg64Mcg::seed_from_u64(1)).unwrap();
    let tensors: HashMap<String, Tensor> =
        weights.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
    candle_core::safetensors::save(&tensors, folder.path().join("model.safetensors")).unwrap();
    folder
}

/// Homes with the question on what the mug stands.
fn school() -> School {
    let mut school = School::default();
    let homes = (0..).map(|seed| things_of(&household(seed).unwrap()));
    let is_mug = |thing: &Thing| thing.category == "mug";
    let with_mug = homes.filter(|things| things.iter().any(is_mug));
    for (number, things) in with_mug.take(4).enumerate() {
        let mug = things.iter().find(|thing| is_mug(thing)).unwrap();
        let answer = format!(" {}</s>", things[mug.on.unwrap()].category);
        let lesson = |words: &str| Lesson {
            kind: "where".into(),
            home: 0,
            sight: Sight::Scene,
            prompt: PromptKind::Ask,
            context: None,
            turns: vec![],
            words: words.into(),
            answer: answer.clone(),
            places: vec![],
            taught: vec![],
            more: vec![],
        };
        let lessons = ["Where is the mug?", "On what does the mug stand?"].map(lesson).to_vec();
        let eyes = Eyes::Oracle { things, views: vec![] };
        let scene = format!("home {number}");
        school.add(SeenHome { id: scene.clone(), scene, eyes }, lessons);
    }
    school
}

fn classroom<'a>(config: &'a SeeingTraining, school: &'a School) -> Classroom<'a> {
    let words = WordHash::new(config.vision.width).unwrap();
    let lexicon = Lexicon::of(school.things(), &words).unwrap();
    let tokenizer = super::start::tokenizer(&config.init, &ActionVocabulary::alfred()).unwrap();
    let names = Names::of(&lexicon, &tokenizer).unwrap();
    Classroom {
        config,
        homes: &school.homes,
        oracle: Oracle { lexicon, faults: config.faults },
        template: template(),
        speller: Speller::new(tokenizer).unwrap(),
        names,
    }
}

fn train(config: &SeeingTraining, out: &Path, steps: usize) -> Result<Vec<f64>, LearnError> {
    let (school, mut losses) = (school(), Vec::new());
    std::fs::create_dir_all(out).unwrap();
    train_seeing(config, &school, &Device::Cpu, Some(out), None, Some(COMMAND), &mut |step| {
        losses.push(step.loss);
        losses.len() < steps
    })?;
    Ok(losses)
}

#[test]
fn words_said_are_spelled_as_the_finished_model_spells_them() {
    let init = blind_model();
    let config = config(init.path(), LanguagePart::Full);
    let school = school();
    let classroom = classroom(&config, &school);
    let mut rng = Pcg64Mcg::seed_from_u64(3);
    // Names of special tokens in what is said are words; hidden and torn words keep their places.
    let mut lesson = school.lessons[0].clone();
    lesson.words = "Is <scene> a mug?".into();
    let row = classroom.row(&lesson, Variation::NONE, &mut rng).unwrap();
    let id = |mark: &str| classroom.speller.tokenizer().token_to_id(mark).unwrap();
    assert_eq!(row.ids.iter().filter(|token| **token == id("<scene>")).count(), 1);
    let free = Variation { freedom: Freedom { hide: 1.0, tear: 1.0 }, ..Variation::NONE };
    let hidden = classroom.row(&lesson, free, &mut rng).unwrap();
    let (at, tokens) = &hidden.seen[0];
    let marks = [id("<s>"), id("<scene>")];
    assert_eq!(hidden.ids[..2], marks);
    assert_eq!(*at, 2);
    let said = &hidden.ids[2 + tokens.len() + 1..hidden.answer_at - 1];
    assert!(said.iter().all(|token| *token == classroom.speller.pad()));
}

#[test]
fn several_questions_come_in_one_row_each_with_its_answer() {
    let init = blind_model();
    let config = config(init.path(), LanguagePart::Full);
    let school = school();
    let classroom = classroom(&config, &school);
    let mut rng = Pcg64Mcg::seed_from_u64(3);
    let alone = school.lessons[0].blind();
    let more = vec![["Is there a mug?".to_string(), " yes</s>".to_string()]];
    let both = Lesson { more, ..alone.clone() };
    let [alone, both] =
        [alone, both].map(|lesson| classroom.row(&lesson, Variation::NONE, &mut rng).unwrap());
    assert_eq!(both.ids[..alone.ids.len()], alone.ids);
    assert_eq!(both.targets[..alone.targets.len()], alone.targets);
    let tokenizer = classroom.speller.tokenizer();
    let rest = tokenizer.decode(&both.ids[alone.ids.len()..], false).unwrap();
    assert_eq!(rest, "<ask> is there a mug?<answer> yes</s>");
    let second = &both.targets[alone.targets.len()..];
    assert!(!second.is_empty());
    for target in second {
        assert_eq!(both.ids[target.at], target.token);
    }
    assert_eq!(second.last().unwrap().at + 1, both.ids.len());
}

#[test]
fn a_teachers_goal_is_learnt_blind_along_one_answer_in_the_share_of_all() {
    let init = blind_model();
    let config = config(init.path(), LanguagePart::Full);
    let school = school();
    let classroom = classroom(&config, &school);
    let mut rng = Pcg64Mcg::seed_from_u64(3);
    let answer = |thing: &str, probability| TaughtAnswer {
        task: "pick_and_place_simple".into(),
        acts: vec![SpokenStep { action: "PickupObject".into(), arguments: vec![thing.into()] }],
        probability,
    };
    let answers = vec![answer("mug", 0.6), answer("fork", 0.2)];
    let goal = TaughtGoal { goal: "Get it.".into(), answers };
    let lesson = taught_lesson(&goal, &ActionVocabulary::alfred(), &mut rng);
    let row = classroom.row(&lesson, Variation::NONE, &mut rng).unwrap();
    assert!(row.seen.is_empty());
    let tokenizer = classroom.speller.tokenizer();
    let said = tokenizer.decode(&row.ids[..row.answer_at], false).unwrap();
    assert_eq!(said, "<s><goal> get it<draft>");
    let mut forks: Vec<f32> = Vec::new();
    for at in row.answer_at..row.ids.len() {
        let here: Vec<_> = row.targets.iter().filter(|target| target.at == at).collect();
        assert!(here.iter().any(|target| target.token == row.ids[at]));
        let sum: f32 = here.iter().map(|target| target.probability).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        forks.extend(here.iter().filter(|_| here.len() > 1).map(|target| target.probability));
    }
    forks.sort_by(f32::total_cmp);
    assert_eq!(forks, [0.25, 0.75]);
}

#[test]
fn toured_homes_and_a_teachers_goals_come_as_often_as_is_said() {
    let mut config = config(Path::new("nowhere"), LanguagePart::Full);
    let mut school = school();
    let all = school.lessons.len();
    assert_eq!(lessons_of_an_epoch(&config, &school), all);
    config.syllabus.toured = 3.0;
    school.homes[0].eyes = Eyes::Real { scene: Seen::Regions(Vec::new()), views: Vec::new() };
    let toured = school.lessons.iter().filter(|lesson| lesson.home == 0).count();
    assert!(toured > 0 && toured < all);
    assert_eq!(lessons_of_an_epoch(&config, &school), all + 2 * toured);
    school.taught = vec![TaughtGoal { goal: "Get it.".into(), answers: Vec::new() }; 10];
    config.mixture.insert(lesson::TAUGHT.into(), 0.5);
    assert_eq!(lessons_of_an_epoch(&config, &school), all + 2 * toured + 5);
}

/// The row that is trained on and the prompt that the finished model reads lead to the same logits.
#[test]
fn a_trained_model_is_loaded_and_reads_what_it_was_taught_with() {
    let init = blind_model();
    let config = config(init.path(), LanguagePart::Full);
    let out = tempfile::tempdir().unwrap();
    train(&config, out.path(), usize::MAX).unwrap();
    let llm = SceneLlm::load(out.path(), &Device::Cpu).unwrap();
    assert!(llm.sees() && llm.can(PromptKind::Ask) && llm.can(PromptKind::Navigate));
    assert_eq!(llm.manifest().command.as_deref(), Some(COMMAND));
    assert_eq!(llm.manifest().vision.as_ref().unwrap().weights, None, "no eyes were given");

    let school = school();
    let classroom = classroom(&config, &school);
    let lesson = &school.lessons[0];
    let mut rng = Pcg64Mcg::seed_from_u64(0);
    let row = classroom.row(lesson, Variation::NONE, &mut rng).unwrap();
    let (_, tokens) = row.seen[0].clone();
    assert_eq!(tokens.frame, TokenFrame::World);
    let input = PromptInput {
        scene: Some(tokens),
        kind: PromptKind::Ask,
        goal: lesson.words.clone(),
        ..PromptInput::default()
    };
    let segments = llm.prompt(input).unwrap();
    let spec = llm.manifest().projector.clone().unwrap();
    let path = out.path().join(&spec.weights);
    let projector = Projector::load(&spec, config.coordinates, &path, &Device::Cpu).unwrap();
    let spliced = splice(&segments, llm.tokenizer(), llm.embedder(), Some(&projector)).unwrap();
    assert_eq!(spliced.keys.len(), row.answer_at);
    let mut cache = llm.llama().unwrap().new_cache(192).unwrap();
    let theirs = llm.llama().unwrap().forward_embeds(&spliced.embeds, &mut cache).unwrap();
    let theirs: Vec<f32> =
        theirs.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap();

    let batch = classroom.batch(&[row], &Device::Cpu, &mut rng).unwrap();
    let again = SeeingTraining { init: out.path().into(), ..config.clone() };
    let tokenizer = classroom.speller.tokenizer();
    let weights = Weights::new(&again, tokenizer, &Device::Cpu, &mut rng).unwrap();
    let tensors = weights.learnt.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone()));
    let model = weights.model(&again, &tensors.collect()).unwrap();
    let ours: Vec<f32> =
        model.forward(&batch, None, &mut None).unwrap().0.get(0).unwrap().to_vec1().unwrap();
    approx::assert_abs_diff_eq!(ours.as_slice(), theirs.as_slice(), epsilon = 2e-2);
}

#[test]
fn training_goes_on_to_the_same_weights() {
    let init = blind_model();
    let config = SeeingTraining { epochs: 40, ..config(init.path(), LanguagePart::Full) };
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let losses = train(&config, &whole, usize::MAX).unwrap();
    assert!(losses.last().unwrap() < &(0.8 * losses[0]), "{losses:?}");
    train(&config, &parts, 5).unwrap();
    train(&config, &parts, usize::MAX).unwrap();
    for name in ["model.safetensors", "projector.safetensors"] {
        let read = |folder: &Path| std::fs::read(folder.join(name)).unwrap();
        assert!(read(&whole) == read(&parts), "going on gave other weights in {name}");
    }
    let other = SeeingTraining { seed: 6, ..config.clone() };
    let error = train(&other, &parts, 1).unwrap_err().to_string();
    assert!(error.contains("another configuration"), "{error}");
    let patient = SeeingTraining {
        optimizer: AdamWConfig { learning_rate: 1e-12, average_decay: 0.0, ..config.optimizer },
        projector_rate: 1e-12,
        patience: Some(1),
        ..config
    };
    let losses = train(&patient, &folder.path().join("patient"), usize::MAX).unwrap();
    assert_eq!(losses.len(), 8, "it ends with the second measurement, which is no better");
}

#[test]
fn with_patience_the_folder_holds_the_best_and_the_checkpoint_the_newest() {
    let init = blind_model();
    let config = config(init.path(), LanguagePart::Full);
    let config = SeeingTraining { epochs: 12, patience: Some(9), ..config };
    for (first_loss, stays_best) in [(-1.0, true), (1e9, false)] {
        let out = tempfile::tempdir().unwrap();
        train(&config, out.path(), 4).unwrap();
        // The first of three measurements, made better or worse than the others can be.
        change(out.path(), |state, _| {
            let loss = &mut state["progress"]["watches"][0]["kinds"]["where"][0]["loss"];
            assert!(loss.is_f64());
            *loss = first_loss.into();
        });
        let read = |name: &str| std::fs::read(out.path().join(name)).unwrap();
        let (model, checkpoint) = (read("model.safetensors"), read("checkpoint/state.safetensors"));
        assert_eq!(train(&config, out.path(), usize::MAX).unwrap().len(), 8);
        assert_eq!(read("model.safetensors") == model, stays_best, "first loss {first_loss}");
        assert!(read("checkpoint/state.safetensors") != checkpoint);
    }
}

#[test]
fn a_gradient_that_is_no_number_ends_a_training_and_leaves_what_it_has() {
    let init = blind_model();
    let config = SeeingTraining { epochs: 12, ..config(init.path(), LanguagePart::Full) };
    let out = tempfile::tempdir().unwrap();
    train(&config, out.path(), 4).unwrap();
    lose_weights(out.path());
    let names = ["checkpoint/state.safetensors", "model.safetensors", "projector.safetensors"];
    let read = || names.map(|name| std::fs::read(out.path().join(name)).unwrap());
    let before = read();
    let error = train(&config, out.path(), usize::MAX).unwrap_err();
    assert!(matches!(&error, LearnError::Gradient { step: 5, .. }), "{error}");
    assert!(read() == before, "it was written over");
}

#[test]
fn a_training_goes_on_with_the_data_it_began_with() {
    let init = blind_model();
    let config = SeeingTraining { epochs: 12, ..config(init.path(), LanguagePart::Full) };
    let out = tempfile::tempdir().unwrap();
    train(&config, out.path(), 4).unwrap();
    let error = |school: &School| {
        let out = Some(out.path());
        train_seeing(&config, school, &Device::Cpu, out, None, None, &mut |_| true)
            .unwrap_err()
            .to_string()
    };
    // As a folder of toured homes that grew.
    let mut toured = school();
    toured.homes[0].eyes = Eyes::Real { scene: Seen::Regions(Vec::new()), views: Vec::new() };
    let told = error(&toured);
    assert!(told.contains("homes seen by real eyes: 0 then, 1 now"), "{told}");
    let mut fewer = school();
    fewer.lessons.pop();
    let told = error(&fewer);
    assert!(told.contains("lessons: 8 then, 7 now") && told.contains("same data"), "{told}");
    train(&config, out.path(), 1).unwrap();
}

/// A tiny decoder of random weights behind a projector as the paper has it: the features of voxels and
/// six numbers, two hidden layers, and nothing added for positions.
fn of_voxels(language: LanguagePart, precision: Precision) -> SeeingTraining {
    let nano = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models/nano"));
    let mut config = SeeingTraining {
        random_weights: Some(2000),
        model: LlamaShape { own_head: true, ..SHAPE },
        projector: ProjectorShape { hidden: 24, position: PositionEmbedding::None },
        precision,
        ..config(nano, language)
    };
    config.vision.tokens = TokenKind::Voxels;
    // What has no gradient must not seem to learn.
    config.optimizer.weight_decay = 0.0;
    config
}

#[test]
fn voxels_teach_what_should_learn_and_nothing_else() {
    let numbers = |tensor: &Tensor| -> Vec<f32> {
        tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    };
    let lora = LoraSpec { rank: 2, alpha: 4.0, targets: vec!["q_proj".into(), "down_proj".into()] };
    let school = school();
    for (language, precision) in [
        (LanguagePart::Frozen, Precision::F32),
        (LanguagePart::Lora(lora), Precision::Bf16),
        (LanguagePart::Full, Precision::F32),
    ] {
        let config = of_voxels(language, precision);
        let classroom = classroom(&config, &school);
        let mut rng = Pcg64Mcg::seed_from_u64(3);
        let row = classroom.row(&school.lessons[0], Variation::NONE, &mut rng).unwrap();
        let seen = &row.seen[0].1;
        assert_eq!((seen.len(), seen.width, seen.frame), (64, 16, TokenFrame::World));

        let tokenizer = classroom.speller.tokenizer();
        let weights = Weights::new(&config, tokenizer, &Device::Cpu, &mut rng).unwrap();
        let shape = |name: &str| weights.learnt[name].dims().to_vec();
        assert_eq!(shape("projector.fc1.weight"), [24, 16 + 6]);
        assert_eq!(shape("projector.fc2.weight"), [24, 24]);
        assert_eq!(shape("projector.out.weight"), [32, 24]);
        let embedding = "model.embed_tokens.weight";
        let learns = || weights.learnt[embedding].as_tensor();
        let table = weights.fixed.get(embedding).unwrap_or_else(learns);
        assert_eq!(table.dims(), [2000, 32]);
        assert_eq!(weights.fixed.is_empty(), config.language == LanguagePart::Full);

        let learnt: BTreeMap<String, Tensor> = weights
            .learnt
            .iter()
            .map(|(name, var)| (name.clone(), var.as_tensor().clone()))
            .collect();
        let before: Vec<Vec<f32>> = learnt.values().map(numbers).collect();
        let stay: Vec<Vec<f32>> = weights.fixed.values().map(numbers).collect();
        let model = weights.model(&config, &learnt).unwrap();
        let device = Device::Cpu;
        let teaching =
            Teaching { classroom: &classroom, model, variation: Variation::NONE, device };
        let mut trainer = Trainer::new(weights.learnt.clone(), config.optimizer).unwrap();
        let lessons: Vec<&Lesson> = school.lessons.iter().collect();
        // One half of LoRA begins at zero, so that the other has a gradient from the second step on.
        for step in 0..2 {
            let cut = Cut { replicas: 2, rounds: 2 };
            let stepped = trainer.step(&teaching, &lessons, cut, step, &|_| 0.01).unwrap();
            assert!(stepped.loss.is_finite() && stepped.gradient > 0.0, "{stepped:?}");
        }
        for ((name, var), before) in weights.learnt.iter().zip(before) {
            let now = numbers(var.as_tensor());
            assert!(now != before, "{name} has not learnt");
            assert!(now.iter().all(|number| number.is_finite()), "{name}");
        }
        assert!(weights.fixed.values().map(numbers).eq(stay));
    }
}

#[test]
fn a_trial_with_random_weights_takes_the_same_steps_each_time() {
    let config = of_voxels(LanguagePart::Full, Precision::F32);
    let config = SeeingTraining { epochs: 3, warm_steps: 2, ..config };
    let school = school();
    let run = || {
        let mut losses = Vec::new();
        train_seeing(&config, &school, &Device::Cpu, None, None, None, &mut |step| {
            assert!(step.seconds > 0.0 && step.tokens > 0);
            losses.push(step.loss);
            losses.len() < 2
        })
        .unwrap();
        losses
    };
    let losses = run();
    assert!(losses.len() == 2 && losses.iter().all(|loss| loss.is_finite()), "{losses:?}");
    assert_eq!(losses, run());
}

#[test]
fn a_tokenizer_from_elsewhere_gets_the_marks_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let bare = tokenizers::Tokenizer::new(tokenizers::models::bpe::BPE::default());
    bare.save(folder.path().join("tokenizer.json"), false).unwrap();
    let vocabulary = config(folder.path(), LanguagePart::Full).vocabulary().unwrap();
    assert_eq!(vocabulary, ActionVocabulary::alfred());
    let tokenizer = super::start::tokenizer(folder.path(), &vocabulary).unwrap();
    let marks = super::template::all_marks(&vocabulary);
    assert_eq!(tokenizer.get_vocab_size(true), marks.len());
    assert!(marks.iter().all(|mark| tokenizer.token_to_id(mark).is_some()));
    Speller::new(tokenizer).unwrap();

    let nano = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models/nano"));
    let known = tokenizers::Tokenizer::from_file(nano.join("tokenizer.json")).unwrap();
    let same = super::start::tokenizer(nano, &vocabulary).unwrap();
    assert_eq!(same.get_vocab(true), known.get_vocab(true));
}

#[test]
fn in_stage_one_and_with_lora_the_decoder_stays() {
    let init = blind_model();
    let before =
        candle_core::safetensors::load(init.path().join("model.safetensors"), &Device::Cpu);
    let before = before.unwrap();
    let out = tempfile::tempdir().unwrap();
    let frozen = SeeingTraining { epochs: 2, ..config(init.path(), LanguagePart::Frozen) };
    train(&frozen, out.path(), usize::MAX).unwrap();
    let load = |folder: &Path| {
        let path = folder.join("model.safetensors");
        candle_core::safetensors::load(path, &Device::Cpu).unwrap()
    };
    let same = |a: &Tensor, b: &Tensor| {
        let [a, b] = [a, b].map(|t| t.to_dtype(DType::F16).unwrap().to_dtype(DType::F32).unwrap());
        (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap() == 0.0
    };
    let rows = before["model.embed_tokens.weight"].dim(0).unwrap();
    for (name, after) in load(out.path()) {
        let after = if name == "model.embed_tokens.weight" {
            after.narrow(0, 0, rows).unwrap()
        } else {
            after
        };
        assert!(same(&before[&name], &after), "{name} moved");
    }
    SceneLlm::load(out.path(), &Device::Cpu).unwrap();

    // Stage 2 begins with what stage 1 made, its projector too.
    let lora = LoraSpec { rank: 4, alpha: 8.0, targets: vec!["q_proj".into(), "up_proj".into()] };
    let adapted = config(out.path(), LanguagePart::Lora(lora));
    let end = tempfile::tempdir().unwrap();
    train(&adapted, end.path(), usize::MAX).unwrap();
    let (aligned, tuned) = (load(out.path()), load(end.path()));
    for (name, after) in &tuned {
        let adapts = name.contains("q_proj") || name.contains("up_proj");
        assert_eq!(same(&aligned[name], after), !adapts, "{name}");
    }
    let projector = |folder: &Path| {
        let path = folder.join("projector.safetensors");
        candle_core::safetensors::load(path, &Device::Cpu).unwrap()["projector.fc1.weight"].clone()
    };
    let apart = (projector(out.path()) - projector(end.path())).unwrap().sqr().unwrap();
    let apart = apart.mean_all().unwrap().to_scalar::<f32>().unwrap().sqrt();
    assert!(
        apart > 0.0 && apart < 0.05,
        "the projector is taken over and goes on learning: {apart}"
    );
}

#[test]
fn models_that_do_not_fit_are_named() {
    let init = blind_model();
    let out = tempfile::tempdir().unwrap();
    let mut wider = config(init.path(), LanguagePart::Full);
    wider.model.intermediate = 64;
    let error = train(&wider, out.path(), 1).unwrap_err().to_string();
    assert!(error.contains("model.safetensors: tensor `model.layers"), "{error}");
    let mut nothing = config(init.path(), LanguagePart::Full);
    nothing.mixture = BTreeMap::from([("dance".to_string(), 1.0)]);
    let error = train(&nothing, out.path(), 1).unwrap_err().to_string();
    assert!(error.contains("nothing to learn: of 8 lessons 8 are of kinds"), "{error}");
    let short = SeeingTraining { max_length: 8, ..config(init.path(), LanguagePart::Full) };
    let error = train(&short, out.path(), 1).unwrap_err().to_string();
    assert!(error.contains(" 8 may be longer than `max_length`"), "{error}");
    let held = SeeingTraining { holdout: 1.0, ..config(init.path(), LanguagePart::Full) };
    let error = train(&held, out.path(), 1).unwrap_err().to_string();
    assert!(error.contains(" 8 are only watched (`holdout`)"), "{error}");
}

#[test]
fn of_few_lessons_that_come_seldom_each_epoch_has_one() {
    let init = blind_model();
    let seldom = SeeingTraining {
        mixture: BTreeMap::from([("where".to_string(), 1e-9)]),
        epochs: 3,
        ..config(init.path(), LanguagePart::Full)
    };
    let out = tempfile::tempdir().unwrap();
    assert_eq!(train(&seldom, out.path(), usize::MAX).unwrap().len(), 3);
    SceneLlm::load(out.path(), &Device::Cpu).unwrap();
}

#[test]
fn a_decoder_that_stays_may_have_the_rate_zero() {
    let init = blind_model();
    let mut frozen = SeeingTraining { epochs: 3, ..config(init.path(), LanguagePart::Frozen) };
    frozen.optimizer.learning_rate = 0.0;
    let out = tempfile::tempdir().unwrap();
    let losses = train(&frozen, out.path(), usize::MAX).unwrap();
    assert!(losses.len() == 3 && losses.iter().all(|loss| loss.is_finite()), "{losses:?}");
    assert!(losses[2] != losses[0], "the projector learns");
}

#[test]
fn eyes_are_copied_whole_or_not_at_all() {
    let (init, eyes, out) =
        (blind_model(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = config(init.path(), LanguagePart::Full);
    let run = || {
        let (out, eyes) = (Some(out.path()), Some(eyes.path()));
        train_seeing(&config, &school(), &Device::Cpu, out, eyes, None, &mut |_| true)
    };
    // A file that cannot be read stops the copy, as a full disk does.
    std::fs::write(eyes.path().join("config.json"), "{}").unwrap();
    let weights = eyes.path().join("model.safetensors");
    std::os::unix::fs::symlink("nowhere", &weights).unwrap();
    let error = run().unwrap_err().to_string();
    assert!(error.contains("model.safetensors"), "{error}");
    let copied = out.path().join("vision");
    assert!(!copied.exists(), "a training that goes on would take it for whole");
    std::fs::remove_file(&weights).unwrap();
    std::fs::write(&weights, "weights").unwrap();
    run().unwrap();
    assert_eq!(std::fs::read_to_string(copied.join("model.safetensors")).unwrap(), "weights");
    assert_eq!(std::fs::read_dir(&copied).unwrap().count(), 2);
}

/// As where the disk is full when a model is written.
#[test]
fn a_model_that_cannot_be_written_leaves_the_one_before() {
    let init = blind_model();
    let config = SeeingTraining { epochs: 8, ..config(init.path(), LanguagePart::Full) };
    let out = tempfile::tempdir().unwrap();
    train(&config, out.path(), 4).unwrap();
    let names = ["model.safetensors", "projector.safetensors", "scenellm.yaml"];
    let read = || names.map(|name| std::fs::read(out.path().join(name)).unwrap());
    let before = read();
    let in_the_way = out.path().join("model.safetensors.new");
    std::fs::create_dir(&in_the_way).unwrap();
    let error = train(&config, out.path(), usize::MAX).unwrap_err().to_string();
    assert!(error.contains("model.safetensors: cannot be written"), "{error}");
    assert!(read() == before);
    std::fs::remove_dir(&in_the_way).unwrap();
    train(&config, out.path(), usize::MAX).unwrap();
    assert!(read() != before);
}

#[test]
fn a_warm_projector_says_the_names_of_things() {
    let init = blind_model();
    let school = school();
    let config = SeeingTraining { warm_steps: 600, ..config(init.path(), LanguagePart::Full) };
    let classroom = classroom(&config, &school);
    let mut rng = Pcg64Mcg::seed_from_u64(3);
    let tokenizer = classroom.speller.tokenizer();
    let weights = Weights::new(&config, tokenizer, &Device::Cpu, &mut rng).unwrap();
    let lexicon = &classroom.oracle.lexicon;
    weights.warm(&config, lexicon, tokenizer, &mut rng).unwrap();
    let tensors = weights.learnt.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone()));
    let model = weights.model(&config, &tensors.collect()).unwrap();
    let things = things_of(&household(1).unwrap());
    let mut regions = classroom.oracle.regions(&things, |_| 1.0, &mut rng);
    regions.iter_mut().for_each(|region| region.on = None);
    let tokens = crate::scene::region_tokens(&regions, TokenFrame::World, 16, 200);
    let said = model.projector.project(&tokens).unwrap();
    let embedding = model.llama.embedding().unwrap();
    let names: Vec<Tensor> = lexicon
        .names()
        .map(|name| {
            let encoding = tokenizer.encode(format!(" {name}"), false).unwrap();
            let ids = Tensor::new(encoding.get_ids(), &Device::Cpu).unwrap();
            embedding.index_select(&ids, 0).unwrap().mean(0).unwrap()
        })
        .collect();
    let names = Tensor::stack(&names, 0).unwrap();
    let nearest = said.matmul(&names.t().unwrap()).unwrap().argmax(1).unwrap();
    let nearest: Vec<u32> = nearest.to_vec1().unwrap();
    let right = nearest.iter().zip(&regions).filter(|(at, region)| **at as usize == region.name);
    let share = right.count() as f64 / regions.len() as f64;
    assert!(share > 0.6, "{share} of the tokens say their names");
}
