//! The ROS 2 node that the launch file starts.
#![allow(clippy::print_stderr, reason = "a program talks to its user")]

use anyhow::Context;
use scenellm::ros::node::{NodeSettings, PlannerNode, Rosout};
use scenellm::ros::transport;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How often to look whether the node still lives.
const LOOK_EVERY: Duration = Duration::from_millis(500);

fn start() -> anyhow::Result<()> {
    let settings = NodeSettings::from_arguments(std::env::args().skip(1))?;
    let filter = tracing_subscriber::EnvFilter::try_new(settings.log_filter())
        .with_context(|| format!("--log-level {}", settings.log_level))?;
    let rosout = Rosout::default();
    tracing_subscriber::registry()
        .with(filter)
        .with(
            tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .with_ansi(std::io::stderr().is_terminal()),
        )
        .with(rosout.clone())
        .init();
    let names = &settings.names;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before the graph is joined, so that no signal ends us without a goodbye.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let transport = transport::join(names.namespace(), names.name())?;
        rosout.open(&settings, &*transport)?;
        let node = PlannerNode::start(&settings, Arc::clone(&transport))?;
        loop {
            tokio::select! {
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                () = tokio::time::sleep(LOOK_EVERY) => {
                    anyhow::ensure!(node.is_alive(), "a thread of the node ended; see above");
                }
            }
        }
        tracing::info!("ending");
        drop(node);
        drop(transport);
        Ok(())
    })
}

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
