//! The folder that a replay writes to: what an older one left goes, and the bag stays.

use super::{Gathered, Replay, facts};
use crate::settings::Source;
use anyhow::{Context, bail};
use image::RgbImage;
use scenellm::geometry::Pose;
use scenellm::planner::Session;
use scenellm::report::{FeaturePicture, ReportPage, TopDown, draw_masks, frames_csv, timings_svg};
use scenellm::scene::SceneMap;
use std::io::ErrorKind;
use std::path::Path;

/// The bag of all that the planner would have published.
pub const SESSION: &str = "session.mcap";
/// What else a replay writes, where there is such.
const FILES: [&str; 10] = [
    "plan.json",
    "frames.csv",
    "timings.svg",
    "map.ply",
    "map.json",
    "map.scenemap",
    "topdown.png",
    "features.png",
    "masks.png",
    "report.html",
];

impl Replay {
    /// Refuses to write where the bag would be lost, or the session would come among its files.
    pub(super) fn spare_bag(&self) -> anyhow::Result<()> {
        // What is not there is found out when it is opened.
        let Ok(bag) = self.bag.canonicalize() else { return Ok(()) };
        let places = [self.out.clone(), self.out.join(SESSION)];
        if places.iter().filter_map(|place| place.canonicalize().ok()).any(|place| place == bag) {
            bail!("--out {}: the bag itself is there; name another folder", self.out.display());
        }
        Ok(())
    }

    /// Makes the folder that is written to, and removes what an older replay left in it: where this one
    /// writes less, or fails, that would pass for a part of it.
    pub(super) fn clear_out(&self) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot make {}", self.out.display()))?;
        for path in FILES.map(|name| self.out.join(name)) {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error)
                        .with_context(|| format!("cannot remove the older {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes pictures, tables and the page.
    pub(super) fn write(
        &self,
        source: &Source,
        session: &Session,
        gathered: &Gathered,
        notes: &[String],
        wall_s: f64,
    ) -> anyhow::Result<()> {
        let map = session.map();
        let path = |name: &str| self.out.join(name);
        if let Some(plan) = &gathered.plan {
            write(&path("plan.json"), &format!("{:#}\n", serde_json::to_value(plan)?))?;
        }
        write(&path("frames.csv"), &frames_csv(&gathered.frames))?;
        write(&path("timings.svg"), &timings_svg(&gathered.frames)?)?;
        map.write_ply(&path("map.ply"))?;
        map.write_json(&path("map.json"), &session.relations())?;
        map.save(&path("map.scenemap"))?;
        let voxels: Vec<_> = map.voxels().map(|voxel| (voxel.xyz_m, voxel.rgb)).collect();
        // Of several cameras, the way of the first is that of the robot.
        let first = gathered.frames.iter().filter(|frame| frame.camera == 0);
        let poses: Vec<_> = first.map(|frame| frame.world_T_camera).collect();
        let topdown = TopDown {
            frame_id: &map.config().frame_id,
            voxels: &voxels,
            voxel_size_m: map.config().voxel_size_m,
            path: &poses,
            objects: map.objects().as_slice(),
            plan: gathered.plan.as_ref(),
        }
        .draw()?;
        topdown.save(path("topdown.png"))?;
        let features = feature_picture(map, &poses)?;
        if let Some(features) = &features {
            features.save(path("features.png"))?;
        }
        let spotted = session.spotted();
        let masks = spotted.map(|spotted| draw_masks(&spotted.picture, &spotted.masks));
        let masks = masks.transpose()?;
        if let Some(masks) = &masks {
            masks.save(path("masks.png"))?;
        }
        let facts = facts::at_a_glance(source, session, gathered, wall_s);
        let topics = facts::topics(source);
        let dropped = gathered.dropped.reasons();
        let page = ReportPage {
            source: &self.bag.display().to_string(),
            notes,
            facts: &facts,
            plan: gathered.plan.as_ref(),
            topdown: &topdown,
            objects: map.objects().as_slice(),
            newest: session.newest_frame().map(|frame| &frame.color),
            masks: masks.as_ref(),
            features: features.as_ref(),
            topics: &topics,
            dropped: &dropped,
            frames: &gathered.frames,
        };
        write(&path("report.html"), &page.to_html()?)
    }
}

/// The map in the colours of its features, if it has any.
fn feature_picture(map: &SceneMap, path: &[Pose]) -> anyhow::Result<Option<RgbImage>> {
    let Some(colors) = map.principal_colors() else { return Ok(None) };
    let (frame_id, voxel_size_m) = (&map.config().frame_id, map.config().voxel_size_m);
    Ok(Some(FeaturePicture { frame_id, colors: &colors, voxel_size_m, path }.draw()?))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
