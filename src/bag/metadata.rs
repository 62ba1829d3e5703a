//! `metadata.yaml`, which stands beside the files of a bag.

use super::error::BagError;
use serde::{Deserialize, Serialize};
use serde_yaml::Value;
use std::io::Read;
use std::path::Path;

/// Name of the file.
pub(super) const FILE_NAME: &str = "metadata.yaml";
/// Version written: rosbag2 of Jazzy and later.
pub(super) const VERSION: u32 = 9;
/// Largest file read, bytes.
const MAX_BYTES: u64 = 16 << 20;

#[derive(Serialize, Deserialize)]
struct Document {
    rosbag2_bagfile_information: Metadata,
}

/// What `metadata.yaml` says. Fields that older versions lack are empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Metadata {
    pub version: u32,
    #[serde(default)]
    pub storage_identifier: String,
    pub duration: Nanoseconds,
    pub starting_time: SinceEpoch,
    #[serde(default)]
    pub message_count: u64,
    #[serde(default)]
    pub topics_with_message_count: Vec<TopicWithCount>,
    #[serde(default)]
    pub compression_format: Option<String>,
    #[serde(default)]
    pub compression_mode: Option<String>,
    pub relative_file_paths: Vec<String>,
    #[serde(default)]
    pub files: Vec<FileInformation>,
    #[serde(default)]
    pub custom_data: Value,
    #[serde(default)]
    pub ros_distro: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Nanoseconds {
    pub nanoseconds: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct SinceEpoch {
    pub nanoseconds_since_epoch: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TopicWithCount {
    pub topic_metadata: TopicMetadata,
    pub message_count: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TopicMetadata {
    pub name: String,
    #[serde(rename = "type")]
    pub type_name: String,
    pub serialization_format: String,
    /// A list since version 9, a string of YAML before.
    #[serde(default)]
    pub offered_qos_profiles: Value,
    #[serde(default)]
    pub type_description_hash: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct FileInformation {
    pub path: String,
    pub starting_time: SinceEpoch,
    pub duration: Nanoseconds,
    pub message_count: u64,
}

impl Metadata {
    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Result<Self, BagError> {
        let fault = |reason: String| BagError::Metadata { path: path.to_owned(), reason };
        let file = std::fs::File::open(path).map_err(BagError::io(path))?;
        let mut text = String::new();
        file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(BagError::io(path))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(fault("is larger than 16 MiB".into()));
        }
        let document: Document =
            serde_yaml::from_str(&text).map_err(|error| fault(error.to_string()))?;
        let metadata = document.rosbag2_bagfile_information;
        if metadata.relative_file_paths.is_empty() {
            return Err(fault("names no files".into()));
        }
        Ok(metadata)
    }

    /// Writes the file at `path`, which must not exist.
    pub fn write(self, path: &Path) -> Result<(), BagError> {
        let text = serde_yaml::to_string(&Document { rosbag2_bagfile_information: self }).map_err(
            |error| BagError::Metadata { path: path.to_owned(), reason: error.to_string() },
        )?;
        std::fs::write(path, text).map_err(BagError::io(path))
    }
}
