//! Attention between a few tokens and the many places of a picture, one way and the other.
//!
//! A head compares `x Q` with `y K`, and `(x Q)(y K)ᵀ` is `(x Q Kᵀ) yᵀ`: whichever side is the shorter can go
//! through both maps. It is the same with values: the mean of what places are mapped to is what their mean is
//! mapped to. A point's 7 tokens and 8 heads make 56 rows; to compare them with 4096 places as these are takes
//! less than half of what it takes to map the places to 128 channels, which would then have to be cut into heads.

use candle_core::{Device, Module, Tensor};

use super::super::attend::{Added, attend};
use super::super::checkpoint::Checkpoint;
use super::super::linear::Linear;
use super::super::pointwise::added;
use super::Computed;
use super::config::SamDecoderConfig;
use crate::numeric::softmax::softmax;
use crate::vision::VisionError;

/// Which channels are which head's.
#[derive(Debug, Clone)]
pub(super) struct Heads {
    /// `(heads, 1, channels)`: one where a channel is the head's, else zero.
    own: Tensor,
    /// What products of queries and keys are multiplied by.
    scale: f64,
}

impl Heads {
    pub fn new(config: &SamDecoderConfig, device: &Device) -> Result<Self, candle_core::Error> {
        let (heads, channels) = (config.num_attention_heads, channels(config));
        let each = channels / heads;
        let own = (0..heads)
            .flat_map(|head| (0..channels).map(move |channel| f32::from(channel / each == head)));
        let own = Tensor::from_iter(own, device)?.reshape((heads, 1, channels))?;
        Ok(Self { own, scale: (each as f64).powf(-0.5) })
    }

    /// A row for each head and each token, with zeros for the channels of other heads: `(prompts, heads ·
    /// tokens, channels)` of `(prompts, tokens, channels)`.
    fn apart(&self, x: &Tensor) -> Computed {
        x.unsqueeze(1)?.broadcast_mul(&self.own)?.flatten(1, 2)
    }

    /// Undoes that: of the rows of each head its own channels.
    fn together(&self, x: &Tensor) -> Computed {
        let (prompts, rows, channels) = x.dims3()?;
        let heads = self.own.dim(0)?;
        let by_head = x.reshape((prompts, heads, rows / heads, channels))?;
        by_head.broadcast_mul(&self.own)?.sum(1)
    }
}

/// Channels that tokens and places are compared by, those of all heads together.
fn channels(config: &SamDecoderConfig) -> usize {
    config.hidden_size / config.attention_downsample_rate
}

/// What tokens find in a picture.
#[derive(Debug)]
pub(super) struct ToPicture {
    heads: Heads,
    q: Linear,
    /// The map of keys turned round: from what queries are compared by to the channels of places.
    k: Linear,
    v: Linear,
    out: Linear,
}

impl ToPicture {
    /// Loads the maps called `name`.
    pub fn load(
        config: &SamDecoderConfig,
        heads: &Heads,
        name: &str,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let (width, inner) = (config.hidden_size, channels(config));
        let named = |part: &str| format!("{name}.{part}");
        let q = from.linear(&named("q_proj"), width, inner)?;
        let k = from.tensor(&named("k_proj.weight"), &[inner, width])?;
        // Adds the same to all that a query is compared with, which softmax takes out again.
        from.tensor(&named("k_proj.bias"), &[inner])?;
        Ok(Self {
            heads: heads.clone(),
            q,
            k: from.map(&k.t()?, None)?,
            v: from.linear(&named("v_proj"), width, inner)?,
            out: from.linear(&named("out_proj"), inner, width)?,
        })
    }

    /// `(prompts, tokens, width)` of tokens of that shape; of the places, `(prompts, places, width)`, by what
    /// they are found and what they are.
    pub fn forward(&self, tokens: &Tensor, placed: &Tensor, keys: &Tensor) -> Computed {
        let q = self.k.forward(&self.heads.apart(&self.q.forward(tokens)?)?)?;
        let found = attend(&q, placed, keys, self.heads.scale, &Added::default())?;
        self.out.forward(&self.heads.together(&self.v.forward(&found)?)?)
    }
}

/// What the places of a picture find in tokens.
#[derive(Debug)]
pub(super) struct ToTokens {
    heads: Heads,
    /// The map of queries turned round: from what keys are compared by to the channels of places.
    q: Linear,
    q_bias: Tensor,
    k: Linear,
    v: Linear,
    out: Linear,
    out_bias: Tensor,
}

impl ToTokens {
    /// Loads the maps called `name`.
    pub fn load(
        config: &SamDecoderConfig,
        heads: &Heads,
        name: &str,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let (width, inner) = (config.hidden_size, channels(config));
        let named = |part: &str| format!("{name}.{part}");
        let q = from.tensor(&named("q_proj.weight"), &[inner, width])?;
        let q_bias = from.tensor(&named("q_proj.bias"), &[inner])?;
        let k = from.linear(&named("k_proj"), width, inner)?;
        let v = from.linear(&named("v_proj"), width, inner)?;
        let out = from.tensor(&named("out_proj.weight"), &[width, inner])?;
        let out_bias = from.tensor(&named("out_proj.bias"), &[width])?;
        let (q, out) = (from.map(&q.t()?, None)?, from.map(&out, None)?);
        Ok(Self { heads: heads.clone(), q, q_bias, k, v, out, out_bias })
    }

    /// `keys` and what each place finds, `(prompts, places, width)`; of the tokens, `(prompts, tokens, width)`,
    /// by what they are found and what they are. Places look by `placed`.
    pub fn added_to(
        &self,
        keys: &Tensor,
        placed: &Tensor,
        tokens: &Tensor,
        values: &Tensor,
    ) -> Computed {
        let (prompts, places, _) = placed.dims3()?;
        let (heads, count) = (self.heads.own.dim(0)?, tokens.dim(1)?);
        let k = self.heads.apart(&(self.k.forward(tokens)? * self.heads.scale)?)?;
        // What the bias of queries makes of each key, wherever it is looked for from.
        let always = k.broadcast_mul(&self.q_bias)?.sum_keepdim(2)?.transpose(1, 2)?;
        let k = self.q.forward(&k)?;
        let scores = placed.matmul(&k.transpose(1, 2)?)?.broadcast_add(&always)?;
        let shares = softmax(&scores.reshape((prompts, places, heads, count))?)?.flatten_from(2)?;
        let v = self.out.forward(&self.heads.apart(&self.v.forward(values)?)?)?;
        added(keys, shares.matmul(&v)?, Some(&self.out_bias), None)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::vision::attention::Attention;
    use crate::vision::fixtures::{assert_close, numbers, values};

    const PARTS: [&str; 4] = ["q_proj", "k_proj", "v_proj", "out_proj"];

    /// The same maps thrice: turned round both ways, and as they stand in the file.
    fn all() -> (ToPicture, ToTokens, Attention) {
        let config = SamDecoderConfig {
            hidden_size: 24,
            num_attention_heads: 3,
            ..SamDecoderConfig::default()
        };
        let mut tensors = HashMap::new();
        for (part, step) in PARTS.into_iter().zip([0.71, 1.13, 1.97, 2.31]) {
            let [outputs, inputs] = if part == "out_proj" { [24, 12] } else { [12, 24] };
            tensors.insert(format!("maps.{part}.weight"), numbers(&[outputs, inputs], step));
            tensors.insert(format!("maps.{part}.bias"), numbers(&[outputs], 3.0 * step));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        candle_core::safetensors::save(&tensors, &path).unwrap();
        let mut from = Checkpoint::open("test", &path, &Device::Cpu).unwrap();
        let heads = Heads::new(&config, &Device::Cpu).unwrap();
        let names = PARTS.map(|part| format!("maps.{part}"));
        let names = names.each_ref().map(String::as_str);
        (
            ToPicture::load(&config, &heads, "maps", &mut from).unwrap(),
            ToTokens::load(&config, &heads, "maps", &mut from).unwrap(),
            Attention::load(names, 3, [24, 12], &mut from).unwrap(),
        )
    }

    #[test]
    fn what_is_found_is_what_is_found_when_both_sides_are_mapped() {
        let (to_picture, to_tokens, both) = all();
        let [placed, keys] = [0.13, 0.37].map(|step| numbers(&[2, 30, 24], step));
        let [tokens, told] = [0.29, 0.53].map(|step| numbers(&[2, 5, 24], step));
        let found = to_picture.forward(&tokens, &placed, &keys).unwrap();
        let expected = both.forward(&tokens, &placed, &keys, None).unwrap();
        assert_eq!(found.dims(), [2, 5, 24]);
        assert_close(&values(&found), &values(&expected));
        let found = to_tokens.added_to(&keys, &placed, &tokens, &told).unwrap();
        let expected = (&keys + both.forward(&placed, &tokens, &told, None).unwrap()).unwrap();
        assert_eq!(found.dims(), [2, 30, 24]);
        assert_close(&values(&found), &values(&expected));
    }

    /// As the first block does it: nothing is copied for each prompt.
    #[test]
    fn prompts_may_share_a_picture() {
        let (to_picture, to_tokens, _) = all();
        let [placed, keys] =
            [0.13, 0.37].map(|step| numbers(&[1, 30, 24], step).broadcast_as((2, 30, 24)).unwrap());
        let [tokens, told] = [0.29, 0.53].map(|step| numbers(&[2, 5, 24], step));
        let [own_placed, own_keys] = [&placed, &keys].map(|x| x.contiguous().unwrap());
        assert!(!placed.is_contiguous() && own_placed.is_contiguous());
        let found = to_picture.forward(&tokens, &placed, &keys).unwrap();
        let expected = to_picture.forward(&tokens, &own_placed, &own_keys).unwrap();
        assert_close(&values(&found), &values(&expected));
        let found = to_tokens.added_to(&keys, &placed, &tokens, &told).unwrap();
        let expected = to_tokens.added_to(&own_keys, &own_placed, &tokens, &told).unwrap();
        assert_close(&values(&found), &values(&expected));
    }
}
