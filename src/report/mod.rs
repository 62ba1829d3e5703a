//! Pictures and pages for people, JSON for machines.
//!
//! Everything here reads results and draws them; nothing computes a result.

pub mod chart;
mod error;

pub use error::ReportError;
