//! The parts of a checkpoint as its manifest describes them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::chat::EndpointSpec;
use crate::scene::region_token_width;
use crate::vision::Provenance;

/// Families of language models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LanguageKind {
    /// Llama and what is built like it.
    Llama,
}

/// Formats of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightsFormat {
    /// Hugging Face safetensors with `config.json` beside them.
    Safetensors,
    /// llama.cpp's GGUF.
    Gguf,
}

/// The language model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageSpec {
    /// Its family.
    pub kind: LanguageKind,
    /// Format of its weights.
    pub format: WeightsFormat,
    /// The weights: a file, or the folder of the shards.
    pub weights: PathBuf,
    /// The vLLM server that runs it, if it does not run here. Then only the table of tokens is read
    /// from the weights, and prompts are sent as embeddings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointSpec>,
}

/// The features a projector was made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisionSpec {
    /// Name of the extractor.
    pub extractor: String,
    /// Where the extractor's numbers come from.
    pub provenance: Provenance,
    /// Its weights: a file, or a folder; absent where it has none, or where they are public ones that
    /// the user names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// Length of a feature vector.
    pub width: usize,
    /// What becomes a 3D token.
    #[serde(default)]
    pub tokens: TokenKind,
}

impl VisionSpec {
    /// Length of the feature of a token.
    pub fn token_width(&self) -> usize {
        match self.tokens {
            TokenKind::Voxels => self.width,
            TokenKind::Regions => region_token_width(self.width),
        }
    }
}

/// What becomes a 3D token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// Voxels, spread evenly: [`crate::scene::select_scene_tokens`].
    #[default]
    Voxels,
    /// What hangs together and looks alike: [`crate::scene::region_tokens`].
    Regions,
}

/// The projector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectorSpec {
    /// Its weights, safetensors.
    pub weights: PathBuf,
    /// Feature, xyz and rgb: the width of a token's feature and six.
    pub input: usize,
    /// Width of its hidden layers.
    pub hidden: usize,
    /// Width of the language model.
    pub output: usize,
    /// What positions add to the projected tokens.
    #[serde(default)]
    pub position: PositionEmbedding,
}

/// What the position of a 3D token adds to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum PositionEmbedding {
    /// Nothing: xyz in the projector's input must do.
    #[default]
    None,
    /// A linear map of sines and cosines of `pi 2^k xyz`, k below `bands`.
    Fourier {
        /// Octaves of every axis.
        bands: usize,
    },
    /// A small network over xyz.
    Learned,
}
