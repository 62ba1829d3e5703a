//! The robot of the bench: a camera that looks at a wall while it moves, its pose, and a person who
//! sets goals.

use anyhow::bail;
use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use scenellm::ros::msg::{CameraInfo, Header, Image, Message, StringMsg};
use scenellm::ros::qos::{self, Qos};
use scenellm::ros::transport::{Publication, Transport};
use scenellm::ros::{detections_message, tf_message, to_cdr};
use scenellm::sensing::{Detection, DetectionsEvent, StampedTransform};
use serde_bytes::ByteBuf;
use std::f64::consts::FRAC_PI_2;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
const FOCAL_PX: f64 = 525.0;
const TF_HZ: f64 = 200.0;
const IMAGE_HZ: f64 = 30.0;
/// Between two goals; each interrupts the planning for the one before where the model is slower.
const GOAL_EVERY: Duration = Duration::from_millis(2500);
const FRAME: &str = "camera";
/// How long the node may take to come.
const PATIENCE: Duration = Duration::from_secs(60);
const MUG: Qos = qos::EVENT;

/// What was sent.
pub struct Sent {
    /// Frames of colour and depth.
    pub frames: u64,
    pub goals: u64,
}

/// Its topics.
pub struct Robot {
    color: Arc<dyn Publication>,
    depth: Arc<dyn Publication>,
    infos: [Arc<dyn Publication>; 2],
    tf: Arc<dyn Publication>,
    detections: Arc<dyn Publication>,
    goal: Arc<dyn Publication>,
}

impl Robot {
    /// Opens its topics.
    pub fn new(transport: &dyn Transport) -> anyhow::Result<Self> {
        let open = |topic, type_name, qos| transport.advertise(topic, type_name, qos);
        Ok(Self {
            color: open("/color/image_raw", Image::TYPE, qos::SENSOR)?,
            depth: open("/depth/image_rect_raw", Image::TYPE, qos::SENSOR)?,
            infos: [
                open("/color/camera_info", CameraInfo::TYPE, qos::SENSOR)?,
                open("/depth/camera_info", CameraInfo::TYPE, qos::SENSOR)?,
            ],
            tf: open("/tf", scenellm::ros::msg::TFMessage::TYPE, qos::TF)?,
            detections: open("/detections", scenellm::ros::msg::Detection3DArray::TYPE, MUG)?,
            goal: open("/scenellm_planner/goal", StringMsg::TYPE, qos::EVENT)?,
        })
    }

    /// Waits for the node to listen.
    pub fn wait(&self) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        let all = [&self.color, &self.depth, &self.infos[0], &self.infos[1], &self.tf, &self.goal];
        while all.iter().any(|topic| topic.subscribers() == 0) {
            if Instant::now() > end {
                bail!("the node did not listen within {} s", PATIENCE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Publishes for `seconds`; `each_second` looks on.
    pub fn run(
        &self,
        seconds: f64,
        mut each_second: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Sent> {
        let mut picture = Picture::new();
        let mut sent = Sent { frames: 0, goals: 0 };
        let (begin, mut transforms, mut looks) = (Instant::now(), 0_u64, 0_u64);
        while begin.elapsed().as_secs_f64() < seconds {
            let due_s = transforms as f64 / TF_HZ;
            std::thread::sleep(Duration::from_secs_f64(due_s).saturating_sub(begin.elapsed()));
            self.tf.publish(to_cdr(&tf_message(&[pose(now_ns()?, due_s)])))?;
            transforms += 1;
            if due_s * IMAGE_HZ >= sent.frames as f64 {
                let header = Header::new(now_ns()?, FRAME);
                for info in &self.infos {
                    info.publish(to_cdr(&camera_info(header.clone())))?;
                }
                self.color.publish(picture.color(header.clone(), sent.frames))?;
                self.depth.publish(picture.depth(header))?;
                sent.frames += 1;
            }
            if due_s >= GOAL_EVERY.as_secs_f64() * sent.goals as f64 {
                let _ = self.detections.publish(to_cdr(&detections_message(&mug(now_ns()?))));
                let goal = StringMsg { data: format!("bring the mug, {} times", sent.goals + 1) };
                // A goal that is held up is not worth the end of the bench.
                let _ = self.goal.publish(to_cdr(&goal));
                sent.goals += 1;
            }
            if due_s >= looks as f64 {
                each_second()?;
                looks += 1;
            }
        }
        Ok(sent)
    }
}

/// The camera in the map: it goes to and fro in front of the wall, looking along x.
fn pose(stamp_ns: i64, time_s: f64) -> StampedTransform {
    let at = Translation3::new(0.0, (0.2 * time_s).sin(), 1.2);
    // Optical axes: z forward, x right, y down.
    let optical = UnitQuaternion::from_euler_angles(-FRAC_PI_2, 0.0, -FRAC_PI_2);
    StampedTransform {
        stamp_ns,
        parent: "map".into(),
        child: FRAME.into(),
        parent_T_child: Isometry3::from_parts(at, optical),
    }
}

fn mug(stamp_ns: i64) -> DetectionsEvent {
    let mug = Detection {
        label: "Mug".into(),
        score: 0.9,
        frame_T_box: Isometry3::translation(2.0, 0.0, 1.0),
        size_m: [0.1; 3],
        track_id: String::new(),
    };
    let (topic, frame_id) = ("/detections".into(), "map".into());
    DetectionsEvent { topic, stamp_ns, frame_id, detections: vec![mug] }
}

fn camera_info(header: Header) -> CameraInfo {
    let (cx, cy) = (f64::from(WIDTH - 1) / 2.0, f64::from(HEIGHT - 1) / 2.0);
    CameraInfo {
        header,
        height: HEIGHT,
        width: WIDTH,
        distortion_model: "plumb_bob".into(),
        d: vec![0.0; 5],
        k: [FOCAL_PX, 0.0, cx, 0.0, FOCAL_PX, cy, 0.0, 0.0, 1.0],
        r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p: [FOCAL_PX, 0.0, cx, 0.0, 0.0, FOCAL_PX, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
        ..CameraInfo::default()
    }
}

/// Images whose bytes are made once.
struct Picture {
    color: Image,
    depth: Image,
}

impl Picture {
    fn new() -> Self {
        let pixels = (WIDTH * HEIGHT) as usize;
        // A slanted wall, 1.5 to 3 m away.
        let depth_mm = (0..pixels).map(|pixel| 1500 + (pixel % WIDTH as usize * 1500 / 640) as u16);
        let image = |encoding: &str, bytes_a_pixel: u32, data: Vec<u8>| Image {
            header: Header::default(),
            height: HEIGHT,
            width: WIDTH,
            encoding: encoding.into(),
            is_bigendian: 0,
            step: bytes_a_pixel * WIDTH,
            data: ByteBuf::from(data),
        };
        Self {
            color: image("rgb8", 3, vec![127; 3 * pixels]),
            depth: image("16UC1", 2, depth_mm.flat_map(u16::to_le_bytes).collect()),
        }
    }

    fn color(&mut self, header: Header, number: u64) -> Vec<u8> {
        self.color.header = header;
        self.color.data.fill((number % 256) as u8);
        to_cdr(&self.color)
    }

    fn depth(&mut self, header: Header) -> Vec<u8> {
        self.depth.header = header;
        to_cdr(&self.depth)
    }
}

/// Now, nanoseconds since 1970.
pub fn now_ns() -> anyhow::Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?)
}
