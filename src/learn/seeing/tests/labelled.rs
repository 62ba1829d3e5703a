//! Labelled recordings: a saved map and the pairs about it are learnt from.

use super::*;
use crate::planner::PlannerConfig;
use crate::scene::fixtures::wall;
use crate::sim::episode::{Episode, EpisodeOptions};
use crate::sim::language::{
    Balance, Pair, PairFrame, SceneFacts, check, dense_caption, object_caption, questions,
};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Writes pairs as `scenellm label` does.
fn write(pairs: &[Pair], folder: &Path) -> PathBuf {
    let line = |pair: &Pair| serde_json::to_string(pair).unwrap() + "\n";
    let path = folder.join("pairs.jsonl");
    std::fs::write(&path, pairs.iter().map(line).collect::<String>()).unwrap();
    path
}

/// The saved map of a toured home, and what can be said of its objects.
fn recording(folder: &Path) -> (PathBuf, Vec<Pair>) {
    let (config, world) = (PlannerConfig::default(), household(3).unwrap());
    let options = EpisodeOptions { tour_frames: 8, ..EpisodeOptions::default() };
    let mut episode = Episode::with_true_eyes(world, &config, &options, 0.1).unwrap();
    episode.tour(&mut |_| {}).unwrap();
    let map = episode.session().map();
    let path = folder.join("map.scenemap");
    map.save(&path).unwrap();
    let facts = SceneFacts::of_objects(map.objects().as_slice());
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    let mut pairs = questions(&facts, PairFrame::Scene, &Balance::default(), 24, &mut rng);
    pairs.extend((0..4).filter_map(|_| object_caption(&facts, PairFrame::Scene, &mut rng)));
    pairs.push(dense_caption(&facts, PairFrame::Scene, &mut rng));
    pairs.retain(|pair| check(pair, &facts).is_ok());
    (path, pairs)
}

#[test]
fn labelled_recordings_are_learnt_from() {
    let (folder, init) = (tempfile::tempdir().unwrap(), blind_model());
    let (map, mut pairs) = recording(folder.path());
    let number = pairs.len();
    assert!(number >= 16, "{pairs:?}");
    pairs.push(Pair { answer: "seventeen".into(), ..pairs[0].clone() });
    pairs.push(Pair { frame: PairFrame::Ego, ..pairs[0].clone() });
    let pairs = write(&pairs, folder.path());
    let labelled = LabelledMap { pairs: &pairs, map: &map, words: None };
    let kinds = ["question", "object_caption", "dense_caption"];
    let mut config = SeeingTraining {
        mixture: kinds.map(|kind| (kind.to_string(), 1.0)).into(),
        holdout: 0.0,
        epochs: 24,
        ..config(init.path(), LanguagePart::Full)
    };
    config.vision.width = 64;
    for (tokens, width) in [(TokenKind::Voxels, 64), (TokenKind::Regions, 2 * 64 + 3)] {
        config.vision.tokens = tokens;
        let mut school = School::default();
        school.add_labelled(&labelled, &config).unwrap();
        assert_eq!(school.lessons.len(), number);
        assert_eq!((school.checked.kept(), school.checked.rejected()), (number, 1));
        assert_eq!(school.checked.passed_over.values().sum::<usize>(), 1, "a map has no views");

        let classroom = classroom(&config, &school);
        let mut rng = Pcg64Mcg::seed_from_u64(3);
        let row = classroom.row(&school.lessons[0], Variation::NONE, &mut rng).unwrap();
        let seen = &row.seen[0].1;
        assert_eq!((seen.width, seen.frame), (width, TokenFrame::World));
        assert!(seen.len() > 5 && seen.features.iter().any(|x| *x != 0.0), "{}", seen.len());

        let mut losses = Vec::new();
        // A few steps of the first, and all of the other.
        let steps = if tokens == TokenKind::Voxels { 2 } else { usize::MAX };
        train_seeing(&config, &school, &Device::Cpu, None, None, None, &mut |step| {
            losses.push(step.loss);
            losses.len() < steps
        })
        .unwrap();
        assert!(losses.iter().all(|loss| loss.is_finite()) && losses.len() >= 2);
        if tokens == TokenKind::Regions {
            let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
            let (first, last) = (mean(&losses[..4]), mean(&losses[losses.len() - 4..]));
            assert!(last < 0.7 * first, "loss {first} at first, {last} in the end");
        }
    }
}

#[test]
fn what_does_not_fit_is_named_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let map = folder.path().join("map.scenemap");
    wall(3, |_| vec![0.25; 16]).save(&map).unwrap();
    let said = json!({"kind": "question", "frame": "scene", "prompt": "is there a mug",
        "answer": "no", "ids": []});
    let error = |line: &Value, width: usize| {
        let pairs = folder.path().join("pairs.jsonl");
        std::fs::write(&pairs, line.to_string()).unwrap();
        let mut config = config(folder.path(), LanguagePart::Full);
        config.vision.width = width;
        let labelled = LabelledMap { pairs: &pairs, map: &map, words: None };
        School::default().add_labelled(&labelled, &config).unwrap_err().to_string()
    };
    let wide = error(&said, 64);
    assert!(wide.contains("map.scenemap: feature_width is 16, and vision.width is 64"), "{wide}");
    let spaceless = error(&said, 16);
    assert!(spaceless.contains("map.scenemap: feature_space is empty"), "{spaceless}");
    // As `scenellm sim language` writes them: about a simulated home, of which there is no map.
    let mut homely = said.clone();
    homely["home"] = json!("seed 3");
    let homely = error(&homely, 16);
    assert!(homely.contains("pairs.jsonl, line 1") && homely.contains("`home`"), "{homely}");
    std::fs::remove_file(&map).unwrap();
    let absent = error(&said, 16);
    assert!(absent.contains("map.scenemap"), "{absent}");
}
