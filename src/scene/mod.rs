//! The egocentric 3D frame (camera coordinates) and the scene map (world coordinates).

mod object;
mod token;

pub use object::{MapObject, ObjectId};
pub use token::{TokenFrame, VisualTokens};
