//! `scenellm bench transport`: what is lost on the way to a subscriber, how late the rest comes, and
//! what listening costs, beside a bare subscriber on Cyclone DDS that hears the same samples.
//!
//! ```text
//! this process ─ 2 images at 30 Hz, TF at 200 Hz ─┬─ a process of ours
//!                                                 └─ Python with cyclonedds (--peer)
//! ```

mod listener;
mod publisher;

use super::report::Table;
use crate::paths;
use anyhow::{Context, bail};
use clap::Args;
use scenellm::ros::transport::{DdsSettings, ServiceMapping};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const PEER_SCRIPT: &str = include_str!("../../../../benches/peers/cyclone_listener.py");
/// Cyclone on loopback, which by itself does not call itself able to multicast.
const LOOPBACK: &str = "<General><Interfaces><NetworkInterface name='lo' multicast='true'/>\
    </Interfaces></General>";
/// Topics of the images.
const IMAGES: [&str; 2] = ["/bench/color", "/bench/depth"];
const TF: &str = "/bench/tf";

/// Two 640×480 rgb8 images at 30 Hz and transforms at 200 Hz on loopback: loss, latency, CPU, memory.
#[derive(Args)]
pub struct TransportBench {
    /// How long, seconds.
    #[arg(long, default_value_t = 600.0)]
    seconds: f64,
    /// Python interpreter with cyclonedds, to listen beside ours.
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// Write the result to this file as JSON.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    json: Option<PathBuf>,
    /// Only listen on this domain: what the bench starts.
    #[arg(long, hide = true, value_name = "DOMAIN")]
    listen: Option<u16>,
}

/// What one listener heard.
#[derive(Debug, Serialize, Deserialize)]
struct Heard {
    program: String,
    images: u64,
    transforms: u64,
    image_p50_ms: f64,
    image_p99_ms: f64,
    transform_p50_ms: f64,
    transform_p99_ms: f64,
    /// Of one core.
    cpu_percent: f64,
    rss_mb: f64,
}

#[derive(Serialize)]
struct TransportResult {
    seconds: f64,
    images_sent: u64,
    transforms_sent: u64,
    listeners: Vec<Heard>,
}

impl TransportBench {
    /// Measures and prints.
    pub fn run(self) -> anyhow::Result<()> {
        if let Some(domain_id) = self.listen {
            return listener::run(settings(domain_id));
        }
        if !(self.seconds > 0.0 && self.seconds <= 86_400.0) {
            bail!("--seconds {}: give a number up to a day", self.seconds);
        }
        // A domain of this run alone, as far as chance allows.
        let domain_id = 100 + (std::process::id() % 100) as u16;
        let mut listeners = vec![ours(domain_id)?];
        if let Some(python) = &self.peer {
            let child = Command::new(python)
                .args(["-c", PEER_SCRIPT, &domain_id.to_string()])
                .env("CYCLONEDDS_URI", LOOPBACK)
                .stdout(Stdio::piped())
                .spawn()
                .with_context(|| format!("cannot run {}", python.display()))?;
            listeners.push(child);
        }
        let sent = publisher::run(settings(domain_id), self.seconds, listeners.len());
        let heard: anyhow::Result<Vec<Heard>> = listeners
            .into_iter()
            .map(|listener| if sent.is_ok() { result(listener) } else { stop(listener) })
            .collect();
        let sent = sent?;
        let result = TransportResult {
            seconds: self.seconds,
            images_sent: sent.images,
            transforms_sent: sent.transforms,
            listeners: heard?,
        };
        let mut table = Table::new(format!(
            "bench transport: {:.0} s, {} images of 0.9 MB, {} transforms, on loopback",
            result.seconds, result.images_sent, result.transforms_sent
        ));
        table.row("", "images heard (lost), p50/p99; transforms; of a core; memory");
        for one in &result.listeners {
            table.row(
                one.program.clone(),
                format!(
                    "{} ({}), {:.1}/{:.1} ms; {} ({}), {:.1}/{:.1} ms; {:.1} %; {:.0} MB",
                    one.images,
                    result.images_sent.saturating_sub(one.images),
                    one.image_p50_ms,
                    one.image_p99_ms,
                    one.transforms,
                    result.transforms_sent.saturating_sub(one.transforms),
                    one.transform_p50_ms,
                    one.transform_p99_ms,
                    one.cpu_percent,
                    one.rss_mb
                ),
            );
        }
        table.finish(self.json.as_deref(), &result)
    }
}

fn settings(domain_id: u16) -> DdsSettings {
    let mapping = ServiceMapping::Enhanced;
    DdsSettings { domain_id, localhost_only: true, mapping, long_ids: false }
}

/// This program as a listener.
fn ours(domain_id: u16) -> anyhow::Result<Child> {
    let child = Command::new(std::env::current_exe()?)
        .args(["bench", "transport", "--listen", &domain_id.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    Ok(child)
}

/// What a listener tells when it has heard nothing for a while.
fn result(listener: Child) -> anyhow::Result<Heard> {
    let done = listener.wait_with_output()?;
    if !done.status.success() {
        bail!("a listener failed ({}); its message is above", done.status);
    }
    let text = String::from_utf8_lossy(&done.stdout);
    let line = text.trim().lines().last().unwrap_or_default();
    serde_json::from_str(line).with_context(|| format!("a listener printed no result but {line:?}"))
}

fn stop(mut listener: Child) -> anyhow::Result<Heard> {
    listener.kill()?;
    listener.wait()?;
    bail!("stopped")
}
