//! The bodies of the fuzz targets, shared with the property tests of the crate.

#[path = "../tests/parsers/mod.rs"]
mod bodies;

pub use bodies::*;
