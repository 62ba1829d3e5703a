//! A listener as the node has them: it takes the bytes, and looks at their stamp.

use super::{Heard, IMAGES, TF};
use crate::bench::process;
use crate::bench::report::quantile;
use scenellm::ros::from_cdr;
use scenellm::ros::msg::{Image, Message, TFMessage, Time};
use scenellm::ros::qos;
use scenellm::ros::transport::{Dds, DdsSettings, Transport};
use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Silence after which everything has come.
const SILENCE: Duration = Duration::from_secs(3);
/// How long the first sample may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A sample: whether it is an image, and how late it came, milliseconds.
type Sample = (bool, f64);

/// Listens until nothing comes any more, and prints what it heard as a line of JSON.
pub fn run(settings: DdsSettings) -> anyhow::Result<()> {
    let dds = Dds::join(settings, "/", "bench_listener")?;
    let (told, samples) = channel::<Sample>();
    let mut open = Vec::new();
    for topic in IMAGES {
        let told = told.clone();
        let take = move |cdr: Vec<u8>| {
            if let Ok(image) = from_cdr::<Image>(&cdr) {
                tell(&told, true, image.header.stamp);
            }
        };
        open.push(dds.subscribe(topic, Image::TYPE, qos::SENSOR, Box::new(take))?);
    }
    let take = move |cdr: Vec<u8>| {
        if let Ok(message) = from_cdr::<TFMessage>(&cdr)
            && let Some(edge) = message.transforms.first()
        {
            tell(&told, false, edge.header.stamp);
        }
    };
    open.push(dds.subscribe(TF, TFMessage::TYPE, qos::TF, Box::new(take))?);

    let (mut images, mut transforms) = (Vec::new(), Vec::new());
    let (mut begin, mut cpu_s) = (Instant::now(), 0.0);
    let (mut newest, mut spent_s) = (begin, 0.0);
    loop {
        let is_first = images.is_empty() && transforms.is_empty();
        match samples.recv_timeout(if is_first { PATIENCE } else { SILENCE }) {
            Ok((is_image, late_ms)) => {
                if is_first {
                    (begin, cpu_s) = (Instant::now(), process::cpu_s("self")?);
                }
                let into = if is_image { &mut images } else { &mut transforms };
                into.push(late_ms);
                newest = Instant::now();
                // Asked seldom: each time costs a file.
                if images.len() % 60 == 0 {
                    spent_s = process::cpu_s("self")? - cpu_s;
                }
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    let heard = Heard {
        program: "scenellm".into(),
        images: images.len() as u64,
        transforms: transforms.len() as u64,
        image_p50_ms: quantile(&images, 0.5),
        image_p99_ms: quantile(&images, 0.99),
        transform_p50_ms: quantile(&transforms, 0.5),
        transform_p99_ms: quantile(&transforms, 0.99),
        cpu_percent: 100.0 * spent_s / (newest - begin).as_secs_f64().max(1e-3),
        rss_mb: process::memory_mb("self", "VmHWM")?,
    };
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&heard)?)?;
    Ok(())
}

fn tell(told: &Sender<Sample>, is_image: bool, stamp: Time) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let late_ms = now.as_secs_f64() * 1e3 - stamp.to_ns() as f64 * 1e-6;
    // Nobody listens any more once the bench has ended.
    let _ = told.send((is_image, late_ms));
}
