//! The shape of a Llama.

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

/// All numbers that fix a Llama decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct LlamaConfig {
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
    /// Names and shapes of all tensors, as Hugging Face calls them.
    pub fn tensor_shapes(&self) -> Vec<(String, Vec<usize>)> {
        let (hidden, inner) = (self.hidden_size, self.intermediate_size);
        let (queries, keys) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let mut shapes = vec![
            ("model.embed_tokens.weight".to_string(), vec![self.vocab_size, hidden]),
            ("model.norm.weight".to_string(), vec![hidden]),
        ];
        if !self.tie_word_embeddings {
            shapes.push(("lm_head.weight".to_string(), vec![self.vocab_size, hidden]));
        }
        let block = [
            ("self_attn.q_proj", vec![queries, hidden]),
            ("self_attn.k_proj", vec![keys, hidden]),
            ("self_attn.v_proj", vec![keys, hidden]),
            ("self_attn.o_proj", vec![hidden, queries]),
            ("mlp.gate_proj", vec![inner, hidden]),
            ("mlp.up_proj", vec![inner, hidden]),
            ("mlp.down_proj", vec![hidden, inner]),
            ("input_layernorm", vec![hidden]),
            ("post_attention_layernorm", vec![hidden]),
        ];
        for layer in 0..self.layers {
            shapes.extend(block.iter().map(|(part, shape)| {
                (format!("model.layers.{layer}.{part}.weight"), shape.clone())
            }));
        }
        shapes
    }

    /// Number of weights of the whole model.
    pub fn parameters(&self) -> u64 {
        let [hidden, inner, vocabulary] =
            [self.hidden_size, self.intermediate_size, self.vocab_size].map(|n| n as u64);
        let queries = (self.heads * self.head_dim) as u64;
        let keys = (self.kv_heads * self.head_dim) as u64;
        let block = 2 * hidden * (queries + keys) + 3 * hidden * inner + 2 * hidden;
        let tables = if self.tie_word_embeddings { 1 } else { 2 };
        self.layers as u64 * block + tables * vocabulary * hidden + hidden
    }

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
