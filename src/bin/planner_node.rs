//! The ROS 2 node that the launch file starts.
#![allow(clippy::print_stderr, reason = "a program talks to its user")]

use anyhow::Context;
use scenellm::ros::node::{NodeSettings, PlannerNode, Rosout};
use scenellm::ros::transport;
use scenellm::terminal::{has_colors, in_words};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How often to look whether the node still lives.
const LOOK_EVERY: Duration = Duration::from_millis(500);

const USAGE: &str = "\
The ROS 2 node of scenellm: sees with depth cameras, keeps a 3D map, plans with a language model.

Usage: planner_node [--ros-args ARGUMENTS]

Behind --ros-args, each as often as needed:
  -p NAME:=VALUE        a parameter, such as -p plan.model:=models/nano
  --params-file FILE    parameters from a file, such as config/robots/realsense.yaml
  -r FROM:=TO           another name for a topic or a service; -r __ns:=/robot and -r __node:=eyes
                        for the namespace and the node
  --log-level LEVEL     debug, info (the default), warn, error or fatal
  --disable-stdout-logs, --disable-rosout-logs
                        no log in the terminal, or on /rosout

Parameters are listed, with what they mean and their defaults, in config/planner.yaml and, while the
node runs, by `ros2 param list` and `ros2 param describe`; topics, services and actions in docs/ros.md.
ROS_DOMAIN_ID and the like are taken from the environment.

  -h, --help            this text
  -V, --version         the version
";

fn start() -> anyhow::Result<()> {
    let settings = NodeSettings::from_arguments(std::env::args().skip(1))?;
    let filter = tracing_subscriber::EnvFilter::try_new(settings.log_filter())
        .with_context(|| format!("--log-level {}", settings.log_level))?;
    let rosout = Rosout::default();
    let terminal = settings.logs_to_terminal.then(|| {
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(has_colors())
    });
    tracing_subscriber::registry().with(filter).with(terminal).with(rosout.clone()).init();
    let names = &settings.names;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before the graph is joined, so that no signal ends us without a goodbye.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let transport = transport::join(names.namespace(), names.name())?;
        if settings.logs_to_rosout {
            rosout.open(&settings, &*transport)?;
        }
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

/// What is told to who asks for that in place of starting the node. What stands behind `--ros-args` is the
/// node's.
fn told() -> Option<String> {
    let mut own = std::env::args().skip(1).take_while(|argument| argument != "--ros-args");
    own.find_map(|argument| match argument.as_str() {
        "-h" | "--help" => Some(USAGE.into()),
        "-V" | "--version" => Some(format!("planner_node {}\n", env!("CARGO_PKG_VERSION"))),
        _ => None,
    })
}

fn main() -> ExitCode {
    if let Some(told) = told() {
        // Whoever reads it may have heard enough.
        let _ = std::io::stdout().write_all(told.as_bytes());
        return ExitCode::SUCCESS;
    }
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", in_words(error.chain()));
            ExitCode::FAILURE
        }
    }
}
