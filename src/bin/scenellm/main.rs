//! The command line of scenellm.
#![allow(clippy::print_stderr, reason = "a command line talks to its user")]
#![warn(clippy::print_stdout, reason = "it panics when the pipe is closed")]

mod ask;
mod bench;
mod check;
mod completions;
mod demo;
mod eval;
mod find;
mod import;
mod label;
mod models;
mod parallel;
mod progress;
mod replay;
mod room;
mod settings;
mod show;
mod sim;
mod train;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// See with a depth camera, keep a 3D map, plan with a language model.
#[derive(Parser)]
#[command(version, about, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// How much to log: error, warn, info, debug, trace, or a filter such as `scenellm::sensing=debug`.
    #[arg(long, global = true, default_value = "warn,rustdds=off", env = "SCENELLM_LOG")]
    log: String,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed; the message says what to do
  2  the command line is wrong
  3  done, and the answer is no: a refusal, or a check that found a fault";

#[derive(Subcommand)]
enum Command {
    Replay(replay::Replay),
    Check(check::Check),
    Ask(ask::Ask),
    Find(find::Find),
    Label(label::Label),
    Models(models::Models),
    #[command(subcommand)]
    Import(import::Import),
    #[command(subcommand)]
    Train(train::Train),
    Eval(eval::Eval),
    Bench(bench::Bench),
    Sim(sim::Sim),
    Demo(demo::Demo),
    Completions(completions::Completions),
}

/// What a command that did its work came to.
pub enum Outcome {
    /// As asked.
    Done,
    /// The answer is no: a refusal, or a check that found a fault.
    No,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_new(&arguments.log);
    let Ok(filter) = filter else {
        eprintln!("error: --log {}: not a log level or filter", arguments.log);
        return ExitCode::from(2);
    };
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let outcome = match arguments.command {
        Command::Replay(command) => command.run(),
        Command::Ask(command) => command.run(),
        Command::Find(command) => command.run(),
        Command::Label(command) => command.run(),
        Command::Models(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Import(command) => command.run(),
        Command::Train(command) => command.run(),
        Command::Eval(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Sim(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Completions(command) => command.run(),
    };
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::from(3),
        // Whoever read the output has heard enough.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes. Many messages end with their cause already: it is not said twice.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match () {
        () if told.is_empty() => cause,
        () if told.ends_with(&cause) => told,
        () => format!("{told}: {cause}"),
    })
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind)
    };
    error.chain().any(|cause| io(cause) == Some(std::io::ErrorKind::BrokenPipe))
}
