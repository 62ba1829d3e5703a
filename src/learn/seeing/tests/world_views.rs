//! Views in world coordinates, which stage 1 aligns with as well.

use super::*;
use crate::geometry::Pose;
use crate::learn::scenes::{RealView, SceneCache, Toured, TrueView, regions_of_world};
use crate::scene::VisualTokens;
use nalgebra::Point3;

/// A home all of which is in view, and how the camera stands in it.
fn viewed() -> (School, Pose) {
    let world = household(3).unwrap();
    let camera_T_world = world.robot().world_T_camera().inverse();
    let things = things_of(&world);
    let pixels = (0..things.len()).map(|at| (at, 1000.0)).collect();
    let mut school = school();
    let view = TrueView { camera_T_world, pixels };
    school.homes[0].eyes = Eyes::Oracle { things, views: vec![view] };
    (school, camera_T_world)
}

/// What a lesson shows when views are given in world coordinates so often.
fn shown(
    config: &SeeingTraining,
    school: &School,
    lesson: &Lesson,
    world_views: f64,
) -> VisualTokens {
    let classroom = classroom(config, school);
    let arrangement = Arrangement { world_views, ..Arrangement::NONE };
    let variation = Variation { arrangement, ..Variation::NONE };
    let mut rng = Pcg64Mcg::seed_from_u64(3);
    classroom.row(lesson, variation, &mut rng).unwrap().seen[0].1.clone()
}

#[track_caller]
fn assert_places(found: &VisualTokens, right: &VisualTokens) {
    assert_eq!((found.frame, found.len()), (TokenFrame::World, right.len()));
    assert!(found.len() > 20 && found.features == right.features);
    for (found, right) in found.xyz_m.iter().zip(&right.xyz_m) {
        approx::assert_abs_diff_eq!(found.as_slice(), right.as_slice(), epsilon = 1e-3);
    }
}

#[test]
fn a_view_in_world_coordinates_has_its_things_where_the_scene_has_them() {
    let init = blind_model();
    let mut config = config(init.path(), LanguagePart::Frozen);
    config.tokens.frame = config.tokens.scene;
    let (mut school, camera_T_world) = viewed();
    let scene = school.lessons[0].clone();
    let view = Lesson { sight: Sight::View(0), ..scene.clone() };
    let (of_scene, in_camera) =
        (shown(&config, &school, &scene, 1.0), shown(&config, &school, &view, 0.0));
    assert_eq!(in_camera.frame, TokenFrame::Camera);
    assert!(in_camera.xyz_m != of_scene.xyz_m);
    assert_places(&shown(&config, &school, &view, 1.0), &of_scene);

    // Voxels on the sides that face the camera.
    config.vision.tokens = TokenKind::Voxels;
    let mut moved = shown(&config, &school, &view, 0.0);
    for xyz_m in &mut moved.xyz_m {
        let at_m = camera_T_world.inverse() * Point3::from(xyz_m.map(f64::from));
        *xyz_m = at_m.coords.cast::<f32>().into();
    }
    assert_places(&shown(&config, &school, &view, 1.0), &moved);

    // A robot that toured the home stood somewhere, too.
    let (scene, regions) = {
        let oracle = classroom(&config, &school).oracle;
        let (home, mut rng) = (&school.homes[0], Pcg64Mcg::seed_from_u64(1));
        (home.scene(&oracle, &mut rng), home.view(0, &oracle, &mut rng))
    };
    let views = vec![RealView { camera_T_world, seen: Seen::Regions(regions) }];
    school.homes[0].eyes = Eyes::Real { scene: Seen::Regions(scene), views };
    for (tokens, right) in [(TokenKind::Voxels, &moved), (TokenKind::Regions, &of_scene)] {
        config.vision.tokens = tokens;
        assert_eq!(shown(&config, &school, &view, 0.0).frame, TokenFrame::Camera);
        assert_places(&shown(&config, &school, &view, 1.0), right);
    }
}

#[test]
fn a_toured_home_is_loaded_with_where_its_robot_stood() {
    let homes = Homes::read(None, 1, 1).unwrap();
    let world = homes.world(0).unwrap();
    let things = things_of(&world);
    let lexicon = Lexicon::of(&things, &WordHash::new(16).unwrap()).unwrap();
    let oracle = Oracle { lexicon, faults: Faults::NONE };
    let scene = regions_of_world(&world, &oracle, &mut Pcg64Mcg::seed_from_u64(1));
    let stance = *world.robot();
    let camera_T_world = stance.world_T_camera().inverse();
    let mut regions = scene.clone();
    for region in &mut regions {
        region.centre_m = (camera_T_world * Point3::from(region.centre_m)).coords.into();
    }
    let folder = tempfile::tempdir().unwrap();
    let cache = SceneCache::open(folder.path(), 16, TokenKind::Regions).unwrap();
    let views = vec![(stance, Seen::Regions(regions))];
    let toured = Toured { scene: Seen::Regions(scene), views };
    cache.save(&homes.id(0), homes.seed(0), &toured).unwrap();

    let vocabulary = ActionVocabulary::alfred();
    let syllabus = Syllabus { seeds: 1, ..Syllabus::default() };
    let school = School::build(&homes, &syllabus, Some(&cache), &vocabulary, &|| {}).unwrap();
    assert_eq!(school.homes.len(), 1);
    let Eyes::Real { scene, views } = &school.homes[0].eyes else { panic!("nobody toured it") };
    assert_eq!(school.homes[0].camera_T_world(0), Some(&camera_T_world));
    assert_eq!(school.homes[0].camera_T_world(1), None);
    assert!(scene.len() > 20 && views[0].seen.len() == scene.len());
    for (seen, region) in views[0].seen.regions().iter().zip(scene.regions()) {
        let at_m = views[0].camera_T_world.inverse() * Point3::from(seen.centre_m);
        let right = region.centre_m.as_slice();
        approx::assert_abs_diff_eq!(at_m.coords.as_slice(), right, epsilon = 1e-4);
    }
}

#[test]
fn what_is_told_from_where_the_camera_stands_keeps_its_coordinates() {
    let init = blind_model();
    let config = config(init.path(), LanguagePart::Frozen);
    let (school, _) = viewed();
    let view = Lesson { sight: Sight::View(0), ..school.lessons[0].clone() };
    for lesson in [
        Lesson { answer: " straight ahead</s>".into(), ..view.clone() },
        Lesson { words: "is it on the left".into(), ..view.clone() },
        Lesson { prompt: PromptKind::Navigate, ..view.clone() },
    ] {
        let frame = shown(&config, &school, &lesson, 1.0).frame;
        assert_eq!(frame, TokenFrame::Camera, "{lesson:?}");
    }
    assert_eq!(shown(&config, &school, &view, 1.0).frame, TokenFrame::World);
}
