//! The objects of the map with all that is known of them.

use super::detection::{as_detection, hypotheses};
use crate::ros::msg::{
    BoundingBox3D, Header, ObjectHypothesis, Point, SceneObject, SceneObjects, Time, Vector3,
};
use crate::scene::{MapObject, ObjectId, ObjectState, SceneMap};
use cv_convert::ToCv;
use std::collections::BTreeMap;

/// The message of the objects of a map, which were seen in `states`. It goes through all voxels of the map:
/// see [`SceneMap::voxels_of_objects`].
pub fn scene_objects_message(
    map: &SceneMap,
    states: &[ObjectState],
    stamp_ns: i64,
) -> SceneObjects {
    let (objects, voxels) = (map.objects(), map.voxels_of_objects());
    let mut states_of: BTreeMap<ObjectId, Vec<&ObjectState>> = BTreeMap::new();
    states.iter().for_each(|state| states_of.entry(state.id).or_default().push(state));
    let object = |object: &MapObject| {
        let of = voxels.get(&object.id);
        let states = |holds: bool| -> Vec<String> {
            let all = states_of.get(&object.id).into_iter().flatten();
            all.filter(|one| one.holds == holds).map(|one| one.state.clone()).collect()
        };
        let [x, y, z] = of.map_or(object.position_m, |of| of.centroid_m);
        let [length, width, height] = object.size_m;
        let own = ObjectHypothesis {
            class_id: object.label.clone(),
            score: f64::from(object.confidence),
        };
        SceneObject {
            id: object.id.0.to_string(),
            label: object.label.clone(),
            label_number: objects.label_numbers().of(&object.label),
            names: std::iter::once(own).chain(hypotheses(objects, object)).collect(),
            bbox: BoundingBox3D {
                center: as_detection(object).frame_T_box.to_cv(),
                size: Vector3 { x: length, y: width, z: height },
            },
            centroid: Point { x, y, z },
            points: of.map_or(0, |of| of.points),
            voxels: of.map_or(0, |of| u32::try_from(of.voxels).unwrap_or(u32::MAX)),
            confidence: object.confidence,
            observations: object.observations,
            first_seen: Time::from_ns(object.first_seen_ns),
            last_seen: Time::from_ns(object.last_seen_ns),
            states: states(true),
            other_states: states(false),
        }
    };
    SceneObjects {
        header: Header::new(stamp_ns, &map.config().frame_id),
        objects: objects.iter().map(object).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::objects_message;
    use super::*;
    use crate::scene::fixtures::wall;

    #[test]
    fn objects_tell_their_points_times_and_states() {
        let mut map = wall(1, |_| vec![1.0]);
        let thing = |label: &str, z_m: f64| crate::sensing::Detection {
            label: label.into(),
            score: 0.75,
            frame_T_box: crate::geometry::Pose::translation(0.25, 0.0, z_m),
            size_m: [0.5, 9.0, 0.2],
            track_id: String::new(),
        };
        // The wall is 2 m away; nothing has been mapped where the lamp is.
        let things = [thing("picture", 2.0), thing("lamp", 5.0)];
        map.observe(&things, &crate::geometry::Pose::identity(), 1_500_000_000);
        let ids: Vec<ObjectId> = map.objects().iter().map(|object| object.id).collect();
        let state = |state: &str, holds| ObjectState { id: ids[1], state: state.into(), holds };
        let states = [state("lit", true), state("open", false)];
        let message = scene_objects_message(&map, &states, 9);
        assert_eq!(message.header, Header::new(9, "map"));
        let [picture, lamp] = message.objects.as_slice() else { panic!("{message:?}") };
        assert!(picture.voxels > 50 && picture.points >= u64::from(picture.voxels), "{picture:?}");
        let Point { x, z, .. } = picture.centroid;
        assert!((x - 0.25).abs() < 0.05 && (z - 2.0).abs() < 0.01, "{picture:?}");
        assert_eq!((picture.label.as_str(), picture.label_number), ("picture", 1));
        assert_eq!(picture.first_seen, Time { sec: 1, nanosec: 500_000_000 });
        assert_eq!((picture.last_seen, picture.observations), (picture.first_seen, 1));
        assert!(picture.states.is_empty() && picture.other_states.is_empty());
        let told = objects_message(map.objects(), 9, "map");
        assert_eq!((&told.detections[0].id, told.detections[0].bbox), (&picture.id, picture.bbox));
        let names: Vec<_> = told.detections[0].results.iter().map(|one| &one.hypothesis).collect();
        assert_eq!(picture.names.iter().collect::<Vec<_>>(), names);
        assert_eq!((lamp.points, lamp.voxels, lamp.label_number), (0, 0, 2));
        assert_eq!(lamp.centroid, lamp.bbox.center.position);
        assert_eq!(lamp.states, ["lit"]);
        assert_eq!(lamp.other_states, ["open"]);
    }
}
