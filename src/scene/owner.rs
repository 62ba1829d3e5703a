//! Which object of the map a point belongs to, and what the voxels of an object come to.

use super::objects::{diagonal_m, rotation};
use super::{MapObject, ObjectId, SceneMap};
use nalgebra::{Point3, UnitQuaternion, Vector3};
use std::collections::BTreeMap;

/// The boxes of the objects, made ready to be asked for many points.
#[derive(Debug)]
pub struct ObjectBoxes<'a> {
    /// The smallest first: a mug in the sink is a mug.
    boxes: Vec<OneBox<'a>>,
}

#[derive(Debug)]
struct OneBox<'a> {
    object: &'a MapObject,
    object_R_world: UnitQuaternion<f64>,
    half_m: Vector3<f64>,
    radius_m: f64,
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
                radius_m: 0.5 * diagonal_m(object) + 2.0 * slack_m,
            })
            .collect();
        boxes.sort_by(|a, b| a.half_m.product().total_cmp(&b.half_m.product()));
        ObjectBoxes { boxes }
    }

    /// What the voxels of each object come to: those that lie in its box and in no smaller one. Objects
    /// without any are left out. It goes through the whole map and asks for the object of every voxel,
    /// which is work for an export and not for every frame.
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
    /// none.
    pub fn at(&self, xyz_m: [f32; 3]) -> Option<&'a MapObject> {
        let point = Point3::from(xyz_m).cast::<f64>();
        let holds = |one: &&OneBox<'_>| {
            let offset = point - Point3::from(one.object.position_m);
            if offset.norm_squared() > one.radius_m * one.radius_m {
                return false;
            }
            let offset = one.object_R_world * offset;
            (0..3).all(|axis| offset[axis].abs() <= one.half_m[axis])
        };
        self.boxes.iter().find(holds).map(|one| one.object)
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
}
