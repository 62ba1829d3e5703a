//! Writing MCAP bags that `ros2 bag`, Foxglove and Rerun open.

use super::error::BagError;
use super::metadata::{
    FILE_NAME, FileInformation, Metadata, Nanoseconds, SinceEpoch, TopicMetadata, TopicWithCount,
    VERSION,
};
use crate::ros::{Message, to_cdr};
use mcap::records::MessageHeader;
use mcap::{Compression, WriteOptions, Writer};
use serde::Serialize;
use serde_yaml::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// Bytes of a chunk before compression.
const CHUNK_BYTES: u64 = 1 << 20;

/// Writes a bag: zstd chunks, schemas in `ros2msg`, QoS in the channels.
///
/// Chunks are written whole, so a process that dies leaves a bag that reads up to its last chunk.
pub struct BagWriter {
    file: PathBuf,
    /// The bag's folder, when it is one.
    folder: Option<PathBuf>,
    writer: Writer<BufWriter<File>>,
    topics: BTreeMap<String, Topic>,
    span_ns: Option<(u64, u64)>,
}

struct Topic {
    channel: u16,
    type_name: &'static str,
    type_hash: &'static str,
    messages: u32,
}

impl BagWriter {
    /// Creates a bag: one file when `path` ends in `.mcap`, else a folder with `metadata.yaml`.
    ///
    /// # Errors
    ///
    /// When `path` exists or cannot be written.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, BagError> {
        let path = path.as_ref();
        let bare = path.extension().is_some_and(|suffix| suffix == "mcap");
        let existing = |source: std::io::Error, path: &Path| match source.kind() {
            std::io::ErrorKind::AlreadyExists => BagError::Exists { path: path.to_owned() },
            _ => BagError::Io { path: path.to_owned(), source },
        };
        let (file, folder) = if bare {
            (path.to_owned(), None)
        } else {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(BagError::io(parent))?;
            }
            std::fs::create_dir(path).map_err(|source| existing(source, path))?;
            let name = path.file_name().unwrap_or("bag".as_ref()).to_string_lossy();
            (path.join(format!("{name}_0.mcap")), Some(path.to_owned()))
        };
        let output = File::create_new(&file).map_err(|source| existing(source, &file))?;
        let writer = WriteOptions::new()
            .compression(Some(Compression::Zstd))
            .chunk_size(Some(CHUNK_BYTES))
            .disable_seeking(true)
            .profile("ros2")
            .library(concat!("scenellm ", env!("CARGO_PKG_VERSION")))
            .create(BufWriter::new(output))
            .map_err(|source| BagError::Write { path: file.clone(), source })?;
        Ok(Self { file, folder, writer, topics: BTreeMap::new(), span_ns: None })
    }

    /// Writes a message, recorded at `log_time_ns`, on `topic`.
    ///
    /// # Errors
    ///
    /// When the topic holds another type, the time is before the epoch, or the file cannot be
    /// written.
    pub fn write<T: Message>(
        &mut self,
        topic: &str,
        log_time_ns: i64,
        message: &T,
    ) -> Result<(), BagError> {
        let unwritable = |reason: String| BagError::Unwritable { topic: topic.to_owned(), reason };
        let log_time = u64::try_from(log_time_ns)
            .map_err(|_| unwritable(format!("time {log_time_ns} ns is before the epoch")))?;
        if !self.topics.contains_key(topic) {
            let entry = self.add::<T>(topic)?;
            self.topics.insert(topic.to_owned(), entry);
        }
        let entry = self.topics.get_mut(topic).expect("the topic was added above");
        if entry.type_name != T::TYPE {
            let (first, second) = (entry.type_name, T::TYPE);
            return Err(unwritable(format!("holds {first}; a {second} cannot stand beside it")));
        }
        let header = MessageHeader {
            channel_id: entry.channel,
            sequence: entry.messages,
            log_time,
            publish_time: log_time,
        };
        self.writer
            .write_to_known_channel(&header, &to_cdr(message))
            .map_err(|source| BagError::Write { path: self.file.clone(), source })?;
        entry.messages = entry.messages.wrapping_add(1);
        let (first, last) = self.span_ns.unwrap_or((log_time, log_time));
        self.span_ns = Some((first.min(log_time), last.max(log_time)));
        Ok(())
    }

    fn add<T: Message>(&mut self, topic: &str) -> Result<Topic, BagError> {
        let qos = serde_yaml::to_string(&[Qos::of(topic)]).map_err(|error| {
            BagError::Unwritable { topic: topic.to_owned(), reason: error.to_string() }
        })?;
        let metadata = BTreeMap::from([
            ("offered_qos_profiles".to_owned(), qos),
            ("topic_type_hash".to_owned(), T::TYPE_HASH.to_owned()),
        ]);
        let channel = self
            .writer
            .add_schema(T::TYPE, "ros2msg", T::definition().as_bytes())
            .and_then(|schema| self.writer.add_channel(schema, topic, "cdr", &metadata))
            .map_err(|source| BagError::Write { path: self.file.clone(), source })?;
        Ok(Topic { channel, type_name: T::TYPE, type_hash: T::TYPE_HASH, messages: 0 })
    }

    /// Writes what is left, the file's index and, for a folder, `metadata.yaml`.
    ///
    /// # Errors
    ///
    /// When something cannot be written.
    pub fn finish(mut self) -> Result<(), BagError> {
        self.writer
            .finish()
            .map_err(|source| BagError::Write { path: self.file.clone(), source })?;
        if let Some(folder) = self.folder.take() {
            self.metadata().write(&folder.join(FILE_NAME))?;
        }
        Ok(())
    }

    fn metadata(&self) -> Metadata {
        let (first, last) = self.span_ns.unwrap_or_default();
        let starting_time = SinceEpoch { nanoseconds_since_epoch: first as i64 };
        let duration = Nanoseconds { nanoseconds: (last - first) as i64 };
        let message_count = self.topics.values().map(|topic| u64::from(topic.messages)).sum();
        let name = self.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let topics = self.topics.iter().map(|(name, topic)| TopicWithCount {
            topic_metadata: TopicMetadata {
                name: name.clone(),
                type_name: topic.type_name.to_owned(),
                serialization_format: "cdr".to_owned(),
                offered_qos_profiles: serde_yaml::to_value([Qos::of(name)])
                    .unwrap_or(Value::Sequence(Vec::new())),
                type_description_hash: topic.type_hash.to_owned(),
            },
            message_count: u64::from(topic.messages),
        });
        Metadata {
            version: VERSION,
            storage_identifier: "mcap".to_owned(),
            duration,
            starting_time,
            message_count,
            topics_with_message_count: topics.collect(),
            compression_format: Some(String::new()),
            compression_mode: Some(String::new()),
            relative_file_paths: vec![name.clone()],
            files: vec![FileInformation { path: name, starting_time, duration, message_count }],
            custom_data: Value::Null,
            ros_distro: Some("jazzy".to_owned()),
        }
    }
}

/// The QoS that the topic was offered with, in rosbag2's words.
#[derive(Serialize)]
struct Qos {
    history: &'static str,
    depth: u32,
    reliability: &'static str,
    durability: &'static str,
    deadline: QosTime,
    lifespan: QosTime,
    liveliness: &'static str,
    liveliness_lease_duration: QosTime,
    avoid_ros_namespace_conventions: bool,
}

#[derive(Serialize)]
struct QosTime {
    sec: u64,
    nsec: u64,
}

/// What rosbag2 writes for "forever".
const FOREVER: QosTime = QosTime { sec: 9_223_372_036, nsec: 854_775_807 };

impl Qos {
    /// Fixed transforms reach those who come late; everything else is sent once.
    fn of(topic: &str) -> Self {
        let late = topic.rsplit('/').next() == Some("tf_static");
        Self {
            history: "keep_last",
            depth: 10,
            reliability: "reliable",
            durability: if late { "transient_local" } else { "volatile" },
            deadline: FOREVER,
            lifespan: FOREVER,
            liveliness: "automatic",
            liveliness_lease_duration: FOREVER,
            avoid_ros_namespace_conventions: false,
        }
    }
}
