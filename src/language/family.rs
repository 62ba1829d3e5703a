//! Families of language models that are built like Llama, and where each of them differs.

/// A family, named by the architecture of its decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// Llama 2 and 3, and what calls itself so.
    #[default]
    Llama,
    /// Mistral 7B and its successors.
    Mistral,
    /// Qwen 2 and 2.5: queries, keys and values have a bias.
    Qwen2,
    /// Qwen 3: queries and keys are normalised head by head.
    Qwen3,
    /// Phi 3, 3.5 and 4-mini: queries, keys and values are one matrix; so are gate and up.
    Phi3,
    /// Gemma 1: Llama's parts, with norms, activation and embeddings of its own.
    Gemma,
    /// Gemma 2: norms on both sides of every part, and soft limits for scores and logits.
    Gemma2,
    /// Gemma 3: the same norms, and those of Qwen 3; no soft limits.
    Gemma3,
}

impl Family {
    /// The family that `config.json` calls `model_type`.
    pub(super) fn of_json(model_type: &str) -> Result<Self, String> {
        match model_type {
            "llama" => Ok(Self::Llama),
            "mistral" => Ok(Self::Mistral),
            "qwen2" => Ok(Self::Qwen2),
            "qwen3" => Ok(Self::Qwen3),
            "phi3" => Ok(Self::Phi3),
            "gemma" => Ok(Self::Gemma),
            "gemma2" => Ok(Self::Gemma2),
            "gemma3_text" => Ok(Self::Gemma3),
            other => Err(format!("model_type '{other}' is not one of {}", Self::KNOWN)),
        }
    }

    /// The family that a GGUF file calls `general.architecture`. Mistral goes as Llama there.
    pub(super) fn of_gguf(architecture: &str) -> Result<Self, String> {
        match architecture {
            "llama" => Ok(Self::Llama),
            "qwen2" => Ok(Self::Qwen2),
            "qwen3" => Ok(Self::Qwen3),
            "phi3" => Ok(Self::Phi3),
            "gemma" => Ok(Self::Gemma),
            "gemma2" => Ok(Self::Gemma2),
            "gemma3" => Ok(Self::Gemma3),
            other => Err(format!("general.architecture '{other}' is not one of {}", Self::KNOWN)),
        }
    }

    /// Names of all of them in `config.json`.
    pub(crate) const KNOWN: &'static str =
        "llama, mistral, qwen2, qwen3, phi3, gemma, gemma2, gemma3_text";

    /// Whether queries, keys and values have a bias.
    pub fn has_bias(self) -> bool {
        self == Self::Qwen2
    }

    /// Whether queries and keys are normalised head by head.
    pub fn norms_heads(self) -> bool {
        matches!(self, Self::Qwen3 | Self::Gemma3)
    }

    /// Whether queries, keys and values are one matrix, and gate and up another.
    pub fn is_fused(self) -> bool {
        self == Self::Phi3
    }

    /// Gemma: norms add one to their weight, the activation is GELU, embeddings are multiplied by the
    /// root of their width.
    pub fn is_gemma(self) -> bool {
        matches!(self, Self::Gemma | Self::Gemma2 | Self::Gemma3)
    }

    /// Whether norms stand behind every part too.
    pub fn norms_behind(self) -> bool {
        matches!(self, Self::Gemma2 | Self::Gemma3)
    }

    /// Every so many-th layer looks back on everything, in families whose other layers have a window.
    pub(super) fn global_every(self) -> Option<usize> {
        match self {
            Self::Gemma2 => Some(2),
            Self::Gemma3 => Some(6),
            _ => None,
        }
    }

    /// Whether a GGUF file interleaves the two halves of every head.
    pub(super) fn interleaves_heads(self) -> bool {
        self == Self::Llama
    }

    /// Whether a configuration that does not say so shares the embedding table with the output.
    pub(super) fn ties_by_default(self) -> bool {
        self.is_gemma()
    }
}
