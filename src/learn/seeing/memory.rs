//! What a training will need, before anything is loaded: memory, tokens, steps.

use super::super::llama::weight_shapes;
use super::config::{LanguagePart, Precision, SeeingTraining};
use super::template::MARKS;
use crate::model::Projector;
use serde::Serialize;

/// Bytes of a number in 32 bits.
const F32: u64 = 4;

/// Bytes that a training needs on its device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrainingMemory {
    /// Numbers of the decoder.
    pub decoder_parameters: u64,
    /// Numbers of the projector.
    pub projector_parameters: u64,
    /// Numbers that learn.
    pub learnt_parameters: u64,
    /// Weights that stay as they are, in the numbers that are computed with.
    pub fixed_bytes: u64,
    /// Weights that learn, in 32 bits.
    pub learnt_bytes: u64,
    /// The same as they are computed with, where that is in fewer bits.
    pub cast_bytes: u64,
    /// Gradients of each part of a batch that is worked on at once, and the sum of those of what learns.
    /// A backward pass makes those of weights that stay as well.
    pub gradient_bytes: u64,
    /// First and second moments.
    pub optimiser_bytes: u64,
    /// The running average of what learns.
    pub average_bytes: u64,
    /// What the forward pass keeps for the backward pass, of all parts that are worked on at once.
    pub activation_bytes: u64,
}

impl TrainingMemory {
    /// What `config` needs with a tokenizer of `vocabulary` tokens before the marks are added.
    pub fn of(config: &SeeingTraining, vocabulary: u64) -> Self {
        let numbers = |dims: &[usize]| dims.iter().map(|dim| *dim as u64).product::<u64>();
        let width = config.model.hidden as u64;
        let shapes = weight_shapes(&config.model, 0);
        let tables = 1 + u64::from(config.model.own_head);
        let all_rows = vocabulary + MARKS.len() as u64;
        let layers: u64 = shapes.iter().map(|(_, dims)| numbers(dims)).sum();
        let decoder_parameters = layers + tables * all_rows * width;
        let projector_parameters: u64 = Projector::tensor_shapes(&config.projector_spec())
            .iter()
            .map(|(_, dims)| numbers(dims))
            .sum();
        let added = tables * MARKS.len() as u64 * width;
        let beside = match &config.language {
            LanguagePart::Full => decoder_parameters,
            LanguagePart::Frozen => added,
            LanguagePart::Lora(lora) => {
                let lora = lora.shapes(&config.model);
                let lora: u64 = lora.iter().map(|(_, dims)| numbers(dims)).sum();
                lora + added
            }
        };
        let learnt_parameters = projector_parameters + beside;
        let bytes = number_bytes(config.precision);
        let fixed = match config.language {
            LanguagePart::Full => 0,
            _ => decoder_parameters - added,
        };
        let learnt_bytes = learnt_parameters * F32;
        let replicas = config.replicas as u64;
        Self {
            decoder_parameters,
            projector_parameters,
            learnt_parameters,
            fixed_bytes: fixed * bytes,
            learnt_bytes,
            cast_bytes: if bytes < F32 { beside * bytes } else { 0 },
            gradient_bytes: replicas * (learnt_bytes + fixed * bytes) + learnt_bytes,
            optimiser_bytes: 2 * learnt_bytes,
            average_bytes: learnt_bytes,
            activation_bytes: activations(config, all_rows),
        }
    }

    /// The most at a time: all of it, unless the optimiser, which makes all its numbers anew before the
    /// old ones go, needs more when the graph has gone.
    pub fn total_bytes(&self) -> u64 {
        let kept = self.fixed_bytes + self.learnt_bytes + self.optimiser_bytes + self.average_bytes;
        let graph = self.cast_bytes + self.gradient_bytes + self.activation_bytes;
        let step = self.learnt_bytes + self.optimiser_bytes + self.average_bytes;
        kept + graph.max(step)
    }
}

/// Bytes that the graph of one round keeps: every operation of [`super::super::TrainableLlama`] keeps
/// its result, as there is no recomputation, and the backward pass as much again for what it works on.
fn activations(config: &SeeingTraining, vocabulary: u64) -> u64 {
    let shape = &config.model;
    let (d, inner) = (shape.hidden as u64, shape.intermediate as u64);
    let kv = d / shape.heads as u64 * shape.kv_heads() as u64;
    let length = config.max_length as u64;
    let samples = (config.batch_size as u64).div_ceil(config.rounds as u64);
    let tokens = samples * length;
    let heads = shape.heads as u64;
    // Two norms (about six steps each), q, k, v with their turns and transposes, o, residuals; gate,
    // SiLU, up, their product, down.
    let a_token = 12 * d + 5 * (d + kv) + kv + 4 * d + 5 * inner + d;
    // Scores, scaled, masked, the four steps of softmax.
    let a_pair = 7 * heads;
    let layer = tokens * a_token + tokens * length * a_pair;
    // Logits, their logarithms and exponentials in 32 bits, of the answers: at most half of a row.
    let logits = 4 * tokens / 2 * vocabulary * F32;
    let kept = shape.layers as u64 * layer * number_bytes(config.precision);
    2 * (kept + logits)
}

fn number_bytes(precision: Precision) -> u64 {
    match precision {
        Precision::F32 => F32,
        Precision::Bf16 => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn config(name: &str) -> SeeingTraining {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/train");
        SeeingTraining::read(&Path::new(folder).join(name)).unwrap()
    }

    #[test]
    fn seven_billion_parameters_are_counted() {
        let lora = TrainingMemory::of(&config("llama2-7b.yaml"), 32_000);
        // Llama 2 7B has 6,738,415,616; the marks add two rows each.
        let marks = 2 * MARKS.len() as u64 * 4096;
        assert_eq!(lora.decoder_parameters, 6_738_415_616 + marks);
        // 1030·768 + 768·768 + 768·4096 and their biases.
        assert_eq!(lora.projector_parameters, 1030 * 768 + 768 + 768 * 769 + 769 * 4096);
        assert!(lora.fixed_bytes > 12 << 30 && lora.learnt_parameters < 100_000_000);
        assert!(lora.gradient_bytes > lora.fixed_bytes, "those of weights that stay are made, too");
        let full = TrainingMemory::of(&config("llama2-7b-full.yaml"), 32_000);
        assert_eq!(full.learnt_parameters, full.decoder_parameters + full.projector_parameters);
        assert!(full.total_bytes() > 5 * lora.total_bytes() / 2, "{full:?} {lora:?}");
    }

    #[test]
    fn rounds_save_activations_and_nothing_else() {
        let once = SeeingTraining { rounds: 8, ..config("llama2-7b.yaml") };
        let twice = SeeingTraining { rounds: 2 * once.rounds, ..once.clone() };
        let [once, twice] = [once, twice].map(|config| TrainingMemory::of(&config, 32_000));
        assert_eq!(once.activation_bytes, 2 * twice.activation_bytes);
        assert_eq!(
            once.total_bytes() - once.activation_bytes,
            twice.total_bytes() - twice.activation_bytes
        );
    }
}
