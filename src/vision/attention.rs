//! Attention from one sequence to another, and perceptrons: what decoders are made of.

use candle_core::{D, Module, Tensor};

use super::VisionError;
use super::attend::{Added, attend};
use super::checkpoint::Checkpoint;
use super::linear::Linear;
use super::transformer::Activation;

type Computed = Result<Tensor, candle_core::Error>;

/// Attention with a map each for queries, keys, values and what comes out.
#[derive(Debug)]
pub(super) struct Attention {
    heads: usize,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
}

impl Attention {
    /// Loads the maps `names` of queries, keys, values and what comes out, from `width` channels to
    /// `inner` and back.
    pub fn load(
        names: [&str; 4],
        heads: usize,
        [width, inner]: [usize; 2],
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let [q, k, v, out] = names;
        Ok(Self {
            heads,
            q: from.linear(q, width, inner)?,
            k: from.linear(k, width, inner)?,
            v: from.linear(v, width, inner)?,
            out: from.linear(out, inner, width)?,
        })
    }

    /// `(batch, queries, width)` of `query` of that shape, and `key` and `value` of shape `(batch,
    /// keys, width)`. `mask` is added to the scores, `(queries, keys)`.
    pub fn forward(
        &self,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
        mask: Option<&Tensor>,
    ) -> Computed {
        let split = |x: Tensor| {
            let (batch, tokens, inner) = x.dims3()?;
            x.reshape((batch, tokens, self.heads, inner / self.heads))?
                .transpose(1, 2)?
                .flatten(0, 1)
        };
        let (q, k) = (split(self.q.forward(query)?)?, split(self.k.forward(key)?)?);
        let v = split(self.v.forward(value)?)?;
        let scale = (q.dim(D::Minus1)? as f64).powf(-0.5);
        let mask = mask.map(|mask| mask.unsqueeze(0)).transpose()?;
        let mixed = attend(&q, &k, &v, scale, &Added::mask(mask.as_ref()))?;
        let (heads, queries, head) = mixed.dims3()?;
        let mixed = mixed.reshape((heads / self.heads, self.heads, queries, head))?;
        self.out.forward(&mixed.transpose(1, 2)?.flatten_from(2)?)
    }
}

/// Linear maps with ReLUs between them.
#[derive(Debug)]
pub(super) struct Perceptron(pub Vec<Linear>);

impl Perceptron {
    pub fn forward(&self, x: &Tensor) -> Computed {
        let Some((last, maps)) = self.0.split_last() else { return Ok(x.clone()) };
        let hidden =
            maps.iter().try_fold(x.clone(), |x, map| map.activated(&x, Activation::Relu))?;
        last.forward(&hidden)
    }
}
