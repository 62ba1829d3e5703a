//! The whole model as it is trained: projector and decoder over one row of words and 3D tokens.

use super::super::batch::{Batch, LOOKS};
use super::super::llama::{Dropout, TrainableLlama};
use super::look::Guidance;
use crate::model::Projector;
use candle_core::{DType, Error, Result, Tensor};

/// Projector and decoder.
#[derive(Debug, Clone)]
pub struct SeeingModel {
    /// The decoder.
    pub llama: TrainableLlama,
    /// The projector.
    pub projector: Projector,
}

impl SeeingModel {
    /// Logits `(rows, vocabulary)` of the rows of the batch that predict something, and how far
    /// attention is from where `guidance` wants it ([`Guidance::add`]); zeros where it wants nothing.
    pub fn forward(
        &self,
        batch: &Batch,
        guidance: Option<&Guidance>,
        dropout: &mut Option<Dropout<'_>>,
    ) -> Result<(Tensor, [Tensor; LOOKS])> {
        let embeds = self.embeds(batch)?;
        let nowhere = Tensor::zeros((), DType::F32, embeds.device())?;
        let mut astray = [(); LOOKS].map(|()| nowhere.clone());
        let hidden = self.llama.attending(&embeds, dropout, &mut |layer, attention| {
            guidance.map_or(Ok(()), |g| g.add(&batch.looks, layer, attention, &mut astray))
        })?;
        Ok((self.llama.logits(&hidden, &batch.rows)?, astray))
    }

    /// What the decoder reads, `(samples, length, hidden)`: words, and 3D tokens in their places.
    pub fn embeds(&self, batch: &Batch) -> Result<Tensor> {
        let (samples, length) = batch.tokens.dims2()?;
        let mut embeds = self.llama.embed(&batch.tokens.flatten_all()?)?;
        if let Some(spliced) = &batch.seen {
            let said = |error: crate::model::ModelError| Error::Msg(error.to_string());
            let inputs = self.projector.inputs(&spliced.tokens).map_err(said)?;
            let seen = self.projector.forward(&inputs)?.to_dtype(embeds.dtype())?;
            embeds = Tensor::cat(&[embeds, seen], 0)?.index_select(&spliced.order, 0)?;
        }
        embeds.reshape((samples, length, self.llama.shape.hidden))
    }
}
