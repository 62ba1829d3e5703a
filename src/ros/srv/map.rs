//! Services over the scene map.

use serde::{Deserialize, Serialize};

/// `scenellm/ResetMap`.
#[derive(Debug)]
pub struct ResetMap;
/// `scenellm/SaveMap`.
#[derive(Debug)]
pub struct SaveMap;
/// `scenellm/LoadMap`.
#[derive(Debug)]
pub struct LoadMap;
/// `scenellm/ExportMap`.
#[derive(Debug)]
pub struct ExportMap;

/// Names a file, on the machine of the node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRequest {
    /// Its path.
    pub path: String,
}

/// What was forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetMapResponse {
    /// Voxels forgotten.
    pub voxels: u64,
    /// Objects forgotten.
    pub objects: u64,
}

/// What went between the map and a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapFileResponse {
    /// Voxels written or read.
    pub voxels: u64,
    /// Objects written or read.
    pub objects: u64,
    /// [`ERROR_NONE`](super::ERROR_NONE) or one of the constants.
    pub error_code: u16,
    /// In words; empty without an error.
    pub error_msg: String,
}

impl MapFileResponse {
    /// The file cannot be written, or read, or is no map.
    pub const ERROR_FILE: u16 = 200;
    /// The frame or the features of a map to load are not those of the node.
    pub const ERROR_OTHER_SETTINGS: u16 = 201;
    /// The name of a file to export to ends in neither `.ply` nor `.json`.
    pub const ERROR_UNKNOWN_FORMAT: u16 = 202;
}
