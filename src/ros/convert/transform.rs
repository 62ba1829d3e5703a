//! Transforms.

use super::frame;
use crate::ros::msg::{self, TFMessage, TransformStamped};
use crate::sensing::StampedTransform;
use cv_convert::ToCv;

/// The transforms in a message, as they stand there. One that cannot be does not take the others with
/// it: each is refused by itself, by the transform buffer, as tf2 has it.
pub(super) fn event(message: TFMessage) -> Vec<StampedTransform> {
    message.transforms.into_iter().map(stamped).collect()
}

fn stamped(message: TransformStamped) -> StampedTransform {
    StampedTransform {
        stamp_ns: message.header.stamp.to_ns(),
        parent: frame(message.header.frame_id),
        child: frame(message.child_frame_id),
        parent_T_child: message.transform.to_cv(),
    }
}

/// The message of some transforms.
pub fn tf_message(transforms: &[StampedTransform]) -> TFMessage {
    let transforms = transforms.iter().map(|transform| TransformStamped {
        header: msg::Header::new(transform.stamp_ns, &transform.parent),
        child_frame_id: transform.child.clone(),
        transform: transform.parent_T_child.to_cv(),
    });
    TFMessage { transforms: transforms.collect() }
}

#[cfg(test)]
mod tests {
    use super::super::{TopicRole, decode};
    use super::*;
    use crate::geometry::{Pose, TransformBuffer};
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
    fn one_that_cannot_be_leaves_the_others() {
        let good = tf_message(&[transform()]).transforms.remove(0);
        let refused = |change: fn(&mut TransformStamped)| {
            let mut bad = good.clone();
            bad.child_frame_id = "finger".into();
            change(&mut bad);
            let cdr = to_cdr(&TFMessage { transforms: vec![bad, good.clone()] });
            let found = match decode(TopicRole::Tf, "/tf", TFMessage::TYPE, &cdr).unwrap() {
                SensorEvent::Transforms(found) => found,
                other => panic!("{other:?}"),
            };
            let mut buffer = TransformBuffer::new(0);
            let [bad, good] = [0, 1].map(|at| buffer.set(&found[at], false));
            assert_eq!(good, Ok(()));
            bad.unwrap_err().to_string()
        };
        let zero =
            refused(|t| t.transform.rotation = msg::Quaternion { w: 0.0, ..Default::default() });
        assert!(zero.contains("\"map\" -> \"finger\" has a quaternion of norm 0.0000"), "{zero}");
        assert!(refused(|t| t.transform.translation.x = f64::NAN).contains("NaN or infinity"));
        assert!(refused(|t| t.transform.rotation.z = f64::INFINITY).contains("NaN or infinity"));
        assert!(refused(|t| t.child_frame_id = "/map".into()).contains("\"map\" to itself"));
        assert!(refused(|t| t.header.frame_id.clear()).contains("empty frame name"));
    }

    #[test]
    fn a_transform_that_cannot_be_costs_no_other_of_its_message() {
        let good = tf_message(&[transform()]).transforms.remove(0);
        let arm = |change: fn(&mut TransformStamped)| {
            let mut changed = TransformStamped { child_frame_id: "arm".into(), ..good.clone() };
            change(&mut changed);
            changed
        };
        let mut transforms = vec![
            arm(|t| t.transform.rotation = msg::Quaternion { w: 0.0, ..Default::default() }),
            arm(|t| t.transform.rotation = msg::Quaternion { w: 1.006, ..Default::default() }),
            arm(|t| t.transform.rotation.z = f64::INFINITY),
            arm(|t| t.transform.translation.x = f64::NAN),
            arm(|t| t.child_frame_id = "/map".into()),
            arm(|t| t.header.frame_id.clear()),
        ];
        let refused = transforms.len();
        // What was rounded on its way tf2 takes.
        let rounded =
            arm(|t| t.transform.rotation = msg::Quaternion { w: 1.004, ..Default::default() });
        transforms.extend([rounded, good.clone()]);
        let cdr = to_cdr(&TFMessage { transforms });
        for role in [TopicRole::Tf, TopicRole::TfStatic] {
            let (found, is_static) = match decode(role, "/tf", TFMessage::TYPE, &cdr).unwrap() {
                SensorEvent::Transforms(found) => (found, false),
                SensorEvent::StaticTransforms(found) => (found, true),
                other => panic!("{other:?}"),
            };
            let mut buffer = TransformBuffer::new(0);
            let taken: Vec<bool> =
                found.iter().map(|one| buffer.set(one, is_static).is_ok()).collect();
            let wanted: Vec<bool> = (0..refused + 2).map(|at| at >= refused).collect();
            assert_eq!(taken, wanted);
            assert!(buffer.lookup("map", "base", 77).is_ok());
            let map_T_arm = buffer.lookup("map", "arm", 77).unwrap();
            assert!((map_T_arm.rotation.norm() - 1.0).abs() < 1e-12);
        }
    }
}
