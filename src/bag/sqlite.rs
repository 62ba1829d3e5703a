//! The SQLite form of rosbag2.

use super::error::BagError;
use super::reader::{BagMessage, TopicInfo};
use rusqlite::{Connection, OpenFlags, types::ValueRef};
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Messages whose places are fetched at once.
const PAGE: usize = 1024;
/// Largest message read, bytes.
const MAX_MESSAGE_BYTES: usize = 256 << 20;
/// Steps of SQLite's machine between two looks at how many are left.
const STEPS_AT_ONCE: u64 = 10_000;
/// Steps a query may take for each byte of the file. A sound row of a bag takes a few hundred
/// steps at most, to be read and sorted, and more than ten bytes; beyond this, pages of a damaged
/// file lead to one another in ever so many ways.
const STEPS_A_BYTE: u64 = 100;
/// Where the head of a database says how it is to be read ...
const READ_VERSION: usize = 19;
/// ... and what it says in WAL mode.
const WAL: u8 = 2;

/// Topics with ids and counts, and first and last timestamp (nanoseconds).
pub(super) struct SqliteIndex {
    pub topics: BTreeMap<i64, TopicInfo>,
    pub span_ns: Option<(i64, i64)>,
}

/// How far the query that runs may still go.
struct Patience {
    whole: u64,
    left: Arc<AtomicU64>,
}

impl Patience {
    /// Ends the queries on `connection` that take more steps than a file of its size is worth.
    fn with(connection: &mut Connection, file_bytes: u64) -> rusqlite::Result<Self> {
        let whole = file_bytes.saturating_mul(STEPS_A_BYTE).max(STEPS_AT_ONCE);
        let left = Arc::new(AtomicU64::new(whole));
        let counted = Arc::clone(&left);
        let spent = move || {
            let before = counted.load(Ordering::Relaxed);
            counted.store(before.saturating_sub(STEPS_AT_ONCE), Ordering::Relaxed);
            before == 0
        };
        connection.progress_handler(STEPS_AT_ONCE as i32, Some(spent))?;
        Ok(Self { whole, left })
    }

    /// A query begins.
    fn renew(&self) {
        self.left.store(self.whole, Ordering::Relaxed);
    }
}

/// The URI of a database that was left in WAL mode, as rosbag2 of Foxy leaves its own, and any later one
/// with the preset `resilient`: by its path alone SQLite reads it only where it may write files beside
/// it. `None` for others, and while messages stand in its log.
fn left_in_wal_mode(path: &Path) -> Option<String> {
    let mut head = [0; 20];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).ok()?;
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let has_log = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
    if head[READ_VERSION] != WAL || has_log {
        return None;
    }
    let path = std::path::absolute(path).ok()?;
    let escaped = path.to_str()?.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Some(format!("file://{escaped}?immutable=1"))
}

/// A database opened for reading only.
fn open(path: &Path) -> Result<(Connection, Patience), BagError> {
    let bytes = std::fs::metadata(path).map_err(BagError::io(path))?.len();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = match left_in_wal_mode(path) {
        Some(uri) => Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI),
        None => Connection::open_with_flags(path, flags),
    };
    let mut connection = opened.map_err(BagError::sqlite(path))?;
    let patience = Patience::with(&mut connection, bytes).map_err(BagError::sqlite(path))?;
    // Views and virtual tables could run forever; rosbag2 has none.
    let tables: i64 = connection
        .query_row(
            "SELECT count(*) FROM sqlite_master \
             WHERE type = 'table' AND rootpage > 0 AND name IN ('topics', 'messages')",
            [],
            |row| row.get(0),
        )
        .map_err(BagError::sqlite(path))?;
    if tables != 2 {
        return Err(BagError::not_a_bag(path, "has no tables `topics` and `messages`"));
    }
    Ok((connection, patience))
}

impl SqliteIndex {
    /// Reads topics, counts and times.
    pub fn scan(path: &Path) -> Result<Self, BagError> {
        let (connection, patience) = open(path)?;
        let query = || {
            patience.renew();
            let mut topics = BTreeMap::new();
            let mut rows =
                connection.prepare("SELECT id, name, type, serialization_format FROM topics")?;
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                let topic = TopicInfo {
                    name: row.get(1)?,
                    type_name: row.get(2)?,
                    message_count: Some(0),
                    serialization_format: row.get(3)?,
                };
                topics.insert(row.get(0)?, topic);
            }
            let mut span_ns: Option<(i64, i64)> = None;
            patience.renew();
            let mut rows = connection.prepare(
                "SELECT topic_id, count(*), min(timestamp), max(timestamp) \
                 FROM messages GROUP BY topic_id",
            )?;
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                let (count, first, last): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
                if let Some(topic) = topics.get_mut(&row.get(0)?) {
                    topic.message_count = u64::try_from(count).ok();
                }
                let (all_first, all_last) = span_ns.unwrap_or((first, last));
                span_ns = Some((all_first.min(first), all_last.max(last)));
            }
            Ok(Self { topics, span_ns })
        };
        query().map_err(BagError::sqlite(path))
    }
}

/// The messages of one database in order of time. Places are fetched by the page, data one by one.
pub(super) struct SqliteMessages {
    connection: Connection,
    patience: Patience,
    path: PathBuf,
    topics: BTreeMap<i64, Arc<str>>,
    page_query: String,
    /// Timestamp and id of the last place fetched.
    cursor: (i64, i64),
    /// Id, topic id and timestamp of the messages that come next.
    page: VecDeque<(i64, i64, i64)>,
    /// Behind the page the index is broken: it leads back in time.
    disordered: bool,
    ended: bool,
}

impl SqliteMessages {
    /// Messages of the topics that `wanted` says yes to.
    pub fn new(
        path: &Path,
        index: &SqliteIndex,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Self, BagError> {
        let topics: BTreeMap<i64, Arc<str>> = index
            .topics
            .iter()
            .filter(|(_, topic)| wanted(&topic.name))
            .map(|(id, topic)| (*id, topic.name.as_str().into()))
            .collect();
        let ids: Vec<_> = topics.keys().map(i64::to_string).collect();
        let page_query = format!(
            "SELECT id, topic_id, timestamp FROM messages \
             WHERE (timestamp, id) > (?1, ?2) AND topic_id IN ({}) \
             ORDER BY timestamp, id LIMIT {PAGE}",
            ids.join(",")
        );
        let (connection, patience) = open(path)?;
        Ok(Self {
            connection,
            patience,
            path: path.to_owned(),
            ended: topics.is_empty(),
            topics,
            page_query,
            cursor: (i64::MIN, i64::MIN),
            page: VecDeque::new(),
            disordered: false,
        })
    }

    fn fetch(&mut self) -> rusqlite::Result<()> {
        self.patience.renew();
        let mut query = self.connection.prepare_cached(&self.page_query)?;
        let mut rows = query.query([self.cursor.0, self.cursor.1])?;
        while let Some(row) = rows.next()? {
            let (id, topic, time_ns) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if (time_ns, id) <= self.cursor {
                self.disordered = true;
                break;
            }
            self.page.push_back((id, topic, time_ns));
            self.cursor = (time_ns, id);
        }
        Ok(())
    }

    fn data(&self, id: i64) -> rusqlite::Result<Option<Vec<u8>>> {
        self.patience.renew();
        let mut query =
            self.connection.prepare_cached("SELECT data FROM messages WHERE id = ?1")?;
        query.query_row([id], |row| {
            Ok(match row.get_ref(0)? {
                ValueRef::Blob(data) if data.len() <= MAX_MESSAGE_BYTES => Some(data.to_vec()),
                _ => None,
            })
        })
    }

    fn message(&mut self) -> Result<Option<BagMessage>, BagError> {
        if self.page.is_empty() && self.disordered {
            return Err(BagError::not_a_bag(&self.path, "has an index that is out of order"));
        }
        if self.page.is_empty() {
            let path = self.path.clone();
            self.fetch().map_err(BagError::sqlite(&path))?;
        }
        let Some((id, topic_id, log_time_ns)) = self.page.pop_front() else {
            return Ok(None);
        };
        let broken =
            |reason: &str| BagError::not_a_bag(&self.path, format!("message {id} {reason}"));
        let data = self
            .data(id)
            .map_err(BagError::sqlite(&self.path))?
            .ok_or_else(|| broken("is no blob of at most 256 MiB"))?;
        let topic =
            self.topics.get(&topic_id).ok_or_else(|| broken("is of an unknown topic"))?.clone();
        Ok(Some(BagMessage { topic, log_time_ns, data }))
    }
}

impl Iterator for SqliteMessages {
    type Item = Result<BagMessage, BagError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.message().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}
