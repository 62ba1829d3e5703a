//! The topics the node publishes on, and how what it has to say becomes messages.

use super::NodeError;
use super::text_stream::TextStream;
use crate::geometry::Pose;
use crate::ros::msg::{
    self, Detection3DArray, DiagnosticArray, Header, LabelInfo, MarkerArray, Message,
    ObjectRelations, Path, PointCloud2, PoseStamped, SceneObjects, StringMsg,
};
use crate::ros::qos::{self, Qos};
use crate::ros::transport::{Publication, Transport};
use crate::ros::{
    NodeNames, cloud_message, heat_message, label_info_message, label_markers, map_message,
    no_markers, objects_message, plan_markers, plan_message, plan_step_message, relations_message,
    scene_objects_message, to_cdr,
};
use crate::scene::{EgoConfig, EgoFrame, ObjectState, Relation, SceneMap, VoxelScore};
use crate::sensing::RgbdFrame;
use crate::tasks::{Plan, PlanStep};
use cv_convert::ToCv;
use serde::Serialize;
use std::sync::Arc;

/// One topic that is published on.
#[derive(Clone)]
pub struct Outlet {
    topic: String,
    publication: Arc<dyn Publication>,
}

impl Outlet {
    /// Opens the topic for messages `M`.
    pub fn open<M: Message>(
        transport: &dyn Transport,
        names: &NodeNames,
        name: &str,
        qos: Qos,
    ) -> Result<Self, NodeError> {
        let topic = names.resolve(name)?;
        let publication = transport.advertise(&topic, M::TYPE, qos)?;
        Ok(Self { topic, publication })
    }

    /// Sends a message.
    pub fn send<M: Serialize>(&self, message: &M) {
        if let Err(error) = self.publication.publish(to_cdr(message)) {
            tracing::warn!("{error}");
        }
    }
}

/// What is told by the desk: plans, steps, words, health.
pub struct DeskOutlets {
    plan: Outlet,
    step: Outlet,
    markers: Outlet,
    said: Outlet,
    stream: TextStream,
    diagnostics: Outlet,
}

impl DeskOutlets {
    /// Opens the topics.
    pub fn open(
        transport: &dyn Transport,
        names: &NodeNames,
        stream: TextStream,
    ) -> Result<Self, NodeError> {
        Ok(Self {
            markers: Outlet::open::<MarkerArray>(transport, names, "~/markers", qos::LATCHED)?,
            stream,
            plan: Outlet::open::<msg::Plan>(transport, names, "~/plan", qos::LATCHED)?,
            step: Outlet::open::<msg::PlanStep>(transport, names, "~/plan/steps", qos::LATCHED)?,
            said: Outlet::open::<StringMsg>(transport, names, "~/dialogue/out", qos::EVENT)?,
            diagnostics: Outlet::open::<DiagnosticArray>(
                transport,
                names,
                "/diagnostics",
                qos::EVENT,
            )?,
        })
    }

    /// Publishes a plan or a refusal.
    pub fn plan(&self, plan: &Plan) {
        self.plan.send(&plan_message(plan));
        self.markers.send(&plan_markers(plan));
    }

    /// Publishes that the plan for `goal` holds no more.
    pub fn withdraw(&self, goal: &str, reason: &str, now_ns: i64, frame_id: &str) {
        self.plan.send(&msg::Plan {
            header: Header::new(now_ns, frame_id),
            goal: goal.into(),
            mean_log_probability: f64::NAN,
            refusal: msg::Plan::REFUSAL_WITHDRAWN,
            refusal_reason: reason.into(),
            ..msg::Plan::default()
        });
        self.markers.send(&no_markers(now_ns, frame_id));
    }

    /// Publishes the current step.
    pub fn step(&self, step: &PlanStep) {
        self.step.send(&plan_step_message(step));
    }

    /// Says something.
    pub fn say(&self, words: &str) {
        self.said.send(&StringMsg { data: words.into() });
        self.stream.whole(words);
    }

    /// Publishes how the node is.
    pub fn diagnostics(&self, message: &DiagnosticArray) {
        self.diagnostics.send(message);
    }
}

/// What is told by perception: the map, what of it looks like what was asked for, the newest frame, objects,
/// their names and relations, the camera's path.
pub struct SceneOutlets {
    map: Outlet,
    heat: Outlet,
    frame: Outlet,
    objects: Outlet,
    scene_objects: Outlet,
    relations: Outlet,
    labels: Outlet,
    label_info: Outlet,
    path: Outlet,
}

impl SceneOutlets {
    /// Opens the topics.
    pub fn open(transport: &dyn Transport, names: &NodeNames) -> Result<Self, NodeError> {
        Ok(Self {
            map: Outlet::open::<PointCloud2>(transport, names, "~/map", qos::LATCHED)?,
            heat: Outlet::open::<PointCloud2>(transport, names, "~/heat_map", qos::LATCHED)?,
            frame: Outlet::open::<PointCloud2>(transport, names, "~/frame", qos::CLOUD)?,
            objects: Outlet::open::<Detection3DArray>(transport, names, "~/objects", qos::LATCHED)?,
            relations: Outlet::open::<ObjectRelations>(
                transport,
                names,
                "~/relations",
                qos::LATCHED,
            )?,
            scene_objects: Outlet::open::<SceneObjects>(
                transport,
                names,
                "~/scene_objects",
                qos::LATCHED,
            )?,
            labels: Outlet::open::<MarkerArray>(transport, names, "~/labels", qos::LATCHED)?,
            label_info: Outlet::open::<LabelInfo>(transport, names, "~/label_info", qos::LATCHED)?,
            path: Outlet::open::<Path>(transport, names, "~/path", qos::LATCHED)?,
        })
    }

    /// How many listen to the cloud of the map.
    pub fn map_listeners(&self) -> usize {
        self.map.publication.subscribers()
    }

    /// How many listen to all that is known of objects.
    pub fn scene_objects_listeners(&self) -> usize {
        self.scene_objects.publication.subscribers()
    }

    /// Publishes the voxels of the map, thinned evenly to `max_points`.
    pub fn map(&self, map: &SceneMap, stamp_ns: i64, max_points: usize) {
        let every = map.len().div_ceil(max_points).max(1);
        self.map.send(&map_message(stamp_ns, map, every));
    }

    /// Publishes how well the map fits what was looked for last, in `max_points` points at most. No
    /// scores take away what was shown.
    pub fn heat(&self, scores: &[VoxelScore], frame_id: &str, stamp_ns: i64, max_points: usize) {
        self.heat.send(&heat_message(stamp_ns, frame_id, scores, max_points));
    }

    /// Publishes all that is known of the objects of the map, which were seen in `states`.
    pub fn scene_objects(&self, map: &SceneMap, states: &[ObjectState], stamp_ns: i64) {
        self.scene_objects.send(&scene_objects_message(map, states, stamp_ns));
    }

    /// Publishes the objects of the map, what the numbers of their names mean, and how they stand to each
    /// other.
    pub fn objects(&self, map: &SceneMap, relations: &[Relation], stamp_ns: i64) {
        let frame_id = &map.config().frame_id;
        self.objects.send(&objects_message(map.objects(), stamp_ns, frame_id));
        self.relations.send(&relations_message(relations, stamp_ns, frame_id));
        self.labels.send(&label_markers(map.objects(), stamp_ns, frame_id));
        let numbers = map.objects().label_numbers();
        self.label_info.send(&label_info_message(numbers, stamp_ns, frame_id));
    }

    /// Publishes the points of the newest frame, in the camera's frame `frame_id`, when somebody
    /// listens; of `max_points` about, evenly thinned.
    pub fn frame(&self, frame: &RgbdFrame, frame_id: &str, max_points: usize) {
        if self.frame.publication.subscribers() == 0 {
            return;
        }
        let pixels = frame.depth_m.data_m.len();
        // Every so many-th pixel of every so many-th row.
        let stride = (pixels as f64 / max_points as f64).sqrt().ceil().max(1.0) as usize;
        let config = EgoConfig { stride, ..EgoConfig::default() };
        match EgoFrame::new(frame, &frame.camera.ray_table(), None, &config) {
            Ok(ego) => {
                let points = ego.xyz_m.iter().copied().zip(ego.rgb.iter().copied());
                self.frame.send(&cloud_message(frame.stamp_ns, frame_id, points));
            }
            Err(error) => tracing::warn!("{}: {error}", self.frame.topic),
        }
    }

    /// Publishes where the camera has been.
    pub fn path(&self, poses: &[(i64, Pose)], frame_id: &str) {
        let stamp_ns = poses.last().map_or(0, |(stamp_ns, _)| *stamp_ns);
        let poses = poses.iter().map(|(stamp_ns, world_T_camera)| PoseStamped {
            header: Header::new(*stamp_ns, frame_id),
            pose: world_T_camera.to_cv(),
        });
        let header = Header::new(stamp_ns, frame_id);
        self.path.send(&Path { header, poses: poses.collect() });
    }
}
