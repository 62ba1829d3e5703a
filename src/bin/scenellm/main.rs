//! The command line of scenellm.
#![allow(clippy::print_stderr, reason = "a command line talks to its user")]
#![warn(clippy::print_stdout, reason = "it panics when the pipe is closed")]

mod ask;
mod bench;
mod caption;
mod check;
mod completions;
mod demo;
mod dropped;
mod eval;
mod find;
mod import;
mod label;
mod models;
mod parallel;
mod paths;
mod progress;
mod replay;
mod room;
mod settings;
mod show;
mod sim;
mod train;

use clap::{Parser, Subcommand};
use scenellm::terminal::{has_colors, in_words};
use std::io::Write;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// See with a depth camera, keep a 3D map, plan with a language model.
#[derive(Parser)]
#[command(version, about, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// How much to log: error, warn, info, debug, trace, or a filter such as `scenellm::sensing=debug`.
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        default_value = "warn,rustdds=off",
        env = "SCENELLM_LOG",
        value_parser = log_filter,
        display_order = LAST
    )]
    log: String,
}

/// Place in the help of what all commands have: behind their own.
const LAST: usize = 990;

const AFTER_HELP: &str = "\
To begin with:
  scenellm check  my_bag                                   topics, TF, depth, what would fail
  scenellm replay my_bag --goal \"bring the mug\" --out out  map, plan, pictures
  scenellm ask --map out/map.scenemap \"where is the mug?\"  answers and plans of that map

Exit codes:
  0  done
  1  failed; the message says what to do
  2  the command line is wrong
  3  done, and the answer is no: a refusal, or a check that found a fault";

#[derive(Subcommand)]
enum Command {
    Check(check::Check),
    Replay(replay::Replay),
    Ask(ask::Ask),
    Find(find::Find),
    Demo(demo::Demo),
    Sim(sim::Sim),
    Models(models::Models),
    Caption(caption::Caption),
    Label(label::Label),
    #[command(subcommand)]
    Import(import::Import),
    #[command(subcommand)]
    Train(train::Train),
    Eval(eval::Eval),
    Bench(bench::Bench),
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
    tracing_subscriber::fmt()
        .with_env_filter(arguments.log)
        .with_writer(std::io::stderr)
        .with_ansi(has_colors())
        .init();
    let outcome = match arguments.command {
        Command::Replay(command) => command.run(),
        Command::Ask(command) => command.run(),
        Command::Find(command) => command.run(),
        Command::Caption(command) => command.run(),
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
            // Nor need anybody read this.
            let _ = writeln!(std::io::stderr(), "error: {}", in_words(error.chain()));
            ExitCode::FAILURE
        }
    }
}

/// Sees that `--log` is a filter. A word by itself must be a level: it could be the name of a module, too,
/// and as that `warning` would silence all others.
fn log_filter(text: &str) -> Result<String, String> {
    let is_level = |part: &str| part.contains(['=', '[']) || part.parse::<LevelFilter>().is_ok();
    if let Some(word) = text.split(',').map(str::trim).find(|part| !is_level(part)) {
        return Err(format!("'{word}' is no level; a filter is MODULE=LEVEL"));
    }
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind)
    };
    error.chain().any(|cause| io(cause) == Some(std::io::ErrorKind::BrokenPipe))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_would_silence_the_log() {
        for good in ["warn,rustdds=off", "DEBUG", "scenellm::sensing=debug", "off", ""] {
            assert_eq!(log_filter(good).as_deref(), Ok(good));
        }
        for bad in ["warning", "info,verbose", "a=b=c"] {
            assert!(log_filter(bad).is_err(), "{bad}");
        }
    }
}
