//! Momentum contrast (MoCo, He et al., CVPR 2020), cell by cell: a cell is to be known again in
//! another view of its place, as the averaged weights see it there, among a queue of cells that were
//! seen lately (InfoNCE, van den Oord et al., 2018).

use super::soft_cross_entropy;
use crate::learn::llama::normal;
use candle_core::{D, Device, Result, Tensor};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

/// Name of the queue in the memory of a training.
pub const QUEUE: &str = "moco.queue";

/// How cells are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MocoConfig {
    /// How much it counts among the objectives.
    pub weight: f64,
    /// Cosines are divided by this.
    pub temperature: f64,
    /// Cells in the queue.
    pub queue: usize,
    /// Cells of a view that are compared.
    pub cells: usize,
}

impl MocoConfig {
    pub(super) fn fault(&self) -> Option<String> {
        let good = self.temperature > 0.0 && self.cells > 0 && (1..=1 << 20).contains(&self.queue);
        let reason = "moco: temperature and cells must be above 0, queue within 1..=1048576";
        (!good).then(|| reason.to_owned())
    }
}

/// The loss of `queries` against `keys` of the same cells and a `queue` of others, each `(cells,
/// width)` and of length 1.
pub fn loss(queries: &Tensor, keys: &Tensor, queue: &Tensor, temperature: f64) -> Result<Tensor> {
    let (count, _) = queries.dims2()?;
    let positive = (queries * keys.detach())?.sum_keepdim(D::Minus1)?;
    let negative = queries.matmul(&queue.detach().t()?)?;
    let logits = (Tensor::cat(&[positive, negative], 1)? / temperature)?;
    let first = Tensor::ones((count, 1), queries.dtype(), queries.device())?;
    let targets = first.pad_with_zeros(1, 0, queue.dim(0)?)?;
    soft_cross_entropy(&logits, &targets, &first.squeeze(1)?)
}

/// The queue with `keys` at its end, and the oldest gone.
pub fn pushed(queue: &Tensor, keys: &Tensor) -> Result<Tensor> {
    let (length, all) = (queue.dim(0)?, Tensor::cat(&[queue, &keys.detach()], 0)?);
    all.narrow(0, all.dim(0)? - length, length)?.contiguous()
}

/// A queue of chance.
pub fn first_queue(length: usize, width: usize, rng: &mut Pcg64Mcg) -> Result<Tensor> {
    let values: Vec<f32> = (0..length * width).map(|_| normal(rng)).collect();
    let queue = Tensor::from_vec(values, (length, width), &Device::Cpu)?;
    queue.broadcast_div(&queue.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::vision::objective::tests::{assert_gradient, unit_vectors};
    use candle_core::Var;

    #[test]
    fn cells_come_to_be_known_again() {
        let (keys, queue) = (unit_vectors(4, 5, 1), unit_vectors(6, 5, 2));
        let queries = Var::from_tensor(&unit_vectors(4, 5, 3)).unwrap();
        let value = |x: &Tensor| loss(x, &keys, &queue, 0.3).unwrap();
        assert_gradient(&queries, value);
        let first = value(&queries).to_scalar::<f32>().unwrap();
        for _ in 0..60 {
            let gradient = value(&queries).backward().unwrap().get(&queries).unwrap().clone();
            queries.set(&(queries.as_tensor() - (gradient * 0.3).unwrap()).unwrap()).unwrap();
        }
        assert!(value(&queries).to_scalar::<f32>().unwrap() < 0.3 * first);
        let cosines = queries.matmul(&keys.t().unwrap()).unwrap();
        assert_eq!(cosines.argmax(1).unwrap().to_vec1::<u32>().unwrap(), [0, 1, 2, 3]);
    }

    #[test]
    fn the_oldest_leave_the_queue_first() {
        let queue = Tensor::new(&[[1.0f32], [2.0], [3.0]], &Device::Cpu).unwrap();
        let keys = Tensor::new(&[[4.0f32], [5.0]], &Device::Cpu).unwrap();
        let after = pushed(&queue, &keys).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(after, [3.0, 4.0, 5.0]);
    }
}
