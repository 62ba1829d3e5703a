//! Where the pixels of the views look, by the part of the camera's picture that a view is.

use super::frames::camera;
use crate::vision::scene_vit::{Part, rays};

/// Rays of whole views, and of those that are a quarter of a picture.
pub struct RaysOfParts {
    whole: Vec<[f32; 2]>,
    quarters: Vec<Vec<[f32; 2]>>,
}

impl Default for RaysOfParts {
    fn default() -> Self {
        let of = |part| rays(&camera(), part);
        Self { whole: of(Part::WHOLE), quarters: Part::all(2).map(of).collect() }
    }
}

impl RaysOfParts {
    /// Those of a part; of the whole picture where there is no such quarter.
    pub fn of(&self, part: Part) -> &[[f32; 2]] {
        let quarter = self.quarters.get(2 * part.row + part.column);
        match quarter {
            Some(quarter) if part.across == 2 => quarter,
            _ => &self.whole,
        }
    }
}
