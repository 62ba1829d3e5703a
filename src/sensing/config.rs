//! Settings of the room.

use super::SensingError;
use serde::{Deserialize, Serialize};

/// How events become frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SensingConfig {
    /// Frame that poses are given in; it should not jump with the robot (`map`, or `odom`).
    pub world_frame: String,
    /// Largest difference of stamps between the colour and the depth of one frame, milliseconds;
    /// 0 asks for equal stamps.
    pub sync_slop_ms: f64,
    /// How long moving transforms are remembered, seconds.
    pub tf_cache_s: f64,
    /// How long a pair waits for a late transform or camera info, seconds.
    pub tf_wait_s: f64,
    /// Most images waiting in each queue (colour, depth, pairs).
    pub queue_length: usize,
    /// Nearest depth that is believed, metres; less counts as no reading.
    pub min_depth_m: f32,
    /// Farthest depth that is believed, metres; more counts as no reading.
    pub max_depth_m: f32,
    /// Whether the images are rectified, so that `P` of the camera info holds instead of `K` and
    /// `D`. Image topics with `rect` in their name count as rectified in any case.
    pub images_rectified: bool,
}

impl Default for SensingConfig {
    fn default() -> Self {
        Self {
            world_frame: "map".to_owned(),
            sync_slop_ms: 20.0,
            tf_cache_s: 10.0,
            tf_wait_s: 1.0,
            queue_length: 30,
            min_depth_m: 0.1,
            max_depth_m: 10.0,
            images_rectified: false,
        }
    }
}

impl SensingConfig {
    /// Refuses settings that cannot work.
    ///
    /// # Errors
    /// Names the first setting that is out of range.
    pub fn check(&self) -> Result<(), SensingError> {
        let bad = |setting, value: String, reason| {
            Err(SensingError::BadSetting { setting, value, reason })
        };
        // What is published in it is for tf2, which takes no frame with a slash before it.
        if self.world_frame.is_empty() || self.world_frame.starts_with('/') {
            let value = format!("{:?}", self.world_frame);
            return bad("world_frame", value, "name a frame, without a slash before it");
        }
        for (setting, value, most) in [
            ("sync_slop_ms", self.sync_slop_ms, 1e4),
            ("tf_cache_s", self.tf_cache_s, 3600.0),
            ("tf_wait_s", self.tf_wait_s, 3600.0),
        ] {
            if !(0.0..=most).contains(&value) {
                return bad(
                    setting,
                    value.to_string(),
                    "give 0 or more (at most 10 s of slop, an hour of transforms)",
                );
            }
        }
        if self.queue_length == 0 || self.queue_length > 10_000 {
            return bad("queue_length", self.queue_length.to_string(), "give 1 to 10000");
        }
        if !(self.min_depth_m >= 0.0 && self.min_depth_m < self.max_depth_m) {
            let value = self.min_depth_m.to_string();
            return bad("min_depth_m", value, "give 0 or more and less than max_depth_m");
        }
        Ok(())
    }

    /// `sync_slop_ms` in nanoseconds.
    pub(super) fn sync_slop_ns(&self) -> i64 {
        (self.sync_slop_ms * 1e6) as i64
    }

    /// `tf_wait_s` in nanoseconds.
    pub(crate) fn tf_wait_ns(&self) -> i64 {
        (self.tf_wait_s * 1e9) as i64
    }

    /// `tf_cache_s` in nanoseconds.
    pub(super) fn tf_cache_ns(&self) -> i64 {
        (self.tf_cache_s * 1e9) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_work_and_unknown_settings_are_refused() {
        let config: SensingConfig = serde_yaml::from_str("world_frame: odom").unwrap();
        assert_eq!(config.world_frame, "odom");
        assert_eq!(config.sync_slop_ms, SensingConfig::default().sync_slop_ms);
        config.check().unwrap();
        let error = serde_yaml::from_str::<SensingConfig>("sync_slop: 3").unwrap_err();
        assert!(error.to_string().contains("sync_slop_ms"), "{error}");
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let config = SensingConfig { tf_wait_s: f64::NAN, ..SensingConfig::default() };
        assert!(config.check().unwrap_err().to_string().contains("tf_wait_s"));
        let config = SensingConfig { min_depth_m: 11.0, ..SensingConfig::default() };
        assert!(config.check().unwrap_err().to_string().contains("min_depth_m"));
        for frame in ["", "/map"] {
            let config = SensingConfig { world_frame: frame.into(), ..SensingConfig::default() };
            assert!(config.check().unwrap_err().to_string().contains("world_frame"));
        }
        let config = SensingConfig { queue_length: 0, ..SensingConfig::default() };
        assert!(config.check().unwrap_err().to_string().contains("queue_length"));
    }
}
