//! The ROS 2 node that the launch file starts.
//!
//! It reads the parameter file, loads the model and says whether both are good. It does not join a
//! ROS graph yet: no transport is built in, and it says so and fails rather than idle unseen.
#![allow(clippy::print_stderr, reason = "a program talks to its user")]

use scenellm::language::parse_device;
use scenellm::planner::PlannerConfig;
use scenellm::tasks::GoalPlanner;
use std::path::PathBuf;
use std::process::ExitCode;

/// Files given as `--params-file FILE`; all other ROS arguments are left to the transport.
fn parameter_files(arguments: impl Iterator<Item = String>) -> Vec<PathBuf> {
    let arguments: Vec<_> = arguments.collect();
    arguments
        .windows(2)
        .filter(|pair| pair[0] == "--params-file")
        .map(|pair| PathBuf::from(&pair[1]))
        .collect()
}

fn start() -> anyhow::Result<()> {
    let config = match parameter_files(std::env::args()).last() {
        Some(path) => PlannerConfig::read(path)?,
        None => PlannerConfig::default(),
    };
    let planner = GoalPlanner::load(&config.plan.model, &parse_device(&config.plan.device)?)?;
    let name = &planner.model().manifest().name;
    anyhow::bail!(
        "parameters and model {name} are good, but this build has no ROS 2 transport yet; \
         use `scenellm replay BAG` on a recording"
    )
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
