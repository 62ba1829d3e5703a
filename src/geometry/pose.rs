//! Rigid transforms.

use nalgebra::{Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion};

/// A rigid transform in `f64`. A value named `a_T_b` maps coordinates in frame `b` to frame `a`.
pub type Pose = Isometry3<f64>;

/// The homogeneous 4×4 matrix of `pose`, row-major.
pub fn pose_to_row_major(pose: &Pose) -> [f64; 16] {
    let matrix = pose.to_homogeneous();
    std::array::from_fn(|i| matrix[(i / 4, i % 4)])
}

/// The pose whose homogeneous 4×4 matrix is `rows`, row-major. The rotation is re-orthonormalised.
pub fn pose_from_row_major(rows: &[f64; 16]) -> Pose {
    let rotation = Matrix3::from_fn(|r, c| rows[4 * r + c]);
    Pose::from_parts(
        Translation3::new(rows[3], rows[7], rows[11]),
        UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix(&rotation)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Vector3;

    #[test]
    fn row_major_round_trip_keeps_the_pose() {
        let pose = Pose::new(Vector3::new(1.0, -2.0, 3.0), Vector3::new(0.3, -0.2, 0.9));
        let back = pose_from_row_major(&pose_to_row_major(&pose));
        assert!((pose.inverse() * back).translation.vector.norm() < 1e-12);
        assert!(pose.rotation.angle_to(&back.rotation) < 1e-12);
    }
}
