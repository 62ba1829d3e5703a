//! `diagnostic_msgs`, and the log of `rcl_interfaces`.

use super::{Header, Time};
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

/// `rcl_interfaces/Log`: one message of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// When.
    pub stamp: Time,
    /// One of the constants.
    pub level: u8,
    /// Logger.
    pub name: String,
    /// What is said.
    pub msg: String,
    /// Source file.
    pub file: String,
    /// Function, or module.
    pub function: String,
    /// Line in the file.
    pub line: u32,
}

impl Log {
    /// `level` of details.
    pub const DEBUG: u8 = 10;
    /// `level` of news.
    pub const INFO: u8 = 20;
    /// `level` of what should not be.
    pub const WARN: u8 = 30;
    /// `level` of what failed.
    pub const ERROR: u8 = 40;
}
