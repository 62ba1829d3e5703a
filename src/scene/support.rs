//! Objects whose voxels were seen to be gone.
//!
//! An object stands on the word of its detector, and on the voxels in its box. When the three-way
//! test has removed nearly all of those voxels, the object has gone with them. What is merely out
//! of view, hidden, or dropped to keep the map small says nothing about objects, and neither does what
//! came into the box after the object was seen and left it again: a guest on a chair. What a detector
//! found in an old frame is held against the map in this way before it becomes an object.

use super::box_grid::BoxGrid;
use super::gather::gather;
use super::integrate::check_frame;
use super::objects::in_world;
use super::regions::to_unit;
use super::removal::GoneVoxel;
use super::voxel::{Block, EDGE, Voxel, voxel_at};
use super::{MapObject, ObjectId, ObserveReport, SceneError, SceneMap};
use crate::geometry::Pose;
use crate::sensing::{Detection, RgbdFrame};
use nalgebra::{Point3, Quaternion, Translation3, UnitQuaternion, Vector3};
use std::collections::BTreeMap;

/// The object goes when this share of its voxels has gone. Some may stay behind, where they are at
/// the edge of what the camera saw.
const GONE_SHARE: f64 = 0.8;

/// What speaks against an object since it was last detected.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loss {
    last_seen_ns: i64,
    /// Voxels of it that have gone.
    voxels: usize,
    /// Looks that should have found it.
    pub looks: u8,
}

impl Loss {
    /// Nothing speaks against an object so far.
    pub fn none_of(object: &MapObject) -> Self {
        Self { last_seen_ns: object.last_seen_ns, voxels: 0, looks: 0 }
    }
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
    /// `margin_m` is how far behind a point a reading must lie to show it gone; `slack_m` how much wider
    /// the box is taken all round: a side that is seen from straight ahead has a box without depth.
    fn new(object: &MapObject, margin_m: f64, slack_m: f64) -> Self {
        let [x, y, z, w] = object.orientation_xyzw;
        let world_T_box = Pose::from_parts(
            Translation3::from(object.position_m),
            UnitQuaternion::new_normalize(Quaternion::new(w, x, y, z)),
        );
        let half_m = Vector3::from(object.size_m) / 2.0;
        let half_height_m = extent(&world_T_box, &half_m).z;
        Self {
            box_T_world: world_T_box.inverse(),
            half_m: half_m.add_scalar(slack_m),
            floor_m: object.position_m[2] - half_height_m + margin_m.min(half_height_m),
            last_seen_ns: object.last_seen_ns,
        }
    }

    fn contains(&self, world: &Point3<f64>) -> bool {
        let inside = self.box_T_world * world;
        world.z >= self.floor_m && (0..3).all(|axis| inside[axis].abs() <= self.half_m[axis])
    }

    /// Centre, and half the edges along the world's axes, of the box around the box, metres.
    fn around(&self) -> (Point3<f64>, Vector3<f64>) {
        let world_T_box = self.box_T_world.inverse();
        (world_T_box.translation.vector.into(), extent(&world_T_box, &self.half_m))
    }

    /// Whether voxels that were first hit at this time may be of the object.
    fn is_of_it(&self, first_seen_ns: i64) -> bool {
        first_seen_ns <= self.last_seen_ns
    }
}

/// Half the edges of the axis-aligned box around a box.
fn extent(world_T_box: &Pose, half_m: &Vector3<f64>) -> Vector3<f64> {
    world_T_box.rotation.to_rotation_matrix().matrix().abs() * half_m
}

/// How many of the voxels `gone` each support had. A frame may show thousands of voxels to be gone, in a
/// map of hundreds of objects.
fn counts_of(supports: &[Support], gone: &[GoneVoxel]) -> Vec<usize> {
    let grid = BoxGrid::new(supports.iter().map(Support::around));
    let mut counts = vec![0; supports.len()];
    for one in gone {
        for number in grid.around(one.point_m).flatten() {
            let support = &supports[*number as usize];
            let is_its = support.is_of_it(one.first_seen_ns) && support.contains(&one.point_m);
            counts[*number as usize] += usize::from(is_its);
        }
    }
    counts
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
        let is_there = |one: &&Detection| {
            let object = in_world(one, &frame.world_T_camera, frame.stamp_ns);
            let Some(object) = object else { return true };
            let support = self.support(&object);
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
    /// now that the voxels `gone` are removed. Returns how many.
    pub(super) fn remove_unsupported(&mut self, gone: &[GoneVoxel], stamp_ns: i64) -> usize {
        if gone.is_empty() {
            return 0;
        }
        let mut losses = self.take_losses();
        let mut lost: Vec<ObjectId> = Vec::new();
        let older = self.objects.iter().filter(|object| object.last_seen_ns < stamp_ns);
        let older: Vec<&MapObject> = older.collect();
        let supports: Vec<Support> = older.iter().map(|object| self.support(object)).collect();
        let counts = counts_of(&supports, gone);
        for ((object, support), now) in older.into_iter().zip(&supports).zip(counts) {
            if now == 0 {
                continue;
            }
            let loss = losses.entry(object.id).or_insert_with(|| Loss::none_of(object));
            loss.voxels += now;
            let left = self.count(support, |voxel| support.is_of_it(voxel.first_seen_ns));
            if loss.voxels as f64 >= GONE_SHARE * (loss.voxels + left) as f64 {
                lost.push(object.id);
            }
        }
        self.losses = losses;
        self.let_go(&lost, stamp_ns);
        lost.len()
    }

    /// What speaks against objects, without those that went or were detected since.
    pub(super) fn take_losses(&mut self) -> BTreeMap<ObjectId, Loss> {
        let mut losses = std::mem::take(&mut self.losses);
        losses.retain(|id, loss| {
            self.objects.get(*id).is_some_and(|object| object.last_seen_ns == loss.last_seen_ns)
        });
        losses
    }

    /// Takes out objects that were seen to be gone at `stamp_ns`; they may turn up elsewhere.
    pub(super) fn let_go(&mut self, lost: &[ObjectId], stamp_ns: i64) {
        for id in lost {
            if let Some((object, look)) = self.objects.take(*id) {
                self.memory.went(object, look, Some(stamp_ns));
            }
        }
    }

    /// Whether anything stands where the voxels of an object would.
    pub(super) fn has_voxels_of(&self, object: &MapObject) -> bool {
        self.count(&self.support(object), |_| true) > 0
    }

    /// Where the voxels of an object stand.
    fn support(&self, object: &MapObject) -> Support {
        let margin_m = f64::from(self.config.removal.margin_m);
        Support::new(object, margin_m, self.config.voxel_size_m / 4.0)
    }

    /// Takes out the voxels in the box of an object. What else was in the box is there again with
    /// the next frame that shows it, and looks like itself.
    pub(super) fn clear_box(&mut self, object: &MapObject) {
        let mut support = self.support(object);
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
        let report =
            objects.observe_looking(detections, world_T_frame, stamp_ns, look, &mut memory);
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
        let support = Support::new(object, edge_m / 2.0, 0.0);
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
        let (centre, extent) = support.around();
        let block_m = self.config.voxel_size_m * f64::from(EDGE);
        let block = |corner: Point3<f64>| {
            <[f64; 3]>::from(corner).map(|metres| (metres / block_m).floor() as i32)
        };
        self.store.within(block(centre - extent), block(centre + extent), |_| true)
    }

    /// How many voxels stand in a support, of those that count.
    fn count(&self, support: &Support, counts: impl Fn(&Voxel) -> bool) -> usize {
        let near = self.blocks_around(support);
        let blocks = near.iter().filter_map(|key| self.store.block(key));
        let held = |block: &Block| {
            let voxels = block.places().zip(&block.voxels);
            voxels
                .filter(|(place, voxel)| {
                    let key = voxel_at(block.key, *place);
                    let point = voxel.point_m(key, self.config.voxel_size_m);
                    counts(voxel) && support.contains(&point)
                })
                .count()
        };
        blocks.map(held).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::sized;
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    #[test]
    fn voxels_that_went_count_for_every_box_around_them() {
        let mut chance = Pcg64Mcg::seed_from_u64(3);
        let mut within = |low: f64, high: f64| chance.random_range(low..high);
        let supports: Vec<Support> = (0..80)
            .map(|id| {
                let size_m = [0; 3].map(|_| within(0.02, 2.0));
                let mut object = sized(id, "thing", [0; 3].map(|_| within(-3.0, 3.0)), size_m);
                let [roll, pitch, yaw] = [0; 3].map(|_| within(-3.0, 3.0));
                let turn = UnitQuaternion::from_euler_angles(roll, pitch, yaw);
                object.orientation_xyzw = turn.coords.into();
                object.last_seen_ns = i64::from(id % 10);
                Support::new(&object, 0.05, 0.0125)
            })
            .collect();
        let gone: Vec<GoneVoxel> = (0..1000)
            .map(|at| GoneVoxel {
                point_m: [0; 3].map(|_| within(-3.0, 3.0)).into(),
                first_seen_ns: at % 10,
            })
            .collect();
        let count = |support: &Support| {
            let of_it = gone.iter().filter(|one| support.is_of_it(one.first_seen_ns));
            of_it.filter(|one| support.contains(&one.point_m)).count()
        };
        let expected: Vec<usize> = supports.iter().map(count).collect();
        assert_eq!(counts_of(&supports, &gone), expected);
        assert!(expected.iter().sum::<usize>() > 50, "{expected:?}");
    }
}
