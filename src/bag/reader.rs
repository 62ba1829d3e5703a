//! Opening a bag: which files it has, which topics.

use super::error::BagError;
use super::merge::{BagFile, MessagePacking, Messages};
use super::metadata::{FILE_NAME, Metadata};
use super::source::{Source, Storage};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A topic of a bag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicInfo {
    /// Full name.
    pub name: String,
    /// Type, such as `sensor_msgs/msg/Image`.
    pub type_name: String,
    /// Number of messages, where known.
    pub message_count: Option<u64>,
    /// `cdr` for everything that ROS 2 writes by itself.
    pub serialization_format: String,
}

/// One message of a bag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BagMessage {
    /// Topic it came on.
    pub topic: Arc<str>,
    /// When it was recorded, nanoseconds.
    pub log_time_ns: i64,
    /// Its bytes, unpacked.
    pub data: Vec<u8>,
}

/// An opened bag.
///
/// ```no_run
/// use scenellm::bag::BagReader;
///
/// let bag = BagReader::open("my_bag")?;
/// for message in bag.messages(&["/tf"]) {
///     let message = message?;
///     assert_eq!(&*message.topic, "/tf");
/// }
/// # Ok::<(), scenellm::bag::BagError>(())
/// ```
pub struct BagReader {
    files: Vec<BagFile>,
    topics: Vec<TopicInfo>,
    packing: MessagePacking,
    /// First and last log time; `None` without messages.
    span_ns: Option<(i64, i64)>,
}

impl BagReader {
    /// Opens a bag folder, with or without `metadata.yaml`, or a single `.mcap`, `.db3`,
    /// `.mcap.zstd` or `.db3.zstd` file.
    ///
    /// # Errors
    ///
    /// When there is no bag, its metadata is broken, or a file is missing or of no form read here.
    /// A cut-off MCAP file opens; its messages end with an error.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BagError> {
        let path = path.as_ref();
        let kind = std::fs::metadata(path).map_err(BagError::io(path))?;
        if !kind.is_dir() {
            if path.file_name().is_some_and(|name| name == FILE_NAME) {
                return Self::with_metadata(path.parent().unwrap_or(Path::new(".")));
            }
            return Self::looked_through(vec![path.to_owned()], MessagePacking::Unknown);
        }
        if path.join(FILE_NAME).exists() {
            return Self::with_metadata(path);
        }
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(BagError::io(path))? {
            let file = entry.map_err(BagError::io(path))?.path();
            if file.is_file() && Storage::of(&file).is_some() {
                files.push(file);
            }
        }
        if files.is_empty() {
            let reason = "holds no metadata.yaml and no .mcap, .db3 or .zstd file of these";
            return Err(BagError::not_a_bag(path, reason));
        }
        files.sort();
        Self::looked_through(files, MessagePacking::Unknown)
    }

    /// Opens what `metadata.yaml` in `folder` describes. Where it says all, files are opened only
    /// when their time comes.
    fn with_metadata(folder: &Path) -> Result<Self, BagError> {
        let metadata = Metadata::read(&folder.join(FILE_NAME))?;
        let compression = metadata.compression_format.as_deref().unwrap_or_default();
        let mode = metadata.compression_mode.as_deref().unwrap_or_default();
        let packing = if mode.eq_ignore_ascii_case("message") {
            MessagePacking::Zstd
        } else {
            MessagePacking::Plain
        };
        let compressed = mode.eq_ignore_ascii_case("message") || mode.eq_ignore_ascii_case("file");
        if compressed && compression != "zstd" {
            let reason = format!("compression {compression:?} is not read here, only zstd");
            return Err(BagError::Metadata { path: folder.join(FILE_NAME), reason });
        }
        let paths: Vec<PathBuf> = metadata
            .relative_file_paths
            .iter()
            .map(|name| find(folder, name))
            .collect::<Result<_, _>>()?;
        let starts: Option<Vec<i64>> = metadata
            .relative_file_paths
            .iter()
            .map(|name| {
                let file = metadata.files.iter().find(|file| file.path == *name)?;
                Some(file.starting_time.nanoseconds_since_epoch)
            })
            .collect();
        // One file knows its own start.
        let starts = if paths.len() == 1 { Some(vec![i64::MIN]) } else { starts };
        let Some(starts) = starts.filter(|_| !metadata.topics_with_message_count.is_empty()) else {
            return Self::looked_through(paths, packing);
        };
        let start_ns = metadata.starting_time.nanoseconds_since_epoch;
        let end_ns = start_ns.saturating_add(metadata.duration.nanoseconds);
        let topics = metadata.topics_with_message_count.into_iter().map(|topic| TopicInfo {
            name: topic.topic_metadata.name,
            type_name: topic.topic_metadata.type_name,
            message_count: Some(topic.message_count),
            serialization_format: topic.topic_metadata.serialization_format,
        });
        Ok(Self {
            files: paths
                .into_iter()
                .zip(starts)
                .map(|(path, start_ns)| BagFile { path, start_ns, source: None })
                .collect(),
            topics: united(topics),
            packing,
            span_ns: (metadata.message_count > 0).then_some((start_ns, end_ns)),
        })
    }

    /// Looks through every file.
    fn looked_through(paths: Vec<PathBuf>, packing: MessagePacking) -> Result<Self, BagError> {
        let mut files = Vec::new();
        let mut topics = Vec::new();
        let mut span_ns: Option<(i64, i64)> = None;
        for path in paths {
            let source = Source::open(&path)?;
            topics.extend(source.topics());
            let own = source.span_ns();
            if let Some((first, last)) = own {
                let (all_first, all_last) = span_ns.unwrap_or((first, last));
                span_ns = Some((all_first.min(first), all_last.max(last)));
            }
            let start_ns = own.map_or(i64::MIN, |(first, _)| first);
            files.push(BagFile { path, start_ns, source: Some(Arc::new(source)) });
        }
        // Names may count without leading zeros (`bag_10` before `bag_2`); times do not.
        files.sort_by_key(|file| file.start_ns);
        Ok(Self { files, topics: united(topics), packing, span_ns })
    }

    /// The topics, by name.
    pub fn topics(&self) -> &[TopicInfo] {
        &self.topics
    }

    /// Log time of the first message, nanoseconds; `None` for a bag without messages.
    pub fn start_ns(&self) -> Option<i64> {
        self.span_ns.map(|(first, _)| first)
    }

    /// Time from the first message to the last.
    pub fn duration(&self) -> Duration {
        let (first, last) = self.span_ns.unwrap_or_default();
        Duration::from_nanos(last.saturating_sub(first).try_into().unwrap_or(0))
    }

    /// The messages of `topics` (of all topics when empty) in log-time order across all files.
    ///
    /// Damage ends the messages: everything before it comes first, then exactly one error.
    pub fn messages(&self, topics: &[&str]) -> Messages {
        let topics =
            (!topics.is_empty()).then(|| topics.iter().map(|&topic| topic.to_owned()).collect());
        Messages::new(&self.files, topics, self.packing)
    }
}

/// The file that metadata calls `name`. Old versions put the folder's own name in front; some
/// writers leave out the suffix of the compression. A bag does not reach outside its folder: of a
/// path that does, the file of the same name inside is meant.
fn find(folder: &Path, name: &str) -> Result<PathBuf, BagError> {
    let named = Path::new(name);
    let stays_inside =
        named.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let file_name = named.file_name().unwrap_or_default();
    let mut packed = file_name.to_owned();
    packed.push(".zstd");
    let inside = [folder.join(file_name), folder.join(packed)];
    let candidates = stays_inside.then(|| folder.join(named)).into_iter().chain(inside);
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        let reason = match stays_inside {
            true => format!("names the file {name:?}, which is missing"),
            false => format!("names {name:?}, which is not inside the bag's folder"),
        };
        BagError::Metadata { path: folder.join(FILE_NAME), reason }
    })
}

/// One entry for each topic name, by name. Counts add up.
fn united(topics: impl IntoIterator<Item = TopicInfo>) -> Vec<TopicInfo> {
    let mut by_name = BTreeMap::<String, TopicInfo>::new();
    for topic in topics {
        match by_name.get_mut(&topic.name) {
            None => {
                by_name.insert(topic.name.clone(), topic);
            }
            Some(known) => {
                let sum = known.message_count.zip(topic.message_count);
                known.message_count = sum.map(|(a, b)| a.saturating_add(b));
            }
        }
    }
    by_name.into_values().collect()
}
