//! Causal attention with shared key-value heads.

use candle_core::{DType, Device, Tensor};
use candle_nn::attention::{AttnMask, flash_attn};

/// Attention of queries `(b, t, heads, width)` at positions `offset..offset + t` over keys and
/// values `(b, offset + t, kv_heads, width)`, to `(b, t, heads * width)`. No gradient passes through
/// it; training has a way of its own.
pub fn attend(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    offset: usize,
) -> candle_core::Result<Tensor> {
    let (batch, count, heads, width) = queries.dims4()?;
    if queries.device().is_cpu() && queries.dtype() == DType::F32 && batch == 1 {
        let scale = 1.0 / (width as f32).sqrt();
        let mask = AttnMask::causal_with_offset(offset);
        let mixed = flash_attn::<f32>(queries, keys, values, scale, mask, None, None)?;
        return mixed.transpose(1, 2)?.reshape((batch, count, heads * width));
    }
    attend_plainly(queries, keys, values, offset)
}

/// The same written out, for the devices and types the kernel does not know.
fn attend_plainly(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    offset: usize,
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
    let scores = (queries.matmul(&keys.transpose(2, 3)?)? * (1.0 / (width as f64).sqrt()))?;
    let mut scores = scores.to_dtype(DType::F32)?;
    if count > 1 {
        let mask = causal_mask(count, offset, filled, scores.device())?;
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

/// `(count, filled)`: 0 where query `offset + row` may look, minus infinity ahead of it.
fn causal_mask(
    count: usize,
    offset: usize,
    filled: usize,
    device: &Device,
) -> candle_core::Result<Tensor> {
    let mask: Vec<f32> = (0..count)
        .flat_map(|row| {
            (0..filled).map(move |key| if key > offset + row { f32::NEG_INFINITY } else { 0.0 })
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

    #[test]
    fn fast_equals_plain_for_every_sharing_and_offset() {
        for (heads, kv_heads) in [(4, 4), (4, 2), (6, 2), (3, 1)] {
            for (count, offset) in [(1, 0), (1, 9), (5, 0), (5, 3), (70, 11)] {
                let random = |count, heads| {
                    Tensor::randn(0f32, 1.0, (1, count, heads, 16), &Device::Cpu).unwrap()
                };
                let queries = random(count, heads);
                let keys = random(offset + count, kv_heads);
                let values = random(offset + count, kv_heads);
                let fast = attend(&queries, &keys, &values, offset).unwrap();
                let plain = attend_plainly(&queries, &keys, &values, offset).unwrap();
                let difference = largest_difference(&fast, &plain);
                assert!(difference < 1e-5, "{heads}/{kv_heads} {count}+{offset}: {difference}");
            }
        }
    }
}
