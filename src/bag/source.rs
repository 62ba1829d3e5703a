//! One file of a bag.

use super::error::BagError;
use super::mcap_index::McapIndex;
use super::mcap_read::McapMessages;
use super::reader::{BagMessage, TopicInfo};
use super::segment::Fault;
use super::sqlite::{SqliteIndex, SqliteMessages};
use super::unpack;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::NamedTempFile;

/// How a file is stored, told by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Storage {
    mcap: bool,
    packed: bool,
}

impl Storage {
    /// The storage that the file's name tells; `None` for files that are no part of a bag.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let unpacked = name.strip_suffix(".zstd").or_else(|| name.strip_suffix(".zst"));
        let packed = unpacked.is_some();
        let name = unpacked.unwrap_or(name);
        let mcap = name.ends_with(".mcap");
        (mcap || name.ends_with(".db3")).then_some(Self { mcap, packed })
    }
}

/// A file that was looked through. Dropping it removes what was unpacked for it.
pub(super) struct Source {
    /// As the user knows it.
    path: PathBuf,
    unpacked: Option<NamedTempFile>,
    /// What is wrong with the compressed file.
    pack_damage: Option<String>,
    content: Content,
}

enum Content {
    Mcap(Arc<McapIndex>),
    Sqlite(SqliteIndex),
}

impl Source {
    /// Unpacks the file where need be and looks it through.
    pub fn open(path: &Path) -> Result<Self, BagError> {
        let storage = Storage::of(path).ok_or_else(|| {
            BagError::not_a_bag(path, "is no .mcap, .db3, .mcap.zstd or .db3.zstd file")
        })?;
        let (unpacked, pack_damage) = if storage.packed {
            let (unpacked, damage) = unpack::file(path)?;
            (Some(unpacked), damage)
        } else {
            (None, None)
        };
        let plain = unpacked.as_ref().map_or(path, |file| file.path());
        let content = if storage.mcap {
            McapIndex::scan(plain).map(|index| Content::Mcap(Arc::new(index)))
        } else {
            SqliteIndex::scan(plain).map(Content::Sqlite)
        };
        let content = content.map_err(|error| named(path, &pack_damage, error))?;
        Ok(Self { path: path.to_owned(), unpacked, pack_damage, content })
    }

    /// Its topics. Several channels of one topic count together.
    pub fn topics(&self) -> Vec<TopicInfo> {
        match &self.content {
            Content::Sqlite(index) => index.topics.values().cloned().collect(),
            Content::Mcap(index) => index
                .channels
                .iter()
                .map(|(id, channel)| TopicInfo {
                    name: channel.topic.to_string(),
                    type_name: index.schemas.get(&channel.schema).cloned().unwrap_or_default(),
                    message_count: Some(index.counts.get(id).copied().unwrap_or(0)),
                    serialization_format: channel.encoding.clone(),
                })
                .collect(),
        }
    }

    /// First and last log time, nanoseconds; `None` without messages.
    pub fn span_ns(&self) -> Option<(i64, i64)> {
        match &self.content {
            Content::Mcap(index) => index.span_ns,
            Content::Sqlite(index) => index.span_ns,
        }
    }

    /// The messages of the topics that `wanted` says yes to, in log-time order. The first error is
    /// the last item.
    pub fn messages(
        self: &Arc<Self>,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<SourceMessages, BagError> {
        let plain = self.unpacked.as_ref().map_or(self.path.as_path(), |file| file.path());
        let messages = match &self.content {
            Content::Mcap(index) => {
                let file = File::open(plain).map_err(BagError::io(plain))?;
                Kind::Mcap(Box::new(McapMessages::new(file, index.clone(), wanted)))
            }
            Content::Sqlite(index) => {
                let messages = SqliteMessages::new(plain, index, wanted);
                Kind::Sqlite(Box::new(
                    messages.map_err(|e| named(&self.path, &self.pack_damage, e))?,
                ))
            }
        };
        Ok(SourceMessages { source: self.clone(), messages })
    }
}

/// The error in terms of the file that the user knows, with what is wrong with its compression.
fn named(path: &Path, pack_damage: &Option<String>, error: BagError) -> BagError {
    match (error, pack_damage) {
        (_, Some(damage)) => BagError::not_a_bag(path, format!("is damaged: {damage}")),
        (BagError::NotABag { reason, .. }, None) => BagError::not_a_bag(path, reason),
        (BagError::Sqlite { source, .. }, None) => {
            BagError::Sqlite { path: path.to_owned(), source }
        }
        (error, None) => error,
    }
}

/// The messages of one file. Keeps the unpacked file alive.
pub(super) struct SourceMessages {
    source: Arc<Source>,
    messages: Kind,
}

enum Kind {
    Mcap(Box<McapMessages>),
    Sqlite(Box<SqliteMessages>),
}

impl Iterator for SourceMessages {
    type Item = Result<BagMessage, BagError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Source { path, pack_damage, .. } = &*self.source;
        match &mut self.messages {
            Kind::Sqlite(messages) => {
                messages.next().map(|next| next.map_err(|e| named(path, pack_damage, e)))
            }
            Kind::Mcap(messages) => messages.next().map(|next| {
                next.map_err(|Fault { at, reason, .. }| BagError::Damaged {
                    path: path.clone(),
                    at,
                    reason: match pack_damage {
                        Some(damage) => format!("{reason} ({damage})"),
                        None => reason,
                    },
                })
            }),
        }
    }
}
