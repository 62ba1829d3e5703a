//! The interactive loop: events in, outputs out.
