//! Poses between messages and nalgebra, by the traits of `cv-convert`: `to_cv` where every value
//! has its counterpart, `try_to_cv` where one may not.

use crate::geometry::Pose;
use crate::ros::msg::{self, Point, Transform, Vector3};
use cv_convert::{ToCv, TryToCv};
use nalgebra::{Quaternion, Translation3, UnitQuaternion};

/// How far the length of a rotation may be from 1, as tf2 has it.
const ROTATION_TOLERANCE: f64 = 1e-2;

impl TryToCv<Pose> for msg::Pose {
    /// What is wrong with it.
    type Error = String;

    fn try_to_cv(&self) -> Result<Pose, String> {
        let Point { x, y, z } = self.position;
        let msg::Quaternion { x: i, y: j, z: k, w } = self.orientation;
        let quaternion = Quaternion::new(w, i, j, k);
        let length = quaternion.norm();
        if [x, y, z].iter().any(|value| !value.is_finite()) || !length.is_finite() {
            return Err("is not finite".into());
        }
        if (length - 1.0).abs() > ROTATION_TOLERANCE {
            return Err(format!("has a rotation of length {length:.3} instead of 1"));
        }
        let rotation = UnitQuaternion::from_quaternion(quaternion);
        Ok(Pose::from_parts(Translation3::new(x, y, z), rotation))
    }
}

impl ToCv<Pose> for Transform {
    /// As it stands there, whether it can be or not: the transform buffer refuses what cannot.
    fn to_cv(&self) -> Pose {
        let Vector3 { x, y, z } = self.translation;
        let msg::Quaternion { x: i, y: j, z: k, w } = self.rotation;
        let rotation = UnitQuaternion::new_unchecked(Quaternion::new(w, i, j, k));
        Pose::from_parts(Translation3::new(x, y, z), rotation)
    }
}

impl ToCv<msg::Pose> for Pose {
    fn to_cv(&self) -> msg::Pose {
        let [x, y, z] = self.translation.vector.into();
        let [i, j, k, w] = self.rotation.coords.into();
        msg::Pose {
            position: Point { x, y, z },
            orientation: msg::Quaternion { x: i, y: j, z: k, w },
        }
    }
}

impl ToCv<Transform> for Pose {
    fn to_cv(&self) -> Transform {
        let msg::Pose { position: Point { x, y, z }, orientation } = self.to_cv();
        Transform { translation: Vector3 { x, y, z }, rotation: orientation }
    }
}
