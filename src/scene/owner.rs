//! Which object of the map a point belongs to, and what the voxels of an object come to.

use super::box_grid::BoxGrid;
use super::objects::rotation;
use super::{MapObject, ObjectId, SceneMap};
use nalgebra::{Point3, UnitQuaternion, Vector3};
use std::collections::BTreeMap;

/// The boxes of the objects, made ready to be asked for many points.
#[derive(Debug)]
pub struct ObjectBoxes<'a> {
    /// The smallest first: a mug in the sink is a mug.
    boxes: Vec<OneBox<'a>>,
    /// Where they are, by their places in that order.
    grid: BoxGrid,
}

#[derive(Debug)]
struct OneBox<'a> {
    object: &'a MapObject,
    object_R_world: UnitQuaternion<f64>,
    half_m: Vector3<f64>,
}

impl OneBox<'_> {
    fn centre(&self) -> Point3<f64> {
        Point3::from(self.object.position_m)
    }

    /// Half the edges of the box along the axes of the world that is around it, metres.
    fn reach_m(&self) -> Vector3<f64> {
        self.object_R_world.to_rotation_matrix().matrix().abs().tr_mul(&self.half_m)
    }

    fn holds(&self, point: &Point3<f64>) -> bool {
        let offset = self.object_R_world * (point - self.centre());
        (0..3).all(|axis| offset[axis].abs() <= self.half_m[axis])
    }
}

/// What the voxels of an object come to. None of it is kept with the object: it comes back with the
/// voxels of a saved map.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ObjectVoxels {
    /// Number of voxels.
    pub voxels: usize,
    /// Points merged into them.
    pub points: u64,
    /// Mean of those points in world coordinates, metres.
    pub centroid_m: [f64; 3],
}

impl SceneMap {
    /// The boxes of its objects, wider by half a voxel all round.
    pub fn object_boxes(&self) -> ObjectBoxes<'_> {
        let slack_m = 0.5 * self.config().voxel_size_m;
        let mut boxes: Vec<OneBox<'_>> = self
            .objects
            .iter()
            .map(|object| OneBox {
                object,
                object_R_world: rotation(&object.orientation_xyzw).inverse(),
                half_m: Vector3::from(object.size_m).map(|edge_m| 0.5 * edge_m + slack_m),
            })
            .collect();
        boxes.sort_by(|a, b| a.half_m.product().total_cmp(&b.half_m.product()));
        let grid = BoxGrid::new(boxes.iter().map(|one| (one.centre(), one.reach_m())));
        ObjectBoxes { boxes, grid }
    }

    /// What the voxels of each object come to: those that lie in its box and in no smaller one. Objects
    /// without any are left out. It goes through the whole map, once, which is work for an export or for
    /// every second, and not for every frame.
    pub fn voxels_of_objects(&self) -> BTreeMap<ObjectId, ObjectVoxels> {
        let (boxes, mut objects) = (self.object_boxes(), BTreeMap::<_, ObjectVoxels>::new());
        for voxel in self.voxels() {
            let Some(object) = boxes.at(voxel.xyz_m) else { continue };
            let of = objects.entry(object.id).or_default();
            of.voxels += 1;
            of.points += u64::from(voxel.count);
            let share = f64::from(voxel.count) / of.points as f64;
            for (mean, at) in of.centroid_m.iter_mut().zip(voxel.xyz_m) {
                *mean += (f64::from(at) - *mean) * share;
            }
        }
        objects
    }
}

impl<'a> ObjectBoxes<'a> {
    /// The object with the smallest box around a point of the world, metres; `None` where there is
    /// none. Only boxes near the point are asked.
    pub fn at(&self, xyz_m: [f32; 3]) -> Option<&'a MapObject> {
        let point = Point3::from(xyz_m).cast::<f64>();
        let mut smallest = self.boxes.len();
        for numbers in self.grid.around(point) {
            let smaller = numbers.iter().map(|number| *number as usize);
            let mut smaller = smaller.take_while(|number| *number < smallest);
            let found = smaller.find(|number| self.boxes[*number].holds(&point));
            smallest = found.unwrap_or(smallest);
        }
        self.boxes.get(smallest).map(|one| one.object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::objects::tests::object;
    use crate::scene::tests::furnished_map;
    use crate::scene::{MapConfig, VoxelView};

    #[test]
    fn a_point_belongs_to_the_smallest_box_around_it() {
        let mut map = SceneMap::new(MapConfig::default()).unwrap();
        map.objects.add_own(object("sink", [0.0, 0.0, 0.8], [0.6, 0.4, 0.3]), None);
        map.objects.add_own(object("mug", [0.1, 0.0, 0.8], [0.1, 0.1, 0.1]), None);
        let boxes = map.object_boxes();
        let at = |x: f32, y: f32| boxes.at([x, y, 0.8]).map(|one| one.label.as_str());
        assert_eq!([at(0.1, 0.0), at(-0.2, 0.1), at(1.0, 0.0)], [Some("mug"), Some("sink"), None]);
        assert_eq!(at(0.31, 0.0), Some("sink"), "half a voxel beside it");
        assert_eq!(at(0.34, 0.0), None);
    }

    #[test]
    fn an_object_comes_to_the_points_of_its_voxels() {
        let map = furnished_map();
        let (boxes, of) = (map.object_boxes(), map.voxels_of_objects());
        assert_eq!(of.len(), 1, "where the mug was seen nothing has been mapped");
        let (id, told) = of.first_key_value().unwrap();
        let is_own = |at: [f32; 3]| boxes.at(at).is_some_and(|object| object.id == *id);
        let own: Vec<_> = map.voxels().filter(|voxel| is_own(voxel.xyz_m)).collect();
        let points: u64 = own.iter().map(|voxel| u64::from(voxel.count)).sum();
        assert_eq!((told.voxels, told.points), (own.len(), points));
        assert!(points > own.len() as u64, "voxels of several points: {told:?}");
        for (axis, mean) in told.centroid_m.into_iter().enumerate() {
            let weighed = |of: &VoxelView<'_>| f64::from(of.count) * f64::from(of.xyz_m[axis]);
            let sum: f64 = own.iter().map(weighed).sum();
            approx::assert_relative_eq!(mean, sum / points as f64, epsilon = 1e-9);
        }
    }

    /// Held against the plain way, which asks every box.
    #[test]
    fn no_box_is_missed_and_few_are_asked() {
        let mut map = SceneMap::new(MapConfig::default()).unwrap();
        let wave = |at: usize, k: f64| (at as f64 * k).sin();
        for at in 0..600 {
            // From forks to floors.
            let edge_m = match at % 60 {
                0 => 12.0,
                1..=9 => 1.5,
                _ => 0.2,
            };
            let position_m = [8.0 * wave(at, 1.3), 8.0 * wave(at, 2.1), 1.2 * wave(at, 0.7)];
            let [roll, pitch, yaw] = [wave(at, 0.3), wave(at, 0.9), 3.0 * wave(at, 1.7)];
            let turn = UnitQuaternion::from_euler_angles(roll, pitch, yaw);
            let one = object("thing", position_m, [edge_m, edge_m / 2.0, edge_m / 4.0]);
            let one = MapObject { orientation_xyzw: turn.coords.into(), ..one };
            map.objects.add_own(one, None);
        }
        map.objects.add_own(object("world", [0.0; 3], [900.0; 3]), None);
        let boxes = map.object_boxes();
        let inside = (0..5000).map(|at| {
            [9.0 * wave(at, 0.37), 9.0 * wave(at, 0.61), 1.5 * wave(at, 0.83)].map(|m| m as f32)
        });
        let corners = boxes.boxes.iter().map(|one| -> [f32; 3] {
            let corner = one.centre() + one.object_R_world.inverse() * one.half_m;
            corner.cast::<f32>().into()
        });
        let (mut points, mut asked) = (0, 0);
        for xyz_m in inside.chain(corners) {
            let point = Point3::from(xyz_m).cast::<f64>();
            let plain = boxes.boxes.iter().find(|one| one.holds(&point));
            let (found, plain) = (boxes.at(xyz_m), plain.map(|one| one.object.id));
            assert_eq!(found.map(|object| object.id), plain, "at {xyz_m:?}");
            points += 1;
            asked += boxes.grid.around(point).map(<[u32]>::len).sum::<usize>();
        }
        let all = points * boxes.boxes.len();
        assert!(10 * asked < all, "{asked} of {all} are asked");
    }
}
