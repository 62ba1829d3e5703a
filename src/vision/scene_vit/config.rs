//! Sizes of a scene ViT and the words it was trained with: `config.json`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::checkpoint::read_config;
use super::super::{TensorShape, VisionError};
use super::input::{INPUTS, MERGED};

/// What `model_type` says in `config.json`.
pub(super) const MODEL_TYPE: &str = "scene_vit";
/// More parts of a picture side by side than this take too long to make sense.
const MOST_ACROSS: usize = 8;
/// Cells that look at their neighbours more often than this see half of the picture.
const MOST_REFINE: usize = 16;
/// Neighbours of a cell, itself included.
const NEIGHBOURS: usize = 9;

/// Widths and depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SceneVitShape {
    /// Hidden width of the map from the pixels of a cell.
    pub embed: usize,
    /// Width of a cell.
    pub cell: usize,
    /// Width of a token, which stands for 2×2 cells; a multiple of `heads` and of 4.
    pub width: usize,
    /// Number of transformer blocks.
    pub layers: usize,
    /// Number of attention heads.
    pub heads: usize,
    /// Hidden width of a block's small network.
    pub hidden: usize,
    /// Times that cells look at their neighbours again after the tokens told them of the whole
    /// picture; 0 where the file says nothing.
    #[serde(default)]
    pub refine: usize,
    /// Hidden width of the map from a cell to its feature.
    pub head: usize,
    /// Length of a feature.
    pub features: usize,
}

/// What `config.json` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SceneVitConfig {
    /// `scene_vit`.
    pub model_type: String,
    /// Sizes.
    pub shape: SceneVitShape,
    /// Larger pictures are looked at in as many parts of 320×240 pixels side by side and above each
    /// other, at most; 1 where the file says nothing.
    #[serde(default = "one")]
    pub most_across: usize,
    /// What the cells of its training pictures were called. What begins with a word for a state and
    /// ends with another name is that one in this state: `open fridge`.
    pub names: Vec<String>,
}

impl SceneVitShape {
    /// What in the sizes does not go together or is larger than anything that makes sense.
    pub fn fault(&self) -> Option<String> {
        let within = [
            ("embed", self.embed, 4096),
            ("cell", self.cell, 2048),
            ("width", self.width, 4096),
            ("layers", self.layers, 64),
            ("heads", self.heads, 64),
            ("hidden", self.hidden, 16_384),
            ("head", self.head, 8192),
            ("features", self.features, 4096),
        ];
        if let Some((what, found, most)) =
            within.into_iter().find(|(_, found, most)| !(1..=*most).contains(found))
        {
            return Some(format!("shape.{what}: is {found}, must lie within 1..={most}"));
        }
        if self.refine > MOST_REFINE {
            return Some(format!(
                "shape.refine: is {}, must be {MOST_REFINE} at most",
                self.refine
            ));
        }
        if !self.width.is_multiple_of(self.heads) || !self.width.is_multiple_of(4) {
            return Some(format!(
                "shape.width: {} is no multiple of 4 and of the {} heads",
                self.width, self.heads
            ));
        }
        None
    }

    /// Names and shapes of all weights.
    pub fn weights(&self) -> Vec<TensorShape> {
        let mut all: Vec<TensorShape> = Vec::new();
        let mut linear = |name: &str, inputs: usize, outputs: usize| {
            all.push((format!("{name}.weight"), vec![outputs, inputs]));
            all.push((format!("{name}.bias"), vec![outputs]));
        };
        let (cell, width) = (self.cell, self.width);
        linear("embed.0", INPUTS, self.embed);
        linear("embed.1", self.embed, cell);
        linear("near.0", NEIGHBOURS * cell, cell);
        linear("near.1", cell, cell);
        linear("merge", MERGED * cell, width);
        for layer in 0..self.layers {
            linear(&format!("blocks.{layer}.qkv"), width, 3 * width);
            linear(&format!("blocks.{layer}.out"), width, width);
            linear(&format!("blocks.{layer}.up"), width, self.hidden);
            linear(&format!("blocks.{layer}.down"), self.hidden, width);
        }
        linear("split", width, MERGED * cell);
        for layer in 0..self.refine {
            linear(&format!("refine.{layer}.0"), NEIGHBOURS * cell, cell);
            linear(&format!("refine.{layer}.1"), cell, cell);
        }
        linear("head.0", cell, self.head);
        linear("head.1", self.head, self.features);
        let mut norm = |name: &str, width: usize| all.push((format!("{name}.weight"), vec![width]));
        norm("near.norm", cell);
        for layer in 0..self.layers {
            norm(&format!("blocks.{layer}.norm1"), width);
            norm(&format!("blocks.{layer}.norm2"), width);
        }
        norm("split.norm", width);
        (0..self.refine).for_each(|layer| norm(&format!("refine.{layer}.norm"), cell));
        norm("head.norm", cell);
        all
    }
}

/// The state and the name that `name` is made of, where it is made of one of `names` and a word
/// before it.
pub fn state_and_name<'a>(name: &'a str, names: &[String]) -> Option<(&'a str, &'a str)> {
    let (state, plain) = name.split_once(' ')?;
    names.iter().any(|known| known == plain).then_some((state, plain))
}

fn one() -> usize {
    1
}

impl SceneVitConfig {
    /// A configuration with this shape, parts of large pictures, and names.
    pub fn new(shape: SceneVitShape, most_across: usize, names: Vec<String>) -> Self {
        Self { model_type: MODEL_TYPE.to_owned(), shape, most_across, names }
    }

    /// The names without a state, and the others as state and name.
    pub fn names_and_states(&self) -> (Vec<String>, Vec<[String; 2]>) {
        let (mut plain, mut states) = (Vec::new(), Vec::new());
        for name in &self.names {
            match state_and_name(name, &self.names) {
                Some((state, of)) => states.push([state.to_owned(), of.to_owned()]),
                None => plain.push(name.clone()),
            }
        }
        (plain, states)
    }

    /// Reads and checks `config.json` of a folder.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is of another kind of model, or holds sizes that cannot be.
    pub fn read(folder: &Path) -> Result<Self, VisionError> {
        read_config(folder, Self::fault)
    }

    /// What in it is of another kind of model or cannot be.
    fn fault(&self) -> Option<String> {
        let Self { model_type, most_across, shape, .. } = self;
        if model_type != MODEL_TYPE {
            return Some(format!("model_type: is '{model_type}', must be '{MODEL_TYPE}'"));
        }
        if !(1..=MOST_ACROSS).contains(most_across) {
            return Some(format!(
                "most_across: is {most_across}, must lie within 1..={MOST_ACROSS}"
            ));
        }
        shape.fault()
    }
}
