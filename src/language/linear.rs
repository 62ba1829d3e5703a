//! A matrix of weights, dense or quantised.

use std::sync::Arc;

use candle_core::quantized::{QMatMul, QTensor};
use candle_core::{DType, Module, Tensor};

/// `y = x Wᵀ` with W of shape `(outputs, inputs)`.
#[derive(Debug, Clone)]
pub enum Linear {
    /// Plain numbers.
    Dense(Tensor),
    /// GGUF blocks; multiplied without being unpacked.
    Quantized(QMatMul),
}

impl Linear {
    /// Wraps blocks; unquantised ones become plain numbers.
    pub fn from_blocks(blocks: Arc<QTensor>) -> candle_core::Result<Self> {
        Ok(match QMatMul::from_arc(blocks)? {
            QMatMul::Tensor(weight) => Self::Dense(weight.to_dtype(DType::F32)?),
            quantized => Self::Quantized(quantized),
        })
    }

    /// `(rows, inputs)` to `(rows, outputs)`.
    pub fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
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
    Quantized(Arc<QTensor>),
}

impl Embedding {
    /// `(n)` token ids to `(n, width)`.
    pub fn forward(&self, ids: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Dense(table) => table.index_select(ids, 0),
            Self::Quantized(table) => table.embedding(ids),
        }
    }

    /// The same table used as an output layer.
    pub fn as_linear(&self) -> candle_core::Result<Linear> {
        match self {
            Self::Dense(table) => Ok(Linear::Dense(table.clone())),
            Self::Quantized(table) => Linear::from_blocks(table.clone()),
        }
    }
}
