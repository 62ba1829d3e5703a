//! `scenellm sim`: a drive through a simulated home, into a bag or onto a ROS 2 graph; what can be said
//! of such homes.

mod language;
#[cfg(feature = "graph")]
mod publish;

use crate::room::Room;
use crate::{Outcome, progress};
use clap::{Args, Subcommand};
use scenellm::bag::BagWriter;
use scenellm::geometry::CameraModel;
use scenellm::ros::{
    ImageMessage, Message, camera_info_message, detections_message, image_message, msg, tf_message,
};
use scenellm::sensing::SensorEvent;
use scenellm::sim::{Home, RecordOptions, record};
use std::io::Write;
use std::path::PathBuf;

/// Simulated homes.
#[derive(Args)]
pub struct Sim {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Record(Record),
    Language(language::Language),
    #[cfg(feature = "graph")]
    Publish(publish::Publish),
}

/// The drive.
#[derive(Args)]
struct Drive {
    /// Seed of the home.
    #[arg(long, default_value_t = 1)]
    home: u64,
    /// Which room it is.
    #[arg(long, value_enum, default_value_t = Room::Kitchen)]
    room: Room,
    /// Length, seconds.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Images a second.
    #[arg(long, default_value_t = 15.0)]
    fps: f64,
    /// Seed of the sensor noise.
    #[arg(long, default_value_t = 0)]
    noise_seed: u64,
    /// Exact images without noise.
    #[arg(long)]
    exact: bool,
    /// Colour as JPEG and depth as PNG, some ten times smaller.
    #[arg(long)]
    compressed: bool,
    /// Image width in pixels; the height is three quarters of it.
    #[arg(long, default_value_t = 320, value_parser = clap::value_parser!(u32).range(16..=4096))]
    width: u32,
}

impl Drive {
    fn home(&self) -> Home {
        Home::generate(self.room.kind(), self.home)
    }

    fn options(&self, start_ns: i64) -> RecordOptions {
        let height = self.width * 3 / 4;
        let focal_px = f64::from(self.width) * 277.0 / 320.0;
        let (cx, cy) = (f64::from(self.width - 1) / 2.0, f64::from(height - 1) / 2.0);
        RecordOptions {
            camera: CameraModel::pinhole(self.width, height, focal_px, focal_px, cx, cy),
            seconds: self.seconds,
            fps: self.fps,
            seed: self.noise_seed,
            noise: !self.exact,
            compressed: self.compressed,
            start_ns,
        }
    }
}

/// Record a robot that drives through a furnished home.
///
/// Colour, depth, camera info, TF, and the true boxes of what is in sight as a detector's output.
#[derive(Args)]
struct Record {
    /// Bag to write: one file when it ends in .mcap, else a folder with metadata.yaml.
    out: PathBuf,
    #[command(flatten)]
    drive: Drive,
    /// Household goal to record with the drive, at its end.
    #[arg(long)]
    goal: Option<String>,
}

impl Sim {
    /// Drives.
    pub fn run(self) -> anyhow::Result<Outcome> {
        match self.what {
            What::Record(options) => options.run(),
            What::Language(options) => options.run(),
            #[cfg(feature = "graph")]
            What::Publish(options) => options.run(),
        }
    }
}

impl Record {
    fn run(self) -> anyhow::Result<Outcome> {
        let home = self.drive.home();
        let options = self.drive.options(RecordOptions::default().start_ns);
        // Before there is a bag, which would be in the way of the next try.
        options.check()?;
        let mut bag = BagWriter::create(&self.out)?;
        let bar = progress::bar((self.drive.seconds * 1e3) as u64, "recording");
        // The recorder cannot stop half-way, so the first failure is kept and what follows skipped.
        let (mut written, mut newest_ns) = (Ok(()), options.start_ns);
        record(&home, &options, &mut |time_ns, event| {
            if written.is_ok() {
                written = write(&mut bag, time_ns, &event);
            }
            newest_ns = time_ns;
            bar.set_position(((time_ns - options.start_ns) / 1_000_000) as u64);
        })?;
        written?;
        if let Some(goal) = self.goal {
            bag.write("/scenellm_planner/goal", newest_ns, &msg::StringMsg { data: goal })?;
        }
        bag.finish()?;
        bar.finish_and_clear();
        writeln!(std::io::stdout(), "wrote {}", self.out.display())?;
        Ok(Outcome::Done)
    }
}

/// Where messages go.
pub trait Sink {
    /// Takes one message.
    fn put<M: Message>(&mut self, topic: &str, time_ns: i64, message: &M) -> anyhow::Result<()>;
}

impl Sink for BagWriter {
    fn put<M: Message>(&mut self, topic: &str, time_ns: i64, message: &M) -> anyhow::Result<()> {
        Ok(self.write(topic, time_ns, message)?)
    }
}

/// Writes a simulated event as the messages that carry it.
pub fn write(sink: &mut impl Sink, time_ns: i64, event: &SensorEvent) -> anyhow::Result<()> {
    match event {
        SensorEvent::Color(event) | SensorEvent::Depth(event) => match image_message(event) {
            ImageMessage::Raw(message) => sink.put(&event.topic, time_ns, &message),
            ImageMessage::Compressed(message) => sink.put(&event.topic, time_ns, &message),
        },
        SensorEvent::ColorInfo(info) | SensorEvent::DepthInfo(info) => {
            sink.put(&info.topic, time_ns, &camera_info_message(info))
        }
        SensorEvent::Transforms(edges) => sink.put("/tf", time_ns, &tf_message(edges)),
        SensorEvent::StaticTransforms(edges) => sink.put("/tf_static", time_ns, &tf_message(edges)),
        SensorEvent::Detections(event) => {
            sink.put(&event.topic, time_ns, &detections_message(event))
        }
        other => anyhow::bail!("the simulator made an event that no message holds: {other:?}"),
    }
}
