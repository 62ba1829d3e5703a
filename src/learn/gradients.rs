//! The planner's graph, from tokens to the loss, against central differences and in all kinds of
//! numbers.

use super::batch::{Batch, Encoded, Target, collate};
use super::llama::{ADDED_HEAD, ADDED_ROWS, Dropout, LlamaShape, TrainableLlama, weight_shapes};
use super::lora::LoraSpec;
use super::optimizer::AdamW;
use super::trainer::{Cut, Stepped};
use crate::vision::gradients::{
    Gradients, SMOOTH, assert_alike, assert_differences, cast, chance, gradients, kinds, numbers,
    tensors,
};
use candle_core::{DType, Tensor, Var};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use std::collections::BTreeMap;

/// A small decoder whose output layer is its embedding.
pub(super) const SHAPE: LlamaShape = LlamaShape {
    hidden: 16,
    intermediate: 24,
    layers: 2,
    heads: 2,
    kv_heads: None,
    own_head: false,
    max_positions: 32,
    rope_theta: 1e4,
};
/// Its tokens, and how many of them were added where some were.
pub(super) const TOKENS: usize = 14;
const ADDED: usize = 3;

/// What an optimiser without a memory of gradients, `beta1: 0`, was last stepped along.
pub(super) fn stepped_along(optimizer: &AdamW) -> Gradients {
    let mut gradients = Gradients::new();
    for (name, moment) in optimizer.state() {
        if let Some(name) = name.strip_prefix("first.") {
            gradients.insert(name.to_owned(), numbers(&moment));
        }
    }
    gradients
}

/// Holds `step` on a batch that is cut into replicas and rounds to the step on it as a whole.
#[track_caller]
pub(super) fn assert_parts_add_up(
    cuts: [(usize, usize); 3],
    step: &dyn Fn(Cut) -> (Stepped, Gradients),
) {
    let (whole, right) = step(Cut { replicas: 1, rounds: 1 });
    for (replicas, rounds) in cuts {
        let (stepped, found) = step(Cut { replicas, rounds });
        approx::assert_relative_eq!(stepped.loss, whole.loss, max_relative = 1e-5);
        approx::assert_relative_eq!(stepped.gradient, whole.gradient, max_relative = 1e-4);
        assert_alike(&found, &right, 1e-3);
    }
}

/// Two rows of unlike length: one whose answer a teacher would begin in two ways, and one that names
/// a place.
pub(super) fn rows() -> [Encoded; 2] {
    let target = |at, token, probability, is_place| Target { at, token, probability, is_place };
    let row = |ids: &[u32], answer_at, targets| Encoded {
        ids: ids.to_vec(),
        answer_at,
        targets,
        seen: Vec::new(),
        looks: Default::default(),
    };
    let taught =
        vec![target(4, 4, 0.75, false), target(4, 12, 0.25, false), target(5, 5, 1.0, false)];
    [row(&[1, 12, 3, 11, 4, 5], 4, taught), row(&[1, 13, 2, 9], 3, vec![target(3, 9, 1.0, true)])]
}

/// A way through the decoder.
struct Graph {
    shape: LlamaShape,
    /// Whether some tokens were added, with rows of their own.
    is_added_to: bool,
    lora: Option<LoraSpec>,
    dropout: f32,
}

impl Graph {
    /// Variables of chance in 64 bits.
    fn vars(&self) -> BTreeMap<String, Var> {
        let known = if self.is_added_to { TOKENS - ADDED } else { TOKENS };
        let mut shapes = weight_shapes(&self.shape, known);
        let rows = vec![ADDED, self.shape.hidden];
        if self.is_added_to {
            shapes.push((ADDED_ROWS.to_owned(), rows.clone()));
        }
        if self.is_added_to && self.shape.own_head {
            shapes.push((ADDED_HEAD.to_owned(), rows));
        }
        shapes.extend(self.lora.iter().flat_map(|lora| lora.shapes(&self.shape)));
        chance(shapes, 1)
    }

    /// The loss of `batch` in the numbers `dtype`.
    fn loss(&self, vars: &BTreeMap<String, Var>, batch: &Batch, dtype: DType) -> Tensor {
        let (weights, lora) = (tensors(vars), self.lora.clone());
        let model = TrainableLlama { shape: self.shape, weights, lora, dtype };
        // The same is dropped each time.
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        let mut dropout = Some(Dropout { probability: self.dropout, rng: &mut rng });
        let hidden = model.hidden(&batch.tokens, &mut dropout).unwrap();
        let logits = match dtype {
            DType::F64 => model.scores(&hidden, &batch.rows),
            _ => model.logits(&hidden, &batch.rows),
        };
        batch.loss(&logits.unwrap()).unwrap()
    }

    /// Holds every tensor to differences in 64 bits, and to that in all kinds.
    fn hold(&self) {
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        let batch = collate(rows().iter(), 0, 0.5, 0.0, &mut rng).unwrap();
        let weights = batch.weights.to_dtype(DType::F64).unwrap();
        let exact = Batch { weights, ..collate(rows().iter(), 0, 0.5, 0.0, &mut rng).unwrap() };
        let vars = self.vars();
        let right = assert_differences(&vars, SMOOTH, &|| self.loss(&vars, &exact, DType::F64));
        for (device, dtype, most) in kinds() {
            // What learns is kept in 32 bits.
            let narrow = cast(&vars, DType::F32, &device);
            let loss = self.loss(&narrow, &batch.to_device(&device).unwrap(), dtype);
            assert_alike(&gradients(&narrow, &loss), &right, most);
        }
    }
}

#[test]
fn every_weight_of_a_decoder_has_the_gradient_of_differences() {
    Graph { shape: SHAPE, is_added_to: false, lora: None, dropout: 0.0 }.hold();
}

#[test]
fn what_is_dropped_takes_its_gradient_along() {
    Graph { shape: SHAPE, is_added_to: false, lora: None, dropout: 0.3 }.hold();
}

/// Rows for tokens that were added, behind an embedding that is the output layer and behind two
/// tables; heads that share keys and values; and LoRA beside every linear layer.
#[test]
fn added_rows_and_lora_have_the_gradients_of_differences() {
    Graph { shape: SHAPE, is_added_to: true, lora: None, dropout: 0.0 }.hold();
    let shape = LlamaShape { heads: 4, kv_heads: Some(2), own_head: true, ..SHAPE };
    let layers = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
    let targets = layers.map(String::from).to_vec();
    let lora = Some(LoraSpec { rank: 3, alpha: 6.0, targets });
    Graph { shape, is_added_to: true, lora, dropout: 0.1 }.hold();
}
