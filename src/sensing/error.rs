//! What can go wrong between a sensor event and a frame.

use crate::geometry::TransformError;

/// An image, a calibration or a pair could not become a frame.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SensingError {
    /// An encoding that nothing here decodes.
    #[error("{topic}: cannot decode {encoding:?}; supported are {supported}")]
    UnsupportedEncoding {
        /// Topic of the image.
        topic: String,
        /// Its encoding or format string.
        encoding: String,
        /// What would have been understood.
        supported: &'static str,
    },
    /// The message is shorter than its own description.
    #[error(
        "{topic}: {width}x{height} {encoding:?} needs {expected} bytes, the message has {found}"
    )]
    Truncated {
        /// Topic of the image.
        topic: String,
        /// Its encoding or format string.
        encoding: String,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Bytes that must be there.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// Width, height or row step make no sense.
    #[error("{topic}: {width}x{height} {encoding:?} refused: {reason}")]
    BadShape {
        /// Topic of the image.
        topic: String,
        /// Its encoding or format string.
        encoding: String,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// What is wrong.
        reason: String,
    },
    /// A JPEG, PNG or RVL stream is broken.
    #[error("{topic}: broken {encoding:?} stream of {found} bytes: {reason}")]
    BrokenStream {
        /// Topic of the image.
        topic: String,
        /// Its encoding or format string.
        encoding: String,
        /// Length of the stream in bytes.
        found: usize,
        /// What the decoder says.
        reason: String,
    },
    /// A camera info that is no calibration of the images.
    #[error("{topic}: camera info refused: {reason}")]
    BadCalibration {
        /// Topic of the camera info.
        topic: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// Image and calibration differ in size.
    #[error(
        "{image_topic} is {}x{}, but {info_topic} describes {}x{}: publish the camera info that \
         belongs to these images", image.0, image.1, info.0, info.1
    )]
    SizeMismatch {
        /// Topic of the image.
        image_topic: String,
        /// Width and height of the image in pixels.
        image: (u32, u32),
        /// Topic of the camera info.
        info_topic: String,
        /// Width and height by the camera info, after region of interest and binning.
        info: (u32, u32),
    },
    /// No calibration has come.
    #[error("{topic}: no camera info for frame {frame_id:?} has come")]
    NoCalibration {
        /// Topic of the image.
        topic: String,
        /// Frame of the image.
        frame_id: String,
    },
    /// The camera's pose is not known at the time of the image.
    #[error("{topic}: no pose: {source}")]
    NoPose {
        /// Topic of the image.
        topic: String,
        /// Why not.
        source: TransformError,
    },
    /// An image found no partner.
    #[error("{topic}: no {partner} image within {slop_ms} ms")]
    Unpaired {
        /// Topic of the image.
        topic: String,
        /// What was missing: `colour` or `depth`.
        partner: &'static str,
        /// Allowed difference of stamps, milliseconds.
        slop_ms: f64,
    },
    /// A second image with the same stamp on the same topic.
    #[error(
        "{topic}: a second image with the same stamp; is it published twice, or never stamped?"
    )]
    Repeated {
        /// Topic of the image.
        topic: String,
    },
    /// A queue was full.
    #[error("{topic}: dropped, {length} newer images are waiting for {what}")]
    QueueFull {
        /// Topic of the image.
        topic: String,
        /// Length of the queue.
        length: usize,
        /// What they wait for.
        what: String,
    },
    /// The clock jumped back while the image waited.
    #[error("{topic}: dropped, the clock jumped back")]
    ClockJumped {
        /// Topic of the image.
        topic: String,
    },
    /// A setting is out of range.
    #[error("sensing.{setting} = {value} refused: {reason}")]
    BadSetting {
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        reason: &'static str,
    },
}
