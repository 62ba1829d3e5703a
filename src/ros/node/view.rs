//! What perception lets others see: replaced whole, read at any time, waited for by nobody.

use crate::scene::MapObject;
use crate::sensing::AssemblerStatus;
use std::sync::{Arc, Mutex, PoisonError};

/// The state of perception.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Objects of the map.
    pub objects: Vec<MapObject>,
    /// Where the camera was last, world frame, metres.
    pub robot_m: [f64; 3],
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
    /// How pairing and posing go.
    pub sensing: AssemblerStatus,
}

/// The newest [`View`].
#[derive(Debug, Default)]
pub struct Shared(Mutex<Arc<View>>);

impl Shared {
    /// The newest view.
    pub fn get(&self) -> Arc<View> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces it.
    pub fn set(&self, view: View) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
    }
}
