//! Voxels of toured homes, kept as a planner shows them.

use super::*;
use crate::learn::scenes::{Keep, SceneCache, Toured, tour};
use crate::planner::PlannerConfig;
use crate::sim::episode::{Episode, EpisodeOptions};
use crate::vision::ColorGeometry;
use nalgebra::Point3;

/// The first of `homes` as eyes without names tour it.
fn toured(homes: &Homes) -> Toured {
    let config = PlannerConfig::default();
    let options = EpisodeOptions { tour_frames: 6, ..EpisodeOptions::default() };
    let eyes = Box::new(ColorGeometry::default());
    let world = homes.world(0).unwrap();
    let episode = Episode::of_looks(world, &config, &options, eyes).unwrap();
    tour(episode, &config, 3, Keep::Voxels { scene: 80, view: 16 }).unwrap()
}

#[test]
fn voxels_of_a_toured_home_are_shown_as_they_were_kept_and_learnt_from() {
    let homes = Homes::read(None, 1, 1).unwrap();
    let toured = toured(&homes);
    let folder = tempfile::tempdir().unwrap();
    let open = |width, tokens| SceneCache::open(folder.path(), width, tokens).unwrap();
    open(16, TokenKind::Voxels).save(&homes.id(0), homes.seed(0), &toured).unwrap();
    let syllabus = Syllabus { seeds: 1, talked_about: 1.0, ..Syllabus::default() };
    let build = |width, tokens| {
        let (scenes, vocabulary) = (open(width, tokens), ActionVocabulary::alfred());
        School::build(&homes, &syllabus, Some(&scenes), &vocabulary, &|| {})
    };
    let error = build(64, TokenKind::Voxels).unwrap_err().to_string();
    assert!(error.contains("width 16, and `vision.width` is 64"), "{error}");
    let error = build(16, TokenKind::Regions).unwrap_err().to_string();
    assert!(error.contains("`vision.tokens` is `regions`"), "{error}");
    let built = build(16, TokenKind::Voxels).unwrap();
    assert!(built.homes.len() == 1 && built.homes[0].is_kept_as_voxels());

    let kinds = ["question", "question_ego", "object_caption", "object_caption_ego", "sampled"];
    let mut config = SeeingTraining {
        mixture: kinds.map(|kind| (kind.to_string(), 1.0)).into(),
        holdout: 0.0,
        epochs: 40,
        projector_rate: 0.01,
        ..of_voxels(LanguagePart::Full, Precision::F32)
    };
    config.optimizer.learning_rate = 0.01;
    let lesson = built.lessons.iter().find(|lesson| {
        lesson.prompt == PromptKind::Ask && !lesson.tells_from_camera() && !lesson.has_sides()
    });
    let scene = Lesson { sight: Sight::Scene, ..lesson.unwrap().clone() };
    let view = Lesson { sight: Sight::View(1), ..scene.clone() };
    let shown = |lesson: &Lesson, world_views: f64| {
        let arrangement = Arrangement { world_views, ..Arrangement::NONE };
        let variation = Variation { arrangement, ..Variation::NONE };
        let mut rng = Pcg64Mcg::seed_from_u64(3);
        let row = classroom(&config, &built).row(lesson, variation, &mut rng).unwrap();
        row.seen[0].1.clone()
    };
    // Of more than there is room for the first.
    let (found, right) = (shown(&scene, 0.0), toured.scene.voxels().unwrap());
    assert_eq!((found.frame, found.width, right.len()), (TokenFrame::World, 16, 80));
    assert_eq!(found.xyz_m, right.xyz_m[..64]);
    approx::assert_abs_diff_eq!(
        found.features.as_slice(),
        &right.features[..64 * 16],
        epsilon = 1e-3
    );
    let (found, right) = (shown(&view, 0.0), toured.views[1].1.voxels().unwrap());
    assert_eq!((found.frame, &found.xyz_m), (TokenFrame::Camera, &right.xyz_m));
    let (found, world_T_camera) = (shown(&view, 1.0), toured.views[1].0.world_T_camera());
    assert_eq!((found.frame, found.len()), (TokenFrame::World, right.len()));
    for (found, right) in found.xyz_m.iter().zip(&right.xyz_m) {
        let at_m = (world_T_camera * Point3::from(right.map(f64::from))).coords.cast::<f32>();
        approx::assert_abs_diff_eq!(found.as_slice(), at_m.as_slice(), epsilon = 1e-3);
    }

    let mut losses = Vec::new();
    train_seeing(&config, &built, &Device::Cpu, None, None, None, &mut |step| {
        losses.push(step.loss);
        losses.len() < 40
    })
    .unwrap();
    assert_eq!(losses.len(), 40);
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let (first, last) = (mean(&losses[..4]), mean(&losses[36..]));
    assert!(last < 0.8 * first, "loss {first} at first, {last} in the end");

    // What each voxel is of nobody knows: no name is told to look at any.
    let looking = Guidance { weight: 1.0, names: vec![0], follow: vec![1], tell: vec![0, 1] };
    let guided = SeeingTraining { looking: Some(looking), ..config.clone() };
    let mut both = school();
    both.add(built.homes[0].clone(), vec![Lesson { words: "Where is the mug?".into(), ..scene }]);
    let mut rng = Pcg64Mcg::seed_from_u64(3);
    let row = classroom(&guided, &both).row(&both.lessons[8], Variation::NONE, &mut rng).unwrap();
    assert!(row.seen[0].1.len() == 64 && row.looks.iter().all(Vec::is_empty));
}
