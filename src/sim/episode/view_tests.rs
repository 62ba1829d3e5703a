//! What a model that sees is shown whenever it plans.

use super::tests::{COOL_MUG, Script, carry_away, cool_mug, kitchen_with_one_mug, options};
use super::*;
use crate::model::TokenKind;
use crate::planner::PlannerConfig;
use crate::scene::{TokenFrame, VisualTokens};
use crate::sim::household::World;
use crate::tasks::{ActionVocabulary, Plan, PlanRequest, ViewSpec};
use crate::vision::{TextEncoder, WordHash};
use nalgebra::Vector3;

/// Length of the features of true eyes.
const WIDTH: usize = 64;
/// Cosine beyond which a token is of a class.
const ALIKE: f32 = 0.75;

/// Says the same plan every time, and remembers what it was shown.
struct Seer {
    script: Script,
    /// Where tokens of mugs stood, at each request.
    mugs_m: Vec<Vec<Vector3<f64>>>,
    /// Tokens of the scene and of the frame, at each request.
    tokens: Vec<[usize; 2]>,
}

impl Mind for Seer {
    fn plan(&mut self, request: &PlanRequest<'_>, world: &World) -> Plan {
        let view = request.view.expect("a model that sees is shown something");
        let (scene, frame) = (view.scene.as_ref().unwrap(), view.frame.as_ref().unwrap());
        assert_eq!((scene.frame, frame.frame), (TokenFrame::World, TokenFrame::Camera));
        self.tokens.push([scene.len(), frame.len()]);
        self.mugs_m.push(places_m(scene, "mug"));
        self.script.plan(request, world)
    }

    fn vocabulary(&self) -> &ActionVocabulary {
        self.script.vocabulary()
    }

    fn view_spec(&mut self) -> Option<ViewSpec> {
        Some(ViewSpec {
            extractor: "truth".into(),
            tokens: TokenKind::Regions,
            width: WIDTH,
            frame: 48,
            scene: 128,
        })
    }
}

/// Where the tokens of a class stand.
fn places_m(tokens: &VisualTokens, class: &str) -> Vec<Vector3<f64>> {
    let word = WordHash::new(WIDTH).unwrap().embed(class).unwrap();
    let is_alike = |row: &[f32]| row.iter().zip(&word).map(|(a, b)| a * b).sum::<f32>() > ALIKE;
    let rows = tokens.features.chunks(tokens.width).zip(&tokens.xyz_m);
    let found = rows.filter(|(row, _)| is_alike(&row[..WIDTH]));
    found.map(|(_, xyz_m)| Vector3::from(xyz_m.map(f64::from))).collect()
}

fn place(world: &World, id: u32) -> Vector3<f64> {
    world.home().entity(id).unwrap().world_T_entity.translation.vector
}

#[test]
fn a_thing_that_was_moved_is_shown_no_more_where_it_was() {
    let far = |seed: &u64| {
        let (mut world, mug) = kitchen_with_one_mug(*seed);
        carry_away(&mut world, mug).is_some_and(|away_m| away_m > 2.7)
    };
    let seed = (0..40).find(far).expect("kitchens are wider");
    let (world, mug) = kitchen_with_one_mug(seed);
    let before = place(&world, mug);
    let (config, options) = (PlannerConfig::default(), options(Knowledge::Seen));
    let mut episode = Episode::with_true_eyes(world, &config, &options, 0.0).unwrap();
    episode.tour(&mut |_| {}).unwrap();
    carry_away(episode.world_mut(), mug).unwrap();
    let after = place(episode.world(), mug);

    let script = Script::new(COOL_MUG);
    let mut mind = Seer { script, mugs_m: Vec::new(), tokens: Vec::new() };
    let result = episode.pursue("cool the mug", &cool_mug(), &mut mind, &mut |_| {}).unwrap();
    assert!(result.replans >= 1, "{result:?}");
    assert!(mind.tokens.iter().all(|[scene, _]| *scene > 10), "{:?}", mind.tokens);
    let near = |places: &[Vector3<f64>], at: &Vector3<f64>| {
        places.iter().any(|place| (place - at).norm() < 0.4)
    };
    let (first, later) = mind.mugs_m.split_first().unwrap();
    assert!(near(first, &before) && !near(first, &after), "{first:?}, {before}, {after}");
    assert!(!later.iter().any(|places| near(places, &before)), "{later:?}, {before}, {after}");
}

#[test]
fn a_thing_that_appears_is_in_the_view_after_a_look() {
    let (mut world, mug) = kitchen_with_one_mug(3);
    let (at, holder) = (place(&world, mug), world.holder(mug).unwrap());
    let cabinet = world.named("cabinet").next().unwrap().id;
    world.displace(mug, cabinet).unwrap();
    let (config, options) = (PlannerConfig::default(), options(Knowledge::Seen));
    let mut episode = Episode::with_true_eyes(world, &config, &options, 0.0).unwrap();
    episode.tour(&mut |_| {}).unwrap();
    let script = Script::new(COOL_MUG);
    let mut seer = Seer { script, mugs_m: Vec::new(), tokens: Vec::new() };
    let spec = seer.view_spec().unwrap();
    let mugs = |episode: &Episode<'_>| {
        places_m(&episode.view(&spec).unwrap().unwrap().scene.unwrap(), "mug").len()
    };
    assert_eq!(mugs(&episode), 0, "it is behind a door");
    episode.world_mut().displace(mug, holder).unwrap();
    episode.tour(&mut |_| {}).unwrap();
    assert_eq!(mugs(&episode), 1, "it stands near {at}");
}

#[test]
fn what_is_too_small_to_be_believed_is_glimpsed() {
    let (world, mug) = kitchen_with_one_mug(2);
    let holder = world.home().entity(world.holder(mug).unwrap()).unwrap().category;
    let mut config = PlannerConfig::default();
    // Furniture has hundreds of voxels.
    config.regions.min_mass = 60.0;
    let options = options(Knowledge::Seen);
    let mut episode = Episode::with_true_eyes(world, &config, &options, 0.0).unwrap();
    episode.tour(&mut |_| {}).unwrap();
    episode.look(&mut |_| {}).unwrap();
    let spec = ViewSpec {
        extractor: "truth".into(),
        tokens: TokenKind::Regions,
        width: WIDTH,
        frame: 48,
        scene: 128,
    };
    let view = episode.view(&spec).unwrap().unwrap();
    assert!(places_m(&view.scene.unwrap(), "mug").is_empty());
    let mugs: Vec<_> = view.glimpses.iter().filter(|one| one.name == "mug").collect();
    let surest = mugs.iter().max_by(|a, b| a.share.total_cmp(&b.share)).expect("it is seen");
    assert!(surest.on == holder && surest.share < 1.0, "{mugs:?}, on {holder}");
}

#[test]
fn what_stands_open_is_seen_to() {
    for is_open in [false, true] {
        let (mut world, _) = kitchen_with_one_mug(3);
        let fridge = world.named("fridge").next().unwrap().id;
        world.change_at_start(fridge, |state| state.is_open = is_open);
        let (config, options) = (PlannerConfig::default(), options(Knowledge::Seen));
        let mut episode = Episode::with_true_eyes(world, &config, &options, 0.0).unwrap();
        episode.tour(&mut |_| {}).unwrap();
        let script = Script::new(COOL_MUG);
        let spec = Seer { script, mugs_m: Vec::new(), tokens: Vec::new() }.view_spec().unwrap();
        let states = episode.view(&spec).unwrap().unwrap().states;
        let objects = episode.objects();
        let fridges = objects.iter().filter(|object| object.label == "fridge");
        for fridge in fridges {
            let state = states.iter().find(|state| state.id == fridge.id).unwrap();
            assert_eq!((state.state.as_str(), state.holds), ("open", is_open));
        }
        assert!(objects.iter().any(|object| object.label == "fridge"));
    }
}

#[test]
fn perfect_knowledge_is_nobodys_sight() {
    let (world, _) = kitchen_with_one_mug(3);
    let (config, options) = (PlannerConfig::default(), options(Knowledge::Oracle));
    let episode = Episode::with_true_eyes(world, &config, &options, 0.0).unwrap();
    let script = Script::new(COOL_MUG);
    let spec = Seer { script, mugs_m: Vec::new(), tokens: Vec::new() }.view_spec().unwrap();
    assert_eq!(episode.view(&spec).unwrap(), None);
}

#[test]
fn a_model_that_takes_voxels_is_shown_those_of_the_map_and_of_the_frame() {
    let (world, _) = kitchen_with_one_mug(0);
    let (config, options) = (PlannerConfig::default(), options(Knowledge::Seen));
    let mut episode = Episode::with_true_eyes(world, &config, &options, 0.0).unwrap();
    episode.tour(&mut |_| {}).unwrap();
    let session = episode.session();
    let spec = ViewSpec {
        extractor: session.extractor_name().unwrap().to_owned(),
        tokens: TokenKind::Voxels,
        width: WIDTH,
        frame: 48,
        scene: 128,
    };
    let view = session.view(&spec).unwrap().unwrap();
    let (scene, frame) = (view.scene.unwrap(), view.frame.unwrap());
    assert_eq!((scene.len(), scene.width, scene.frame), (128, WIDTH, TokenFrame::World));
    assert_eq!((frame.len(), frame.width, frame.frame), (48, WIDTH, TokenFrame::Camera));
    assert!(frame.xyz_m.iter().all(|at_m| at_m[2] > 0.0), "all before the camera");
    let wider = ViewSpec { width: WIDTH + 1, ..spec.clone() };
    let of_others = ViewSpec { extractor: "clip".into(), ..spec };
    assert_eq!([wider, of_others].map(|spec| session.view(&spec).unwrap()), [None, None]);
}
