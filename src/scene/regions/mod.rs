//! Things and furniture found by their looks: voxels that hang together and bear one name.
//!
//! Comes in: a map or a frame whose points have features in a space of words, and names with their
//! vectors there. Goes out: [`Region`]s with what each stands on, and objects of the map with lasting
//! ids.
//!
//! Each voxel believes in a few names (`belief`), neighbours that look alike talk it over
//! (`smooth`), what agrees grows together (`grow`) into things of some `shape`, and boxes tell what
//! stands on what (`relate`). What shows too little of a thing for a region is a `glimpse` of it. A `search` keeps all that for the next one, `tile` by tile, and looks again
//! where something has changed. Nothing here depends on the number of threads or on time, or on what was
//! kept.

mod belief;
mod cells;
mod config;
mod find;
mod glimpse;
mod grid;
mod grow;
mod memory;
mod names;
mod objects;
mod region;
mod relate;
mod search;
mod shape;
mod smooth;
mod tile;

#[cfg(test)]
mod tests;

pub(super) use cells::to_unit;
pub use config::RegionConfig;
pub use find::frame_regions;
pub use glimpse::Glimpse;
pub(super) use memory::{ObjectMemory, REMEMBERED};
pub use names::NamedVectors;
pub use objects::SeenObjects;
pub use region::{Region, region_token_width, region_tokens};
pub(super) use search::RegionSearch;
pub use search::most_search_bytes;
