//! A map of a real kitchen from poses as TF gives them, against one from the true poses: removal of
//! what has gone must not eat what is there.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use scenellm::bag::{BagReader, Events, select};
use scenellm::geometry::{Pose, pose_from_row_major};
use scenellm::planner::TopicConfig;
use scenellm::scene::{MapConfig, SceneMap};
use scenellm::sensing::{Assembled, FrameAssembler, RgbdFrame, SensingConfig};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Fewer points are noise.
const POINTS: u32 = 20;

fn bag() -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/bags/kitchen_compressed"));
    if !path.exists() {
        println!("skipped: {} does not exist", path.display());
        return None;
    }
    Some(path.to_owned())
}

/// Stamp and row-major 4×4 matrix a line.
fn true_poses(bag: &Path) -> BTreeMap<i64, Pose> {
    let text = std::fs::read_to_string(bag.join("groundtruth.csv")).unwrap();
    let pose = |line: &str| {
        let (stamp_ns, rows) = line.split_once(',').unwrap();
        let rows: Vec<f64> = rows.split(',').map(|value| value.trim().parse().unwrap()).collect();
        (stamp_ns.parse().unwrap(), pose_from_row_major(rows.as_slice().try_into().unwrap()))
    };
    text.lines().map(pose).collect()
}

fn frames(bag: &Path, mut each: impl FnMut(RgbdFrame)) {
    let reader = BagReader::open(bag).unwrap();
    let selection = select(reader.topics(), &TopicConfig::default()).unwrap();
    let mut assembler = FrameAssembler::new(SensingConfig::default());
    let mut take = |assembled: Vec<Assembled>| {
        for one in assembled {
            if let Assembled::Frame(frame) = one {
                each(frame.frame);
            }
        }
    };
    for (_, event) in Events::new(&reader, &selection) {
        take(assembler.push(event.unwrap()));
    }
    take(assembler.flush());
}

fn voxels(map: &SceneMap, points: u32) -> BTreeSet<[i32; 3]> {
    map.voxels().filter(|voxel| voxel.count >= points).map(|voxel| voxel.key).collect()
}

#[test]
fn the_map_is_that_of_the_true_poses() {
    let Some(bag) = bag() else { return };
    let poses = true_poses(&bag);
    let mut still = MapConfig::default();
    still.removal.enabled = false;
    let mut truth = SceneMap::new(still).unwrap();
    let mut map = SceneMap::new(MapConfig::default()).unwrap();
    let (mut count, mut removed) = (0, 0);
    frames(&bag, |mut frame| {
        removed += map.integrate(&frame, None).unwrap().removed_voxels;
        frame.world_T_camera = poses[&frame.stamp_ns];
        truth.integrate(&frame, None).unwrap();
        count += 1;
    });
    assert!(count >= 99, "{count} frames");

    let (real, real_or_noise) = (voxels(&truth, POINTS), voxels(&truth, 1));
    let (found, found_or_noise) = (voxels(&map, POINTS), voxels(&map, 1));
    let share = |part: &BTreeSet<_>, of: &BTreeSet<_>| {
        part.intersection(of).count() as f64 / part.len() as f64
    };
    let (recall, kept) = (share(&real, &found), share(&real, &found_or_noise));
    let precision = share(&found, &real_or_noise);
    println!(
        "{count} frames, {} real voxels, recall {recall:.3} (any number of points {kept:.3}), \
         precision {precision:.3}, {removed} removed",
        real.len()
    );
    assert!(real.len() > 3000, "{}", real.len());
    assert!(recall >= 0.90 && precision >= 0.90, "recall {recall:.3}, precision {precision:.3}");
}
