//! What the eyes learn to do. Objectives can be added up.

mod cross_entropy;
pub mod labels;

pub use cross_entropy::soft_cross_entropy;
pub use labels::{Balance, LabelsConfig};

use serde::{Deserialize, Serialize};

/// The objectives of a training; at least one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectiveConfig {
    /// To see in a cell the words for what is there.
    pub labels: Option<LabelsConfig>,
}

impl ObjectiveConfig {
    /// What in it cannot be.
    pub(super) fn fault(&self) -> Option<String> {
        match &self.labels {
            Some(labels) => labels.fault(),
            None => Some("name at least one".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor, Var};

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
                (numeric - analytic).abs() <= 0.02 * analytic.abs() + 2e-3,
                "{at}: {analytic} by backward, {numeric} by differences"
            );
        }
        assert!(gradient.iter().any(|x| x.abs() > 1e-2), "{gradient:?}");
    }
}
