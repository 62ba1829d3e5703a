//! A matrix of weights, dense or quantised.

use candle_core::quantized::GgmlDType;
use candle_core::{Result, Tensor};

use super::blocks::BlockMatrix;

/// `y = x Wᵀ` with W of shape `(outputs, inputs)`.
#[derive(Debug, Clone)]
pub enum Linear {
    /// Plain numbers.
    Dense(Tensor),
    /// GGUF blocks; multiplied without being unpacked.
    Quantized(BlockMatrix),
}

impl Linear {
    /// Wraps blocks; unquantised ones become plain numbers.
    pub fn from_blocks(blocks: BlockMatrix) -> Result<Self> {
        Ok(match blocks.dtype() {
            GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16 => Self::Dense(blocks.dequantize()?),
            _ => Self::Quantized(blocks),
        })
    }

    /// `(rows, inputs)` to `(rows, outputs)`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(weight) => x.matmul(&weight.t()?),
            Self::Quantized(weight) => weight.forward(x),
        }
    }
}

/// A table of one row a token, dense or quantised.
#[derive(Debug, Clone)]
pub enum Embedding {
    /// `(vocabulary, width)`.
    Dense(Tensor),
    /// The same in GGUF blocks; only the rows that are asked for are unpacked.
    Quantized(BlockMatrix),
}

impl Embedding {
    /// `(n)` token ids to `(n, width)`.
    pub fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(table) => table.index_select(ids, 0),
            Self::Quantized(table) => table.rows(ids),
        }
    }

    /// The same table used as an output layer.
    pub fn as_linear(&self) -> Result<Linear> {
        match self {
            Self::Dense(table) => Ok(Linear::Dense(table.clone())),
            Self::Quantized(table) => Linear::from_blocks(table.clone()),
        }
    }
}
