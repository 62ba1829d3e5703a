//! Pictures and pages for people, JSON for machines.
