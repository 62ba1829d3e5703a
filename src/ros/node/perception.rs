//! The thread that keeps the map: messages in, clouds and a [`View`] out. It owns the session and
//! waits for nobody; who wants something of the map asks through its inbox.

use super::clock::NodeClock;
use super::inbox::{Inbox, Taken, TopicIndex};
use super::input::{Input, Use};
use super::map_request::{Effect, MapRequest};
use super::newest::Newest;
use super::outlets::SceneOutlets;
use super::view::View;
use crate::geometry::{Pose, heading_of_camera_rad};
use crate::planner::follow::BasePose;
use crate::planner::{Output, PlannerConfig, Session};
use crate::ros::decode;
use crate::scene::VoxelScore;
use crate::sensing::{RgbdFrame, SensorEvent};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

/// How often the thread looks around when nothing comes.
const NAP: Duration = Duration::from_millis(100);
/// Poses of the path that are kept; beyond it every other one is left out.
const MAX_PATH: usize = 1024;
/// Least way between two poses of the path, metres.
const PATH_STEP_M: f64 = 0.02;

/// Keeps the map.
pub struct Perception {
    pub session: Session,
    pub inbox: Arc<Inbox<MapRequest>>,
    pub inputs: Vec<Arc<Input>>,
    pub outlets: SceneOutlets,
    pub view: Arc<Newest<View>>,
    pub base: Arc<Newest<Option<BasePose>>>,
    /// Who looks for things in frames, where somebody does.
    pub spotted: Option<SyncSender<Arc<RgbdFrame>>>,
    pub clock: Arc<NodeClock>,
    pub config: Arc<Newest<PlannerConfig>>,
}

/// What was published when.
struct Published {
    map_at: Instant,
    frame_at: Instant,
    /// Who listened to the cloud of the map, and to all that is known of its objects.
    listeners: [usize; 2],
    /// Whether the map has changed since.
    map_is_new: bool,
    /// Whether it is another one since, so that what is latched of it holds no more.
    map_is_another: bool,
    frame_is_new: bool,
}

/// What the thread gathers beside the session.
#[derive(Default)]
struct Gathered {
    view: View,
    path: Vec<(i64, Pose)>,
}

impl Perception {
    /// Runs until the inbox is closed; gives the session back.
    pub fn run(mut self) -> Session {
        let now = Instant::now();
        let mut published = Published {
            map_at: now,
            frame_at: now,
            listeners: [0; 2],
            // What it holds already is new to those who listen.
            map_is_new: !self.session.map().is_empty(),
            map_is_another: false,
            frame_is_new: false,
        };
        let mut gathered = Gathered::default();
        self.show(&mut gathered);
        loop {
            match self.inbox.take(NAP) {
                Taken::Closed => return self.session,
                Taken::Nothing => {}
                Taken::Request(request) => match request.answer(&mut self.session) {
                    Effect::Unchanged => {}
                    Effect::Changed => {
                        published.map_is_new = true;
                        self.show(&mut gathered);
                    }
                    Effect::Replaced { has_other_ids } => {
                        (published.map_is_new, published.map_is_another) = (true, true);
                        gathered.view.map += u64::from(has_other_ids);
                        self.show(&mut gathered);
                        self.publish_heat(&[], gathered.view.stamp_ns);
                    }
                    Effect::Compared(likeness) => {
                        self.publish_heat(&likeness.scores, gathered.view.stamp_ns);
                    }
                },
                Taken::Message(topic, cdr) => {
                    self.message(topic, &cdr, &mut gathered, &mut published);
                }
            }
            self.publish(&gathered, &mut published);
        }
    }

    fn message(
        &mut self,
        topic: TopicIndex,
        cdr: &[u8],
        gathered: &mut Gathered,
        published: &mut Published,
    ) {
        let Some(input) = self.inputs.iter().find(|input| input.index == topic) else { return };
        let Use::Event(role) = input.used else { return };
        let event = match decode(role, &input.topic, input.type_name, cdr) {
            Ok(event) => event.of_camera(input.camera),
            Err(error) => return input.fault(error.to_string()),
        };
        match &event {
            SensorEvent::Clock { stamp_ns } => self.clock.set_ns(*stamp_ns),
            SensorEvent::Detections(_) => published.map_is_new = true,
            _ => {}
        }
        let moves = matches!(event, SensorEvent::Transforms(_) | SensorEvent::StaticTransforms(_));
        let refused_before = self.session.assembler().status().refused_transforms;
        for output in self.session.push(event) {
            match output {
                Output::Frame(record) => {
                    gathered.view.frames += 1;
                    gathered.view.frame_ms = record.timings.total_ms();
                    // Of several cameras, the first looks where the robot does.
                    if record.camera == 0 {
                        let camera = &record.world_T_camera;
                        gathered.view.robot_m = camera.translation.vector.into();
                        gathered.view.heading_rad = heading_of_camera_rad(camera);
                        gathered.extend_path(record.stamp_ns, record.world_T_camera);
                    }
                    published.map_is_new = true;
                    published.frame_is_new = true;
                    self.hand_over();
                }
                Output::Dropped { reason, .. } => {
                    tracing::debug!("{reason}");
                    gathered.view.dropped += 1;
                    gathered.view.last_dropped = reason;
                }
                Output::ClockJumpedBack { from_ns, to_ns } => {
                    tracing::warn!(
                        "time went back from {from_ns} to {to_ns} ns: transforms and waiting \
                         images are forgotten, the map is kept"
                    );
                    gathered.path.clear();
                    self.base.set(None);
                }
                // The session makes no plans.
                Output::Plan(_) => {}
            }
        }
        if moves {
            let status = self.session.assembler().status();
            let is_new = status.refused_transforms > refused_before;
            if let Some(reason) = status.last_refused_transform.filter(|_| is_new) {
                input.fault(format!("{}: {reason}", input.topic));
            }
            self.find_base();
        }
        self.show(gathered);
    }

    /// Gives the newest frame to who looks for things, if it is waited for.
    fn hand_over(&self) {
        if let (Some(spotter), Some(frame)) = (&self.spotted, self.session.newest_frame()) {
            // It is busy with an older one, then.
            let _ = spotter.try_send(Arc::clone(frame));
        }
    }

    /// Lets others see where the base stands. Where it cannot be found the last pose grows old.
    fn find_base(&self) {
        let config = self.config.get();
        let (world, base) = (&config.sensing.world_frame, &config.follow.base_frame);
        if let Ok((stamp_ns, pose)) =
            self.session.assembler().transforms().lookup_newest(world, base)
        {
            self.base.set(Some(BasePose::new(stamp_ns, &pose)));
        }
    }

    /// Lets others see the state of things.
    fn show(&self, gathered: &mut Gathered) {
        let map = self.session.map();
        let view = &mut gathered.view;
        view.objects = map.objects().as_slice().to_vec();
        view.voxels = map.len();
        view.map_bytes = map.bytes();
        view.sensing = self.session.assembler().statuses();
        if let Some(newest) = self.session.newest_frame() {
            view.stamp_ns = newest.stamp_ns;
        }
        self.view.set(view.clone());
    }

    fn publish_heat(&self, scores: &[VoxelScore], stamp_ns: i64) {
        let max_points = self.config.get().publish.max_points;
        let frame_id = &self.session.map().config().frame_id;
        self.outlets.heat(scores, frame_id, stamp_ns, max_points);
    }

    fn publish(&self, gathered: &Gathered, published: &mut Published) {
        let config = &self.config.get().publish;
        let is_due = |at: Instant, period_s: f64| at.elapsed().as_secs_f64() >= period_s;
        if published.frame_is_new && is_due(published.frame_at, config.frame_period_s) {
            if let Some(frame) = self.session.newest_frame() {
                let frame_id = self.session.newest_frame_id();
                self.outlets.frame(frame, frame_id, config.max_points);
            }
            published.frame_is_new = false;
            published.frame_at = Instant::now();
        }
        if !is_due(published.map_at, config.map_period_s) {
            return;
        }
        published.map_at = Instant::now();
        let (map, stamp_ns) = (self.session.map(), gathered.view.stamp_ns);
        // What goes through all voxels is made for listeners only; a new one gets the map as it is. That of
        // another map is made once for those to come, who would get the old one first.
        let listeners = [self.outlets.map_listeners(), self.outlets.scene_objects_listeners()];
        let [is_cloud_due, are_objects_due] = [0, 1].map(|at| {
            let (now, before) = (listeners[at], published.listeners[at]);
            published.map_is_another || now > 0 && (published.map_is_new || now > before)
        });
        published.listeners = listeners;
        published.map_is_another = false;
        if is_cloud_due {
            self.outlets.map(map, stamp_ns, config.max_points);
        }
        if are_objects_due {
            self.outlets.scene_objects(map, &self.session.states(), stamp_ns);
        }
        if published.map_is_new {
            self.outlets.objects(map, &self.session.relations(), stamp_ns);
            self.outlets.path(&gathered.path, &map.config().frame_id);
            published.map_is_new = false;
        }
    }
}

impl Gathered {
    fn extend_path(&mut self, stamp_ns: i64, world_T_camera: Pose) {
        let here = world_T_camera.translation.vector;
        let last = self.path.last().map(|(_, pose)| pose.translation.vector);
        if last.is_some_and(|last| (here - last).norm() < PATH_STEP_M) {
            return;
        }
        self.path.push((stamp_ns, world_T_camera));
        if self.path.len() > MAX_PATH {
            let mut keep = false;
            self.path.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_thinned_instead_of_growing() {
        let mut gathered = Gathered::default();
        for at in 0..3 * MAX_PATH {
            gathered.extend_path(at as i64, Pose::translation(at as f64, 0.0, 0.0));
            gathered.extend_path(at as i64, Pose::translation(at as f64 + 0.001, 0.0, 0.0));
        }
        assert!(gathered.path.len() <= MAX_PATH);
        assert_eq!(gathered.path[0].0, 0);
        assert_eq!(gathered.path.last().map(|(stamp_ns, _)| *stamp_ns), Some(3 * 1024 - 1));
    }
}
