//! ROS 2 at the edge: message structs, their CDR form, conversion to and from the core.
//!
//! One set of structs ([`msg`]) serves topics and bags alike: both carry CDR bytes and a type name.
//!
//! ```
//! use scenellm::ros::{from_cdr, msg, to_cdr};
//!
//! let goal = msg::StringMsg { data: "bring me the mug".into() };
//! let bytes = to_cdr(&goal);
//! assert_eq!(from_cdr::<msg::StringMsg>(&bytes)?, goal);
//! # Ok::<(), scenellm::ros::CdrError>(())
//! ```

pub mod action;
mod arguments;
mod cdr;
mod convert;
mod definition;
pub mod msg;
pub mod node;
pub mod qos;
pub mod srv;
pub mod transport;

pub use arguments::{ArgumentError, NodeNames, ParameterSource, Remap, RosArguments};
pub use cdr::{CdrError, from_cdr, to_cdr, to_cdr_big_endian};
pub use convert::{
    ConvertError, ImageMessage, TopicRole, camera_info_message, cloud_message, decode,
    detections_message, follow_error_code, heat_message, image_message, label_info_message,
    label_markers, map_message, no_markers, objects_message, plan_markers, plan_message,
    plan_step_message, relations_message, scene_objects_message, step_feedback, tf_message,
    vln_action,
};
pub use definition::{Field, FieldArray, parse_definition, with_dependencies};
pub use msg::Message;
