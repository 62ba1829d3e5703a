//! ConceptFusion (arXiv 2302.07241): what SAM cuts out is shown to CLIP by itself, and its feature is
//! mixed with that of the whole picture. Slower than CLIP's patches by orders of magnitude, sharper at
//! the borders of things.

use std::path::{Path, PathBuf};

use image::RgbImage;

use super::words::unit;
use super::{
    AutomaticMasks, ClipFeatures, ClipVision, FeatureExtractor, FeatureMap, Placement, Provenance,
    Sam, SegmentedMask, VisionError,
};
use crate::sensing::RgbdFrame;

const NAME: &str = "concept_fusion";
/// What the folders of CLIP and of SAM are called.
const PARTS: [&str; 2] = ["clip", "sam"];
/// Edge of a cell of the feature grid, pixels of the picture.
const CELL_PX: usize = 8;
/// Most masks of a picture that are shown to CLIP, best ones first.
const MOST_MASKS: usize = 100;

/// CLIP's features of what SAM cuts out.
#[derive(Debug)]
pub struct ConceptFusion {
    clip: ClipVision,
    sam: Sam,
    settings: AutomaticMasks,
}

impl ConceptFusion {
    /// Loads the models in the folders `clip` and `sam` of `folder`.
    pub fn load(
        folder: &Path,
        settings: AutomaticMasks,
        on: impl Into<Placement>,
    ) -> Result<Self, VisionError> {
        let on = on.into();
        let [clip, sam] = Self::parts(folder);
        let clip = ClipVision::load(&clip, ClipFeatures::TextSpace, &on)?;
        let sam = Sam::load(&sam, &on)?;
        Ok(Self { clip, sam, settings })
    }

    /// Where `folder` keeps CLIP, the encoder of texts included, and SAM.
    pub(super) fn parts(folder: &Path) -> [PathBuf; 2] {
        PARTS.map(|part| folder.join(part))
    }

    /// Features of a picture, one for each 8×8 pixels: of length 1 in the space of texts, or all
    /// zeros where no mask is.
    pub fn dense(&self, image: &RgbImage) -> Result<FeatureMap, VisionError> {
        let mut masks = self.sam.everything(&self.sam.look(image)?, &self.settings)?;
        masks.retain(|mask| mask.mask.area() > 0);
        masks.truncate(MOST_MASKS);
        of_masks(&self.clip, image, &masks)
    }
}

/// What CLIP makes of masks that are not empty, on the cells of a picture.
fn of_masks(
    clip: &ClipVision,
    image: &RgbImage,
    masks: &[SegmentedMask],
) -> Result<FeatureMap, VisionError> {
    let whole = clip.embed(image)?;
    let (mut shown, mut parts) = (Vec::new(), Vec::new());
    for mask in masks {
        let [left, top, right, bottom] = mask.box_px;
        let (width, height) = (right - left + 1, bottom - top + 1);
        let part = image::imageops::crop_imm(image, left, top, width, height).to_image();
        match clip.embed(&part) {
            // What is too thin for this CLIP takes nothing from the rest of the picture.
            Err(VisionError::BadImage { .. }) => {}
            part => {
                parts.push(part?);
                shown.push(mask);
            }
        }
    }
    Ok(spread(&shown, &fuse(&whole, &parts), image.dimensions(), whole.len()))
}

/// Each part's feature mixed with the whole's, of length 1. The more a part is like the whole, by
/// comparison with the other parts, the more the whole counts; all vectors have length 1.
fn fuse(whole: &[f32], parts: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let likeness: Vec<f32> = parts.iter().map(|part| dot(whole, part).exp()).collect();
    let all: f32 = likeness.iter().sum();
    let mixed = parts.iter().zip(likeness).map(|(part, likeness)| {
        let share = likeness / all;
        let mixed =
            whole.iter().zip(part).map(|(whole, part)| share * whole + (1.0 - share) * part);
        unit(mixed.collect())
    });
    mixed.collect()
}

/// The features of masks on the cells whose middle they cover; summed where several do.
fn spread(
    masks: &[&SegmentedMask],
    features: &[Vec<f32>],
    (width_px, height_px): (u32, u32),
    width: usize,
) -> FeatureMap {
    let (columns_px, rows_px) = (width_px as usize, height_px as usize);
    let (rows, columns) = (rows_px.div_ceil(CELL_PX), columns_px.div_ceil(CELL_PX));
    let mut data = Vec::with_capacity(rows * columns * width);
    for cell in 0..rows * columns {
        let middle =
            |index: usize, cells: usize, pixels: usize| (2 * index + 1) * pixels / (2 * cells);
        let x = middle(cell % columns, columns, columns_px);
        let y = middle(cell / columns, rows, rows_px);
        let mut sum = vec![0.0; width];
        for (mask, feature) in masks.iter().zip(features) {
            if mask.mask.contains(x, y) {
                sum.iter_mut().zip(feature).for_each(|(sum, value)| *sum += value);
            }
        }
        data.extend(unit(sum));
    }
    FeatureMap { rows, columns, width, data }
}

impl FeatureExtractor for ConceptFusion {
    fn name(&self) -> &str {
        NAME
    }

    fn width(&self) -> usize {
        self.clip.width()
    }

    fn provenance(&self) -> Provenance {
        self.clip.provenance()
    }

    fn text_space(&self) -> Option<&str> {
        self.clip.text_space()
    }

    fn extract(&self, frame: &RgbdFrame) -> Result<FeatureMap, VisionError> {
        self.dense(&frame.color)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::super::Mask;
    use super::super::fixtures::{assert_close, fixture, fusion_folder, json, picture};
    use super::*;

    #[test]
    fn parts_that_are_like_the_whole_take_more_of_it() {
        let parts = [vec![1.0, 0.0], vec![0.0, 1.0]];
        let fused = fuse(&[1.0, 0.0], &parts);
        approx::assert_relative_eq!(fused[0].as_slice(), [1.0, 0.0].as_slice());
        // softmax(1, 0): the second part takes 1 / (1 + e) of the whole.
        let share = 1.0 / (1.0 + 1f32.exp());
        approx::assert_relative_eq!(
            fused[1][0] / fused[1][1],
            share / (1.0 - share),
            epsilon = 1e-6
        );
        assert!(fuse(&[1.0, 0.0], &[]).is_empty());
    }

    #[test]
    fn cells_have_the_features_of_the_masks_over_them() {
        let mask = |from: usize| SegmentedMask {
            mask: Mask::from_fn(20, 8, |x, _| x >= from),
            box_px: [0; 4],
            quality: 1.0,
            stability: 1.0,
        };
        let features = [vec![1.0, 0.0], vec![0.0, 1.0]];
        let map = spread(&[&mask(8), &mask(14)], &features, (20, 8), 2);
        // Middles of the three cells lie at x = 3, 10 and 16.
        let half = 0.5f32.sqrt();
        assert_eq!((map.rows, map.columns), (1, 3));
        assert_eq!(map.data, [0.0, 0.0, 1.0, 0.0, half, half]);
    }

    /// What tests/fixtures/make_vision_golden.py computes with PyTorch.
    #[derive(serde::Deserialize)]
    struct Golden {
        /// Column and row of the middle of each mask, and its radius, pixels.
        discs: Vec<[i64; 3]>,
        /// Every third number of the map.
        features: Vec<f32>,
    }

    #[test]
    fn features_of_given_masks_agree_with_the_reference() {
        let golden: Golden = json("concept_fusion/golden.json");
        let picture = picture();
        let (width, height) = picture.dimensions();
        let disc = |[across, down, radius]: &[i64; 3]| {
            let mask = Mask::from_fn(width as usize, height as usize, |x, y| {
                (x as i64 - across).pow(2) + (y as i64 - down).pow(2) <= radius.pow(2)
            });
            SegmentedMask { box_px: mask.bounds(), mask, quality: 1.0, stability: 1.0 }
        };
        let masks: Vec<SegmentedMask> = golden.discs.iter().map(disc).collect();
        let clip = fixture("clip_tiny");
        let clip = ClipVision::load(&clip, ClipFeatures::TextSpace, &Device::Cpu).unwrap();
        let map = of_masks(&clip, &picture, &masks).unwrap();
        assert_eq!((map.rows, map.columns, map.width), (12, 16, 20));
        let third: Vec<f32> = map.data.into_iter().step_by(3).collect();
        assert_close(&third, &golden.features);
    }

    /// The small CLIP with pictures of an edge of 224 pixels, cropped or whole.
    fn clip_of_224(crop: bool) -> ClipVision {
        let folder = tempfile::tempdir().unwrap();
        for name in ["config.json", "model.safetensors"] {
            std::fs::copy(fixture("clip_tiny").join(name), folder.path().join(name)).unwrap();
        }
        let config = format!(
            r#"{{"size": {{"shortest_edge": 224}}, "crop_size": 224, "do_center_crop": {crop}}}"#
        );
        std::fs::write(folder.path().join("preprocessor_config.json"), config).unwrap();
        ClipVision::load(folder.path(), ClipFeatures::TextSpace, &Device::Cpu).unwrap()
    }

    #[test]
    fn thin_masks_do_not_cost_the_rest_of_the_picture() {
        let picture = RgbImage::from_fn(480, 480, |x, y| image::Rgb([x as u8, y as u8, 90]));
        let mask = |from: usize, width: usize, height: usize| {
            let mask =
                Mask::from_fn(480, 480, |x, y| (from..from + width).contains(&x) && y < height);
            SegmentedMask { box_px: mask.bounds(), mask, quality: 1.0, stability: 1.0 }
        };
        let masks = [mask(4, 1, 480), mask(8, 24, 480), mask(40, 24, 40)];
        // Cells of the first row whose middles lie in the first, the second and the third mask.
        let places = [0, 2, 6];
        let has_features = |map: &FeatureMap| {
            places.map(|column| map.cell(0, column).iter().any(|value| *value != 0.0))
        };
        let cropped = of_masks(&clip_of_224(true), &picture, &masks).unwrap();
        assert_eq!((cropped.rows, cropped.columns), (60, 60));
        assert_eq!(has_features(&cropped), [true; 3]);
        assert!(cropped.data.iter().all(|value| value.is_finite()));
        // Where nothing is cut off, strips would become too large, and are left out.
        let whole = of_masks(&clip_of_224(false), &picture, &masks).unwrap();
        assert_eq!(has_features(&whole), [false, false, true]);
    }

    /// With SAM, and with MobileSAM as its authors saved it.
    #[test]
    fn two_folders_make_one_extractor() {
        for sam in ["sam_tiny", "mobile_sam_tiny"] {
            let folder = fusion_folder(sam);
            let all = AutomaticMasks {
                points_per_side: 3,
                least_quality: f32::NEG_INFINITY,
                least_stability: 0.0,
                ..AutomaticMasks::default()
            };
            let fusion = ConceptFusion::load(folder.path(), all, &Device::Cpu).unwrap();
            let map = fusion.dense(&picture()).unwrap();
            assert_eq!((map.rows, map.columns, map.width), (12, 16, fusion.width()));
            let lengths: Vec<f32> = map
                .data
                .chunks_exact(map.width)
                .map(|cell| cell.iter().map(|x| x * x).sum::<f32>().sqrt())
                .collect();
            assert!(lengths.iter().all(|length| *length == 0.0 || (length - 1.0).abs() < 1e-4));
            assert!(lengths.iter().any(|length| *length > 0.0), "{sam}");
            assert!(fusion.text_space().is_some());
            let one = fusion.dense(&RgbImage::new(1, 1)).unwrap();
            assert!(one.data.iter().all(|x| x.is_finite()) && !one.data.is_empty());
            let empty = fusion.dense(&RgbImage::new(0, 9));
            assert!(matches!(empty, Err(VisionError::BadImage { .. })));
        }
    }
}
