//! Detections that come as messages: each waits for the transform of its frame.

use crate::geometry::{TransformBuffer, TransformError};
use crate::planner::Output;
use crate::scene::SceneMap;
use crate::sensing::{DetectionsEvent, SensingConfig};
use std::collections::VecDeque;

/// Detections of one message that are taken in: each is held against those of its place, and no view
/// shows more things.
const MAX_DETECTIONS: usize = 1024;
/// Detections that wait for their transform; older ones are dropped beyond it.
const MAX_WAITING_DETECTIONS: usize = 100;

/// Messages of detections that wait, in the order in which they came.
pub(super) struct WaitingDetections {
    events: VecDeque<DetectionsEvent>,
    world_frame: String,
    /// How far ahead of its transforms a message may be to be waited with, nanoseconds.
    tf_wait_ns: i64,
}

impl WaitingDetections {
    /// None so far.
    pub fn new(config: &SensingConfig) -> Self {
        Self {
            events: VecDeque::new(),
            world_frame: config.world_frame.clone(),
            tf_wait_ns: config.tf_wait_ns(),
        }
    }

    /// Takes in one message; `outputs` tell what of it, or of older ones, is not used.
    pub fn push(&mut self, mut event: DetectionsEvent, outputs: &mut Vec<Output>) {
        outputs.extend(keep_surest(&mut event));
        self.events.push_back(event);
        if self.events.len() > MAX_WAITING_DETECTIONS {
            let oldest = self.events.pop_front();
            outputs.extend(oldest.map(|event| too_late(&event)));
        }
    }

    /// Puts those whose transform has come into the map, in order.
    pub fn place(
        &mut self,
        transforms: &TransformBuffer,
        map: &mut SceneMap,
        outputs: &mut Vec<Output>,
    ) {
        while let Some(event) = self.events.front() {
            match transforms.lookup(&self.world_frame, &event.frame_id, event.stamp_ns) {
                Ok(world_T_frame) => {
                    map.observe(&event.detections, &world_T_frame, event.stamp_ns);
                }
                // Farther ahead are those of a clock that was set back, or of another one: they would
                // keep all behind them waiting.
                Err(TransformError::ExtrapolationFuture(ahead))
                    if ahead.asked_ns.saturating_sub(ahead.range_ns.1) <= self.tf_wait_ns =>
                {
                    return;
                }
                Err(error) => outputs.push(Output::Dropped {
                    stamp_ns: event.stamp_ns,
                    reason: format!("{}: {error}", event.topic),
                }),
            }
            self.events.pop_front();
        }
    }

    /// Forgets all: the clock by which they would be placed was set back.
    pub fn forget(&mut self) {
        self.events.clear();
    }

    /// Gives up those that still wait.
    pub fn give_up(&mut self, outputs: &mut Vec<Output>) {
        outputs.extend(self.events.drain(..).map(|event| too_late(&event)));
    }
}

/// Leaves the surest of too many detections, and says so.
fn keep_surest(event: &mut DetectionsEvent) -> Option<Output> {
    let found = event.detections.len();
    if found <= MAX_DETECTIONS {
        return None;
    }
    event.detections.sort_by(|a, b| b.score.total_cmp(&a.score));
    event.detections.truncate(MAX_DETECTIONS);
    let reason = format!(
        "{}: {found} detections at {} ns; the {MAX_DETECTIONS} surest are taken in",
        event.topic, event.stamp_ns
    );
    Some(Output::Dropped { stamp_ns: event.stamp_ns, reason })
}

fn too_late(event: &DetectionsEvent) -> Output {
    Output::Dropped {
        stamp_ns: event.stamp_ns,
        reason: format!(
            "{}: no transform of {} came in time; check that its publisher runs",
            event.topic, event.frame_id
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Session;
    use super::*;
    use crate::geometry::Pose;
    use crate::planner::PlannerConfig;
    use crate::sensing::{Detection, SensorEvent, StampedTransform};

    #[test]
    fn detections_of_a_time_that_does_not_come_hold_up_none() {
        let mut session = Session::new(&PlannerConfig::default(), None).unwrap();
        let seen = |label: &str, stamp_ns| {
            SensorEvent::Detections(DetectionsEvent {
                topic: "/detections".into(),
                stamp_ns,
                frame_id: "camera".into(),
                detections: vec![Detection {
                    label: label.into(),
                    score: 0.9,
                    frame_T_box: Pose::translation(0.0, 0.0, 2.0),
                    size_m: [0.1; 3],
                    track_id: String::new(),
                }],
            })
        };
        let moving = |stamp_ns| {
            SensorEvent::Transforms(vec![StampedTransform {
                stamp_ns,
                parent: "map".into(),
                child: "camera".into(),
                parent_T_child: Pose::identity(),
            }])
        };
        let second_ns = 1_000_000_000;
        session.push(moving(0));
        let late = session.push(seen("ghost", 90 * second_ns));
        let [Output::Dropped { reason, .. }] = &late[..] else { panic!("{late:?}") };
        assert!(reason.starts_with("/detections: transform is not there yet"), "{reason}");
        // One whose transform may still come is waited with.
        assert!(session.push(seen("mug", second_ns / 2)).is_empty());
        assert!(session.map().objects().is_empty());
        assert!(session.push(moving(second_ns)).is_empty());
        let labels: Vec<_> = session.map().objects().iter().map(|object| &object.label).collect();
        assert_eq!(labels, ["mug"]);
    }

    #[test]
    fn of_too_many_detections_the_surest_are_taken_in() {
        let mut session = Session::new(&PlannerConfig::default(), None).unwrap();
        let at = |index: u32| Detection {
            label: "cup".into(),
            score: index as f32 / 10_000.0,
            frame_T_box: Pose::translation(f64::from(index), 0.0, 0.0),
            size_m: [0.1; 3],
            track_id: String::new(),
        };
        let event = DetectionsEvent {
            topic: "/detections".into(),
            stamp_ns: 1,
            frame_id: "camera".into(),
            detections: (0..10_000).map(at).collect(),
        };
        let map_T_camera = StampedTransform {
            stamp_ns: 0,
            parent: session.map().config().frame_id.clone(),
            child: "camera".into(),
            parent_T_child: Pose::identity(),
        };
        session.push(SensorEvent::StaticTransforms(vec![map_T_camera]));
        let outputs = session.push(SensorEvent::Detections(event));
        let [Output::Dropped { reason, .. }] = &outputs[..] else { panic!("{outputs:?}") };
        assert!(reason.starts_with("/detections: 10000 detections"), "{reason}");
        let objects = session.map().objects();
        assert_eq!(objects.len(), MAX_DETECTIONS);
        assert!(objects.iter().all(|object| object.position_m[0] >= 8976.0));
    }
}
