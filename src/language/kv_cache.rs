//! Keys and values of one text, allocated once for its greatest length.

use candle_core::{DType, Device, Tensor};

use super::config::LlamaConfig;
use super::error::LanguageError;

/// Keys and values of every layer. Not `Clone`: a tensor's clone shares its memory, and a cache is
/// written in place; [`KvCache::fork`] copies.
#[derive(Debug)]
pub struct KvCache {
    /// Keys and values of each layer, `(1, capacity, kv_heads, head_dim)`.
    layers: Vec<(Tensor, Tensor)>,
    length: usize,
    capacity: usize,
}

impl KvCache {
    /// An empty cache for at most `capacity` positions.
    pub fn new(
        config: &LlamaConfig,
        capacity: usize,
        dtype: DType,
        device: &Device,
    ) -> Result<Self, LanguageError> {
        if capacity == 0 || capacity > config.max_position_embeddings {
            return Err(LanguageError::Argument(format!(
                "a context of {capacity} positions; this model can have 1..={}",
                config.max_position_embeddings
            )));
        }
        let shape = (1, capacity, config.kv_heads, config.head_dim);
        let zeros = || Tensor::zeros(shape, dtype, device);
        let layers: Result<_, candle_core::Error> =
            (0..config.layers).map(|_| Ok((zeros()?, zeros()?))).collect();
        Ok(Self { layers: layers?, length: 0, capacity })
    }

    /// Positions that are filled.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether no position is filled.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Positions there is room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Forgets all positions from `length` on; a longer `length` changes nothing.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// A copy with memory of its own, for at most `capacity` positions.
    pub fn fork(&self, capacity: usize) -> Result<Self, LanguageError> {
        if capacity < self.length {
            return Err(LanguageError::ContextFull { needed: self.length, capacity });
        }
        let copy = |from: &Tensor| -> candle_core::Result<Tensor> {
            let (_, _, heads, width) = from.dims4()?;
            let to = Tensor::zeros((1, capacity, heads, width), from.dtype(), from.device())?;
            if self.length > 0 {
                to.slice_set(&from.narrow(1, 0, self.length)?, 1, 0)?;
            }
            Ok(to)
        };
        let layers: Result<_, candle_core::Error> =
            self.layers.iter().map(|(keys, values)| Ok((copy(keys)?, copy(values)?))).collect();
        Ok(Self { layers: layers?, length: self.length, capacity })
    }

    /// Becomes equal to `other`, given that both agree on the first `common` positions.
    pub fn copy_tail(&mut self, other: &Self, common: usize) -> Result<(), LanguageError> {
        if other.length > self.capacity {
            return Err(LanguageError::ContextFull {
                needed: other.length,
                capacity: self.capacity,
            });
        }
        let common = common.min(self.length).min(other.length);
        let count = other.length - common;
        if count > 0 {
            for ((keys, values), (from_keys, from_values)) in self.layers.iter().zip(&other.layers)
            {
                keys.slice_set(&from_keys.narrow(1, common, count)?, 1, common)?;
                values.slice_set(&from_values.narrow(1, common, count)?, 1, common)?;
            }
        }
        self.length = other.length;
        Ok(())
    }

    /// Writes keys and values `(1, t, kv_heads, head_dim)` of `layer` behind the filled positions
    /// and returns all of them; [`Self::advance`] follows when every layer has done so.
    pub(super) fn write(
        &self,
        layer: usize,
        keys: &Tensor,
        values: &Tensor,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let (all_keys, all_values) = &self.layers[layer];
        all_keys.slice_set(keys, 1, self.length)?;
        all_values.slice_set(values, 1, self.length)?;
        let filled = self.length + keys.dim(1)?;
        Ok((all_keys.narrow(1, 0, filled)?, all_values.narrow(1, 0, filled)?))
    }

    /// Counts `positions` more as filled.
    pub(super) fn advance(&mut self, positions: usize) {
        self.length += positions;
    }
}
