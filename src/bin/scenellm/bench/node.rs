//! `scenellm bench node`: how old the newest frame in the node's map is while its model thinks, and
//! whether its memory stays.
//!
//! ```text
//! this process ─ 640×480 colour and depth at 30 Hz, TF at 200 Hz, goals ─ planner_node
//!       └─ a server of chat models that takes its time for a reply ───────────┘
//! ```

mod model;
mod robot;

use super::process;
use super::report::{Table, quantile};
use crate::paths;
use anyhow::{Context, bail};
use clap::Args;
use model::SlowModel;
use robot::Robot;
use scenellm::ros::msg::{DiagnosticArray, Message};
use scenellm::ros::transport::{Dds, DdsSettings, ServiceMapping, Transport};
use scenellm::ros::{from_cdr, qos};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Seconds at the beginning that are not counted: the node finds its camera.
const WARM_UP_S: usize = 5;

/// The node beside a slow model: age of the newest frame in the map, CPU, memory.
#[derive(Args)]
pub struct NodeBench {
    /// How long, seconds.
    #[arg(long, default_value_t = 120.0)]
    seconds: f64,
    /// How long the model takes for a reply, seconds.
    #[arg(long, default_value_t = 2.0)]
    reply_s: f64,
    /// Write the result to this file as JSON.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct NodeResult {
    seconds: f64,
    frames_sent: u64,
    frames_mapped: u64,
    goals: u64,
    replies: u64,
    age_p50_ms: f64,
    age_p99_ms: f64,
    age_max_ms: f64,
    /// Of one core.
    cpu_percent: f64,
    memory_quarter_mb: f64,
    memory_end_mb: f64,
}

/// What the node tells of itself.
#[derive(Default)]
struct Told {
    /// Ages of the newest frame, milliseconds.
    ages_ms: Vec<f64>,
    frames: u64,
}

/// The node, which ends with this.
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        // It has nothing to save.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl NodeBench {
    /// Measures and prints.
    pub fn run(self) -> anyhow::Result<()> {
        if !(self.seconds >= 20.0 && self.seconds <= 86_400.0) {
            bail!("--seconds {}: give a number from 20 up to a day", self.seconds);
        }
        let pause = Duration::try_from_secs_f64(self.reply_s)
            .with_context(|| format!("--reply-s {}", self.reply_s))?;
        let model = SlowModel::start(pause)?;
        let folder = tempfile::tempdir()?;
        let manifest = format!(
            "kind: chat\nname: slow\nendpoint: {{url: '{}', model: slow, timeout_s: 60}}\n",
            model.url
        );
        std::fs::write(folder.path().join("scenellm.yaml"), manifest)?;

        // A domain of this run alone, as far as chance allows.
        let domain_id = 100 + (std::process::id() % 100) as u16;
        let mapping = ServiceMapping::Enhanced;
        let settings = DdsSettings { domain_id, localhost_only: true, mapping, long_ids: false };
        let dds = Dds::join(settings, "/", "bench_robot")?;
        let told = Arc::<Mutex<Told>>::default();
        let into = Arc::clone(&told);
        let take = move |cdr: Vec<u8>| {
            if let Ok(message) = from_cdr::<DiagnosticArray>(&cdr) {
                note(&mut into.lock().unwrap_or_else(PoisonError::into_inner), &message);
            }
        };
        let _heard =
            dds.subscribe("/diagnostics", DiagnosticArray::TYPE, qos::EVENT, Box::new(take))?;
        let robot = Robot::new(&dds)?;
        let node = start(domain_id, folder.path())?;
        let process = node.0.id().to_string();
        robot.wait()?;

        let (mut memory_mb, mut begin_cpu_s) = (Vec::new(), 0.0);
        let sent = robot.run(self.seconds, || {
            if memory_mb.len() == WARM_UP_S {
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                told.ages_ms.clear();
                begin_cpu_s = process::cpu_s(&process)?;
            }
            memory_mb.push(process::memory_mb(&process, "VmRSS")?);
            Ok(())
        })?;
        let cpu_s = process::cpu_s(&process)? - begin_cpu_s;
        let told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.ages_ms.is_empty() {
            bail!("the node told of no frame; its messages are above");
        }
        let result = NodeResult {
            seconds: self.seconds,
            frames_sent: sent.frames,
            frames_mapped: told.frames,
            goals: sent.goals,
            replies: model.replies(),
            age_p50_ms: quantile(&told.ages_ms, 0.5),
            age_p99_ms: quantile(&told.ages_ms, 0.99),
            age_max_ms: quantile(&told.ages_ms, 1.0),
            cpu_percent: 100.0 * cpu_s / (self.seconds - WARM_UP_S as f64),
            memory_quarter_mb: memory_mb.get(memory_mb.len() / 4).copied().unwrap_or(f64::NAN),
            memory_end_mb: memory_mb.last().copied().unwrap_or(f64::NAN),
        };
        self.print(&result)
    }

    fn print(&self, result: &NodeResult) -> anyhow::Result<()> {
        let mut table = Table::new(format!(
            "bench node: {:.0} s of 640×480 colour and depth at 30 Hz, {} goals, {} replies of {} s",
            result.seconds, result.goals, result.replies, self.reply_s
        ));
        table.row(
            "frames sent, mapped",
            format!("{}, {}", result.frames_sent, result.frames_mapped),
        );
        table.row(
            "age of the newest frame, p50/p99/max",
            format!(
                "{:.0}/{:.0}/{:.0} ms",
                result.age_p50_ms, result.age_p99_ms, result.age_max_ms
            ),
        );
        table.row("of a core", format!("{:.0} %", result.cpu_percent));
        table.row(
            "memory after a quarter, at the end",
            format!("{:.0}, {:.0} MB", result.memory_quarter_mb, result.memory_end_mb),
        );
        table.finish(self.json.as_deref(), result)
    }
}

/// The node that lies beside this program.
fn start(domain_id: u16, model: &Path) -> anyhow::Result<Node> {
    let program = std::env::current_exe()?.with_file_name("planner_node");
    let child = Command::new(&program)
        .args(["--ros-args", "--log-level", "warn"])
        .args(["-p", &format!("plan.model:={}", model.display())])
        .args(["-p", "publish.diagnostics_period_s:=0.05"])
        .env("ROS_DOMAIN_ID", domain_id.to_string())
        .env("ROS_LOCALHOST_ONLY", "1")
        .env_remove("ROS_AUTOMATIC_DISCOVERY_RANGE")
        .env_remove("RMW_IMPLEMENTATION")
        .env_remove("ROS_DISTRO")
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    Ok(Node(child))
}

/// Takes the age of the newest frame out of what the node tells.
fn note(told: &mut Told, message: &DiagnosticArray) {
    let value = |key: &str| {
        let mut values = message.status.iter().flat_map(|status| &status.values);
        values.find(|value| value.key == key)?.value.parse::<i64>().ok()
    };
    let (Some(newest_ns), Some(frames)) = (value("newest frame (ns)"), value("frames")) else {
        return;
    };
    if frames > 0 {
        told.frames = u64::try_from(frames).unwrap_or(0);
        told.ages_ms.push((message.header.stamp.to_ns() - newest_ns) as f64 * 1e-6);
    }
}
