//! Homes as they are seen: what a robot would have in its map of a home, for models that learn to
//! read 3D tokens.
//!
//! Two kinds of eyes make the same [`crate::scene::Region`]s. Oracle eyes ([`Oracle`]) read them off
//! the simulator's truth, with the faults that real eyes have, thousands of homes a minute. Real eyes
//! ([`tour`]) drive round the home, extract features of rendered images, map them and find the
//! regions; or the voxels are kept as a planner would show them, for which eyes need know no names.

mod arrange;
mod cache;
mod home;
mod home_file;
mod lexicon;
mod look;
mod oracle;
mod tour;
mod truth;

pub use arrange::{Arrangement, arranged, arranged_voxels, scene_tokens};
pub use cache::SceneCache;
pub use home::{Eyes, RealView, Seen, SeenHome, TrueView};
pub use lexicon::Lexicon;
pub use look::true_view;
pub use oracle::{Faults, Oracle, regions_of_world};
pub use tour::{Keep, Toured, tour};
pub use truth::{Thing, things_of};
