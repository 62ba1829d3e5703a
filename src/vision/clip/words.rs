//! CLIP's text tower with its tokenizer: words to vectors that features can be compared with.

use std::path::Path;

use super::text::TextTower;
use super::tokenizer::ClipTokenizer;
use super::{ClipFolder, Projection, load_text};
use crate::vision::feature::check_text;
use crate::vision::{Placement, TextEncoder, VisionError};

/// Longer texts are refused; the tower reads some 77 tokens of it.
const MOST_TEXT_BYTES: usize = 64 << 10;

/// Words to vectors of length 1 in the space that they share with pictures.
#[derive(Debug)]
pub struct ClipText {
    tokenizer: ClipTokenizer,
    tower: TextTower,
    projection: Projection,
    width: usize,
    space: String,
}

impl ClipText {
    /// Loads tokenizer and text tower of the model in `folder`.
    pub fn load(folder: &Path, on: impl Into<Placement>) -> Result<Self, VisionError> {
        let folder = ClipFolder::read(folder)?;
        let text = &folder.config.text;
        let tokenizer = ClipTokenizer::open(&folder.path, text.vocabulary, text.context)?;
        let mut checkpoint = folder.open(on)?;
        let (tower, projection) = load_text(&folder.config, &mut checkpoint)?;
        let space = folder.space(&mut checkpoint)?;
        Ok(Self { tokenizer, tower, projection, width: folder.config.projection, space })
    }

    /// Tokens of `text`, cut to what the tower reads.
    pub fn tokens(&self, text: &str) -> Result<Vec<u32>, VisionError> {
        check_text(text, MOST_TEXT_BYTES)?;
        self.tokenizer.encode(text)
    }
}

impl TextEncoder for ClipText {
    fn width(&self) -> usize {
        self.width
    }

    fn space(&self) -> &str {
        &self.space
    }

    fn embed(&self, text: &str) -> Result<Vec<f32>, VisionError> {
        let last = self.tower.forward(&self.tokens(text)?)?;
        Ok(self.projection.unit(&last)?.squeeze(0)?.to_vec1()?)
    }
}
