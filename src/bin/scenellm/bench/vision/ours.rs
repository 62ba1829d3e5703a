//! Our encoders, step by step.

use super::encoder::Encoder;
use anyhow::bail;
use scenellm::sensing::RgbdFrame;
use scenellm::vision::{
    ClipText, Detection2d, FeatureExtractor, GroundingDino, Placement, Sam, SamPicture, SamPrompt,
    TextEncoder, open_extractor,
};
use serde::Serialize;
use std::path::Path;

/// The text that is read.
const TEXT: &str = "a photo of a mug on the kitchen table";
/// What is looked for.
pub const NAMES: [&str; 3] = ["a mug", "red cup", "the kitchen table"];
/// What is pointed at, pixels.
pub const POINT_PX: [f32; 2] = [320.0, 240.0];

/// A step that is measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// All that a picture takes, from its pixels on.
    Picture,
    /// A text, from its words on.
    Text,
    /// The masks that a point in the picture may mean.
    Masks,
}

impl Step {
    /// What it is a time of.
    pub fn name(self) -> &'static str {
        match self {
            Self::Picture => "a picture",
            Self::Text => "a text",
            Self::Masks => "masks of a point",
        }
    }
}

/// A loaded encoder.
pub enum Ours {
    /// Features of patches, and of texts where there are such.
    Dense {
        extractor: Box<dyn FeatureExtractor>,
        words: Option<Box<ClipText>>,
        /// Rows and columns of the last picture.
        grid: Option<[usize; 2]>,
    },
    /// Masks in the last picture.
    Sam { sam: Box<Sam>, seen: Option<SamPicture> },
    /// Boxes of [`NAMES`].
    GroundingDino(Box<GroundingDino>),
}

impl Ours {
    /// Loads the encoder whose weights are in a folder.
    pub fn load(encoder: Encoder, weights: &Path, on: &Placement) -> anyhow::Result<Self> {
        Ok(match encoder {
            Encoder::Sam | Encoder::MobileSam => {
                Self::Sam { sam: Box::new(Sam::load(weights, on)?), seen: None }
            }
            Encoder::GroundingDino => {
                Self::GroundingDino(Box::new(GroundingDino::load(weights, on)?))
            }
            _ => {
                let words = match encoder.reads_texts() {
                    true => Some(Box::new(ClipText::load(weights, on)?)),
                    false => None,
                };
                let extractor = open_extractor(encoder.name(), Some(weights), on)?;
                Self::Dense { extractor, words, grid: None }
            }
        })
    }

    /// Its steps, in the order in which they are possible.
    pub fn steps(&self) -> &'static [Step] {
        match self {
            Self::Dense { words: Some(_), .. } => &[Step::Picture, Step::Text],
            Self::Sam { .. } => &[Step::Picture, Step::Masks],
            Self::Dense { .. } | Self::GroundingDino(_) => &[Step::Picture],
        }
    }

    /// Does a step. The numbers that come of it are given back; none where they cannot be seen from
    /// outside, as what SAM makes of a picture, which later steps go on with.
    pub fn run(&mut self, step: Step, frame: &RgbdFrame) -> anyhow::Result<Vec<f32>> {
        match (self, step) {
            (Self::Dense { extractor, grid, .. }, Step::Picture) => {
                let map = extractor.extract(frame)?;
                *grid = Some([map.rows, map.columns]);
                Ok(map.data)
            }
            (Self::Dense { words: Some(words), .. }, Step::Text) => Ok(words.embed(TEXT)?),
            (Self::Sam { sam, seen }, Step::Picture) => {
                *seen = Some(sam.look(&frame.color)?);
                Ok(Vec::new())
            }
            (Self::Sam { sam, seen: Some(seen) }, Step::Masks) => {
                let points_px = vec![(POINT_PX, true)];
                let prompt = SamPrompt { points_px, ..SamPrompt::default() };
                let answers = sam.segment(seen, &prompt, true)?;
                Ok(answers.into_iter().flat_map(|answer| answer.logits).collect())
            }
            (Self::GroundingDino(dino), Step::Picture) => {
                let (width, height) = frame.color.dimensions();
                // Nothing is too unsure to be told.
                let found = dino.detect(&frame.color, &NAMES, 0.0, 0.25)?;
                Ok(columns(&found, [width as f32, height as f32]))
            }
            _ => bail!("{} is no step of this encoder, or comes too early", step.name()),
        }
    }

    /// Rows and columns of patches in the last picture, where there are such.
    pub fn grid(&self) -> Option<[usize; 2]> {
        match self {
            Self::Dense { grid, .. } => *grid,
            _ => None,
        }
    }

    /// Tokens of the text that is read; none where none is.
    pub fn tokens(&self) -> anyhow::Result<Vec<u32>> {
        match self {
            Self::Dense { words: Some(words), .. } => Ok(words.tokens(TEXT)?),
            _ => Ok(Vec::new()),
        }
    }
}

/// How sure boxes are, and their edges as shares of the picture's, each column sorted by itself: which of
/// two boxes that are all but alike comes first is chance.
fn columns(found: &[Detection2d], [across, down]: [f32; 2]) -> Vec<f32> {
    let row = |one: &Detection2d| -> [f32; 5] {
        let [left, top, right, bottom] = one.box_px;
        [one.score, left / across, top / down, right / across, bottom / down]
    };
    let rows: Vec<[f32; 5]> = found.iter().map(row).collect();
    let column = |at: usize| {
        let mut column: Vec<f32> = rows.iter().map(|row| row[at]).collect();
        column.sort_by(f32::total_cmp);
        column
    };
    (0..5).flat_map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_become_columns_that_are_sorted() {
        let found = |score: f32, left: f32| Detection2d {
            box_px: [left, 0.0, 64.0, 48.0],
            score,
            name_index: None,
            phrase: String::new(),
        };
        let columns = columns(&[found(0.9, 8.0), found(0.2, 32.0)], [64.0, 48.0]);
        assert_eq!(columns, [0.2, 0.9, 0.125, 0.5, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
    }
}
