//! The egocentric 3D frame (camera coordinates) and the scene map (world coordinates).

mod box_grid;
mod clock;
mod config;
mod ego;
mod error;
mod export;
mod gather;
mod half;
mod heat;
pub(crate) mod holding;
mod in_frame;
mod in_vain;
mod integrate;
mod layers;
mod lens;
mod lift;
mod map;
mod object;
mod objects;
mod owner;
mod principal;
mod query;
mod regions;
mod relation;
mod removal;
mod save;
mod select;
mod states;
mod store;
mod support;
mod token;
mod upright;
mod voxel;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;

pub use config::{MAX_FEATURE_WIDTH, MapConfig, RemovalConfig};
pub use ego::{EgoConfig, EgoFrame};
pub use error::SceneError;
pub use heat::heat_rgb;
pub use in_frame::ShownObject;
pub use integrate::IntegrateReport;
pub use lift::lift;
pub use map::{MapCounts, SceneMap, VoxelView};
pub use object::{MapObject, ObjectId};
pub use objects::{LabelNumbers, LabelScores, ObjectStore, ObserveReport};
pub use owner::{ObjectBoxes, ObjectVoxels};
pub use principal::PrincipalColors;
pub use query::{Likeness, Place, TextQuery, VoxelScore, places};
pub use regions::{
    Glimpse, NamedVectors, Region, RegionConfig, SeenObjects, frame_regions, most_search_bytes,
    region_token_width, region_tokens,
};
pub use relation::{Relation, RelationKind};
pub use select::{select_frame_tokens, select_scene_tokens};
pub use states::ObjectState;
pub use token::{TokenFrame, VisualTokens};
