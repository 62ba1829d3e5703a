//! Lessons from pairs about saved maps: how labelled recordings are learnt from.
//!
//! A recording becomes a map, and a chat model writes pairs about the objects of the map
//! (`scenellm label`). Here the map becomes a home as real eyes saw it, and the pairs become lessons
//! about its scene.

use super::super::LearnError;
use super::super::lines::read_lines;
use super::super::scenes::{Eyes, Seen, SeenHome};
use super::config::SeeingTraining;
use super::school::School;
use super::talk::lesson_of;
use crate::model::TokenKind;
use crate::scene::{NamedVectors, Region, RegionConfig, SceneError, SceneMap, select_scene_tokens};
use crate::sim::household::categories;
use crate::sim::language::{Pair, PairFrame, SceneFacts};
use crate::vision::{TextEncoder, open_text_encoder};
use candle_core::Device;
use std::path::Path;

/// A map keeps no views: why what is told from one is passed over.
const NO_VIEW: &str = "told_from_a_view";

/// Pairs that were written about a saved map.
#[derive(Debug, Clone, Copy)]
pub struct LabelledMap<'a> {
    /// The pairs, one JSON object a line, as `scenellm label` writes them.
    pub pairs: &'a Path,
    /// The saved map.
    pub map: &'a Path,
    /// Folder of the CLIP model in whose space the features of the map stand; hashed words need none.
    pub words: Option<&'a Path>,
}

impl School {
    /// Adds the map as a home that real eyes saw, and lessons from those of its pairs that its objects
    /// bear out; the others are counted in [`Self::checked`]. To be called before [`Self::watch`].
    ///
    /// # Errors
    ///
    /// When a file cannot be read or is of another form, which is named with the field; and when the
    /// map has other features than `config` says, or nothing in it to see.
    pub fn add_labelled(
        &mut self,
        labelled: &LabelledMap<'_>,
        config: &SeeingTraining,
    ) -> Result<(), LearnError> {
        let (mut map, _) = SceneMap::load(labelled.map)?;
        let wrong = |reason: String| LearnError::invalid(labelled.map, reason);
        let (found, needed) = (map.config().feature_width, config.vision.width);
        if found != needed {
            let reason = format!("feature_width is {found}, and vision.width is {needed}");
            return Err(wrong(reason));
        }
        let facts = SceneFacts::of_objects(map.objects().as_slice());
        let mut lessons = Vec::new();
        for pair in read_lines::<Pair>(labelled.pairs)? {
            if pair.frame == PairFrame::Ego {
                self.checked.pass_over(NO_VIEW);
            } else if self.checked.take(&pair, &facts) {
                lessons.push(lesson_of(&pair, 0));
            }
        }
        let scene = match config.vision.tokens {
            TokenKind::Regions => {
                let space = map.config().feature_space.clone();
                if space.is_empty() {
                    let reason =
                        "feature_space is empty: no words can be compared with its features";
                    return Err(wrong(reason.into()));
                }
                let words = open_text_encoder(&space, labelled.words, &Device::Cpu);
                let words = words.map_err(|error| wrong(format!("feature_space: {error}")))?;
                let regions = regions(&mut map, words.as_ref());
                Seen::Regions(regions.map_err(|error| wrong(error.to_string()))?)
            }
            TokenKind::Voxels => Seen::Voxels(select_scene_tokens(&map, config.tokens.scene)),
        };
        if scene.is_empty() {
            return Err(wrong("there is nothing in it to make 3D tokens of".into()));
        }
        let name = labelled.map.display().to_string();
        let eyes = Eyes::Real { scene, views: Vec::new() };
        self.add(SeenHome { id: name.clone(), scene: name, eyes }, lessons);
        Ok(())
    }
}

/// The regions of a map as a planner that loads it sees them: what looks like a thing of homes, or
/// like one of its objects.
fn regions(map: &mut SceneMap, words: &dyn TextEncoder) -> Result<Vec<Region>, SceneError> {
    let config = RegionConfig::default();
    let labels = map.objects().iter().map(|object| object.label.clone());
    let known = categories().map(str::to_owned).chain(config.structure.iter().cloned());
    let names: Vec<String> = known.chain(labels.filter(|name| !name.trim().is_empty())).collect();
    let names = NamedVectors::new(words, names)?;
    Ok(map.see_objects(&names, &config)?.confirmed(map))
}
