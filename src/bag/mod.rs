//! rosbag2 files: reading every common form, writing MCAP.
//!
//! Reading: a folder with or without `metadata.yaml`, split bags, bare `.mcap` and `.db3` files,
//! any of them zstd-compressed by file, by message or by chunk. Bags are streamed in log-time
//! order; memory is bounded by the chunks that overlap in time, not by the bag. A damaged or
//! cut-off bag gives every message before the damage, then one error.

mod cameras;
mod error;
mod events;
mod fields;
mod mcap_index;
mod mcap_read;
mod merge;
mod metadata;
mod reader;
mod segment;
mod session;
mod source;
mod sqlite;
mod topic_names;
mod topics;
mod unpack;
mod writer;

pub(crate) use cameras::camera_topics;
pub use cameras::select_cameras;
pub use error::BagError;
pub use events::{EventError, Events};
pub use merge::Messages;
pub use reader::{BagMessage, BagReader, TopicInfo};
pub use session::SessionWriter;
pub use topics::{SelectedTopic, TopicSelection, select};
pub use writer::BagWriter;
