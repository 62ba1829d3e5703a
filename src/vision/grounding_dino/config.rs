//! Sizes of a Grounding DINO model, from Hugging Face's `config.json`.

use std::path::Path;

use serde::Deserialize;

use super::super::checkpoint::read_config;
use super::super::transformer::Activation;
use super::swin_config::SwinConfig;
use crate::vision::VisionError;

/// Groups of the norms behind the maps into the model's width.
pub(super) const GROUPS: usize = 32;

/// Sizes of a Grounding DINO model; what a file leaves out is that of the public models.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct GroundingDinoConfig {
    model_type: String,
    /// The picture tower.
    pub backbone_config: SwinConfig,
    /// The text tower.
    pub text_config: BertConfig,
    /// Most boxes of a picture.
    pub num_queries: usize,
    /// Layers in which picture and text look at each other.
    pub encoder_layers: usize,
    /// Length of the hidden layer of each of them.
    pub encoder_ffn_dim: usize,
    /// Heads of their attention within the picture; between picture and text, half of them.
    pub encoder_attention_heads: usize,
    /// Layers in which boxes are refined.
    pub decoder_layers: usize,
    /// Length of the hidden layer of each of them.
    pub decoder_ffn_dim: usize,
    /// Heads of their attention.
    pub decoder_attention_heads: usize,
    /// Between the two maps of small networks.
    pub activation_function: Activation,
    /// Width of a place, a word and a box.
    pub d_model: usize,
    /// How places are told; `sine` is known.
    pub position_embedding_type: String,
    /// By how much the slowest of its waves is slower than the fastest.
    pub positional_embedding_temperature: f64,
    /// Scales of the picture.
    pub num_feature_levels: usize,
    /// Places of a scale that a head of the encoder looks at.
    pub encoder_n_points: usize,
    /// Places of a scale that a head of the decoder looks at.
    pub decoder_n_points: usize,
    /// Whether boxes begin as the places that are most like the words; only `true` is known.
    pub two_stage: bool,
    /// Whether what a box begins with is learned; only `true` is known.
    pub embedding_init_target: bool,
    /// Numbers of a box; only 4 are known.
    pub query_dim: usize,
    /// Most tokens of a text.
    pub max_text_len: usize,
    /// Whether all layers refine boxes by the same map.
    pub decoder_bbox_embed_share: bool,
    /// Whether first boxes come from that map too; only `false` is known.
    pub two_stage_bbox_embed_share: bool,
    /// What norms add to the variance.
    pub layer_norm_eps: f64,
}

impl Default for GroundingDinoConfig {
    fn default() -> Self {
        Self {
            model_type: String::new(),
            backbone_config: SwinConfig::default(),
            text_config: BertConfig::default(),
            num_queries: 900,
            encoder_layers: 6,
            encoder_ffn_dim: 2048,
            encoder_attention_heads: 8,
            decoder_layers: 6,
            decoder_ffn_dim: 2048,
            decoder_attention_heads: 8,
            activation_function: Activation::Relu,
            d_model: 256,
            position_embedding_type: "sine".into(),
            positional_embedding_temperature: 20.0,
            num_feature_levels: 4,
            encoder_n_points: 4,
            decoder_n_points: 4,
            two_stage: true,
            embedding_init_target: true,
            query_dim: 4,
            max_text_len: 256,
            decoder_bbox_embed_share: true,
            two_stage_bbox_embed_share: false,
            layer_norm_eps: 1e-5,
        }
    }
}

/// Sizes of a BERT text tower (arXiv 1810.04805).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct BertConfig {
    model_type: String,
    /// Number of tokens.
    pub vocab_size: usize,
    /// Width of a token.
    pub hidden_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Number of attention heads.
    pub num_attention_heads: usize,
    /// Length of the hidden layer of each layer.
    pub intermediate_size: usize,
    /// Between the two maps of a layer's small network.
    pub hidden_act: Activation,
    /// Places of a text that have a position.
    pub max_position_embeddings: usize,
    /// Kinds of text.
    pub type_vocab_size: usize,
    /// What norms add to the variance.
    pub layer_norm_eps: f64,
}

impl Default for BertConfig {
    fn default() -> Self {
        Self {
            model_type: "bert".into(),
            vocab_size: 30_522,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: Activation::Gelu,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            layer_norm_eps: 1e-12,
        }
    }
}

impl GroundingDinoConfig {
    /// Reads `config.json` in `folder`.
    pub fn read(folder: &Path) -> Result<Self, VisionError> {
        read_config(folder, Self::fault)
    }

    /// What in the sizes is unknown here, does not go together or is larger than anything that
    /// exists.
    fn fault(&self) -> Option<String> {
        let (swin, bert) = (&self.backbone_config, &self.text_config);
        let kinds = [
            ("model_type", &self.model_type, "grounding-dino"),
            ("backbone_config.model_type", &swin.model_type, "swin"),
            ("text_config.model_type", &bert.model_type, "bert"),
            ("position_embedding_type", &self.position_embedding_type, "sine"),
        ];
        if let Some((what, found, known)) =
            kinds.into_iter().find(|(_, found, known)| found != known)
        {
            return Some(format!("{what}: is '{found}', must be '{known}'"));
        }
        let switches = [
            ("two_stage", self.two_stage, true),
            ("embedding_init_target", self.embedding_init_target, true),
            ("two_stage_bbox_embed_share", self.two_stage_bbox_embed_share, false),
            ("backbone_config.use_absolute_embeddings", swin.use_absolute_embeddings, false),
        ];
        if let Some((what, found, known)) =
            switches.into_iter().find(|(_, found, known)| found != known)
        {
            return Some(format!("{what}: is {found}, only {known} is known"));
        }
        let heads = self.encoder_attention_heads;
        let within = [
            ("num_queries", self.num_queries, 10_000),
            ("encoder_layers", self.encoder_layers, 64),
            ("encoder_ffn_dim", self.encoder_ffn_dim, 131_072),
            ("encoder_attention_heads", heads, 1024),
            ("decoder_layers", self.decoder_layers, 64),
            ("decoder_ffn_dim", self.decoder_ffn_dim, 131_072),
            ("decoder_attention_heads", self.decoder_attention_heads, 1024),
            ("d_model", self.d_model, 4096),
            ("num_feature_levels", self.num_feature_levels, 8),
            ("encoder_n_points", self.encoder_n_points, 64),
            ("decoder_n_points", self.decoder_n_points, 64),
            ("max_text_len", self.max_text_len, 4096),
            ("text_config.vocab_size", bert.vocab_size, 1 << 21),
            ("text_config.hidden_size", bert.hidden_size, 16_384),
            ("text_config.num_hidden_layers", bert.num_hidden_layers, 256),
            ("text_config.num_attention_heads", bert.num_attention_heads, 1024),
            ("text_config.intermediate_size", bert.intermediate_size, 131_072),
            ("text_config.max_position_embeddings", bert.max_position_embeddings, 65_536),
            ("text_config.type_vocab_size", bert.type_vocab_size, 1024),
        ];
        let fits = [
            ("d_model over the groups of norms", self.d_model, GROUPS),
            ("d_model over the encoder's heads", self.d_model, heads),
            ("d_model over the decoder's heads", self.d_model, self.decoder_attention_heads),
            ("encoder_attention_heads over 2", heads, 2),
            ("encoder_ffn_dim over the encoder's heads", self.encoder_ffn_dim, heads),
            ("text_config.hidden_size over heads", bert.hidden_size, bert.num_attention_heads),
        ];
        beyond(&within).or_else(|| uneven(&fits)).or_else(|| swin.fault()).or_else(|| {
            let (levels, maps) = (self.num_feature_levels, swin.stages().len());
            if self.query_dim != 4 {
                Some(format!("query_dim: is {}, only 4 is known", self.query_dim))
            } else if levels < maps {
                Some(format!("num_feature_levels: is {levels}, the backbone has {maps} maps"))
            } else if self.max_text_len < 4 {
                Some(format!("max_text_len: {} tokens hold no phrase", self.max_text_len))
            } else if !(self.positional_embedding_temperature.is_finite()
                && self.positional_embedding_temperature >= 1.0)
            {
                let found = self.positional_embedding_temperature;
                Some(format!("positional_embedding_temperature: is {found}"))
            } else {
                None
            }
        })
    }
}

/// The first of some numbers that is zero or larger than it can be.
pub(super) fn beyond(within: &[(&str, usize, usize)]) -> Option<String> {
    let (what, found, most) =
        within.iter().find(|(_, found, most)| !(1..=*most).contains(found))?;
    Some(format!("{what}: is {found}, of at most {most}"))
}

/// The first whole that its parts do not fill.
pub(super) fn uneven(fits: &[(&str, usize, usize)]) -> Option<String> {
    let (what, whole, part) = fits.iter().find(|(_, whole, part)| !whole.is_multiple_of(*part))?;
    Some(format!("{what}: {whole} is no multiple of {part}"))
}
