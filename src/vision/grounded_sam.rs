//! Masks of what words mean: Grounding DINO finds boxes, SAM cuts out what is in them (Grounded-SAM,
//! arXiv 2401.14159).

use image::RgbImage;

use super::detector::go_on;
use super::overlap::overlap;
use super::{
    DetectedMask, Detection2d, Detector, GroundingDino, Sam, SamPrompt, SegmentedMask, VisionError,
};

/// Name in errors and reports.
const NAME: &str = "grounded_sam";

/// What of the boxes and masks stays. The defaults are those of the authors' own demonstration; it
/// knows no most.
#[derive(Debug, Clone, PartialEq)]
pub struct GroundedSettings {
    /// Least score of a box; see [`Detection2d::score`].
    pub box_threshold: f32,
    /// From what on a word counts.
    pub text_threshold: f32,
    /// Of two boxes that share more of their union than this, the surer one stays, whatever their
    /// names.
    pub most_overlap: f32,
    /// Most masks of a picture.
    pub most_masks: usize,
}

impl Default for GroundedSettings {
    fn default() -> Self {
        Self { box_threshold: 0.25, text_threshold: 0.25, most_overlap: 0.8, most_masks: 100 }
    }
}

/// Something that was asked for, cut out.
#[derive(Debug, Clone, PartialEq)]
pub struct GroundedMask {
    /// Which of the names it has.
    pub name_index: usize,
    /// Its box, how sure the box is, and the words that are meant.
    pub detection: Detection2d,
    /// Its mask over the picture.
    pub mask: SegmentedMask,
}

/// Both models with what they look for.
#[derive(Debug)]
pub struct GroundedSam {
    /// Finds boxes.
    pub dino: GroundingDino,
    /// Cuts out what is in them.
    pub sam: Sam,
    /// What is looked for.
    pub names: Vec<String>,
    /// What of the boxes and masks stays.
    pub settings: GroundedSettings,
}

impl Detector for GroundedSam {
    fn name(&self) -> &str {
        NAME
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn detect(&self, image: &RgbImage) -> Result<Vec<DetectedMask>, VisionError> {
        self.detect_while(image, &|| true)
    }

    fn detect_while(
        &self,
        image: &RgbImage,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Vec<DetectedMask>, VisionError> {
        let Self { dino, sam, names, settings } = self;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = cut_out((dino, sam), image, &names, settings, wanted)?;
        let named = |one: GroundedMask| DetectedMask {
            label: self.names[one.name_index].clone(),
            score: one.detection.score,
            mask: one.mask.mask,
        };
        Ok(found.into_iter().map(named).collect())
    }
}

/// Masks of what `names` mean in a picture, surest first. Boxes that mean no name, or lie beside the
/// picture, have none.
///
/// # Errors
///
/// As of [`GroundingDino::detect`] and [`Sam::look`].
pub fn ground_and_segment(
    dino: &GroundingDino,
    sam: &Sam,
    image: &RgbImage,
    names: &[&str],
    settings: &GroundedSettings,
) -> Result<Vec<GroundedMask>, VisionError> {
    cut_out((dino, sam), image, names, settings, &|| true)
}

/// The same for as long as `wanted` says so, which every mask asks, too.
fn cut_out(
    (dino, sam): (&GroundingDino, &Sam),
    image: &RgbImage,
    names: &[&str],
    settings: &GroundedSettings,
    wanted: &dyn Fn() -> bool,
) -> Result<Vec<GroundedMask>, VisionError> {
    let thresholds = [settings.box_threshold, settings.text_threshold];
    let found = dino.detect_while(image, names, thresholds, wanted)?;
    let size_px = [image.width() as f32, image.height() as f32];
    let inside = found.into_iter().filter_map(|detection| {
        let name_index = detection.name_index?;
        let box_px = within(detection.box_px, size_px)?;
        Some((name_index, Detection2d { box_px, ..detection }))
    });
    let kept = distinct(inside, settings);
    if kept.is_empty() {
        return Ok(Vec::new());
    }
    let picture = sam.look_while(image, wanted)?;
    let mut masks = Vec::with_capacity(kept.len());
    for (name_index, detection) in kept {
        go_on(NAME, wanted)?;
        let prompt = SamPrompt { box_px: Some(detection.box_px), ..SamPrompt::default() };
        let answers = sam.segment(&picture, &prompt, false)?;
        masks.extend(answers.into_iter().take(1).map(|answer| GroundedMask {
            name_index,
            detection: detection.clone(),
            mask: answer.mask,
        }));
    }
    Ok(masks)
}

/// The part of a box that lies in the picture, if it has an area.
fn within([left, top, right, bottom]: [f32; 4], [across, down]: [f32; 2]) -> Option<[f32; 4]> {
    let part = [left.max(0.0), top.max(0.0), right.min(across), bottom.min(down)];
    (part[0] < part[2] && part[1] < part[3]).then_some(part)
}

/// Boxes, which come surest first, without those that share too much with a surer one.
fn distinct(
    found: impl Iterator<Item = (usize, Detection2d)>,
    settings: &GroundedSettings,
) -> Vec<(usize, Detection2d)> {
    let mut kept: Vec<(usize, Detection2d)> = Vec::new();
    for (name, one) in found {
        if kept.len() == settings.most_masks {
            break;
        }
        let apart = |(_, surer): &(usize, Detection2d)| {
            overlap(surer.box_px, one.box_px) <= settings.most_overlap
        };
        if kept.iter().all(apart) {
            kept.push((name, one));
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use candle_core::Device;

    use super::super::fixtures::{fixture, picture};
    use super::*;

    #[test]
    fn what_names_mean_is_cut_out() {
        cut_out_with("sam_tiny");
    }

    #[test]
    fn mobile_sam_cuts_out_too() {
        cut_out_with("mobile_sam_tiny");
    }

    fn cut_out_with(sam: &str) {
        let dino = GroundingDino::load(&fixture("grounding_dino_tiny"), &Device::Cpu).unwrap();
        let sam = Sam::load(&fixture(sam), &Device::Cpu).unwrap();
        let names = ["a mug", "the kitchen table", "red cup"];
        let all = GroundedSettings {
            box_threshold: 0.0,
            text_threshold: 0.0,
            most_overlap: 0.1,
            most_masks: 100,
        };
        let image = picture();
        let masks = ground_and_segment(&dino, &sam, &image, &names, &all).unwrap();
        let boxes = dino.detect(&image, &names, 0.0, 0.0).unwrap();
        assert!(masks.len() > 1 && masks.len() < boxes.len(), "{} masks", masks.len());
        assert!(masks.is_sorted_by(|a, b| a.detection.score >= b.detection.score));
        let seen = sam.look(&image).unwrap();
        for (at, one) in masks.iter().enumerate() {
            assert_eq!(one.detection.name_index, Some(one.name_index));
            let box_px = one.detection.box_px;
            assert!(box_px[0] >= 0.0 && box_px[2] <= 122.0 && box_px[3] <= 90.0);
            let prompt = SamPrompt { box_px: Some(box_px), ..SamPrompt::default() };
            assert_eq!(one.mask, sam.segment(&seen, &prompt, false).unwrap()[0].mask);
            let apart = |other: &GroundedMask| overlap(other.detection.box_px, box_px) <= 0.1;
            assert!(masks[..at].iter().all(apart));
        }
        let two = GroundedSettings { most_masks: 2, ..all.clone() };
        let first = ground_and_segment(&dino, &sam, &image, &names, &two).unwrap();
        assert_eq!(first, masks[..2]);
        let looks =
            GroundedSam { dino, sam, names: names.map(String::from).to_vec(), settings: two };
        for (one, of_all) in looks.detect(&image).unwrap().iter().zip(&masks) {
            assert_eq!(one.label, names[of_all.name_index]);
            assert_eq!((one.score, &one.mask), (of_all.detection.score, &of_all.mask.mask));
        }
        let GroundedSam { dino, sam, .. } = looks;
        let none = GroundedSettings { box_threshold: 1.0, ..all };
        assert!(ground_and_segment(&dino, &sam, &image, &names, &none).unwrap().is_empty());
    }

    #[test]
    fn a_look_ends_early_at_every_step_of_it() {
        for sam in ["sam_tiny", "mobile_sam_tiny"] {
            let looks = GroundedSam {
                dino: GroundingDino::load(&fixture("grounding_dino_tiny"), &Device::Cpu).unwrap(),
                sam: Sam::load(&fixture(sam), &Device::Cpu).unwrap(),
                names: ["a mug", "the kitchen table", "red cup"].map(String::from).to_vec(),
                settings: GroundedSettings {
                    box_threshold: 0.0,
                    text_threshold: 0.0,
                    most_overlap: 0.1,
                    most_masks: 2,
                },
            };
            let asked = Cell::new(0);
            let after = |most: usize| {
                asked.set(0);
                looks.detect_while(&picture(), &|| {
                    asked.set(asked.get() + 1);
                    asked.get() <= most
                })
            };
            let whole = after(usize::MAX).unwrap();
            let steps = asked.get();
            assert_eq!(whole, looks.detect(&picture()).unwrap());
            // Seven of Grounding DINO, at least two of SAM's tower, and the masks.
            assert!(whole.len() == 2 && steps >= 7 + 2 + 2, "{sam}: {steps} steps");
            for most in 0..steps {
                let ended = after(most).unwrap_err();
                assert!(matches!(ended, VisionError::Unwanted { .. }), "{ended}");
                assert_eq!(asked.get(), most + 1);
            }
        }
    }

    #[test]
    fn boxes_end_where_the_picture_does() {
        let size = [10.0, 8.0];
        assert_eq!(within([-5.0, 2.0, 3.0, 9.0], size), Some([0.0, 2.0, 3.0, 8.0]));
        assert_eq!(within([11.0, 2.0, 13.0, 4.0], size), None);
        assert_eq!(within([f32::NAN, 9.0, 3.0, 12.0], size), None);
    }
}
