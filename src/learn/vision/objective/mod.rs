//! What the eyes learn to do. Objectives can be added up.

mod cross_entropy;
pub mod dino;
pub mod distill;
pub mod labels;
pub mod moco;

#[cfg(test)]
mod gradients;

pub use cross_entropy::soft_cross_entropy;
pub use dino::DinoConfig;
pub use distill::DistillConfig;
pub use labels::{Balance, LabelsConfig};
pub use moco::MocoConfig;

use serde::{Deserialize, Serialize};

/// The objectives of a training; at least one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectiveConfig {
    /// To see in a cell the words for what is there.
    #[serde(default)]
    pub labels: Option<LabelsConfig>,
    /// To sort cells as the averaged weights sort them in another view.
    #[serde(default)]
    pub dino: Option<DinoConfig>,
    /// To know a cell again in another view, among many others.
    #[serde(default)]
    pub moco: Option<MocoConfig>,
    /// To see what a finished model sees.
    #[serde(default)]
    pub distill: Option<DistillConfig>,
}

impl ObjectiveConfig {
    /// What in it cannot be.
    pub(super) fn fault(&self) -> Option<String> {
        if *self == Self::default() {
            return Some("name at least one of labels, dino, moco and distill".into());
        }
        let labels = self.labels.as_ref().and_then(LabelsConfig::fault);
        let dino = self.dino.as_ref().and_then(DinoConfig::fault);
        let moco = self.moco.as_ref().and_then(MocoConfig::fault);
        labels.or(dino).or(moco).or(self.distill.as_ref().and_then(DistillConfig::fault))
    }

    /// Cells of a view that are compared with another view; 0 where none are.
    pub(super) fn compared_cells(&self) -> usize {
        let dino = self.dino.map_or(0, |dino| dino.cells);
        dino.max(self.moco.map_or(0, |moco| moco.cells))
    }
}

#[cfg(test)]
mod tests {
    use crate::learn::vision::objective::moco::first_queue;
    use candle_core::{Device, Tensor, Var};
    use rand::SeedableRng;

    /// Vectors of chance of length 1.
    pub fn unit_vectors(count: usize, width: usize, seed: u64) -> Tensor {
        first_queue(count, width, &mut rand_pcg::Pcg64Mcg::seed_from_u64(seed)).unwrap()
    }

    /// Every entry of the gradient of `loss` is that of finite differences, and some is not zero.
    #[track_caller]
    pub fn assert_gradient(var: &Var, loss: impl Fn(&Tensor) -> Tensor) {
        let gradient = loss(var).backward().unwrap().get(var).unwrap().clone();
        let gradient: Vec<f32> = gradient.flatten_all().unwrap().to_vec1().unwrap();
        let values: Vec<f32> = var.flatten_all().unwrap().to_vec1().unwrap();
        for (at, analytic) in gradient.iter().enumerate() {
            let shifted = |by: f32| {
                let mut values = values.clone();
                values[at] += by;
                let moved = Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap();
                loss(&moved).to_scalar::<f32>().unwrap()
            };
            let numeric = (shifted(5e-3) - shifted(-5e-3)) / 1e-2;
            assert!(
                (numeric - analytic).abs() <= 0.03 * analytic.abs() + 3e-3,
                "{at}: {analytic} by backward, {numeric} by differences"
            );
        }
        assert!(gradient.iter().any(|x| x.abs() > 1e-2), "{gradient:?}");
    }
}
