//! The `scenellm` command line.

fn main() {}
