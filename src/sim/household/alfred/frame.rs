//! The door between AI2-THOR's frame and ours.
//!
//! AI2-THOR: x right, y up, z forward, left-handed; angles clockwise from z, degrees. Ours: x
//! forward, y left, z up, right-handed; angles to the left from x, radians. Forward becomes x, right
//! becomes −y; the middle of the home becomes the origin of the floor plan.

use super::{AlfredHome, MARGIN_M, ROOM_HEIGHT_M};
use nalgebra::{Vector2, Vector3};
use std::f64::consts::FRAC_PI_4;

/// Where the middle of a home is, and how large it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Middle of the floor plan, in axes of ours, metres.
    middle_m: Vector2<f64>,
    /// Inner edge lengths of the room, metres.
    pub size_m: [f64; 3],
}

impl Frame {
    /// The frame of a room that holds all that is told.
    pub fn around(told: &AlfredHome) -> Self {
        let [x, _, z, ..] = told.start;
        let mut low = axes([x, z]);
        let mut high = low;
        let things = told.objects.iter().map(|(_, at)| *at);
        let things = things.chain(told.receptacles.iter().map(|receptacle| receptacle.at_m));
        let places = things.map(|[x, _, z]| [x, z]).chain(told.free_m.iter().copied());
        for at in places.map(axes) {
            low = low.inf(&at);
            high = high.sup(&at);
        }
        let size = high - low + Vector2::repeat(2.0 * MARGIN_M);
        Self { middle_m: (low + high) * 0.5, size_m: [size.x, size.y, ROOM_HEIGHT_M] }
    }

    /// A place on the floor, from x and z.
    pub fn floor_m(&self, at_m: [f64; 2]) -> Vector2<f64> {
        axes(at_m) - self.middle_m
    }

    /// A point, from x, y and z.
    pub fn point_m(&self, [x, y, z]: [f64; 3]) -> Vector3<f64> {
        self.floor_m([x, z]).push(y)
    }
}

fn axes([x, z]: [f64; 2]) -> Vector2<f64> {
    Vector2::new(z, -x)
}

/// An angle of ours, radians.
pub(super) fn yaw_rad(rotation_deg: f64) -> f64 {
    -rotation_deg.to_radians()
}

/// The nearest heading of the robot.
pub(super) fn heading(rotation_deg: f64) -> u8 {
    (yaw_rad(rotation_deg) / FRAC_PI_4).round().rem_euclid(8.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_and_forward_become_right_and_forward() {
        let told = AlfredHome { start: [2.0, 0.9, 5.0, 0.0, 0.0], ..AlfredHome::default() };
        let frame = Frame::around(&told);
        assert_eq!(frame.floor_m([2.0, 5.0]), Vector2::zeros(), "all there is is the start");
        // One step forward and two to the right, half a metre up.
        assert_eq!(frame.point_m([4.0, 0.5, 6.0]), Vector3::new(1.0, -2.0, 0.5));
        // Facing right (90° clockwise) is facing −y.
        let yaw = yaw_rad(90.0);
        assert!((Vector2::new(yaw.cos(), yaw.sin()) - Vector2::new(0.0, -1.0)).norm() < 1e-12);
        assert_eq!([0.0, 90.0, 180.0, 270.0].map(heading), [0, 6, 4, 2]);
        assert_eq!(frame.size_m, [2.0 * MARGIN_M, 2.0 * MARGIN_M, ROOM_HEIGHT_M]);
    }

    #[test]
    fn the_change_of_frames_mirrors_and_keeps_distances() {
        let frame = Frame::around(&AlfredHome::default());
        let [o, x, y, z] =
            [[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(|p| frame.point_m(p));
        // A left-handed triple becomes a left-handed triple of points in right-handed axes.
        assert!((x - o).cross(&(y - o)).dot(&(z - o)) < 0.0);
        assert!(((x - z).norm() - 2f64.sqrt()).abs() < 1e-12);
    }
}
