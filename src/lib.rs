//! # scenellm
//!
//! A robot sees with a depth camera and knows where it is. scenellm turns that into an egocentric
//! 3D frame (camera coordinates) and a scene map (world coordinates), gives both to a language
//! model as 3D visual tokens, and publishes step-by-step plans, navigation actions and dialogue.
//!
//! The folders follow the way of the data:
//!
//! ```text
//! sources                 core (knows no ROS, no files, no clock of its own)            sinks
//! ROS 2 topics ┐                                                                     ┌ ROS 2
//! rosbag2      ├ SensorEvent ─ sensing ─ RgbdFrame ─ vision ─ scene ─ model ─ tasks ─┤ MCAP
//! simulator    ┘                                                                     └ report
//! ```
//!
//! * [`geometry`]: camera models, poses, the transform buffer.
//! * [`sensing`]: events in, synchronised [`sensing::RgbdFrame`]s out.
//! * [`vision`]: dense features of one image.
//! * [`scene`]: the egocentric frame, the scene map, its objects and its tokens.
//! * [`language`]: tokenizer, Llama decoder, constrained sampling.
//! * [`model`]: Scene-LLM, the projector that joins 3D tokens and language, the checkpoint folder.
//! * [`tasks`]: a request becomes a typed, grounded result.
//! * [`planner`]: the loop that feeds events through all of the above.
//! * [`ros`] and [`bag`]: message structs, CDR, the node and its transport; rosbag2 files.
//! * [`check`]: what in a recording would keep the planner from working.
//! * [`sim`]: furnished homes, a software depth camera, an agent.
//! * [`learn`]: data sets, training, evaluation.
//! * [`report`]: pictures and pages.
//! * [`process`]: what a process takes of a machine; [`terminal`]: what it tells its user there.
//!
//! ## Conventions
//!
//! Frames follow REP 103 and REP 105. `world_T_camera` maps camera coordinates to world
//! coordinates; camera coordinates are optical (x right, y down, z forward); lengths are metres,
//! angles radians, stamps nanoseconds. Units stand in names (`depth_m`, `stamp_ns`).

pub mod bag;
pub mod check;
pub mod geometry;
pub mod language;
pub mod learn;
pub mod model;
mod numeric;
pub mod planner;
pub mod process;
pub mod report;
pub mod ros;
pub mod scene;
pub mod sensing;
pub mod sim;
pub mod tasks;
pub mod terminal;
pub mod vision;
