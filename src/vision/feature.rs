//! The trait every image encoder implements, and the dense grid it returns.

use crate::sensing::RgbdFrame;

/// Where an extractor's numbers come from. Shown wherever its output is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// Computed by a formula; no weights.
    Analytic,
    /// Weights trained on data.
    Trained,
    /// Random weights: useful for timing and plumbing only, never shown as understanding.
    Untrained,
}

/// A grid of feature vectors over an image, row-major `(rows, columns, width)`.
///
/// Cell `(r, c)` covers the pixels `x * columns / image_width == c`, `y * rows / image_height == r`.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureMap {
    /// Grid rows.
    pub rows: usize,
    /// Grid columns.
    pub columns: usize,
    /// Length of one feature vector.
    pub width: usize,
    /// `rows * columns * width` numbers.
    pub data: Vec<f32>,
}

impl FeatureMap {
    /// The feature vector of cell (`row`, `column`).
    pub fn cell(&self, row: usize, column: usize) -> &[f32] {
        let start = (row * self.columns + column) * self.width;
        &self.data[start..start + self.width]
    }

    /// The tokens `(1, rows · columns, width)` of a grid, row by row.
    pub(super) fn of_tokens(
        tokens: &candle_core::Tensor,
        rows: usize,
        columns: usize,
    ) -> Result<Self, VisionError> {
        let (_, _, width) = tokens.dims3()?;
        let data = tokens.flatten_all()?.to_vec1()?;
        Ok(Self { rows, columns, width, data })
    }
}

/// What can go wrong while features are computed.
#[derive(Debug, thiserror::Error)]
pub enum VisionError {
    /// The image cannot be used by this extractor.
    #[error("{extractor}: cannot use a {width}×{height} image: {reason}")]
    BadImage {
        /// Name of the extractor.
        extractor: String,
        /// Image width in pixels.
        width: u32,
        /// Image height in pixels.
        height: u32,
        /// What is wrong with it.
        reason: String,
    },
    /// The weights are not what the extractor needs.
    #[error("{extractor}: {reason}")]
    BadWeights {
        /// Name of the extractor.
        extractor: String,
        /// Tensor, expected and found shape.
        reason: String,
    },
    /// The words cannot be used by this encoder.
    #[error("{extractor}: cannot use these words: {reason}")]
    BadText {
        /// Name of the encoder.
        extractor: String,
        /// Which words, and what is wrong with them.
        reason: String,
    },
    /// A file of weights cannot be read.
    #[error("{path}: {reason}")]
    Weights {
        /// The file.
        path: std::path::PathBuf,
        /// Tensor and what is wrong with it, or with the whole file.
        reason: String,
    },
    /// A file beside the weights cannot be read or used.
    #[error("{path}: {reason}")]
    Config {
        /// The file.
        path: std::path::PathBuf,
        /// Field and what is wrong with it.
        reason: String,
    },
    /// Work that takes long was ended because nobody wants it any more.
    #[error("{extractor}: ended early, as it was wanted no more")]
    Unwanted {
        /// Name of what worked.
        extractor: String,
    },
    /// The tensor engine failed.
    #[error("tensor engine: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// Computes dense features of one frame.
pub trait FeatureExtractor: Send {
    /// Name as it stands in manifests and reports.
    fn name(&self) -> &str;
    /// Length of one feature vector.
    fn width(&self) -> usize;
    /// Where the numbers come from.
    fn provenance(&self) -> Provenance;
    /// Name of the space in which the features stand, where texts have vectors in it: the same for
    /// the same weights only.
    fn text_space(&self) -> Option<&str> {
        None
    }
    /// Names it was taught to tell apart; empty where its vocabulary is open.
    fn names(&self) -> &[String] {
        &[]
    }
    /// States it was taught to see, each before the name of what is in it: `open`, `fridge`. Its
    /// features of an open fridge lie nearest to `open fridge`, and nearer to `fridge` than to
    /// other names.
    fn states(&self) -> &[[String; 2]] {
        &[]
    }
    /// Scales the shorter edge of pictures to so many pixels from now on, rounded to whole patches.
    ///
    /// # Errors
    ///
    /// With the reason, where pictures have a size of the extractor's own, or would have too many
    /// patches.
    fn set_image_px(&mut self, _image_px: usize) -> Result<(), String> {
        Err(format!("pictures for `{}` have a size of their own; leave it out", self.name()))
    }
    /// Features of `frame`, on a grid of the extractor's choice.
    fn extract(&self, frame: &RgbdFrame) -> Result<FeatureMap, VisionError>;
}

/// Puts texts into a space that they share with features.
pub trait TextEncoder: Send + Sync {
    /// Length of a vector.
    fn width(&self) -> usize;
    /// Name of the space, as [`FeatureExtractor::text_space`] gives it.
    fn space(&self) -> &str;
    /// The vector of `text`, of length 1; zeros where there is no word in it.
    fn embed(&self, text: &str) -> Result<Vec<f32>, VisionError>;
}

/// Refuses texts of more than `most` bytes.
pub(super) fn check_text(text: &str, most: usize) -> Result<(), VisionError> {
    if text.len() <= most {
        return Ok(());
    }
    let reason = format!("{} bytes are too many for a text to look for", text.len());
    Err(VisionError::Config { path: "text".into(), reason })
}
