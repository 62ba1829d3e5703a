//! The camera and the robot of the bench.

use super::{IMAGES, TF};
use anyhow::bail;
use scenellm::ros::msg::{Header, Image, Message, TFMessage, TransformStamped};
use scenellm::ros::qos::{self, Qos};
use scenellm::ros::to_cdr;
use scenellm::ros::transport::{Dds, DdsSettings, Publication, Transport};
use serde_bytes::ByteBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
const TF_HZ: f64 = 200.0;
/// Every so many-th transform comes with images: 30 Hz as nearly as 200 Hz allows.
const IMAGE_HZ: f64 = 30.0;
/// How long listeners may take to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// From the last listener's coming to the first sample.
const SETTLE: Duration = Duration::from_secs(1);

/// What was sent.
pub struct Sent {
    pub images: u64,
    pub transforms: u64,
}

/// Waits for `listeners` on each topic and publishes for `seconds`.
pub fn run(settings: DdsSettings, seconds: f64, listeners: usize) -> anyhow::Result<Sent> {
    let dds = Dds::join(settings, "/", "bench_publisher")?;
    let open = |topic: &str, type_name, qos: Qos| dds.advertise(topic, type_name, qos);
    let images =
        [open(IMAGES[0], Image::TYPE, qos::SENSOR)?, open(IMAGES[1], Image::TYPE, qos::SENSOR)?];
    let tf = open(TF, TFMessage::TYPE, qos::TF)?;
    let all: [&Arc<dyn Publication>; 3] = [&images[0], &images[1], &tf];
    let end = Instant::now() + PATIENCE;
    while all.iter().any(|topic| topic.subscribers() < listeners) {
        if Instant::now() > end {
            bail!("not all listeners came within {} s", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(SETTLE);

    let mut image = Image {
        header: Header::default(),
        height: HEIGHT,
        width: WIDTH,
        encoding: "rgb8".into(),
        is_bigendian: 0,
        step: 3 * WIDTH,
        data: ByteBuf::from(vec![127; (3 * WIDTH * HEIGHT) as usize]),
    };
    let mut sent = Sent { images: 0, transforms: 0 };
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < seconds {
        let due_s = sent.transforms as f64 / TF_HZ;
        std::thread::sleep(Duration::from_secs_f64(due_s).saturating_sub(begin.elapsed()));
        let edge = TransformStamped { header: header()?, ..TransformStamped::default() };
        tf.publish(to_cdr(&TFMessage { transforms: vec![edge] }))?;
        sent.transforms += 1;
        if due_s * IMAGE_HZ >= (sent.images / 2) as f64 {
            for topic in &images {
                image.header = header()?;
                topic.publish(to_cdr(&image))?;
                sent.images += 1;
            }
        }
    }
    // The last samples are still on their way.
    std::thread::sleep(SETTLE);
    Ok(sent)
}

/// A header with the time now; its frame has four letters, which the peer's type counts on.
fn header() -> anyhow::Result<Header> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(Header::new(i64::try_from(now.as_nanos())?, "base"))
}
