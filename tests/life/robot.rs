//! A robot on a graph: cameras that look at a wall two metres away, and where it stands.

use crate::graph::{Ear, Peer, loopback_works};
use scenellm::geometry::Pose;
use scenellm::ros::msg::{
    CameraInfo, Clock, DiagnosticArray, DiagnosticStatus, Header, Image, Message, TFMessage, Time,
};
use scenellm::ros::qos::{self, Qos};
use scenellm::ros::{tf_message, to_cdr};
use scenellm::sensing::StampedTransform;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SIZE: (u32, u32) = (32, 24);
pub const SECOND_NS: i64 = 1_000_000_000;

/// One node at a time: what is measured here are seconds of silence.
static ALONE: Mutex<()> = Mutex::new(());

/// The graph for one test; `None` where this machine has none, which is said.
pub fn alone() -> Option<MutexGuard<'static, ()>> {
    let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    (!is_deaf()).then_some(guard)
}

fn is_deaf() -> bool {
    let deaf = !loopback_works();
    if deaf {
        eprintln!("skipped: two participants do not hear each other on this machine's loopback");
    }
    deaf
}

/// The system's time, nanoseconds.
pub fn now_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64
}

/// The status of the part whose name ends so.
pub fn part(diagnostics: &Ear, name: &str) -> Option<DiagnosticStatus> {
    let status = diagnostics.newest::<DiagnosticArray>()?.status;
    status.into_iter().find(|part| part.name.ends_with(name))
}

pub fn number(diagnostics: &Ear, name: &str, key: &str) -> u64 {
    let values = part(diagnostics, name).map(|part| part.values).unwrap_or_default();
    let found = values.into_iter().find(|pair| pair.key == key);
    found.and_then(|pair| pair.value.parse().ok()).unwrap_or(0)
}

/// What the robot publishes.
pub struct Robot<'a> {
    pub peer: &'a Peer,
}

impl Robot<'_> {
    /// Sends a message as drivers do; a reliable topic that is held up is tried again next time.
    pub fn send<M: Message>(&self, topic: &str, qos: Qos, message: &M) {
        let _ = self.peer.topic(topic, M::TYPE, qos).publish(to_cdr(message));
    }

    /// Where the robot is; its cameras `eyes` stand where it stands.
    pub fn stand(&self, stamp_ns: i64, eyes: &[&str]) {
        let edge = |parent: &str, child: &str| StampedTransform {
            stamp_ns,
            parent: parent.into(),
            child: child.into(),
            parent_T_child: Pose::identity(),
        };
        let fixed: Vec<_> = eyes.iter().map(|eye| edge("base", eye)).collect();
        self.send::<TFMessage>("/tf_static", qos::LATCHED, &tf_message(&fixed));
        self.send::<TFMessage>("/tf", qos::TF, &tf_message(&[edge("map", "base")]));
    }

    pub fn color(&self, prefix: &str, eye: &str, stamp_ns: i64, qos: Qos) {
        let (width, height) = SIZE;
        let data = vec![200; (width * height * 3) as usize];
        let image = image(eye, stamp_ns, "rgb8", width * 3, data);
        self.send::<Image>(&format!("{prefix}/color/image_raw"), qos, &image);
        self.info(&format!("{prefix}/color/camera_info"), eye, stamp_ns);
    }

    pub fn depth(&self, prefix: &str, eye: &str, stamp_ns: i64) {
        let (width, height) = SIZE;
        let two_metres = 2000_u16.to_le_bytes();
        let data = two_metres.repeat((width * height) as usize);
        let image = image(eye, stamp_ns, "16UC1", width * 2, data);
        self.send::<Image>(&format!("{prefix}/depth/image_rect_raw"), qos::SENSOR, &image);
        self.info(&format!("{prefix}/depth/camera_info"), eye, stamp_ns);
    }

    /// Everything of a robot with one camera.
    pub fn see(&self, stamp_ns: i64) {
        self.stand(stamp_ns, &["eye"]);
        self.color("", "eye", stamp_ns, qos::SENSOR);
        self.depth("", "eye", stamp_ns);
    }

    pub fn clock(&self, stamp_ns: i64) {
        self.send::<Clock>("/clock", qos::EVENT, &Clock { clock: Time::from_ns(stamp_ns) });
    }

    fn info(&self, topic: &str, eye: &str, stamp_ns: i64) {
        let (width, height) = SIZE;
        let (f, cx, cy) = (30.0, 15.5, 11.5);
        let info = CameraInfo {
            header: Header::new(stamp_ns, eye),
            width,
            height,
            distortion_model: "plumb_bob".into(),
            d: vec![0.0; 5],
            k: [f, 0.0, cx, 0.0, f, cy, 0.0, 0.0, 1.0],
            r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
            p: [f, 0.0, cx, 0.0, 0.0, f, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
            ..CameraInfo::default()
        };
        self.send(topic, qos::SENSOR, &info);
    }
}

fn image(eye: &str, stamp_ns: i64, encoding: &str, step: u32, data: Vec<u8>) -> Image {
    Image {
        header: Header::new(stamp_ns, eye),
        width: SIZE.0,
        height: SIZE.1,
        encoding: encoding.into(),
        is_bigendian: 0,
        step,
        data: data.into(),
    }
}

/// Repeats `each` until `enough` holds, four times a second; whether it came to hold.
pub fn until(mut each: impl FnMut(), enough: impl Fn() -> bool) -> bool {
    crate::graph::wait_for(|| {
        each();
        std::thread::sleep(Duration::from_millis(50));
        enough().then_some(())
    })
    .is_some()
}
