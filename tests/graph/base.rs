//! A base on wheels that does what `~/vln_action` says and tells its pose on `/tf`.

use super::{Ear, Peer};
use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use scenellm::ros::msg::{
    Header, Quaternion, TFMessage, Transform, TransformStamped, Vector3 as Vector, VlnAction,
};
use scenellm::ros::{Message, qos, to_cdr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const TICK: Duration = Duration::from_millis(50);
const SPEED_M_S: f64 = 1.0;
const TURN_RAD_S: f64 = 2.0;

#[derive(Default)]
pub struct Base {
    /// x, y, metres; yaw, radians.
    pub pose: Mutex<[f64; 3]>,
    /// Whether it keeps its pose to itself.
    pub is_silent: AtomicBool,
    pub is_over: AtomicBool,
}

impl Base {
    /// Rolls until it is over.
    pub fn run(&self, peer: &Peer, motions: &Ear) {
        let tf = peer.topic("/tf", TFMessage::TYPE, qos::TF);
        let (mut id, mut left) = (0, 0.0_f64);
        while !self.is_over.load(Ordering::Relaxed) {
            std::thread::sleep(TICK);
            if let Some(motion) = motions.newest::<VlnAction>() {
                if motion.id != id {
                    id = motion.id;
                    left = motion.forward_m + motion.turn_rad.abs();
                }
                self.roll(&motion, &mut left);
            }
            if !self.is_silent.load(Ordering::Relaxed) {
                // What gets lost is told again at the next tick.
                let _ = tf.publish(to_cdr(&self.transform()));
            }
        }
    }

    fn roll(&self, motion: &VlnAction, left: &mut f64) {
        let dt_s = TICK.as_secs_f64();
        let mut pose = self.pose.lock().unwrap();
        let [x, y, yaw] = &mut *pose;
        match motion.action {
            VlnAction::FORWARD => {
                let step_m = left.min(SPEED_M_S * dt_s);
                *x += step_m * yaw.cos();
                *y += step_m * yaw.sin();
                *left -= step_m;
            }
            VlnAction::TURN_LEFT | VlnAction::TURN_RIGHT => {
                let step_rad = left.min(TURN_RAD_S * dt_s);
                *yaw += step_rad.copysign(motion.turn_rad);
                *left -= step_rad;
            }
            _ => {}
        }
    }

    fn transform(&self) -> TFMessage {
        let [x, y, yaw] = *self.pose.lock().unwrap();
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw);
        let map_T_base = Isometry3::from_parts(Translation3::new(x, y, 0.0), turn);
        let [qx, qy, qz, qw] = map_T_base.rotation.coords.into();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let edge = TransformStamped {
            header: Header::new(now.as_nanos() as i64, "map"),
            child_frame_id: "base_link".into(),
            transform: Transform {
                translation: Vector { x, y, z: 0.0 },
                rotation: Quaternion { x: qx, y: qy, z: qz, w: qw },
            },
        };
        TFMessage { transforms: vec![edge] }
    }
}
