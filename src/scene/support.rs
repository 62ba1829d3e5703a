//! Objects whose voxels were seen to be gone.
//!
//! An object stands on the word of its detector, and on the voxels in its box. When the three-way
//! test has removed nearly all of those voxels, the object has gone with them. What is merely out
//! of view, hidden, or dropped to keep the map small says nothing about objects. What a detector
//! found in an old frame is held against the map in this way before it becomes an object.

use super::gather::gather;
use super::integrate::check_frame;
use super::objects::{Found, in_world};
use super::regions::to_unit;
use super::voxel::{Block, EDGE, Voxel, voxel_at};
use super::{MapObject, ObjectId, ObserveReport, SceneError, SceneMap};
use crate::geometry::Pose;
use crate::sensing::{Detection, RgbdFrame};
use nalgebra::{Point3, Quaternion, Translation3, UnitQuaternion, Vector3};

/// The object goes when this share of its voxels has gone. Some may stay behind, where they are at
/// the edge of what the camera saw.
const GONE_SHARE: f64 = 0.8;

/// How many voxels of an object have gone since it was last detected.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loss {
    last_seen_ns: i64,
    voxels: usize,
}

/// Where the voxels of an object stand: its box, without what is too near to its lower end.
struct Support {
    box_T_world: Pose,
    /// Half the edges of the box, metres.
    half_m: Vector3<f64>,
    /// The world's z below which a point may as well belong to what the object stands on.
    floor_m: f64,
    /// Voxels that are newer do not belong to the object but to what it used to hide.
    last_seen_ns: i64,
}

impl Support {
    /// `margin_m` is how far behind a point a reading must lie to show it gone.
    fn new(object: &MapObject, margin_m: f64) -> Self {
        let [x, y, z, w] = object.orientation_xyzw;
        let world_T_box = Pose::from_parts(
            Translation3::from(object.position_m),
            UnitQuaternion::new_normalize(Quaternion::new(w, x, y, z)),
        );
        let half_m = Vector3::from(object.size_m) / 2.0;
        let half_height_m = extent(&world_T_box, &half_m).z;
        Self {
            box_T_world: world_T_box.inverse(),
            half_m,
            floor_m: object.position_m[2] - half_height_m + margin_m.min(half_height_m),
            last_seen_ns: object.last_seen_ns,
        }
    }

    fn contains(&self, world: &Point3<f64>) -> bool {
        let inside = self.box_T_world * world;
        world.z >= self.floor_m && (0..3).all(|axis| inside[axis].abs() <= self.half_m[axis])
    }
}

/// Half the edges of the axis-aligned box around a box.
fn extent(world_T_box: &Pose, half_m: &Vector3<f64>) -> Vector3<f64> {
    world_T_box.rotation.to_rotation_matrix().matrix().abs() * half_m
}

/// A voxel that a frame shows: its mean point in world coordinates, by this frame alone, and
/// whether the map still has what was seen there.
struct ShownVoxel {
    point_m: Point3<f64>,
    is_left: bool,
}

impl SceneMap {
    /// Of `detections` in a frame that went into the map some time ago, those that may still be
    /// there: not those of which the map has lost nearly all voxels that the frame gave it. What
    /// gave it none, such as glass, cannot be missed. What was dropped meanwhile to keep the map
    /// small is left out as well; the next look at it finds it.
    pub fn still_there(&mut self, detections: &[Detection], frame: &RgbdFrame) -> Vec<Detection> {
        // Nothing can have been seen to go, or the frame is none of the map's.
        let shown = self.config.removal.enabled.then(|| self.shown_by(frame));
        let Some(Ok(shown)) = shown else { return detections.to_vec() };
        let margin_m = f64::from(self.config.removal.margin_m);
        let slack_m = self.config.voxel_size_m / 4.0;
        let is_there = |one: &&Detection| {
            let object = in_world(one, &frame.world_T_camera, frame.stamp_ns);
            let Some(object) = object else { return true };
            let mut support = Support::new(&object, margin_m);
            // A side that is seen from straight ahead has a box without depth.
            support.half_m.add_scalar_mut(slack_m);
            let of_it: Vec<&ShownVoxel> =
                shown.iter().filter(|voxel| support.contains(&voxel.point_m)).collect();
            let lost = of_it.iter().filter(|voxel| !voxel.is_left).count();
            of_it.is_empty() || (lost as f64) < GONE_SHARE * of_it.len() as f64
        };
        detections.iter().filter(is_there).cloned().collect()
    }

    /// The voxels that a frame shows. One that is newer than the frame is another thing's.
    fn shown_by(&mut self, frame: &RgbdFrame) -> Result<Vec<ShownVoxel>, SceneError> {
        check_frame(frame)?;
        let lens = self.lens_of(frame)?;
        let (stamp_ns, voxel_size_m) = (frame.stamp_ns, self.config.voxel_size_m);
        let shown = gather(frame, &lens.rays, &self.config, None)?;
        let mut voxels = Vec::with_capacity(shown.hits.len());
        for (block, range) in shown.blocks() {
            for (place, hit) in &shown.hits[range] {
                let key = voxel_at(block, (place & 511) as usize);
                let mut voxel = Voxel::unseen(stamp_ns);
                voxel.merge(hit, stamp_ns, i64::MAX);
                let now = self.voxel(key).filter(|now| now.first_seen_ns <= stamp_ns);
                let point_m = voxel.point_m(key, voxel_size_m);
                voxels.push(ShownVoxel { point_m, is_left: now.is_some() });
            }
        }
        Ok(voxels)
    }

    /// Takes out the objects that were last detected before `stamp_ns` and have lost their support
    /// now that voxels at the points `gone` (world coordinates) are removed. Returns how many.
    pub(super) fn remove_unsupported(&mut self, gone: &[Point3<f64>], stamp_ns: i64) -> usize {
        if gone.is_empty() {
            return 0;
        }
        let margin_m = f64::from(self.config.removal.margin_m);
        let mut losses = std::mem::take(&mut self.losses);
        losses.retain(|id, loss| {
            self.objects.get(*id).is_some_and(|object| object.last_seen_ns == loss.last_seen_ns)
        });
        let mut lost: Vec<ObjectId> = Vec::new();
        for object in self.objects.iter().filter(|object| object.last_seen_ns < stamp_ns) {
            let support = Support::new(object, margin_m);
            let now = gone.iter().filter(|point| support.contains(point)).count();
            if now == 0 {
                continue;
            }
            let none = Loss { last_seen_ns: object.last_seen_ns, voxels: 0 };
            let loss = losses.entry(object.id).or_insert(none);
            loss.voxels += now;
            let all = loss.voxels + self.count(&support);
            if loss.voxels as f64 >= GONE_SHARE * all as f64 {
                lost.push(object.id);
            }
        }
        self.losses = losses;
        for id in &lost {
            if let Some((object, look)) = self.objects.take(*id) {
                self.memory.went(object, look);
            }
        }
        lost.len()
    }

    /// Takes out the voxels in the box of an object. What else was in the box is there again with
    /// the next frame that shows it, and looks like itself.
    pub(super) fn clear_box(&mut self, object: &MapObject) {
        let mut support = Support::new(object, 0.0);
        support.half_m.add_scalar_mut(self.config.voxel_size_m / 4.0);
        support.floor_m = f64::NEG_INFINITY;
        let (voxel_size_m, width) = (self.config.voxel_size_m, self.config.feature_width);
        let blocks = self.blocks_around(&support);
        self.store.update(&blocks, |_, block| {
            let key = block.key;
            let places: Vec<usize> = block.places().collect();
            for (place, voxel) in places.into_iter().zip(&mut block.voxels) {
                if support.contains(&voxel.point_m(voxel_at(key, place), voxel_size_m)) {
                    voxel.evidence = 0;
                }
            }
            block.retain(width, |voxel| voxel.evidence > 0)
        });
    }

    /// Merges the detections of one message into the objects of the map: [`super::ObjectStore::observe`],
    /// which is told how what is in their boxes looks, and what went.
    pub fn observe(
        &mut self,
        detections: &[Detection],
        world_T_frame: &Pose,
        stamp_ns: i64,
    ) -> ObserveReport {
        let mut objects = std::mem::take(&mut self.objects);
        let mut memory = std::mem::take(&mut self.memory);
        let look = |object: &MapObject| self.look(object);
        let back = |found: &[Found<'_>]| memory.return_to(found);
        let report = objects.observe_looking(detections, world_T_frame, stamp_ns, look, back);
        (self.objects, self.memory) = (objects, memory);
        report
    }

    /// The mean feature, of length 1, of the voxels in the box of an object, but for what it may
    /// stand on; `None` where they have none.
    fn look(&self, object: &MapObject) -> Option<Vec<f32>> {
        let (width, edge_m) = (self.config.feature_width, self.config.voxel_size_m);
        if width == 0 {
            return None;
        }
        let support = Support::new(object, edge_m / 2.0);
        let mut sum = vec![0.0; width];
        for block in self.blocks_around(&support).iter().filter_map(|key| self.store.block(key)) {
            for (index, place) in block.places().enumerate() {
                let voxel = self.view(voxel_at(block.key, place), block, index, width);
                if support.contains(&Point3::from(voxel.xyz_m).cast()) {
                    voxel.add_feature(1.0, &mut sum);
                }
            }
        }
        to_unit(&mut sum).then_some(sum)
    }

    /// Keys of the blocks that the box of a support reaches into.
    fn blocks_around(&self, support: &Support) -> Vec<[i32; 3]> {
        let world_T_box = support.box_T_world.inverse();
        let (centre, extent) =
            (world_T_box.translation.vector, extent(&world_T_box, &support.half_m));
        let block_m = self.config.voxel_size_m * f64::from(EDGE);
        let block = |corner: Vector3<f64>| {
            <[f64; 3]>::from(corner).map(|metres| (metres / block_m).floor() as i32)
        };
        self.store.within(block(centre - extent), block(centre + extent), |_| true)
    }

    /// How many voxels of the support are there.
    fn count(&self, support: &Support) -> usize {
        let near = self.blocks_around(support);
        let blocks = near.iter().filter_map(|key| self.store.block(key));
        let held = |block: &Block| {
            let voxels = block.places().zip(&block.voxels);
            voxels
                .filter(|(place, voxel)| {
                    let key = voxel_at(block.key, *place);
                    let point = voxel.point_m(key, self.config.voxel_size_m);
                    voxel.first_seen_ns <= support.last_seen_ns && support.contains(&point)
                })
                .count()
        };
        blocks.map(held).sum()
    }
}
