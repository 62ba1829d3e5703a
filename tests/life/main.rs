//! The built node through its states, with several cameras, and through what goes wrong on a graph.

#![cfg(feature = "dds")]
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests stop and speak where they fail"
)]

#[path = "../graph/mod.rs"]
mod graph;

mod cameras;
mod robot;
mod silence;
mod states;
