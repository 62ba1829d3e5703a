//! The whole model as it is trained: projector and decoder over one row of words and 3D tokens.

use super::super::batch::Batch;
use super::super::llama::{Dropout, TrainableLlama};
use crate::model::Projector;
use candle_core::{Error, Result, Tensor};

/// Projector and decoder.
#[derive(Debug, Clone)]
pub struct SeeingModel {
    /// The decoder.
    pub llama: TrainableLlama,
    /// The projector.
    pub projector: Projector,
}

impl SeeingModel {
    /// Logits `(rows, vocabulary)` of the rows of the batch that predict something.
    pub fn logits(&self, batch: &Batch, dropout: &mut Option<Dropout<'_>>) -> Result<Tensor> {
        let (samples, length) = batch.tokens.dims2()?;
        let mut embeds = self.llama.embed(&batch.tokens.flatten_all()?)?;
        if let Some(spliced) = &batch.seen {
            let said = |error: crate::model::ModelError| Error::Msg(error.to_string());
            let inputs = self.projector.inputs(&spliced.tokens).map_err(said)?;
            let seen = self.projector.forward(&inputs)?.to_dtype(embeds.dtype())?;
            embeds = Tensor::cat(&[embeds, seen], 0)?.index_select(&spliced.order, 0)?;
        }
        let embeds = embeds.reshape((samples, length, self.llama.shape.hidden))?;
        let hidden = self.llama.hidden_of(&embeds, dropout)?;
        self.llama.logits(&hidden, &batch.rows)
    }
}
