//! Rigid transforms.

use nalgebra::{Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion, Vector3};

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

/// Least share of a line of sight that lies in the plane, to have a heading.
const LEAST_LEVEL: f64 = 0.05;

/// Where a camera (optical frame: z forward) looks in the plane of the world, from the x axis to the left,
/// radians; `None` where it looks straight up or down.
pub fn heading_of_camera_rad(world_T_camera: &Pose) -> Option<f64> {
    let ahead = world_T_camera.rotation * Vector3::z();
    (ahead.x.hypot(ahead.y) >= LEAST_LEVEL).then(|| ahead.y.atan2(ahead.x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::FRAC_PI_2;

    #[test]
    fn row_major_round_trip_keeps_the_pose() {
        let pose = Pose::new(Vector3::new(1.0, -2.0, 3.0), Vector3::new(0.3, -0.2, 0.9));
        let back = pose_from_row_major(&pose_to_row_major(&pose));
        assert!((pose.inverse() * back).translation.vector.norm() < 1e-12);
        assert!(pose.rotation.angle_to(&back.rotation) < 1e-12);
    }

    #[test]
    fn a_camera_heads_where_it_looks() {
        let along_y = Pose::rotation(Vector3::x() * -FRAC_PI_2);
        approx::assert_abs_diff_eq!(
            heading_of_camera_rad(&along_y).unwrap(),
            FRAC_PI_2,
            epsilon = 1e-12
        );
        let tilted = along_y * Pose::rotation(Vector3::x() * -1.0);
        approx::assert_abs_diff_eq!(
            heading_of_camera_rad(&tilted).unwrap(),
            FRAC_PI_2,
            epsilon = 1e-12
        );
        assert_eq!(heading_of_camera_rad(&Pose::identity()), None, "straight up");
    }
}
