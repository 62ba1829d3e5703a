//! Transforms and poses.

use super::{ConvertError, frame, value_error};
use crate::geometry::Pose;
use crate::ros::msg::{self, TFMessage, Transform, TransformStamped};
use crate::sensing::StampedTransform;
use nalgebra::{Quaternion, Translation3, UnitQuaternion};

/// How far the length of a rotation may be from 1, as tf2 has it.
const ROTATION_TOLERANCE: f64 = 1e-2;

/// The transforms in a message. One that cannot be refuses the whole message.
pub(super) fn event(
    topic: &str,
    message: TFMessage,
) -> Result<Vec<StampedTransform>, ConvertError> {
    message.transforms.into_iter().map(|transform| stamped(topic, transform)).collect()
}

fn stamped(topic: &str, message: TransformStamped) -> Result<StampedTransform, ConvertError> {
    let parent = frame(message.header.frame_id);
    let child = frame(message.child_frame_id);
    let name = || format!("the transform {parent:?} → {child:?}");
    if parent.is_empty() || child.is_empty() {
        return Err(value_error(topic, name(), "lacks a frame name"));
    }
    if parent == child {
        return Err(value_error(topic, name(), "has the same frame at both ends"));
    }
    let Transform { translation: t, rotation } = message.transform;
    let parent_T_child =
        pose([t.x, t.y, t.z], rotation).map_err(|reason| value_error(topic, name(), reason))?;
    Ok(StampedTransform { stamp_ns: message.header.stamp.to_ns(), parent, child, parent_T_child })
}

/// The pose with this origin (metres) and rotation; the error says what is wrong with it.
pub(super) fn pose(origin_m: [f64; 3], rotation: msg::Quaternion) -> Result<Pose, String> {
    let quaternion = Quaternion::new(rotation.w, rotation.x, rotation.y, rotation.z);
    let length = quaternion.norm();
    if origin_m.iter().any(|value| !value.is_finite()) || !length.is_finite() {
        return Err("is not finite".into());
    }
    if (length - 1.0).abs() > ROTATION_TOLERANCE {
        return Err(format!("has a rotation of length {length:.3} instead of 1"));
    }
    let [x, y, z] = origin_m;
    Ok(Pose::from_parts(Translation3::new(x, y, z), UnitQuaternion::from_quaternion(quaternion)))
}

/// The message's form of a rotation.
pub(super) fn quaternion(pose: &Pose) -> msg::Quaternion {
    let [x, y, z, w]: [f64; 4] = pose.rotation.coords.into();
    msg::Quaternion { x, y, z, w }
}

/// The message's form of a pose.
pub fn pose_message(pose: &Pose) -> msg::Pose {
    let [x, y, z]: [f64; 3] = pose.translation.vector.into();
    msg::Pose { position: msg::Point { x, y, z }, orientation: quaternion(pose) }
}

/// The message of some transforms.
pub fn tf_message(transforms: &[StampedTransform]) -> TFMessage {
    let transforms = transforms.iter().map(|transform| {
        let [x, y, z]: [f64; 3] = transform.parent_T_child.translation.vector.into();
        TransformStamped {
            header: msg::Header::new(transform.stamp_ns, &transform.parent),
            child_frame_id: transform.child.clone(),
            transform: Transform {
                translation: msg::Vector3 { x, y, z },
                rotation: quaternion(&transform.parent_T_child),
            },
        }
    });
    TFMessage { transforms: transforms.collect() }
}

#[cfg(test)]
mod tests {
    use super::super::{TopicRole, decode};
    use super::*;
    use crate::ros::{Message, to_cdr};
    use crate::sensing::SensorEvent;
    use nalgebra::Vector3;

    fn transform() -> StampedTransform {
        StampedTransform {
            stamp_ns: 77,
            parent: "map".into(),
            child: "base".into(),
            parent_T_child: Pose::new(Vector3::new(1.0, 2.0, 3.0), Vector3::new(0.1, 0.2, 0.3)),
        }
    }

    #[test]
    fn round_trip() {
        let wanted = transform();
        let cdr = to_cdr(&tf_message(std::slice::from_ref(&wanted)));
        for role in [TopicRole::Tf, TopicRole::TfStatic] {
            let found = match decode(role, "/tf", TFMessage::TYPE, &cdr).unwrap() {
                SensorEvent::Transforms(found) if role == TopicRole::Tf => found,
                SensorEvent::StaticTransforms(found) if role == TopicRole::TfStatic => found,
                other => panic!("{other:?}"),
            };
            let [found] = &found[..] else { panic!("one transform") };
            assert_eq!((found.stamp_ns, &found.parent), (77, &wanted.parent));
            assert_eq!(found.child, wanted.child);
            let apart = found.parent_T_child.inverse() * wanted.parent_T_child;
            assert!(apart.translation.vector.norm() < 1e-12 && apart.rotation.angle() < 1e-7);
        }
    }

    #[test]
    fn refuses_what_cannot_be() {
        let good = tf_message(&[transform()]).transforms.remove(0);
        let refused = |change: fn(&mut TransformStamped)| {
            let mut bad = good.clone();
            change(&mut bad);
            event("/tf", TFMessage { transforms: vec![good.clone(), bad] }).unwrap_err().to_string()
        };
        let zero =
            refused(|t| t.transform.rotation = msg::Quaternion { w: 0.0, ..Default::default() });
        assert!(zero.contains("\"map\" → \"base\" has a rotation of length 0.000"), "{zero}");
        assert!(refused(|t| t.transform.translation.x = f64::NAN).contains("not finite"));
        assert!(refused(|t| t.transform.rotation.z = f64::INFINITY).contains("not finite"));
        assert!(refused(|t| t.child_frame_id = "/map".into()).contains("same frame"));
        assert!(refused(|t| t.header.frame_id.clear()).contains("lacks a frame"));
    }
}
