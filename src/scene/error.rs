//! What can go wrong with frames, maps and map files.

use std::path::PathBuf;

/// Errors of the scene room.
#[derive(Debug, thiserror::Error)]
pub enum SceneError {
    /// A setting cannot be used.
    #[error("map setting `{field}`: {reason}")]
    Setting {
        /// Name of the field of [`super::MapConfig`].
        field: &'static str,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// The colour image, the depth image and the calibration of a frame differ in size.
    #[error(
        "frame at {stamp_ns} ns: {what} is {found_width}×{found_height} but the calibration says \
         {width}×{height}; register and scale it first"
    )]
    FrameSize {
        /// Stamp of the frame.
        stamp_ns: i64,
        /// The image that does not fit.
        what: &'static str,
        /// Its width in pixels.
        found_width: u32,
        /// Its height in pixels.
        found_height: u32,
        /// Width in the calibration.
        width: u32,
        /// Height in the calibration.
        height: u32,
    },
    /// The pose of a frame is not finite, or so far away that voxel coordinates overflow.
    #[error("frame at {stamp_ns} ns: the pose is not finite or too far from the map's origin")]
    BadPose {
        /// Stamp of the frame.
        stamp_ns: i64,
    },
    /// Calibration that cannot be used.
    #[error("calibration {width}×{height}: {reason}")]
    BadCamera {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// What is wrong with it.
        reason: String,
    },
    /// Features that do not fit the map.
    #[error("features of width {found} do not fit a map with `feature_width: {expected}`")]
    FeatureWidth {
        /// Width the map was made for.
        expected: usize,
        /// Width of the features given.
        found: usize,
    },
    /// A feature grid whose data is not `rows × columns × width` numbers.
    #[error("a {rows}×{columns}×{width} feature grid holds {found} numbers")]
    FeatureSize {
        /// Grid rows.
        rows: usize,
        /// Grid columns.
        columns: usize,
        /// Length of one feature vector.
        width: usize,
        /// Numbers there are.
        found: usize,
    },
    /// Names that things cannot be told apart by.
    #[error("names of things: {reason}")]
    Names {
        /// Which name, and what is wrong with it.
        reason: String,
    },
    /// Names whose vectors stand in another space than the features they are compared with.
    #[error("the features stand in `{features}`, the vectors of the names in `{names}`")]
    Space {
        /// Space of the features; empty where no text has a vector in it.
        features: String,
        /// Space of the names.
        names: String,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A map file whose content makes no sense.
    #[error("{path}: not a usable map file: {reason}")]
    BadMapFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}
