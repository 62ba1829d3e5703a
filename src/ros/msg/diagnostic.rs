//! `diagnostic_msgs`.

use super::Header;
use serde::{Deserialize, Serialize};

/// `diagnostic_msgs/KeyValue`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyValue {
    /// What was measured.
    pub key: String,
    /// What came out.
    pub value: String,
}

/// `diagnostic_msgs/DiagnosticStatus`: how one part is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiagnosticStatus {
    /// One of the constants.
    pub level: u8,
    /// The part.
    pub name: String,
    /// How it is doing, in words.
    pub message: String,
    /// The device, where there is one.
    pub hardware_id: String,
    /// Measurements.
    pub values: Vec<KeyValue>,
}

impl DiagnosticStatus {
    /// All is well.
    pub const OK: u8 = 0;
    /// It works, but not as it should.
    pub const WARN: u8 = 1;
    /// It does not work.
    pub const ERROR: u8 = 2;
    /// Nothing has come for some time.
    pub const STALE: u8 = 3;
}

/// `diagnostic_msgs/DiagnosticArray`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiagnosticArray {
    /// When.
    pub header: Header,
    /// The parts.
    pub status: Vec<DiagnosticStatus>,
}
