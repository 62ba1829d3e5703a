//! Furnished homes, a software depth camera and a moving robot, with exact ground truth.
//!
//! Comes in: a seed. Goes out: [`crate::sensing::SensorEvent`]s as a robot would record them.

mod catalogue;
mod error;
mod furniture;
mod home;
mod light;
mod material;
mod render;
mod shape;
mod things;

pub use error::SimError;
pub use home::{Entity, Home, HomeKind};
pub use material::{Material, Pattern};
pub use render::{Rendered, Renderer};
pub use shape::{Primitive, Shape};
