//! Region–text contrast: a cell's feature is to lie nearest to the vectors of the words for what the
//! cell shows, among those of all words (CLIP, Radford et al., ICML 2021, with a text side that
//! stands still and soft targets, since a cell may show several things).

use super::soft_cross_entropy;
use crate::learn::vision::record::Label;
use candle_core::{Device, Result, Tensor};
use serde::{Deserialize, Serialize};

/// How words are learnt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelsConfig {
    /// How much it counts among the objectives.
    pub weight: f64,
    /// Cosines are divided by this.
    pub temperature: f64,
    /// Cells count by the inverse of how common their names are, to this power.
    pub rarity: f32,
    /// In a cell that shows several things, each counts by its pixels and by the inverse of how
    /// common it is, to this power.
    pub tilt: f32,
    /// No name counts more than this many times the mean.
    pub most: f32,
}

impl LabelsConfig {
    pub(super) fn fault(&self) -> Option<String> {
        let good = self.temperature > 0.0 && self.most >= 1.0;
        (!good).then(|| "labels: temperature must be above 0, and most at least 1".to_owned())
    }
}

/// How much each name counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Balance {
    /// In the weight of a cell.
    weights: Vec<f32>,
    /// Within a cell.
    tilts: Vec<f32>,
}

impl Balance {
    /// From the number of pixels of each name.
    pub fn new(config: &LabelsConfig, pixels: &[u64]) -> Self {
        let total: u64 = pixels.iter().sum();
        let share = |count: &u64| (*count).max(1) as f32 / total.max(1) as f32;
        let powers = |power: f32| -> Vec<f32> {
            let raw: Vec<f32> = pixels.iter().map(|count| share(count).powf(-power)).collect();
            // Over all pixels the mean is 1.
            let mean: f32 = raw.iter().zip(pixels).map(|(raw, count)| raw * share(count)).sum();
            raw.iter().map(|raw| (raw / mean.max(1e-9)).min(config.most)).collect()
        };
        Self { weights: powers(config.rarity), tilts: powers(config.tilt) }
    }

    /// How much a cell counts; 0 where it shows nothing that has a name.
    pub fn weight(&self, label: &Label) -> f32 {
        let (mut weight, mut pixels) = (0.0, 0.0);
        for (name, count) in label {
            let count = f32::from(*count);
            weight += count * self.weights.get(usize::from(*name)).copied().unwrap_or(0.0);
            pixels += count;
        }
        if pixels > 0.0 { weight / pixels } else { 0.0 }
    }

    /// The distribution over names that a cell is to have, added to `target`, and the weight of the
    /// cell.
    pub fn target(&self, label: &Label, target: &mut [f32]) -> f32 {
        let tilted = |(name, count): &(u8, u8)| {
            f32::from(*count) * self.tilts.get(usize::from(*name)).copied().unwrap_or(0.0)
        };
        let total: f32 = label.iter().map(tilted).sum();
        if total <= 0.0 {
            return 0.0;
        }
        for shown in label {
            if let Some(target) = target.get_mut(usize::from(shown.0)) {
                *target += tilted(shown) / total;
            }
        }
        self.weight(label)
    }
}

/// Mean cross-entropy of cells `(cells, width)` against distributions over words `(cells, names)`,
/// each weighted by `weights` `(cells)`; `words` is `(width, names)`.
pub fn loss(
    features: &Tensor,
    words: &Tensor,
    targets: &Tensor,
    weights: &Tensor,
    temperature: f64,
) -> Result<Tensor> {
    soft_cross_entropy(&(features.matmul(words)? / temperature)?, targets, weights)
}

/// Vectors of names as `(width, names)`.
pub fn words(vectors: &[Vec<f32>]) -> Result<Tensor> {
    let width = vectors.first().map_or(0, Vec::len);
    Tensor::from_vec(vectors.concat(), (vectors.len(), width), &Device::Cpu)?.t()?.contiguous()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Var;

    const CONFIG: LabelsConfig =
        LabelsConfig { weight: 1.0, temperature: 0.1, rarity: 0.5, tilt: 0.25, most: 30.0 };

    #[test]
    fn rare_names_count_more_and_the_mean_stays_one() {
        let pixels = [10_000, 100];
        let balance = Balance::new(&CONFIG, &pixels);
        let mean = (balance.weights[0] * 10_000.0 + balance.weights[1] * 100.0) / 10_100.0;
        approx::assert_relative_eq!(mean, 1.0, epsilon = 1e-4);
        approx::assert_relative_eq!(balance.weights[1] / balance.weights[0], 10.0, epsilon = 1e-3);
        let mut target = [0.0; 2];
        let weight = balance.target(&[(0, 48), (1, 16), (0, 0), (0, 0)], &mut target);
        // 16 pixels of a name 100 times rarer: tilted by 100^¼.
        let tilt = 100f32.powf(0.25) * 16.0;
        approx::assert_relative_eq!(target[1], tilt / (tilt + 48.0), epsilon = 1e-4);
        approx::assert_relative_eq!(target[0] + target[1], 1.0, epsilon = 1e-6);
        assert!(weight > balance.weights[0] && weight < balance.weights[1]);
        assert_eq!(balance.target(&[(0, 0); 4], &mut [0.0; 2]), 0.0);
    }

    fn tiny() -> (Var, Tensor, Tensor, Tensor) {
        let device = &Device::Cpu;
        let features = Tensor::new(&[[0.6f32, 0.8], [1.0, 0.0], [0.0, -1.0]], device).unwrap();
        let words = words(&[vec![1.0, 0.0], vec![0.0, 1.0], vec![-0.6, 0.8]]).unwrap();
        let targets = [[1.0f32, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]];
        let targets = Tensor::new(&targets, device).unwrap();
        let weights = Tensor::new(&[1.0f32, 3.0, 0.5], device).unwrap();
        (Var::from_tensor(&features).unwrap(), words, targets, weights)
    }

    #[test]
    fn the_loss_is_that_of_the_formula_and_falls() {
        let (features, words, targets, weights) = tiny();
        let loss = |features: &Tensor| loss(features, &words, &targets, &weights, 0.5).unwrap();
        // By hand for the second cell: cosines 1, 0, −0.6.
        let z: f32 = [1.0f32, 0.0, -0.6].iter().map(|cosine| (cosine / 0.5).exp()).sum();
        let alone = Tensor::new(&[0.0f32, 1.0, 0.0], &Device::Cpu).unwrap();
        let second = super::loss(&features, &words, &targets, &alone, 0.5).unwrap();
        let expected = z.ln() - 0.5 * (1.0 / 0.5);
        approx::assert_relative_eq!(second.to_scalar::<f32>().unwrap(), expected, epsilon = 1e-5);
        let first = loss(&features).to_scalar::<f32>().unwrap();
        for _ in 0..50 {
            let gradient = loss(&features).backward().unwrap().get(&features).unwrap().clone();
            features.set(&(features.as_tensor() - (gradient * 0.2).unwrap()).unwrap()).unwrap();
        }
        assert!(loss(&features).to_scalar::<f32>().unwrap() < 0.7 * first);
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let (features, words, targets, weights) = tiny();
        let value = |features: &Tensor| loss(features, &words, &targets, &weights, 0.5).unwrap();
        crate::learn::vision::objective::tests::assert_gradient(&features, value);
    }
}
