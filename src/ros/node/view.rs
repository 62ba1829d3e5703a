//! What perception lets others see.

use crate::scene::MapObject;
use crate::sensing::AssemblerStatus;

/// The state of perception.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Number of the map, which grows when another one is loaded: ids of objects hold in one map alone.
    pub map: u64,
    /// Objects of the map.
    pub objects: Vec<MapObject>,
    /// Where the first camera was last, world frame, metres.
    pub robot_m: [f64; 3],
    /// Where it looked, from the world's x axis to the left, radians; `None` if straight up or down.
    pub heading_rad: Option<f64>,
    /// Stamp of the newest frame in the map, nanoseconds; 0 before the first.
    pub stamp_ns: i64,
    /// Voxels of the map.
    pub voxels: usize,
    /// Bytes of the map.
    pub map_bytes: usize,
    /// Frames that went into the map.
    pub frames: u64,
    /// Time the newest of them took, milliseconds.
    pub frame_ms: f64,
    /// Images, pairs and detections that were not used.
    pub dropped: u64,
    /// Why the last of them was not.
    pub last_dropped: String,
    /// How pairing and posing go, by camera.
    pub sensing: Vec<AssemblerStatus>,
}
