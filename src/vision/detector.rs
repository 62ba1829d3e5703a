//! Detectors of an open vocabulary, behind one trait: a picture in, masks of what was looked for out.

use image::RgbImage;

use super::{Mask, VisionError};

/// Something that was looked for, found in a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectedMask {
    /// The name it was looked for by.
    pub label: String,
    /// How sure the detector is, 0..=1.
    pub score: f32,
    /// Its pixels.
    pub mask: Mask,
}

/// Finds things by their names.
pub trait Detector: Send {
    /// Name as it stands in reports.
    fn name(&self) -> &str;
    /// The names that it looks for, as they stand in [`DetectedMask::label`]; empty where it cannot tell,
    /// so that nothing follows from what it does not find.
    fn names(&self) -> &[String] {
        &[]
    }
    /// Masks of what it finds in a picture, surest first.
    ///
    /// # Errors
    ///
    /// For pictures it cannot use, and when the tensor engine fails.
    fn detect(&self, image: &RgbImage) -> Result<Vec<DetectedMask>, VisionError>;

    /// The same, which ends early when `wanted` says no. On a CPU a look takes minutes, so who may have
    /// to go before it is done asks for it in this way: `wanted` is asked again every few seconds.
    ///
    /// # Errors
    ///
    /// [`VisionError::Unwanted`] when it ended early, and as of [`Self::detect`].
    fn detect_while(
        &self,
        image: &RgbImage,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Vec<DetectedMask>, VisionError> {
        go_on(self.name(), wanted)?;
        self.detect(image)
    }
}

/// Ends the work of `extractor` unless it is still `wanted`.
pub(super) fn go_on(extractor: &str, wanted: &dyn Fn() -> bool) -> Result<(), VisionError> {
    match wanted() {
        true => Ok(()),
        false => Err(VisionError::Unwanted { extractor: extractor.to_owned() }),
    }
}
