//! What the numbers of a label map mean: for programs, and as words in its place for people.

use super::detection::as_detection;
use super::markers::{LINE_M, WHITE, no_markers};
use crate::ros::msg::{
    Header, LabelInfo, Marker, MarkerArray, Point, Pose, Quaternion, Vector3, VisionClass,
};
use crate::scene::{LabelNumbers, MapObject, ObjectStore};

/// The names of a map with their numbers, those of the field `label` in clouds of
/// [`map_message`](super::map_message).
pub fn label_info_message(numbers: &LabelNumbers, stamp_ns: i64, frame_id: &str) -> LabelInfo {
    let class = |(class_id, name): (u16, &str)| VisionClass { class_id, class_name: name.into() };
    LabelInfo {
        header: Header::new(stamp_ns, frame_id),
        class_map: (1..).zip(numbers.names()).map(class).collect(),
        // An object of the map is told however little it is believed.
        threshold: 0.0,
    }
}

/// The objects of a map as words above their boxes, in place of those that were shown before: the number
/// of the name, the name and the id (`7 mug #4`). Frame `frame_id`, z up.
pub fn label_markers(objects: &ObjectStore, stamp_ns: i64, frame_id: &str) -> MarkerArray {
    let mut shown = no_markers(stamp_ns, frame_id);
    let header = Header::new(stamp_ns, frame_id);
    let numbers = objects.label_numbers();
    let words = |object: &MapObject| {
        let [x, y, z] = object.position_m;
        // A box may lie on its side: that of a detector may stand along the axes of a camera.
        let world_R_box = as_detection(object).frame_T_box.rotation;
        let up = world_R_box.inverse() * nalgebra::Vector3::<f64>::z();
        let height_m = up.abs().dot(&nalgebra::Vector3::from(object.size_m));
        let z = z + height_m / 2.0 + LINE_M;
        Marker {
            header: header.clone(),
            ns: "labels".into(),
            id: i32::try_from(object.id.0).unwrap_or(i32::MAX),
            kind: Marker::TEXT_VIEW_FACING,
            action: Marker::ADD,
            pose: Pose { position: Point { x, y, z }, orientation: Quaternion::default() },
            scale: Vector3 { x: 0.0, y: 0.0, z: LINE_M },
            color: WHITE,
            text: format!("{} {} #{}", numbers.of(&object.label), object.label, object.id.0),
            ..Marker::default()
        }
    };
    shown.markers.extend(objects.iter().map(words));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensing::Detection;

    #[test]
    fn words_stand_above_boxes_that_lie_on_their_sides() {
        let mut store = ObjectStore::default();
        // A fridge as a camera sees it that looks level: its y is down.
        let turn = nalgebra::Vector3::x() * -std::f64::consts::FRAC_PI_2;
        let fridge = Detection {
            label: "fridge".into(),
            score: 0.9,
            frame_T_box: crate::geometry::Pose::new(nalgebra::Vector3::new(2.0, 0.0, 0.9), turn),
            size_m: [0.6, 1.8, 0.5],
            track_id: String::new(),
        };
        store.observe(&[fridge], &crate::geometry::Pose::identity(), 1);
        let above_m = label_markers(&store, 9, "map").markers[1].pose.position.z;
        assert!((above_m - 1.9).abs() < 1e-9, "{above_m}");
    }

    #[test]
    fn numbers_are_told_as_they_stand_in_the_map() {
        let mut store = ObjectStore::default();
        let at = |label: &str, x_m: f64| Detection {
            label: label.into(),
            score: 0.9,
            frame_T_box: crate::geometry::Pose::translation(x_m, 0.0, 0.5),
            size_m: [0.2; 3],
            track_id: String::new(),
        };
        let seen = [at("mug", 0.0), at("apple", 2.0), at("mug", 4.0)];
        store.observe(&seen, &crate::geometry::Pose::identity(), 1);
        let legend = label_info_message(store.label_numbers(), 9, "map");
        assert_eq!(legend.header, Header::new(9, "map"));
        let classes = legend.class_map.iter().map(|one| (one.class_id, one.class_name.as_str()));
        assert_eq!(classes.collect::<Vec<_>>(), [(1, "mug"), (2, "apple")]);
        let shown = label_markers(&store, 9, "map");
        assert_eq!(shown.markers[0].action, Marker::DELETEALL);
        let words: Vec<_> = shown.markers[1..].iter().map(|one| one.text.as_str()).collect();
        assert_eq!(words, ["1 mug #0", "2 apple #1", "1 mug #2"]);
        let above_m = shown.markers[1].pose.position.z;
        assert!((above_m - 0.7).abs() < 1e-9, "{above_m}");
        assert!(shown.markers.iter().all(|marker| marker.header == legend.header));
    }
}
