//! Lessons taken: what a home looks like this time, spelled, joined and answered.

use super::super::batch::{Encoded, collate};
use super::super::llama::Dropout;
use super::super::scenes::{Arrangement, Oracle, SeenHome, arranged_voxels, scene_tokens};
use super::super::trainer::{Objective, PartLoss};
use super::super::{LearnError, batch::Batch};
use super::config::SeeingTraining;
use super::lesson::{Lesson, Sight};
use super::look::Names;
use super::model::SeeingModel;
use super::spell::{Freedom, Speller};
use super::voxels::{in_world, voxel_tokens};
use crate::model::{PromptTemplate, Segment, TokenBudget, TokenKind};
use crate::scene::{Region, TokenFrame, VisualTokens};
use candle_core::{Device, Result};
use nalgebra::{Point3, UnitQuaternion};
use rand::Rng;
use rand_pcg::Pcg64Mcg;

/// Everything that turns lessons into rows.
pub struct Classroom<'a> {
    /// The configuration.
    pub config: &'a SeeingTraining,
    /// The homes.
    pub homes: &'a [SeenHome],
    /// Eyes for homes that are known by their truth.
    pub oracle: Oracle,
    /// The words around.
    pub template: PromptTemplate,
    /// The tokenizer.
    pub speller: Speller,
    /// Names that should look at what bears them.
    pub names: Names,
}

/// How much a lesson is varied.
#[derive(Debug, Clone, Copy)]
pub struct Variation {
    /// What is seen.
    pub arrangement: Arrangement,
    /// What is said.
    pub freedom: Freedom,
}

impl Variation {
    /// None.
    pub const NONE: Self =
        Self { arrangement: Arrangement::NONE, freedom: Freedom { hide: 0.0, tear: 0.0 } };
}

impl Classroom<'_> {
    /// The row of a lesson, seen and said as chance will have it.
    pub fn row(
        &self,
        lesson: &Lesson,
        variation: Variation,
        rng: &mut Pcg64Mcg,
    ) -> std::result::Result<Encoded, LearnError> {
        let tokens = self.tokens(lesson, variation.arrangement, rng);
        let input = lesson.input(tokens);
        let (Some(segments), Some(around)) =
            (self.template.segments(input), self.template.around(lesson.prompt))
        else {
            let reason = format!("there is no prompt for {:?}", lesson.prompt);
            return Err(LearnError::Tokenizer(reason));
        };
        let further = lesson.more.iter().map(|[words, answer]| {
            let words = Segment::Text(self.template.goal_style.apply(words));
            let [before, after] = [&around.before, &around.after].map(|text| text.clone());
            (vec![Segment::Template(before), words, Segment::Template(after)], answer.as_str())
        });
        let mut row =
            self.speller.row(lesson, segments, further.collect(), variation.freedom, rng)?;
        // Tokens are known by features in the space of words, where those of a map need not stand.
        let is_map = self.homes.get(lesson.home).is_some_and(SeenHome::is_kept_as_voxels);
        if self.config.looking.is_some() && !is_map {
            row.looks = self.names.looks(&row, &self.oracle.lexicon);
        }
        Ok(row)
    }

    fn tokens(
        &self,
        lesson: &Lesson,
        arrangement: Arrangement,
        rng: &mut Pcg64Mcg,
    ) -> Option<VisualTokens> {
        let home = self.homes.get(lesson.home)?;
        let how = if lesson.has_sides() { arrangement.unmirrored() } else { arrangement };
        let (width, budget) = (self.config.vision.width, self.config.tokens);
        let view = match lesson.sight {
            Sight::Blind => return None,
            Sight::Scene => {
                if let Some(voxels) = home.scene_voxels() {
                    return Some(arranged_voxels(voxels, budget.scene, how, rng));
                }
                let regions = home.scene(&self.oracle, rng);
                let axes = (TokenFrame::World, UnitQuaternion::identity());
                return Some(self.shown(regions, axes, budget.scene, how, rng));
            }
            Sight::View(view) => view,
        };
        let camera_T_world = home.camera_T_world(view)?;
        if let Some(voxels) = home.view_voxels(view) {
            let in_camera = arranged_voxels(voxels, budget.frame, how.of_view(), rng);
            return Some(match is_given_in_world(lesson, how, rng) {
                true => in_world(in_camera, camera_T_world, how, rng),
                false => in_camera,
            });
        }
        let mut regions = home.view(view, &self.oracle, rng);
        let axes = (TokenFrame::Camera, camera_T_world.rotation);
        let in_camera = |regions, rng: &mut Pcg64Mcg| {
            self.shown(regions, axes, budget.frame, how.of_view(), rng)
        };
        if !is_given_in_world(lesson, how, rng) {
            return Some(in_camera(regions, rng));
        }
        Some(match self.config.vision.tokens {
            TokenKind::Regions => {
                let world_T_camera = camera_T_world.inverse();
                for region in &mut regions {
                    let at_m = world_T_camera * Point3::from(region.centre_m);
                    region.centre_m = at_m.coords.into();
                }
                scene_tokens(regions, TokenFrame::World, width, budget.frame, how, rng)
            }
            // Seen from the camera first, which does not see what faces away from it.
            TokenKind::Voxels => in_world(in_camera(regions, rng), camera_T_world, how, rng),
        })
    }

    /// At most `most` tokens of regions. `axes` are those of their coordinates, and what turns the
    /// axes of the world to them.
    fn shown(
        &self,
        regions: Vec<Region>,
        axes: (TokenFrame, UnitQuaternion<f64>),
        most: usize,
        how: Arrangement,
        rng: &mut Pcg64Mcg,
    ) -> VisualTokens {
        let width = self.config.vision.width;
        match self.config.vision.tokens {
            TokenKind::Regions => scene_tokens(regions, axes.0, width, most, how, rng),
            TokenKind::Voxels => voxel_tokens(regions, axes, width, most, how, rng),
        }
    }

    /// Most 3D tokens that may show what `sight` is of `home`.
    pub fn most_tokens(&self, home: &SeenHome, sight: Sight) -> usize {
        let TokenBudget { frame, scene, .. } = self.config.tokens;
        let budget = match sight {
            Sight::Blind => 0,
            Sight::Scene => scene,
            Sight::View(_) => frame,
        };
        match self.config.vision.tokens {
            TokenKind::Regions => home.size().min(budget),
            TokenKind::Voxels => budget,
        }
    }

    /// The rows of lessons as a batch on `device`.
    pub fn batch(&self, rows: &[Encoded], device: &Device, rng: &mut Pcg64Mcg) -> Result<Batch> {
        let place_weight = self.config.place_weight;
        collate(rows.iter(), self.speller.pad(), place_weight, 0.0, rng)?.to_device(device)
    }
}

/// Whether chance gives the view of a lesson in world coordinates this time.
fn is_given_in_world(lesson: &Lesson, how: Arrangement, rng: &mut Pcg64Mcg) -> bool {
    how.world_views > 0.0 && !lesson.tells_from_camera() && rng.random_bool(how.world_views)
}

/// A model that takes lessons.
pub struct Teaching<'a> {
    /// Where.
    pub classroom: &'a Classroom<'a>,
    /// The model, over variables.
    pub model: SeeingModel,
    /// How much lessons are varied.
    pub variation: Variation,
    /// Where it is computed.
    pub device: Device,
}

impl Objective for Teaching<'_> {
    type Sample = Lesson;

    fn loss(&self, lessons: &[&Lesson], rng: &mut Pcg64Mcg) -> Result<PartLoss> {
        let row = |lesson: &&Lesson| self.classroom.row(lesson, self.variation, rng);
        let rows: std::result::Result<Vec<_>, _> = lessons.iter().map(row).collect();
        let rows = rows.map_err(|error| candle_core::Error::Msg(error.to_string()))?;
        let batch = self.classroom.batch(&rows, &self.device, rng)?;
        let mut dropout = Some(Dropout { probability: self.classroom.config.dropout, rng });
        let guidance = self.classroom.config.looking.as_ref();
        let (logits, [names, follow, tell]) = self.model.forward(&batch, guidance, &mut dropout)?;
        let (weight, tokens) = (batch.weight, batch.tokens.elem_count());
        let strength = guidance.map_or(0.0, |guidance| guidance.weight);
        let loss = (batch.loss(&logits)? + (((names + follow)? + tell)? * strength)?)?;
        Ok(PartLoss { loss, weight, tokens })
    }
}
