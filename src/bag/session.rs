//! The outputs of a session as a bag that Foxglove, RViz and `ros2 bag` open.

use super::error::BagError;
use super::writer::BagWriter;
use crate::planner::Output;
use crate::ros::{
    cloud_message, label_info_message, map_message, objects_message, plan_message,
    relations_message, scene_objects_message, tf_message,
};
use crate::scene::{EgoConfig, EgoFrame, ObjectState, Relation, SceneMap};
use crate::sensing::{RgbdFrame, StampedTransform};
use std::path::Path;

const PLAN_TOPIC: &str = "/scenellm_planner/plan";
const MAP_TOPIC: &str = "/scenellm_planner/map";
const FRAME_TOPIC: &str = "/scenellm_planner/frame";
const OBJECTS_TOPIC: &str = "/scenellm_planner/objects";
const SCENE_OBJECTS_TOPIC: &str = "/scenellm_planner/scene_objects";
const LABEL_INFO_TOPIC: &str = "/scenellm_planner/label_info";
const RELATIONS_TOPIC: &str = "/scenellm_planner/relations";
/// Child frame of the poses at which images were taken.
const CAMERA_FRAME: &str = "scenellm_camera";
/// Every so many pixels of the egocentric frame are written, along both edges.
const FRAME_STRIDE: usize = 4;

/// Writes outputs as they come, and the map at the end.
pub struct SessionWriter {
    writer: BagWriter,
    world_frame: String,
    /// Time of the newest output, nanoseconds.
    newest_ns: i64,
}

impl SessionWriter {
    /// Creates the bag `path`, in place of an older one. Poses are those of `world_frame`.
    pub fn create(path: &Path, world_frame: &str) -> Result<Self, BagError> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(BagError::Io { path: path.to_owned(), source: error });
            }
            _ => {}
        }
        Ok(Self {
            writer: BagWriter::create(path)?,
            world_frame: world_frame.to_string(),
            newest_ns: 0,
        })
    }

    /// Writes one output: poses as `/tf`, plans as `scenellm/msg/Plan`. What was dropped is not
    /// written.
    pub fn output(&mut self, output: &Output) -> Result<(), BagError> {
        match output {
            Output::Frame(frame) => {
                self.newest_ns = self.newest_ns.max(frame.stamp_ns);
                let transform = StampedTransform {
                    stamp_ns: frame.stamp_ns,
                    parent: self.world_frame.clone(),
                    child: CAMERA_FRAME.to_string(),
                    parent_T_child: frame.world_T_camera,
                };
                self.writer.write("/tf", frame.stamp_ns, &tf_message(&[transform]))
            }
            Output::Plan(plan) => {
                let time_ns = self.newest_ns.max(plan.stamp_ns);
                self.writer.write(PLAN_TOPIC, time_ns, &plan_message(plan))
            }
            Output::Dropped { .. } | Output::ClockJumpedBack { .. } => Ok(()),
        }
    }

    /// Writes the map, its objects, the states that they were seen in and how they stand to each other, and
    /// the newest egocentric frame, and closes the bag.
    pub fn finish(
        mut self,
        map: &SceneMap,
        states: &[ObjectState],
        relations: &[Relation],
        newest: Option<&RgbdFrame>,
    ) -> Result<(), BagError> {
        let (time_ns, world) = (self.newest_ns, self.world_frame.clone());
        self.writer.write(MAP_TOPIC, time_ns, &map_message(time_ns, map, 1))?;
        let objects = objects_message(map.objects(), time_ns, &world);
        self.writer.write(OBJECTS_TOPIC, time_ns, &objects)?;
        let objects = scene_objects_message(map, states, time_ns);
        self.writer.write(SCENE_OBJECTS_TOPIC, time_ns, &objects)?;
        let legend = label_info_message(map.objects().label_numbers(), time_ns, &world);
        self.writer.write(LABEL_INFO_TOPIC, time_ns, &legend)?;
        let relations = relations_message(relations, time_ns, &world);
        self.writer.write(RELATIONS_TOPIC, time_ns, &relations)?;
        if let Some(frame) = newest {
            let config = EgoConfig { stride: FRAME_STRIDE, ..EgoConfig::default() };
            // A frame that went into the map has points; one that has none is not worth an error.
            if let Ok(ego) = EgoFrame::new(frame, &frame.camera.ray_table(), None, &config) {
                let points = ego.xyz_m.iter().copied().zip(ego.rgb.iter().copied());
                let cloud = cloud_message(frame.stamp_ns, CAMERA_FRAME, points);
                self.writer.write(FRAME_TOPIC, time_ns, &cloud)?;
            }
        }
        self.writer.finish()
    }
}
