//! Detections with true geometry, and what becomes of them.

use super::*;
use crate::geometry::Pose;
use crate::scene::fixtures::sized;
use crate::scene::objects::boxes::rotation;
use crate::scene::regions::ObjectMemory;
use crate::sensing::Detection;
use nalgebra::{Translation3, UnitQuaternion, Vector3};

/// An object seen once, to which a store gives a number.
pub fn object(label: &str, position_m: [f64; 3], size_m: [f64; 3]) -> MapObject {
    MapObject { confidence: 0.5, ..sized(0, label, position_m, size_m) }
}

fn cup(x: f64, track: &str) -> Detection {
    Detection {
        label: "cup".into(),
        score: 0.6,
        frame_T_box: Pose::translation(x, 0.0, 0.0),
        size_m: [0.1, 0.1, 0.12],
        track_id: track.into(),
    }
}

#[test]
fn near_detections_merge_and_confidence_grows() {
    let mut store = ObjectStore::default();
    let world_T_camera = Pose::from_parts(
        Translation3::new(10.0, 0.0, 0.0),
        UnitQuaternion::from_axis_angle(&Vector3::z_axis(), std::f64::consts::FRAC_PI_2),
    );
    for (turn, x) in [1.0, 1.02, 0.98, 1.0].iter().enumerate() {
        store.observe(&[cup(*x, "")], &world_T_camera, turn as i64);
    }
    let cup = &store.as_slice()[0];
    assert_eq!((store.len(), cup.observations), (1, 4));
    approx::assert_relative_eq!(cup.position_m[0], 10.0, epsilon = 1e-9);
    approx::assert_relative_eq!(cup.position_m[1], 1.0, epsilon = 1e-9);
    assert!(cup.confidence > 0.8 && cup.confidence < 1.0);
    assert_eq!((cup.first_seen_ns, cup.last_seen_ns), (0, 3));
}

#[test]
fn neighbours_stay_apart_and_ids_are_not_reused() {
    let mut store = ObjectStore::default();
    let pair = [cup(0.0, ""), cup(0.2, "")];
    store.observe(&pair, &Pose::identity(), 0);
    let report = store.observe(&[pair[1].clone(), pair[0].clone()], &Pose::identity(), 1);
    assert_eq!(report.objects, [Some(ObjectId(1)), Some(ObjectId(0))]);
    store.remove(ObjectId(1));
    store.remove(ObjectId(0));
    let report = store.observe(&[cup(5.0, "")], &Pose::identity(), 2);
    assert_eq!((report.objects, report.new_objects), (vec![Some(ObjectId(2))], 1));
}

#[test]
fn a_box_with_its_edges_swapped_is_the_same_box() {
    let turned = |degrees: f64, size_m| {
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), degrees.to_radians());
        let frame_T_box = Pose::from_parts(Translation3::new(1.0, 2.0, 0.4), turn);
        Detection { frame_T_box, size_m, ..cup(0.0, "") }
    };
    let mut store = ObjectStore::default();
    store.observe(&[turned(44.0, [1.2, 0.6, 0.8])], &Pose::identity(), 0);
    store.observe(&[turned(-44.0, [0.6, 1.2, 0.8])], &Pose::identity(), 1);
    let table = &store.as_slice()[0];
    let at = rotation(&table.orientation_xyzw).angle().to_degrees();
    assert!((at - 45.0).abs() < 0.1, "{at}");
    assert_eq!(table.size_m, [1.2, 0.6, 0.8]);
}

#[test]
fn a_part_of_a_long_thing_is_that_thing_and_its_neighbour_is_not() {
    let counter = |x: f64, length_m: f64| Detection {
        label: "counter".into(),
        size_m: [length_m, 0.6, 0.9],
        ..cup(x, "")
    };
    let mut store = ObjectStore::default();
    store.observe(&[counter(0.0, 3.0)], &Pose::identity(), 0);
    let report = store.observe(&[counter(1.2, 0.5)], &Pose::identity(), 1);
    assert_eq!(report.objects, [Some(ObjectId(0))]);
    let report = store.observe(&[counter(2.1, 0.8)], &Pose::identity(), 2);
    assert_eq!((report.objects, store.len()), (vec![Some(ObjectId(1))], 2));
}

#[test]
fn a_track_is_followed_when_it_is_carried() {
    let mut store = ObjectStore::default();
    store.observe(&[cup(0.0, "t7")], &Pose::identity(), 0);
    store.observe(&[cup(3.0, "t7")], &Pose::identity(), 1);
    assert_eq!(store.len(), 1);
    assert_eq!(store.as_slice()[0].position_m, [3.0, 0.0, 0.0]);
}

#[test]
fn unusable_detections_are_refused() {
    let mut store = ObjectStore::default();
    let mut bad = [cup(f64::NAN, ""), cup(0.0, ""), cup(0.0, "")];
    bad[1].size_m[0] = -1.0;
    bad[2].score = f32::NAN;
    let report = store.observe(&bad, &Pose::identity(), 0);
    assert_eq!(report.objects, [None, None, None]);
    assert!(store.is_empty());
}

#[test]
fn json_round_trip_and_its_checks() {
    let mut store = ObjectStore::default();
    store.observe(&[cup(0.5, "a"), cup(2.5, "")], &Pose::identity(), 4);
    let text = serde_json::to_string(&store).unwrap();
    assert_eq!(serde_json::from_str::<ObjectStore>(&text).unwrap(), store);
    let reused = text.replace("\"next_id\":2", "\"next_id\":1");
    assert!(serde_json::from_str::<ObjectStore>(&reused).is_err());
}

fn seen(label: &str, x: f64, size_m: [f64; 3]) -> Detection {
    Detection { label: label.into(), size_m, ..cup(x, "") }
}

fn ids(store: &ObjectStore) -> Vec<u32> {
    store.iter().map(|object| object.id.0).collect()
}

/// Both halves of a sofa, of 2 m from -1 to 1, with a lamp between that hides its middle.
fn halves() -> [Detection; 2] {
    [-0.55, 0.55].map(|x| seen("sofa", x, [0.9, 0.8, 0.8]))
}

fn sofa() -> Detection {
    seen("sofa", 0.0, [2.0, 0.8, 0.8])
}

fn mugs() -> [Detection; 2] {
    [-0.07, 0.07].map(|x| seen("mug", x, [0.08, 0.08, 0.1]))
}

fn both_mugs() -> Detection {
    seen("mug", 0.0, [0.22, 0.09, 0.1])
}

#[test]
fn two_halves_that_are_seen_whole_become_the_older() {
    let mut store = ObjectStore::default();
    let [left, right] = halves();
    // The robot comes past the right end first, then past the left one.
    for stamp_ns in [5, 6] {
        store.observe(std::slice::from_ref(&right), &Pose::identity(), stamp_ns);
    }
    store.observe(&[left], &Pose::identity(), 7);
    assert_eq!(ids(&store), [0, 1]);
    let alone = store.get(ObjectId(0)).cloned();
    for stamp_ns in 8..10 {
        store.observe(&[sofa()], &Pose::identity(), stamp_ns);
        assert_eq!(ids(&store), [0, 1], "two messages prove nothing");
    }
    let report = store.observe(&[sofa()], &Pose::identity(), 10);
    assert_eq!((ids(&store), report.objects), (vec![0], vec![Some(ObjectId(0))]));
    let whole = store.as_slice()[0].clone();
    assert_eq!((whole.position_m, whole.size_m), ([0.0; 3], [2.0, 0.8, 0.8]));
    assert_eq!((whole.first_seen_ns, whole.last_seen_ns, whole.observations), (5, 10, 6));
    assert!(alone.is_some_and(|alone| alone.confidence < whole.confidence));
    let scores: Vec<(&str, f32)> = store.labels(whole.id).unwrap().iter().collect();
    assert_eq!(scores.len(), 1);
    approx::assert_relative_eq!(scores[0].1, 6.0 * 0.6, epsilon = 1e-5);
    // The other id leads to it, and is given to nothing else.
    assert_eq!(store.get(ObjectId(1)), Some(&whole));
    let report = store.observe(&[cup(5.0, "")], &Pose::identity(), 11);
    assert_eq!(report.objects, [Some(ObjectId(2))]);
    assert_eq!(store.remove(ObjectId(1)), Some(whole));
    assert_eq!((store.get(ObjectId(0)), store.get(ObjectId(1))), (None, None));
}

#[test]
fn the_younger_joins_the_older_wherever_the_whole_is_nearer_to_it() {
    let mut store = ObjectStore::default();
    store.observe(&[seen("sofa", -0.8, [0.4, 0.8, 0.8])], &Pose::identity(), 0);
    store.observe(&[seen("sofa", 0.3, [1.2, 0.8, 0.8])], &Pose::identity(), 1);
    for stamp_ns in 2..5 {
        store.observe(&[sofa()], &Pose::identity(), stamp_ns);
    }
    assert_eq!((ids(&store), store.get(ObjectId(1)).map(|one| one.id.0)), (vec![0], Some(0)));
    assert_eq!(store.as_slice()[0].observations, 5);
}

#[test]
fn two_mugs_that_looked_like_one_become_two() {
    let mut store = ObjectStore::default();
    for stamp_ns in 0..4 {
        store.observe(&[both_mugs()], &Pose::identity(), stamp_ns);
    }
    for stamp_ns in 4..6 {
        let report = store.observe(&mugs(), &Pose::identity(), stamp_ns);
        assert_eq!(report.objects, [Some(ObjectId(0)); 2], "two messages prove nothing");
    }
    let report = store.observe(&mugs(), &Pose::identity(), 6);
    assert_eq!(
        (report.objects.as_slice(), report.new_objects),
        (&[0, 1].map(|id| Some(ObjectId(id)))[..], 1)
    );
    let [left, right] = store.as_slice() else { panic!("{store:?}") };
    assert_eq!((left.position_m[0], right.position_m[0]), (-0.07, 0.07));
    assert_eq!([left.size_m, right.size_m], [[0.08, 0.08, 0.1]; 2]);
    assert_eq!((left.first_seen_ns, left.observations), (0, 7));
    assert_eq!((right.first_seen_ns, right.observations), (6, 1));
    // From now on each is seen as itself.
    let report = store.observe(&mugs(), &Pose::identity(), 7);
    assert_eq!((report.objects[1], report.new_objects), (Some(ObjectId(1)), 0));
}

#[test]
fn the_larger_part_keeps_the_id() {
    let parts = [seen("box", -0.2, [0.1; 3]), seen("box", 0.1, [0.3; 3])];
    let mut store = ObjectStore::default();
    store.observe(&[seen("box", 0.0, [0.5, 0.3, 0.3])], &Pose::identity(), 0);
    for stamp_ns in 1..4 {
        store.observe(&parts, &Pose::identity(), stamp_ns);
    }
    let places: Vec<f64> = store.iter().map(|one| one.position_m[0]).collect();
    assert_eq!(places, [0.1, -0.2]);
}

#[test]
fn evidence_that_takes_turns_changes_nothing() {
    // One box that is seen as two mugs every other time stays one ...
    let mut store = ObjectStore::default();
    let mut before = None;
    for stamp_ns in 0..40 {
        let message = if stamp_ns % 2 == 0 { vec![both_mugs()] } else { mugs().to_vec() };
        let report = store.observe(&message, &Pose::identity(), stamp_ns);
        assert_eq!((ids(&store), report.new_objects), (vec![0], usize::from(stamp_ns == 0)));
        let place = (store.as_slice()[0].position_m, store.as_slice()[0].size_m);
        assert_eq!(*before.get_or_insert(place), place, "nor does its box change");
    }
    // ... and two that are taken for one every other time stay two.
    let mut store = ObjectStore::default();
    for stamp_ns in 0..40 {
        let message = if stamp_ns % 2 == 1 { vec![both_mugs()] } else { mugs().to_vec() };
        store.observe(&message, &Pose::identity(), stamp_ns);
        assert_eq!(ids(&store), [0, 1]);
    }
}

#[test]
fn one_thing_with_two_names_is_one_object_with_the_likelier_name() {
    let mut store = ObjectStore::default();
    let named = |label: &str, x: f64| seen(label, x, [0.1, 0.1, 0.12]);
    for (stamp_ns, label) in ["cup", "mug", "cup", "mug", "mug", "mug"].into_iter().enumerate() {
        store.observe(&[named(label, 0.0)], &Pose::identity(), stamp_ns as i64);
    }
    assert_eq!((ids(&store), store.as_slice()[0].label.as_str()), (vec![0], "mug"));
    assert_eq!(store.labels(ObjectId(1)).unwrap().iter().count(), 2);
    // Both names are its own; a mug inside of a cupboard is none of it.
    let report = store.observe(&[named("cup", 0.01)], &Pose::identity(), 9);
    assert_eq!((report.objects[0], report.new_objects), (Some(ObjectId(0)), 0));
    for stamp_ns in 10..20 {
        store.observe(&[seen("cupboard", 0.0, [0.8; 3])], &Pose::identity(), stamp_ns);
    }
    assert_eq!(ids(&store), [0, 2]);
}

#[test]
fn what_a_tracker_tells_apart_stays_apart() {
    let mut store = ObjectStore::default();
    let at = |label: &str, track: &str| Detection { label: label.into(), ..cup(0.0, track) };
    for stamp_ns in 0..10 {
        store.observe(&[at("sink", "a")], &Pose::identity(), stamp_ns);
        store.observe(&[at("basin", "b")], &Pose::identity(), stamp_ns);
    }
    assert_eq!(ids(&store), [0, 1]);
    // A tracker that has lost a thing and found it again.
    for stamp_ns in 10..14 {
        store.observe(&[at("sink", "c")], &Pose::identity(), stamp_ns);
    }
    assert_eq!(ids(&store), [0, 1]);
    let report = store.observe(&[at("sink", "a")], &Pose::identity(), 14);
    assert_eq!(report.objects, [Some(ObjectId(0))], "the old track is the same thing");
}

#[test]
fn many_detections_of_one_place_are_taken_in_bounds() {
    let mut store = ObjectStore::default();
    let heap: Vec<Detection> = (0..1500).map(|at| cup(1e-6 * f64::from(at), "")).collect();
    for stamp_ns in 0..4 {
        store.observe(&heap, &Pose::identity(), stamp_ns);
    }
    assert!(store.len() <= 4 * heap.len(), "{}", store.len());
}

#[test]
fn tracks_of_one_object_are_bounded() {
    let mut store = ObjectStore::default();
    store.observe(&[cup(0.0, "first")], &Pose::identity(), 0);
    for lost in 1..100 {
        let track = format!("{lost:03}");
        let report = store.observe(&[cup(0.0, &track)], &Pose::identity(), lost);
        let shown = store.as_slice()[0].clone();
        store.join([ObjectId(0), report.objects[0].unwrap()], &shown);
    }
    assert_eq!((store.len(), store.parts().tracks.len()), (1, MAX_TRACKS));
    assert!(store.parts().tracks.contains_key("099"), "the newest is known");
}

#[test]
fn merged_ids_and_names_are_kept_and_checked() {
    let mut store = ObjectStore::default();
    let [left, right] = halves();
    store.observe(&[left, right], &Pose::identity(), 0);
    for stamp_ns in 1..4 {
        store.observe(&[sofa()], &Pose::identity(), stamp_ns);
    }
    let text = serde_json::to_string(&store).unwrap();
    let back: ObjectStore = serde_json::from_str(&text).unwrap();
    assert_eq!((&back, back.get(ObjectId(1)).map(|one| one.id)), (&store, Some(ObjectId(0))));
    for (of, wrong) in
        [("{\"1\":0}", "{\"1\":7}"), ("{\"1\":0}", "{\"2\":0}"), ("{\"1\":0}", "{\"0\":0}")]
    {
        assert!(
            text.contains(of)
                && serde_json::from_str::<ObjectStore>(&text.replace(of, wrong)).is_err()
        );
    }
}

#[test]
fn a_message_is_taken_in_well_within_the_time_of_a_frame() {
    let mut store = ObjectStore::default();
    let at = |index: u32, stamp_ns: u32| {
        let (x, y) = (0.16 * f64::from(index % 25), 0.16 * f64::from(index / 25));
        let track_id = String::new();
        let frame_T_box = Pose::translation(x + 1e-3 * f64::from(stamp_ns), y, 0.8);
        let label = format!("thing {}", index % 5);
        Detection { label, score: 0.6, frame_T_box, size_m: [0.2; 3], track_id }
    };
    let all: Vec<Detection> = (0..500).map(|index| at(index, 0)).collect();
    store.observe(&all, &Pose::identity(), 0);
    assert_eq!(store.len(), 500);
    let times = (1..20).map(|stamp_ns| {
        let some: Vec<Detection> = (100..150).map(|index| at(index, stamp_ns)).collect();
        let start = std::time::Instant::now();
        store.observe(&some, &Pose::identity(), i64::from(stamp_ns));
        start.elapsed()
    });
    // The quickest: what else the machine does is not our time.
    let quickest = times.min().unwrap();
    println!("50 detections among 500 objects: {quickest:?}");
    assert!(quickest.as_secs_f64() < 0.015, "{quickest:?}");
    assert_eq!(store.len(), 500, "neighbours that touch stay apart");
}

#[test]
fn cups_that_change_places_keep_their_ids_by_their_looks() {
    let mut store = ObjectStore::default();
    let looks = [[1.0, 0.0], [0.0, 1.0]];
    let observe = |store: &mut ObjectStore, first_x: f64, second_x: f64, stamp_ns: i64| {
        let seen = [cup(first_x, ""), cup(second_x, "")];
        let look = |object: &MapObject| {
            let is_first = (object.position_m[0] - first_x).abs() < 1e-9;
            Some(looks[usize::from(!is_first)].to_vec())
        };
        let memory = &mut ObjectMemory::default();
        store.observe_looking(&seen, &Pose::identity(), stamp_ns, look, memory).objects
    };
    let known = [Some(ObjectId(0)), Some(ObjectId(1))];
    assert_eq!(observe(&mut store, 0.0, 0.2, 0), known);
    assert_eq!(observe(&mut store, 0.2, 0.0, 1), known, "the looks changed places");
    assert_eq!(observe(&mut store, 0.6, 0.0, 2)[0], Some(ObjectId(2)), "too far to be the same");
}
