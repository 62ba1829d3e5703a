//! Sizes of the backbone.

use serde::Deserialize;

use super::super::transformer::{Activation, too_many};
use super::config::{beyond, uneven};

/// Sizes of a Swin transformer (arXiv 2103.14030).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct SwinConfig {
    pub(super) model_type: String,
    /// Width of a patch in the first stage; each further one doubles it.
    pub embed_dim: usize,
    /// Blocks of each stage.
    pub depths: Vec<usize>,
    /// Attention heads of each stage.
    pub num_heads: Vec<usize>,
    /// Edge of the windows that blocks look through, patches.
    pub window_size: usize,
    /// Edge length of a patch, pixels.
    pub patch_size: usize,
    /// Colours of a pixel; only 3 are known.
    pub num_channels: usize,
    /// Length of a block's hidden layer as a multiple of its width.
    pub mlp_ratio: f64,
    /// Whether queries, keys and values have biases.
    pub qkv_bias: bool,
    /// Between the two maps of a block's small network.
    pub hidden_act: Activation,
    /// What norms of blocks add to the variance.
    pub layer_norm_eps: f64,
    /// Whether patches have learned positions; only `false` is known.
    pub use_absolute_embeddings: bool,
    /// Stages whose maps go on, by name: `stage1` is the first.
    pub out_features: Option<Vec<String>>,
    /// The same by number.
    pub out_indices: Option<Vec<usize>>,
}

impl Default for SwinConfig {
    fn default() -> Self {
        Self {
            model_type: "swin".into(),
            embed_dim: 96,
            depths: vec![2, 2, 6, 2],
            num_heads: vec![3, 6, 12, 24],
            window_size: 7,
            patch_size: 4,
            num_channels: 3,
            mlp_ratio: 4.0,
            qkv_bias: true,
            hidden_act: Activation::Gelu,
            layer_norm_eps: 1e-5,
            use_absolute_embeddings: false,
            out_features: None,
            out_indices: None,
        }
    }
}

impl SwinConfig {
    /// Stages whose maps go on, counted from 1; what is the name of none counts as 0.
    pub(in crate::vision) fn stages(&self) -> Vec<usize> {
        let number =
            |name: &String| name.strip_prefix("stage").and_then(|stage| stage.parse().ok());
        match (&self.out_features, &self.out_indices) {
            (Some(names), _) => names.iter().map(|name| number(name).unwrap_or(0)).collect(),
            (None, Some(indices)) => indices.clone(),
            (None, None) => vec![self.depths.len()],
        }
    }

    /// Width of a patch in a stage, counted from 1.
    pub(in crate::vision) fn width(&self, stage: usize) -> usize {
        self.embed_dim << (stage - 1)
    }

    /// What in the sizes is unknown here, does not go together or is larger than anything that
    /// exists.
    pub(super) fn fault(&self) -> Option<String> {
        let (stages, heads) = (self.depths.len(), self.num_heads.len());
        let sizes = [
            ("backbone_config.embed_dim", self.embed_dim, 4096),
            ("backbone_config.depths", stages, 8),
            ("backbone_config.num_heads", heads, 8),
            ("backbone_config.window_size", self.window_size, 128),
            ("backbone_config.patch_size", self.patch_size, 256),
        ];
        let depths = self.depths.iter().map(|depth| ("backbone_config.depths", *depth, 256));
        let within: Vec<_> = sizes.into_iter().chain(depths).collect();
        if let Some(fault) = beyond(&within) {
            return Some(fault);
        }
        if stages != heads {
            return Some(format!("backbone_config: {stages} depths, but {heads} num_heads"));
        }
        if self.num_channels != 3 {
            let found = self.num_channels;
            return Some(format!("backbone_config.num_channels: is {found}, only 3 is known"));
        }
        for (stage, heads) in (1..).zip(&self.num_heads) {
            let hidden = self.hidden(stage);
            let fault = beyond(&[("backbone_config.num_heads", *heads, 1024)])
                .or_else(|| beyond(&[("backbone_config.mlp_ratio times width", hidden, 1 << 20)]))
                .or_else(|| {
                    uneven(&[("backbone_config: width over heads", self.width(stage), *heads)])
                })
                .or_else(|| too_many(self.window_size * self.window_size, *heads));
            if fault.is_some() {
                return fault;
            }
        }
        let out = self.stages();
        let rising = out.is_sorted_by(|a, b| a < b);
        let known = out.iter().all(|stage| (1..=stages).contains(stage));
        (out.is_empty() || !rising || !known).then(|| {
            let said = self.out_features.as_ref().map_or_else(
                || format!("out_indices {:?}", self.out_indices),
                |names| format!("out_features {names:?}"),
            );
            format!("backbone_config: {said} must name some of {stages} stages in their order")
        })
    }

    /// Length of the hidden layer of a stage's blocks.
    pub(in crate::vision) fn hidden(&self, stage: usize) -> usize {
        (self.width(stage) as f64 * self.mlp_ratio) as usize
    }
}
