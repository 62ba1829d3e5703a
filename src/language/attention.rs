//! Causal attention with shared key-value heads.

use candle_core::{CpuStorage, DType, Device, InplaceOp1, Layout, Tensor};
use candle_nn::attention::{AttnMask, flash_attn};
use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

use crate::numeric::rows::{last, rows_mut};
use crate::numeric::softmax::SoftmaxRow;

/// Rows of queries that are computed at once where their scores are written out.
const STRIP: usize = 64;
/// Queries from which on products of matrices are faster than candle's kernel, which goes key by key.
const MANY: usize = 16;

/// How queries look at keys.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Scores are multiplied by this.
    pub scale: f64,
    /// Positions a query looks back on, its own included; all where there is none.
    pub window: Option<usize>,
    /// Soft limit of the scores: `limit * tanh(score / limit)`.
    pub limit: Option<f64>,
}

/// Attention of queries `(b, t, heads, width)` at positions `offset..offset + t` over keys and
/// values `(b, offset + t, kv_heads, width)`, to `(b, t, heads * width)`. No gradient passes through
/// it; training has a way of its own.
pub fn attend(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    offset: usize,
    look: Look,
) -> candle_core::Result<Tensor> {
    let (batch, count, heads, width) = queries.dims4()?;
    // What lies before the window of the first query is seen by none of them.
    let hidden = look.window.map_or(0, |window| (offset + 1).saturating_sub(window));
    if hidden > 0 {
        let filled = keys.dim(1)? - hidden;
        let [keys, values] = [keys.narrow(1, hidden, filled)?, values.narrow(1, hidden, filled)?];
        // For one query that is the whole window.
        let window = look.window.filter(|_| count > 1);
        return attend(queries, &keys, &values, offset - hidden, Look { window, ..look });
    }
    let reaches_all = look.window.is_none_or(|window| offset + count <= window);
    let is_plain = batch == 1 && reaches_all && look.limit.is_none();
    if queries.device().is_cpu() && queries.dtype() == DType::F32 && is_plain {
        if count >= MANY {
            return attend_in_strips(queries, keys, values, offset, look.scale as f32);
        }
        let mask = AttnMask::causal_with_offset(offset);
        let mixed = flash_attn::<f32>(queries, keys, values, look.scale as f32, mask, None, None)?;
        return mixed.transpose(1, 2)?.reshape((batch, count, heads * width));
    }
    let strips: candle_core::Result<Vec<Tensor>> = (0..count)
        .step_by(STRIP)
        .map(|start| {
            let rows = STRIP.min(count - start);
            let seen = offset + start + rows;
            let [keys, values] = [keys.narrow(1, 0, seen)?, values.narrow(1, 0, seen)?];
            let queries = queries.narrow(1, start, rows)?;
            attend_plainly(&queries, &keys, &values, offset + start, look)
        })
        .collect();
    Tensor::cat(&strips?, 1)
}

/// The same for many queries on a CPU: a strip of them and a head of keys at a time, threads side by side.
fn attend_in_strips(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    offset: usize,
    scale: f32,
) -> candle_core::Result<Tensor> {
    let (_, count, heads, width) = queries.dims4()?;
    let kv_heads = keys.dim(2)?;
    let shared = heads / kv_heads;
    let queries = queries.reshape((count, kv_heads, shared * width))?;
    let [keys, values] = [keys.squeeze(0)?, values.squeeze(0)?];
    let strip = |start: usize| {
        let rows = STRIP.min(count - start);
        let first = offset + start;
        let head = |head: usize| {
            // Queries that share a key head become rows of one matrix: keys are never repeated.
            let queries = queries.narrow(0, start, rows)?.narrow(1, head, 1)?;
            let queries = queries.reshape((rows * shared, width))?;
            let seen =
                |all: &Tensor| all.narrow(0, 0, first + rows)?.narrow(1, head, 1)?.squeeze(1);
            let scores = queries.matmul(&seen(&keys)?.t()?)?;
            scores.inplace_op1(&Shares { first, shared, scale })?;
            scores.matmul(&seen(&values)?)?.reshape((rows, shared * width))
        };
        let of_heads = (0..kv_heads).into_par_iter().map(head);
        Tensor::cat(&of_heads.collect::<candle_core::Result<Vec<_>>>()?, 1)
    };
    let starts: Vec<usize> = (0..count).step_by(STRIP).collect();
    let strips = starts.into_par_iter().map(strip);
    Tensor::cat(&strips.collect::<candle_core::Result<Vec<_>>>()?, 0)?.unsqueeze(0)
}

/// Scores of queries in a row, of which each looks back on all keys up to its own, become shares.
struct Shares {
    /// Place of the first query.
    first: usize,
    /// Rows for each query.
    shared: usize,
    scale: f32,
}

impl InplaceOp1 for Shares {
    fn name(&self) -> &'static str {
        "shares"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let keys = last(layout);
        for (at, scores) in rows_mut(storage, layout)?.chunks_exact_mut(keys).enumerate() {
            let seen = (self.first + at / self.shared + 1).min(keys);
            Arch::new().dispatch(Share { scores, seen, scale: self.scale });
        }
        Ok(())
    }
}

/// One row of scores. No closure: those are not inlined where wide vectors are allowed.
struct Share<'a> {
    scores: &'a mut [f32],
    seen: usize,
    scale: f32,
}

impl NullaryFnOnce for Share<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let (seen, ahead) = self.scores.split_at_mut(self.seen);
        seen.iter_mut().for_each(|score| *score *= self.scale);
        SoftmaxRow(seen).call();
        ahead.fill(0.0);
    }
}

/// The same written out, for the devices, types and ways of looking the kernel does not know.
fn attend_plainly(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    offset: usize,
    look: Look,
) -> candle_core::Result<Tensor> {
    let (batch, count, heads, width) = queries.dims4()?;
    let (_, filled, kv_heads, _) = keys.dims4()?;
    let shared = heads / kv_heads;
    // Queries that share a key head become rows of one matrix: keys are never repeated.
    let queries = queries
        .reshape((batch, count, kv_heads, shared, width))?
        .permute((0, 2, 3, 1, 4))?
        .reshape((batch, kv_heads, shared * count, width))?;
    let keys = keys.transpose(1, 2)?.contiguous()?;
    let values = values.transpose(1, 2)?.contiguous()?;
    let scores = (queries.matmul(&keys.transpose(2, 3)?)? * look.scale)?;
    let mut scores = scores.to_dtype(DType::F32)?;
    if let Some(limit) = look.limit {
        scores = ((scores / limit)?.tanh()? * limit)?;
    }
    if count > 1 {
        let mask = causal_mask(count, offset, filled, look.window, scores.device())?;
        scores = scores
            .reshape((batch, kv_heads, shared, count, filled))?
            .broadcast_add(&mask)?
            .reshape((batch, kv_heads, shared * count, filled))?;
    }
    candle_nn::ops::softmax_last_dim(&scores)?
        .to_dtype(values.dtype())?
        .matmul(&values)?
        .reshape((batch, kv_heads, shared, count, width))?
        .permute((0, 3, 1, 2, 4))?
        .reshape((batch, count, heads * width))
}

/// `(count, filled)`: 0 where query `offset + row` may look, minus infinity ahead of it and behind
/// its window.
fn causal_mask(
    count: usize,
    offset: usize,
    filled: usize,
    window: Option<usize>,
    device: &Device,
) -> candle_core::Result<Tensor> {
    let sees = |row: usize, key: usize| {
        key <= offset + row && window.is_none_or(|window| key + window > offset + row)
    };
    let mask: Vec<f32> = (0..count)
        .flat_map(|row| {
            (0..filled).map(move |key| if sees(row, key) { 0.0 } else { f32::NEG_INFINITY })
        })
        .collect();
    Tensor::from_vec(mask, (count, filled), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
        (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
    }

    fn random(count: usize, heads: usize) -> Tensor {
        Tensor::randn(0f32, 1.0, (1, count, heads, 16), &Device::Cpu).unwrap()
    }

    const PLAIN: Look = Look { scale: 0.25, window: None, limit: None };

    #[test]
    fn fast_equals_plain_for_every_sharing_and_offset() {
        for (heads, kv_heads) in [(4, 4), (4, 2), (6, 2), (3, 1)] {
            for (count, offset) in [(1, 0), (1, 9), (5, 0), (5, 3), (16, 0), (70, 11)] {
                let queries = random(count, heads);
                let keys = random(offset + count, kv_heads);
                let values = random(offset + count, kv_heads);
                let fast = attend(&queries, &keys, &values, offset, PLAIN).unwrap();
                let plain = attend_plainly(&queries, &keys, &values, offset, PLAIN).unwrap();
                let difference = largest_difference(&fast, &plain);
                assert!(difference < 1e-5, "{heads}/{kv_heads} {count}+{offset}: {difference}");
            }
        }
    }

    #[test]
    fn strips_and_windows_see_what_one_mask_lets_through() {
        for (count, offset, window) in [(1, 9, 4), (5, 3, 3), (5, 0, 9), (150, 11, 20), (70, 3, 1)]
        {
            for limit in [None, Some(2.0)] {
                let look = Look { window: Some(window), limit, ..PLAIN };
                let (queries, keys) = (random(count, 4), random(offset + count, 2));
                let values = random(offset + count, 2);
                let strips = attend(&queries, &keys, &values, offset, look).unwrap();
                // One query has no mask, so it is the last of two.
                let (queries, offset) = match count {
                    1 => (Tensor::cat(&[&queries, &queries], 1).unwrap(), offset - 1),
                    _ => (queries, offset),
                };
                let whole = attend_plainly(&queries, &keys, &values, offset, look).unwrap();
                let whole = whole.narrow(1, whole.dim(1).unwrap() - count, count).unwrap();
                let difference = largest_difference(&strips, &whole);
                assert!(difference < 1e-5, "{count}+{offset} {window}: {difference}");
            }
        }
    }
}
