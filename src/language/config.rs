//! The shape of a Llama, or of what is built like it.

use super::family::Family;

/// How rotary frequencies are stretched beyond the length a model was first trained on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// All frequencies are divided by the factor.
    Linear(f64),
    /// Llama 3: long wavelengths are divided by `factor`, short ones kept, those between blended.
    Llama3 {
        /// Divisor of the long wavelengths.
        factor: f64,
        /// Wavelengths above `original / low_freq_factor` positions are long.
        low_freq_factor: f64,
        /// Wavelengths below `original / high_freq_factor` positions are short.
        high_freq_factor: f64,
        /// Context length of the first training, in positions.
        original_max_position_embeddings: usize,
    },
}

/// How a decoder looks back.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Looking {
    /// Positions that layers with a window look back on, their own included; all where there is
    /// none.
    pub window: Option<usize>,
    /// Every so many-th layer looks back on everything, the others have the window; 0: all layers
    /// have it.
    pub global_every: usize,
    /// Base of the rotary frequencies of layers with a window, where it is one of its own.
    pub window_rope_theta: Option<f64>,
    /// Scores are divided by the root of this; by that of the width of a head unless given.
    pub query_scale: Option<f64>,
    /// Soft limit of the scores.
    pub score_limit: Option<f64>,
}

impl Looking {
    /// The window of layer `layer`, if it has one.
    pub fn window_of(&self, layer: usize) -> Option<usize> {
        let is_global = self.global_every > 0 && (layer + 1).is_multiple_of(self.global_every);
        self.window.filter(|_| !is_global)
    }
}

/// All numbers that fix a Llama decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct LlamaConfig {
    /// Where it differs from Llama.
    pub family: Family,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward blocks.
    pub intermediate_size: usize,
    /// Number of decoder blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Rows of the embedding table.
    pub vocab_size: usize,
    /// Epsilon of the RMS norms.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Stretching of the rotary frequencies.
    pub rope_scaling: RopeScaling,
    /// Numbers of a head that are rotated, the first ones; `head_dim` where all are.
    pub rotary_dim: usize,
    /// Divisors of the rotary frequencies, half of `rotary_dim`; empty: none.
    pub rope_divisors: Vec<f32>,
    /// Cosines and sines are multiplied by this.
    pub rope_magnitude: f64,
    /// How it looks back.
    pub looking: Looking,
    /// Soft limit of the logits.
    pub logit_limit: Option<f64>,
    /// Longest context, in positions.
    pub max_position_embeddings: usize,
    /// Whether the output layer shares the embedding table.
    pub tie_word_embeddings: bool,
    /// Token that begins a text.
    pub bos: Option<u32>,
    /// Tokens that end a text.
    pub eos: Vec<u32>,
}

impl LlamaConfig {
    /// Bytes of keys and values of `positions` positions, `bytes` a number.
    pub fn kv_cache_bytes(&self, positions: usize, bytes: usize) -> u64 {
        2 * (self.layers * self.kv_heads * self.head_dim * bytes) as u64 * positions as u64
    }

    /// Bounds far above any known Llama; they keep a broken file from asking for absurd memory.
    pub(super) fn check(&self) -> Result<(), String> {
        let bounds = [
            ("hidden_size", self.hidden_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 18),
            ("number of layers", self.layers, 1 << 10),
            ("number of heads", self.heads, 1 << 10),
            ("number of key-value heads", self.kv_heads, 1 << 10),
            ("head_dim", self.head_dim, 1 << 10),
            ("vocab_size", self.vocab_size, 1 << 22),
            ("max_position_embeddings", self.max_position_embeddings, 1 << 24),
        ];
        for (name, value, most) in bounds {
            if value == 0 || value > most {
                return Err(format!("{name} is {value}, must be 1..={most}"));
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            let (heads, kv_heads) = (self.heads, self.kv_heads);
            return Err(format!("{heads} heads cannot share {kv_heads} key-value heads"));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(format!("head_dim is {}, must be even", self.head_dim));
        }
        if !self.rotary_dim.is_multiple_of(2) || self.rotary_dim > self.head_dim {
            let (rotated, width) = (self.rotary_dim, self.head_dim);
            return Err(format!("{rotated} numbers of a head of {width} cannot be rotated"));
        }
        let divisors = &self.rope_divisors;
        let sound = divisors.iter().all(|divisor| divisor.is_finite() && *divisor > 0.0);
        if !sound || !(divisors.is_empty() || 2 * divisors.len() == self.rotary_dim) {
            return Err("the factors of the rotary frequencies are not usable".into());
        }
        let Looking { window, window_rope_theta, query_scale, score_limit, .. } = self.looking;
        let above = |number: Option<f64>, least: f64| {
            number.is_none_or(|number| number.is_finite() && number >= least)
        };
        let limits = [score_limit, self.logit_limit, query_scale, Some(self.rope_magnitude)];
        if window == Some(0)
            || !above(window_rope_theta, 1.0)
            || !limits.iter().all(|limit| above(*limit, 1e-6))
        {
            return Err(format!("windows and limits {:?} are not usable", self.looking));
        }
        if !(self.rms_norm_eps > 0.0 && self.rms_norm_eps < 1.0) {
            return Err(format!("rms_norm_eps is {}, must be in (0, 1)", self.rms_norm_eps));
        }
        if !(self.rope_theta >= 1.0 && self.rope_theta.is_finite()) {
            return Err(format!("rope_theta is {}, must be at least 1", self.rope_theta));
        }
        let scaling_is_sound = match self.rope_scaling {
            RopeScaling::None => true,
            RopeScaling::Linear(factor) => factor.is_finite() && factor > 0.0,
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, .. } => {
                let finite = [factor, low_freq_factor, high_freq_factor]
                    .iter()
                    .all(|number| number.is_finite() && *number > 0.0);
                finite && high_freq_factor > low_freq_factor
            }
        };
        if !scaling_is_sound {
            return Err(format!("rope scaling {:?} is not usable", self.rope_scaling));
        }
        let mut special = self.bos.iter().chain(&self.eos);
        match special.find(|id| **id as usize >= self.vocab_size) {
            Some(id) => Err(format!("special token {id} is outside the vocabulary")),
            None => Ok(()),
        }
    }
}
