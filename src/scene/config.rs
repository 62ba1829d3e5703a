//! Settings of the scene map.

use super::SceneError;
use serde::{Deserialize, Serialize};

/// Widest feature vector a map takes: wider than any published image encoder.
pub const MAX_FEATURE_WIDTH: usize = 16_384;

/// How a scene map is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MapConfig {
    /// Name of the world frame.
    pub frame_id: String,
    /// Edge length of a voxel, metres.
    pub voxel_size_m: f64,
    /// Bytes the map may take; the blocks seen longest ago are dropped beyond it.
    pub max_bytes: usize,
    /// Nearest depth that is mapped, metres.
    pub min_depth_m: f32,
    /// Farthest depth that is mapped, metres.
    pub max_depth_m: f32,
    /// Length of the feature vectors kept with voxels; 0 keeps none.
    pub feature_width: usize,
    /// Space in which the features stand, where texts have vectors in it; empty where they have
    /// none. Vectors of other spaces cannot be compared with them, whatever their length.
    pub feature_space: String,
    /// How many frames the mean feature of a voxel remembers at most, were all like the newest.
    pub feature_memory: u16,
    /// What was not seen for longer than this may be another thing now: its mean feature counts no
    /// more than the next look at it, seconds.
    pub revisit_s: f64,
    /// How voxels are removed when what they showed has gone.
    pub removal: RemovalConfig,
}

impl Default for MapConfig {
    fn default() -> Self {
        Self {
            frame_id: "map".into(),
            voxel_size_m: 0.05,
            max_bytes: 512 << 20,
            min_depth_m: 0.2,
            max_depth_m: 6.0,
            feature_width: 0,
            feature_space: String::new(),
            feature_memory: 32,
            revisit_s: 600.0,
            removal: RemovalConfig::default(),
        }
    }
}

/// How voxels are removed when what they showed has gone.
///
/// A voxel in view is *absent* when every reading around its projection lies farther than its mean
/// point by more than `margin_m + margin_per_m2 · z²`; nearer readings occlude it, missing readings
/// say nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RemovalConfig {
    /// Whether voxels are removed at all.
    pub enabled: bool,
    /// Least distance by which readings must lie behind a voxel, metres.
    pub margin_m: f32,
    /// Growth of that distance with the square of the depth (stereo noise), metres per square
    /// metre.
    pub margin_per_m2: f32,
    /// Radius around the voxel's mean point in which all readings must agree, metres.
    pub radius_m: f32,
    /// Evidence a voxel gains when a frame hits it.
    pub hit: i16,
    /// Evidence a voxel loses when a frame shows it absent; it goes when none is left.
    pub miss: i16,
    /// Most evidence a voxel can gather.
    pub max_evidence: i16,
}

impl Default for RemovalConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            margin_m: 0.05,
            margin_per_m2: 0.005,
            radius_m: 0.02,
            hit: 1,
            miss: 1,
            max_evidence: 8,
        }
    }
}

impl RemovalConfig {
    /// For poses that are exact to some millimetres: rays that pass through a voxel show it absent, and
    /// so what is flat goes as well when it is taken away. Two such frames are enough, however often
    /// it was seen before: a tour may bring no more.
    pub fn of_exact_poses() -> Self {
        Self { margin_m: 0.005, margin_per_m2: 0.002, radius_m: 0.005, miss: 4, ..Self::default() }
    }
}

impl MapConfig {
    /// Nearest and farthest depth that is mapped, metres.
    pub fn depth_range_m(&self) -> [f32; 2] {
        [self.min_depth_m, self.max_depth_m]
    }

    /// [`Self::revisit_s`] in nanoseconds.
    pub(super) fn revisit_ns(&self) -> i64 {
        (self.revisit_s * 1e9) as i64
    }

    /// Whether every setting can be used.
    pub fn validate(&self) -> Result<(), SceneError> {
        let check = |holds: bool, field: &'static str, reason: &str| {
            if holds { Ok(()) } else { Err(SceneError::Setting { field, reason: reason.into() }) }
        };
        let removal = &self.removal;
        let (near, far) = (self.min_depth_m, self.max_depth_m);
        check(
            (0.001..=10.0).contains(&self.voxel_size_m),
            "voxel_size_m",
            "must lie between 0.001 and 10 metres",
        )?;
        check(near.is_finite() && near >= 0.0, "min_depth_m", "must be 0 metres or more")?;
        check(
            far.is_finite() && far > near && far <= 1000.0,
            "max_depth_m",
            "must be more than min_depth_m and at most 1000 metres",
        )?;
        check(
            f64::from(far) / self.voxel_size_m <= 16_384.0,
            "voxel_size_m",
            "must be at least max_depth_m / 16384",
        )?;
        check(self.feature_width <= MAX_FEATURE_WIDTH, "feature_width", "must be at most 16384")?;
        check(self.feature_memory >= 1, "feature_memory", "must be at least 1 frame")?;
        check(
            self.revisit_s.is_finite() && self.revisit_s >= 0.0,
            "revisit_s",
            "must be 0 seconds or more",
        )?;
        check(
            [removal.margin_m, removal.margin_per_m2, removal.radius_m]
                .iter()
                .all(|v| v.is_finite() && *v >= 0.0),
            "removal",
            "margins and radius must be 0 or more",
        )?;
        check(
            removal.hit > 0 && removal.miss > 0 && removal.max_evidence >= removal.hit,
            "removal",
            "hit and miss must be at least 1, max_evidence at least hit",
        )
    }
}
