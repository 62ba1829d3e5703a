//! Rotary position embedding: frequencies, and the cosines and sines of a run of positions.

use std::f64::consts::TAU;

use candle_core::{D, DType, Device, Tensor};

use super::config::{LlamaConfig, RopeScaling};

/// Inverse frequencies of one head, half as many as it has numbers that are rotated.
#[derive(Debug, Clone)]
pub struct Rope {
    inverse_frequencies: Vec<f32>,
    magnitude: f32,
}

/// Cosines and sines of a run of positions, each `(count, rotated / 2)`.
#[derive(Debug)]
pub struct RopeTables {
    cos: Tensor,
    sin: Tensor,
}

impl Rope {
    /// Frequencies of `config`, each divided by its factor where `factors` are given.
    pub fn new(config: &LlamaConfig, factors: Option<&[f32]>) -> Self {
        let ours = Some(config.rope_divisors.as_slice()).filter(|factors| !factors.is_empty());
        Self::with_base(config, config.rope_theta, &config.rope_scaling, factors.or(ours))
    }

    /// Frequencies of the layers with a window, where those have a base of their own.
    pub fn of_window(config: &LlamaConfig) -> Option<Self> {
        let base = config.looking.window_rope_theta?;
        Some(Self::with_base(config, base, &RopeScaling::None, None))
    }

    fn with_base(
        config: &LlamaConfig,
        base: f64,
        scaling: &RopeScaling,
        factors: Option<&[f32]>,
    ) -> Self {
        let half = config.rotary_dim / 2;
        let inverse_frequencies = (0..half)
            .map(|index| {
                let exponent = (2 * index) as f64 / config.rotary_dim as f64;
                let plain = base.powf(-exponent);
                let factor = factors.and_then(|factors| factors.get(index));
                (scaled(plain, scaling) / factor.map_or(1.0, |f| f64::from(*f))) as f32
            })
            .collect();
        Self { inverse_frequencies, magnitude: config.rope_magnitude as f32 }
    }

    /// Cosines and sines of positions `start..start + count`.
    pub fn tables(
        &self,
        start: usize,
        count: usize,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<RopeTables> {
        let half = self.inverse_frequencies.len();
        let (mut cos, mut sin) =
            (Vec::with_capacity(count * half), Vec::with_capacity(count * half));
        for position in start..start + count {
            for frequency in &self.inverse_frequencies {
                // The product is rounded to 32 bits, as PyTorch does.
                let angle = position as f32 * frequency;
                cos.push(angle.cos() * self.magnitude);
                sin.push(angle.sin() * self.magnitude);
            }
        }
        let table = |values| Tensor::from_vec(values, (count, half), device)?.to_dtype(dtype);
        Ok(RopeTables { cos: table(cos)?, sin: table(sin)? })
    }
}

impl RopeTables {
    /// Heads `(b, t, heads, width)` with their first numbers rotated.
    pub fn rotate(&self, heads: &Tensor) -> candle_core::Result<Tensor> {
        let (width, rotated) = (heads.dim(D::Minus1)?, 2 * self.cos.dim(1)?);
        if rotated == width {
            return candle_nn::rotary_emb::rope_thd(heads, &self.cos, &self.sin);
        }
        let turned = heads.narrow(D::Minus1, 0, rotated)?.contiguous()?;
        let turned = candle_nn::rotary_emb::rope_thd(&turned, &self.cos, &self.sin)?;
        Tensor::cat(&[turned, heads.narrow(D::Minus1, rotated, width - rotated)?], D::Minus1)
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
