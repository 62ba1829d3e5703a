//! Pictures and pages for people, JSON for machines.
//!
//! Everything here reads results and draws them; nothing computes a result.

mod bars;
mod canvas;
pub mod chart;
mod cloud;
mod error;
mod feature_map;
mod frames;
mod heat;
mod html;
mod labels;
mod masks;
mod page;
mod story;
mod strip;
mod topdown;

pub use bars::{Bar, BarChart};
pub use cloud::CloudPicture;
pub use error::ReportError;
pub use feature_map::FeaturePicture;
pub use frames::{frames_csv, timings_svg};
pub use heat::HeatMap;
pub use masks::draw_masks;
pub use page::{ReportPage, TopicRow};
pub use story::{Chapter, StoryPage};
pub use strip::{Panel, Tone, strip};
pub use topdown::TopDown;
