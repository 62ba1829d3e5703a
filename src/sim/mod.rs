//! Furnished homes, a software depth camera and a moving robot, with exact ground truth.
//!
//! Comes in: a seed. Goes out: [`crate::sensing::SensorEvent`]s as a robot would record them; in
//! [`household`], a home in which a robot acts; in [`episode`], one who sees, plans and acts there;
//! in [`language`], what can be said of a home.

mod agent;
mod bathroom;
mod bedroom;
mod builder;
mod catalogue;
mod counter;
pub mod episode;
mod error;
mod exposure;
mod fill;
mod floor;
mod furnish;
mod furniture;
mod home;
pub mod household;
mod kitchen;
mod lamps;
pub mod language;
mod light;
mod living_room;
mod material;
mod noise;
mod pantry;
mod pieces;
mod record;
mod render;
mod room;
mod shape;
mod stock;
mod surface;
mod things;
mod usual;

pub use agent::{Agent, BASE_RADIUS_M, ROBOT_HEIGHT_M, base_T_camera_link, camera_link_T_optical};
pub use error::SimError;
pub use home::{Entity, Home, HomeKind};
pub use material::{Material, Pattern};
pub use noise::{MAX_DEPTH_M, MIN_DEPTH_M, SensorNoise, depth_sigma_m, depth_step_m};
pub use record::{
    COLOR_INFO_TOPIC, COLOR_TOPIC, DEPTH_INFO_TOPIC, DEPTH_TOPIC, DETECTIONS_TOPIC, OPTICAL_FRAME,
    RecordOptions, record,
};
pub use render::{Rendered, Renderer};
pub use shape::{Primitive, Shape};
