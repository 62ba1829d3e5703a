//! Objects from a detector outside, and those of the map.

use super::{ConvertError, frame, value_error};
use crate::geometry::Pose;
use crate::ros::msg::{
    self, BoundingBox3D, Detection3D, Detection3DArray, Header, ObjectHypothesis,
    ObjectHypothesisWithPose, PoseWithCovariance, Vector3,
};
use crate::scene::{MapObject, ObjectStore};
use crate::sensing::{Detection, DetectionsEvent};
use cv_convert::{ToCv, TryToCv};
use nalgebra::{Quaternion, Translation3, UnitQuaternion};

/// Longest name of a class or a track, bytes: each is kept with its object.
const MAX_NAME: usize = 256;

/// The detections of a message, each with its best hypothesis. One without any hypothesis says
/// nothing about what it is and is left out. A box without orientation (all zeros, as many
/// detectors leave it) stands straight in its frame.
pub(super) fn event(
    topic: &str,
    message: Detection3DArray,
) -> Result<DetectionsEvent, ConvertError> {
    let frame_id = frame(message.header.frame_id);
    let mut detections = Vec::with_capacity(message.detections.len());
    for (index, detection) in message.detections.into_iter().enumerate() {
        let own_frame = frame(detection.header.frame_id.clone());
        if !own_frame.is_empty() && own_frame != frame_id {
            let reason = format!("stands in frame {own_frame:?}, its array in {frame_id:?}");
            return Err(value_error(topic, format!("detections[{index}]"), reason));
        }
        detections.extend(
            best(&detection)
                .map_err(|reason| value_error(topic, format!("detections[{index}]"), reason))?,
        );
    }
    let stamp_ns = message.header.stamp.to_ns();
    Ok(DetectionsEvent { topic: topic.to_owned(), stamp_ns, frame_id, detections })
}

fn best(message: &Detection3D) -> Result<Option<Detection>, String> {
    let hypotheses = message.results.iter().map(|result| &result.hypothesis);
    let Some(hypothesis) = hypotheses.max_by(|a, b| a.score.total_cmp(&b.score)) else {
        return Ok(None);
    };
    if !(0.0..=1.0).contains(&hypothesis.score) {
        return Err(format!("has score {}, which is not in 0..=1", hypothesis.score));
    }
    for (what, name) in [("class", &hypothesis.class_id), ("track", &message.id)] {
        if name.len() > MAX_NAME {
            return Err(format!(
                "names its {what} in {} bytes; {MAX_NAME} are the most",
                name.len()
            ));
        }
    }
    let BoundingBox3D { center, size } = message.bbox;
    let msg::Quaternion { x, y, z, w } = center.orientation;
    let orientation =
        if [x, y, z, w] == [0.0; 4] { msg::Quaternion::default() } else { center.orientation };
    let frame_T_box = msg::Pose { orientation, ..center }.try_to_cv()?;
    let size_m = [size.x, size.y, size.z];
    if size_m.iter().any(|edge| !edge.is_finite() || *edge < 0.0) {
        return Err(format!("has edge lengths {size_m:?}"));
    }
    Ok(Some(Detection {
        label: hypothesis.class_id.clone(),
        // Held to 0..=1 above.
        score: hypothesis.score as f32,
        frame_T_box,
        size_m,
        track_id: message.id.clone(),
    }))
}

/// The message of some detections.
pub fn detections_message(event: &DetectionsEvent) -> Detection3DArray {
    let header = Header::new(event.stamp_ns, &event.frame_id);
    let detections = event.detections.iter().map(|detection| {
        let center: msg::Pose = detection.frame_T_box.to_cv();
        let [x, y, z] = detection.size_m;
        Detection3D {
            header: header.clone(),
            results: vec![ObjectHypothesisWithPose {
                hypothesis: ObjectHypothesis {
                    class_id: detection.label.clone(),
                    score: f64::from(detection.score),
                },
                pose: PoseWithCovariance { pose: center, ..Default::default() },
            }],
            bbox: BoundingBox3D { center, size: Vector3 { x, y, z } },
            id: detection.track_id.clone(),
        }
    });
    Detection3DArray { detections: detections.collect(), header: header.clone() }
}

/// The message of the objects of a map, in its frame `frame_id`, tracked by their ids. The first
/// hypothesis is an object's name with its confidence; then what else detections have called it, or its
/// region looks like, with as much less as they said it, or it looks so, less.
pub fn objects_message(objects: &ObjectStore, stamp_ns: i64, frame_id: &str) -> Detection3DArray {
    let mut message = detections_message(&DetectionsEvent {
        topic: String::new(),
        stamp_ns,
        frame_id: frame_id.into(),
        detections: objects.iter().map(as_detection).collect(),
    });
    for (object, shown) in objects.iter().zip(&mut message.detections) {
        let Some(first) = shown.results.first().cloned() else { continue };
        let others = hypotheses(objects, object).into_iter();
        shown.results.extend(
            others.map(|hypothesis| ObjectHypothesisWithPose { hypothesis, ..first.clone() }),
        );
    }
    message
}

/// An object of the map as a detector would tell of it.
pub(super) fn as_detection(object: &MapObject) -> Detection {
    let [x, y, z, w] = object.orientation_xyzw;
    Detection {
        label: object.label.clone(),
        score: object.confidence,
        frame_T_box: Pose::from_parts(
            Translation3::from(object.position_m),
            UnitQuaternion::from_quaternion(Quaternion::new(w, x, y, z)),
        ),
        size_m: object.size_m,
        track_id: object.id.0.to_string(),
    }
}

/// What else an object of the map may be than its label says, likeliest first.
pub(super) fn hypotheses(objects: &ObjectStore, object: &MapObject) -> Vec<ObjectHypothesis> {
    let Some(said) = objects.labels(object.id) else { return Vec::new() };
    let of = |label: &str| said.iter().find(|(name, _)| *name == label).map(|(_, sum)| sum);
    let most = of(&object.label).unwrap_or(0.0);
    let mut others: Vec<(&str, f32)> =
        said.iter().filter(|(name, _)| *name != object.label).collect();
    others.sort_by(|a, b| b.1.total_cmp(&a.1));
    let hypothesis = |(name, sum): (&str, f32)| {
        let share = if most > 0.0 { (sum / most).min(1.0) } else { 0.0 };
        let score = f64::from(object.confidence * share);
        ObjectHypothesis { class_id: name.to_owned(), score }
    };
    others.into_iter().map(hypothesis).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{TopicRole, decode};
    use super::*;
    use crate::ros::{Message, to_cdr};
    use crate::scene::{NamedVectors, RegionConfig};
    use crate::sensing::SensorEvent;
    use crate::vision::{TextEncoder, VisionError};

    fn mug() -> DetectionsEvent {
        DetectionsEvent {
            topic: "/detections".into(),
            stamp_ns: 9,
            frame_id: "map".into(),
            detections: vec![Detection {
                label: "mug".into(),
                score: 0.75,
                frame_T_box: Pose::translation(1.0, 2.0, 3.0),
                size_m: [0.1, 0.2, 0.3],
                track_id: "7".into(),
            }],
        }
    }

    #[test]
    fn round_trip() {
        let cdr = to_cdr(&detections_message(&mug()));
        let back =
            decode(TopicRole::Detections, "/detections", Detection3DArray::TYPE, &cdr).unwrap();
        let SensorEvent::Detections(back) = back else { panic!("detections stay detections") };
        assert_eq!((back.stamp_ns, back.frame_id.as_str()), (9, "map"));
        assert_eq!(back.detections, mug().detections);
    }

    #[test]
    fn takes_the_best_hypothesis_and_a_box_without_orientation() {
        let mut message = detections_message(&mug());
        let detection = &mut message.detections[0];
        detection.bbox.center.orientation = msg::Quaternion { x: 0.0, y: 0.0, z: 0.0, w: 0.0 };
        let mut better = detection.results[0].clone();
        better.hypothesis = ObjectHypothesis { class_id: "cup".into(), score: 0.9 };
        detection.results.insert(0, better);
        message.detections.push(Detection3D::default());
        let found = event("/d", message).unwrap().detections;
        assert_eq!(found.len(), 1, "one without hypothesis is left out");
        assert_eq!((found[0].label.as_str(), found[0].score), ("cup", 0.9));
        assert_eq!(found[0].frame_T_box, Pose::translation(1.0, 2.0, 3.0));
    }

    #[test]
    fn objects_tell_all_their_names() {
        let mut store = ObjectStore::default();
        let box_at = mug().detections[0].clone();
        let called = |label: &str, score: f32| Detection {
            label: label.into(),
            score,
            track_id: "t".into(),
            ..box_at.clone()
        };
        for one in [called("mug", 0.8), called("cup", 0.4), called("mug", 0.8)] {
            store.observe(&[one], &Pose::identity(), 1);
        }
        let message = objects_message(&store, 9, "map");
        let [shown] = message.detections.as_slice() else { panic!("{message:?}") };
        let told = shown.results.iter().map(|one| one.hypothesis.class_id.as_str());
        assert_eq!((told.collect::<Vec<_>>(), shown.id.as_str()), (vec!["mug", "cup"], "0"));
        let score = |at: usize| shown.results[at].hypothesis.score;
        assert_eq!(score(0), f64::from(store.as_slice()[0].confidence));
        assert!((score(1) / score(0) - 0.25).abs() < 1e-6, "a quarter of what was said of a mug");
        assert_eq!(shown.results[1].pose, shown.results[0].pose);
        assert_eq!(event("/o", message).unwrap().detections[0].label, "mug");
    }

    /// Mugs and cups, which look rather alike.
    struct TwoWords;

    impl TextEncoder for TwoWords {
        fn width(&self) -> usize {
            2
        }

        fn space(&self) -> &str {
            ""
        }

        fn embed(&self, text: &str) -> Result<Vec<f32>, VisionError> {
            Ok(if text == "mug" { vec![1.0, 0.0] } else { vec![0.6, 0.8] })
        }
    }

    #[test]
    fn objects_of_regions_tell_what_else_they_look_like() {
        let names = NamedVectors::new(&TwoWords, ["cup", "mug"]).unwrap();
        let config = RegionConfig { temperature: 1.0, ..RegionConfig::default() };
        let mut map = crate::scene::fixtures::wall(1, |_| vec![1.0, 0.0]);
        map.see_objects(&names, &config).unwrap();
        let message = objects_message(map.objects(), 9, "map");
        let [shown] = message.detections.as_slice() else { panic!("{message:?}") };
        let told: Vec<(&str, f64)> = shown
            .results
            .iter()
            .map(|one| (one.hypothesis.class_id.as_str(), one.hypothesis.score))
            .collect();
        let [("mug", mug), ("cup", cup)] = told[..] else { panic!("{told:?}") };
        assert!(mug > 0.5 && cup > 0.01 && cup < mug / 4.0, "{told:?}");
        assert_eq!(mug, f64::from(map.objects().as_slice()[0].confidence));
    }

    #[test]
    fn refuses_what_cannot_be() {
        let refused = |change: fn(&mut Detection3D)| {
            let mut message = detections_message(&mug());
            change(&mut message.detections[0]);
            event("/d", message).unwrap_err().to_string()
        };
        let frames = refused(|d| d.header.frame_id = "camera".into());
        assert_eq!(frames, "/d: detections[0] stands in frame \"camera\", its array in \"map\"");
        assert!(refused(|d| d.results[0].hypothesis.score = 2.0).contains("score 2"));
        assert!(refused(|d| d.bbox.size.y = -1.0).contains("edge lengths"));
        let long = refused(|d| d.results[0].hypothesis.class_id = "x".repeat(257));
        assert!(long.contains("its class in 257 bytes"), "{long}");
        assert!(refused(|d| d.id = "7".repeat(1000)).contains("its track in 1000 bytes"));
        assert!(refused(|d| d.bbox.center.position.z = f64::NAN).contains("not finite"));
    }
}
