//! Objects that a detector looks for in vain.
//!
//! An object that has voxels goes with them (`support`). Glass, what is flatter than depth can tell, and what
//! never was there have none, and would stay in the map for good. They go when some looks in a row at all of
//! their box have not found them.

use super::in_frame::shows_whole;
use super::support::Loss;
use super::{MapObject, ObserveReport, SceneMap};
use crate::sensing::{Detection, RgbdFrame};

/// Looks in vain after which an object goes: a detector misses things now and then.
const LOOKS: u8 = 3;

impl SceneMap {
    /// [`Self::observe`] for what a detector that looks for `names` has found in a frame; what it should
    /// have found there and has not counts as well. Of other names its silence says nothing.
    pub fn observe_frame(
        &mut self,
        detections: &[Detection],
        frame: &RgbdFrame,
        names: &[String],
    ) -> ObserveReport {
        let report = self.observe(detections, &frame.world_T_camera, frame.stamp_ns);
        if self.config.removal.enabled {
            self.count_looks(frame, names);
        }
        report
    }

    /// Counts a look in vain for what was not seen in it, and takes out what was missed too often.
    fn count_looks(&mut self, frame: &RgbdFrame, names: &[String]) {
        let (mut losses, mut lost) = (self.take_losses(), Vec::new());
        let depth_m = self.config.depth_range_m();
        let is_missed = |object: &&MapObject| {
            object.last_seen_ns < frame.stamp_ns
                && names.contains(&object.label)
                // Those of the map's own follow its regions.
                && !self.objects.is_own(object.id)
                && shows_whole(object, frame, depth_m)
                && !self.has_voxels_of(object)
        };
        for object in self.objects.iter().filter(is_missed) {
            let loss = losses.entry(object.id).or_insert_with(|| Loss::none_of(object));
            loss.looks += 1;
            if loss.looks >= LOOKS {
                lost.push(object.id);
            }
        }
        self.losses = losses;
        self.let_go(&lost, frame.stamp_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{CameraModel, Pose};
    use crate::scene::{MapConfig, ObjectId, RemovalConfig};
    use crate::sensing::DepthImage;
    use image::RgbImage;

    /// A camera at the world's origin that looks along z, with the same reading everywhere.
    fn frame(stamp_ns: i64, depth_m: f32) -> RgbdFrame {
        let (width, height) = (160u32, 120u32);
        let data_m = vec![depth_m; (width * height) as usize];
        RgbdFrame {
            stamp_ns,
            color: RgbImage::new(width, height),
            depth_m: DepthImage { width, height, data_m },
            camera: CameraModel::pinhole(width, height, 138.0, 138.0, 79.5, 59.5),
            world_T_camera: Pose::identity(),
        }
    }

    fn glass(x_m: f64, z_m: f64) -> Detection {
        Detection {
            label: "glass".into(),
            score: 0.4,
            frame_T_box: Pose::translation(x_m, 0.0, z_m),
            size_m: [0.2, 0.2, 0.3],
            track_id: String::new(),
        }
    }

    fn names() -> Vec<String> {
        ["mug", "glass"].map(String::from).to_vec()
    }

    /// How many objects are left after each of some looks that find nothing, by the reading of their frames.
    fn left(map: &mut SceneMap, from_ns: i64, depths_m: &[f32]) -> Vec<usize> {
        let looks = (from_ns..).zip(depths_m);
        let look = looks.map(|(stamp_ns, depth_m)| {
            map.observe_frame(&[], &frame(stamp_ns, *depth_m), &names());
            map.objects().len()
        });
        look.collect()
    }

    #[test]
    fn what_three_looks_in_a_row_have_missed_goes() {
        let mut map = SceneMap::new(MapConfig::default()).unwrap();
        let seen = [glass(0.0, 2.0)];
        map.observe_frame(&seen, &frame(0, 3.0), &names());
        // Behind something, and where depth tells nothing, it cannot be found.
        assert_eq!(left(&mut map, 1, &[3.0, 1.5, 1.5, 0.0, 0.0, 3.0]), [1; 6]);
        map.observe_frame(&seen, &frame(10, 3.0), &names());
        assert_eq!(left(&mut map, 11, &[3.0, 3.0, 1.5, 3.0]), [1, 1, 1, 0]);
        // It is known again when it is there again, though not by a look at an older picture.
        let late = map.observe_frame(&seen, &frame(12, 3.0), &names());
        assert_eq!((late.objects, map.objects().len()), (vec![None], 0));
        let again = map.observe_frame(&seen, &frame(20, 3.0), &names());
        assert_eq!(again.objects, [Some(ObjectId(0))]);
    }

    #[test]
    fn what_a_look_cannot_find_stays() {
        let after_looks = |config: MapConfig, seen: Detection, depth_m: f32, names: &[String]| {
            let mut map = SceneMap::new(config).unwrap();
            map.integrate(&frame(0, depth_m), None).unwrap();
            map.observe_frame(&[seen], &frame(0, depth_m), names);
            for stamp_ns in 1..9 {
                map.observe_frame(&[], &frame(stamp_ns, depth_m), names);
            }
            map.objects().len()
        };
        let usual = MapConfig::default;
        assert_eq!(after_looks(usual(), glass(0.0, 2.0), 3.0, &names()), 0);
        assert_eq!(after_looks(usual(), glass(0.0, 2.0), 3.0, &names()[..1]), 1, "not looked for");
        assert_eq!(after_looks(usual(), glass(1.15, 2.0), 3.0, &names()), 1, "half in the image");
        assert_eq!(after_looks(usual(), glass(0.0, 7.0), 9.0, &names()), 1, "out of range");
        assert_eq!(after_looks(usual(), glass(0.0, 3.0), 3.0, &names()), 1, "it has voxels");
        let removal = RemovalConfig { enabled: false, ..RemovalConfig::default() };
        let kept = MapConfig { removal, ..usual() };
        assert_eq!(after_looks(kept, glass(0.0, 2.0), 3.0, &names()), 1, "nothing is removed");
    }
}
