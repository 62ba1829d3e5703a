//! Rotary position embedding: frequencies, and the cosines and sines of a run of positions.

use std::f64::consts::TAU;

use candle_core::{DType, Device, Tensor};

use super::config::{LlamaConfig, RopeScaling};

/// Inverse frequencies of one head, half its width.
#[derive(Debug, Clone)]
pub struct Rope {
    inverse_frequencies: Vec<f32>,
}

impl Rope {
    /// Frequencies of `config`, each divided by its factor where `factors` are given.
    pub fn new(config: &LlamaConfig, factors: Option<&[f32]>) -> Self {
        let half = config.head_dim / 2;
        let inverse_frequencies = (0..half)
            .map(|index| {
                let exponent = (2 * index) as f64 / config.head_dim as f64;
                let plain = config.rope_theta.powf(-exponent);
                let divisor = factors.map_or(1.0, |factors| f64::from(factors[index]));
                (scaled(plain, &config.rope_scaling) / divisor) as f32
            })
            .collect();
        Self { inverse_frequencies }
    }

    /// Cosines and sines of positions `start..start + count`, each `(count, head_dim / 2)`.
    pub fn tables(
        &self,
        start: usize,
        count: usize,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let half = self.inverse_frequencies.len();
        let (mut cos, mut sin) =
            (Vec::with_capacity(count * half), Vec::with_capacity(count * half));
        for position in start..start + count {
            for frequency in &self.inverse_frequencies {
                // The product is rounded to 32 bits, as PyTorch does.
                let angle = position as f32 * frequency;
                cos.push(angle.cos());
                sin.push(angle.sin());
            }
        }
        let table = |values| Tensor::from_vec(values, (count, half), device)?.to_dtype(dtype);
        Ok((table(cos)?, table(sin)?))
    }
}

fn scaled(frequency: f64, scaling: &RopeScaling) -> f64 {
    match *scaling {
        RopeScaling::None => frequency,
        RopeScaling::Linear(factor) => frequency / factor,
        RopeScaling::Llama3 {
            factor,
            low_freq_factor,
            high_freq_factor,
            original_max_position_embeddings,
        } => {
            let turns = original_max_position_embeddings as f64 * frequency / TAU;
            let kept =
                ((turns - low_freq_factor) / (high_freq_factor - low_freq_factor)).clamp(0.0, 1.0);
            frequency * (kept + (1.0 - kept) / factor)
        }
    }
}
