//! Layers in which picture and text look at each other, the words of a phrase at themselves, and
//! each place of the picture at some others.

use candle_core::{D, Module, Tensor};

use super::super::attend::{Added, attend};
use super::super::attention::Attention;
use super::super::checkpoint::Checkpoint;
use super::super::linear::Linear;
use super::super::norm::LayerNorm;
use super::super::transformer::Activation;
use super::config::GroundingDinoConfig;
use super::deformable::{Around, DeformableAttention};
use super::pyramid::Pyramid;
use super::{Computed, load_attention};
use crate::vision::VisionError;

/// Picture and text, each having seen the other.
type Both = Result<(Tensor, Tensor), candle_core::Error>;

#[derive(Debug)]
pub(super) struct EncoderLayer {
    fusion: Fusion,
    words: WordLayer,
    places: PlaceLayer,
}

/// One attention for both directions: the same scores tell which words a place looks at and which
/// places a word looks at (GLIP, arXiv 2112.03857).
#[derive(Debug)]
struct Fusion {
    heads: usize,
    picture_norm: LayerNorm,
    text_norm: LayerNorm,
    picture_query: Linear,
    text_key: Linear,
    picture_value: Linear,
    text_value: Linear,
    picture_out: Linear,
    text_out: Linear,
    /// By how much of what is found each channel changes.
    picture_scale: Tensor,
    text_scale: Tensor,
}

/// Attention within phrases, then a small network, each in front of a norm.
#[derive(Debug)]
struct WordLayer {
    attention: Attention,
    norm1: LayerNorm,
    network: Network,
}

/// Attention to some places of all scales, then a small network, each in front of a norm.
#[derive(Debug)]
struct PlaceLayer {
    attention: DeformableAttention,
    norm1: LayerNorm,
    network: Network,
}

/// A small network whose output is added to what came in, and a norm behind it.
#[derive(Debug)]
pub(super) struct Network {
    fc1: Linear,
    activation: Activation,
    fc2: Linear,
    norm: LayerNorm,
}

/// A text as the encoder takes it in.
#[derive(Debug)]
pub(super) struct Text<'a> {
    /// `(1, tokens, width)`.
    pub words: &'a Tensor,
    /// Of the same shape.
    pub positions: &'a Tensor,
    /// Added to scores among words, `(tokens, tokens)`.
    pub mask: &'a Tensor,
}

impl EncoderLayer {
    pub fn load(
        config: &GroundingDinoConfig,
        index: usize,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let prefix = format!("model.encoder.layers.{index}");
        Ok(Self {
            words: WordLayer::load(config, &format!("{prefix}.text_enhancer_layer"), from)?,
            fusion: Fusion::load(config, &format!("{prefix}.fusion_layer"), from)?,
            places: PlaceLayer::load(config, &format!("{prefix}.deformable_layer"), from)?,
        })
    }

    /// Places `(1, places, width)` and words one layer further. `middles` are those of the places.
    pub fn forward(
        &self,
        places: &Tensor,
        text: &Text,
        pyramid: &Pyramid,
        middles: &[[f32; 2]],
    ) -> Both {
        let (places, words) = self.fusion.forward(places, text.words, pyramid)?;
        let words = self.words.forward(&words, text)?;
        Ok((self.places.forward(&places, pyramid, middles)?, words))
    }
}

impl Fusion {
    fn load(
        config: &GroundingDinoConfig,
        prefix: &str,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let (width, inner) = (config.d_model, config.encoder_ffn_dim / 2);
        let epsilon = config.layer_norm_eps;
        let named = |part: &str| format!("{prefix}.{part}");
        let mut map = |part: &str, inputs, outputs| {
            from.linear(&named(&format!("attn.{part}")), inputs, outputs)
        };
        let picture_query = map("vision_proj", width, inner)?;
        let text_key = map("text_proj", width, inner)?;
        let picture_value = map("values_vision_proj", width, inner)?;
        let text_value = map("values_text_proj", width, inner)?;
        let picture_out = map("out_vision_proj", inner, width)?;
        let text_out = map("out_text_proj", inner, width)?;
        Ok(Self {
            heads: config.encoder_attention_heads / 2,
            picture_norm: from.norm(&named("layer_norm_vision"), width, epsilon)?,
            text_norm: from.norm(&named("layer_norm_text"), width, epsilon)?,
            picture_query,
            text_key,
            picture_value,
            text_value,
            picture_out,
            text_out,
            picture_scale: from.tensor(&named("vision_param"), &[width])?,
            text_scale: from.tensor(&named("text_param"), &[width])?,
        })
    }

    fn forward(&self, places: &Tensor, words: &Tensor, pyramid: &Pyramid) -> Both {
        let places = self.picture_norm.forward(places)?;
        let words = self.text_norm.forward(words)?;
        // (heads, tokens, head width)
        let split = |x: Tensor| {
            let (_, tokens, inner) = x.dims3()?;
            x.reshape((tokens, self.heads, inner / self.heads))?.transpose(0, 1)?.contiguous()
        };
        let query = split(self.picture_query.forward(&places)?)?;
        let scale = (query.dim(D::Minus1)? as f64).powf(-0.5);
        let key = split(self.text_key.forward(&words)?)?;
        let joined = |mixed: Tensor| mixed.transpose(0, 1)?.flatten_from(1)?.unsqueeze(0);
        let text_value = split(self.text_value.forward(&words)?)?;
        let told = joined(attend(&query, &key, &text_value, scale, &Added::default())?)?;
        let picture_value = split(self.picture_value.forward(&places)?)?;
        let (tokens, all) = (key.dim(1)?, query.dim(1)?);
        let filling = pyramid.filling.as_ref();
        let filling = filling.map(|filling| filling.mask.broadcast_as((1, tokens, all)));
        let filling = filling.transpose()?;
        let added = Added::mask(filling.as_ref());
        let shown = joined(attend(&key, &query, &picture_value, scale, &added)?)?;
        let places = self.picture_out.added_to(&places, &told, Some(&self.picture_scale))?;
        Ok((places, self.text_out.added_to(&words, &shown, Some(&self.text_scale))?))
    }
}

impl WordLayer {
    fn load(
        config: &GroundingDinoConfig,
        prefix: &str,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let heads = config.encoder_attention_heads / 2;
        let attention = load_attention(config, &format!("{prefix}.self_attn"), heads, from)?;
        let (width, epsilon) = (config.d_model, config.layer_norm_eps);
        let norm1 = from.norm(&format!("{prefix}.layer_norm_before"), width, epsilon)?;
        let hidden = config.encoder_ffn_dim / 2;
        let network = Network::load(config, prefix, hidden, "layer_norm_after", from)?;
        Ok(Self { attention, norm1, network })
    }

    fn forward(&self, words: &Tensor, text: &Text) -> Computed {
        let placed = words.broadcast_add(text.positions)?;
        let mixed = self.attention.forward(&placed, &placed, words, Some(text.mask))?;
        self.network.forward(&self.norm1.forward(&(words + mixed)?)?)
    }
}

impl PlaceLayer {
    fn load(
        config: &GroundingDinoConfig,
        prefix: &str,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let sizes = [config.encoder_attention_heads, config.encoder_n_points];
        let name = format!("{prefix}.self_attn");
        let attention = DeformableAttention::load(config, sizes, &name, from)?;
        let name = format!("{prefix}.self_attn_layer_norm");
        let norm1 = from.norm(&name, config.d_model, config.layer_norm_eps)?;
        let hidden = config.encoder_ffn_dim;
        let network = Network::load(config, prefix, hidden, "final_layer_norm", from)?;
        Ok(Self { attention, norm1, network })
    }

    fn forward(&self, places: &Tensor, pyramid: &Pyramid, middles: &[[f32; 2]]) -> Computed {
        let placed = (places + &pyramid.positions)?;
        let around = Around::Places(middles);
        let mixed = self.attention.forward(&placed, around, places, pyramid)?;
        self.network.forward(&self.norm1.forward(&(places + mixed)?)?)
    }
}

impl Network {
    /// Loads `prefix.fc1`, `prefix.fc2` and the norm called `norm`.
    pub fn load(
        config: &GroundingDinoConfig,
        prefix: &str,
        hidden: usize,
        norm: &str,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let width = config.d_model;
        Ok(Self {
            fc1: from.linear(&format!("{prefix}.fc1"), width, hidden)?,
            activation: config.activation_function,
            fc2: from.linear(&format!("{prefix}.fc2"), hidden, width)?,
            norm: from.norm(&format!("{prefix}.{norm}"), width, config.layer_norm_eps)?,
        })
    }

    pub fn forward(&self, x: &Tensor) -> Computed {
        let hidden = self.fc1.activated(x, self.activation)?;
        self.norm.forward(&self.fc2.added_to(x, &hidden, None)?)
    }
}
