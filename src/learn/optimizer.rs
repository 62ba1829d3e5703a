//! AdamW (Loshchilov & Hutter, 2019) whose state can be saved, and an average of the weights.
//!
//! candle-nn's AdamW hides its moments, so a training that uses it cannot resume where it stopped.

use super::LearnError;
use candle_core::{Result, Tensor, Var};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// How the weights move.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamWConfig {
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Weight decay of matrices; vectors (norms) are not decayed.
    pub weight_decay: f64,
    /// Gradients longer than this are scaled down to it; `.inf` leaves all as they are.
    pub gradient_clip: f64,
    /// Largest decay of the running average of the weights.
    pub average_decay: f64,
}

impl AdamWConfig {
    /// What is wrong with it, in the words of a configuration.
    pub(super) fn fault(&self) -> Option<String> {
        let is_rate = |number: f64| number >= 0.0 && number.is_finite();
        let below_1 = |number: f64| (0.0..1.0).contains(&number);
        let numbers = [
            ("learning_rate", self.learning_rate, is_rate(self.learning_rate), "0 or more"),
            ("beta1", self.beta1, below_1(self.beta1), "0 or more and below 1"),
            ("beta2", self.beta2, below_1(self.beta2), "0 or more and below 1"),
            ("weight_decay", self.weight_decay, is_rate(self.weight_decay), "0 or more"),
            // Elsewhere 0 means that nothing is clipped; here nothing would be learnt.
            (
                "gradient_clip",
                self.gradient_clip,
                self.gradient_clip > 0.0,
                "above 0 (.inf clips nothing)",
            ),
            (
                "average_decay",
                self.average_decay,
                (0.0..=1.0).contains(&self.average_decay),
                "0 to 1",
            ),
        ];
        let (name, number, _, must) = numbers.into_iter().find(|(_, _, is_sound, _)| !is_sound)?;
        Some(format!("optimizer.{name} is {number}, must be {must}"))
    }
}

/// The optimiser's memory of every weight, by name.
pub struct AdamW {
    config: AdamWConfig,
    steps: u64,
    first: BTreeMap<String, Tensor>,
    second: BTreeMap<String, Tensor>,
    average: BTreeMap<String, Tensor>,
}

impl AdamW {
    /// Starts with empty moments and the average at the weights.
    pub fn new(config: AdamWConfig, weights: &BTreeMap<String, Var>) -> Result<Self> {
        let zeros = || -> Result<BTreeMap<_, _>> {
            weights.iter().map(|(name, var)| Ok((name.clone(), var.zeros_like()?))).collect()
        };
        Ok(Self { config, steps: 0, first: zeros()?, second: zeros()?, average: copy(weights)? })
    }

    /// Moves `weights` against `gradients` at `learning_rate`; returns the gradient's length before
    /// clipping. Where it has no finite one nothing moves, and the error names step and variable.
    pub fn step(
        &mut self,
        weights: &BTreeMap<String, Var>,
        gradients: &BTreeMap<String, Tensor>,
        learning_rate: f64,
    ) -> std::result::Result<f64, LearnError> {
        self.step_at(weights, gradients, &|_| learning_rate)
    }

    /// The same, where `learning_rate` gives the rate of the weight of a name.
    pub fn step_at(
        &mut self,
        weights: &BTreeMap<String, Var>,
        gradients: &BTreeMap<String, Tensor>,
        learning_rate: &(dyn Fn(&str) -> f64 + Sync),
    ) -> std::result::Result<f64, LearnError> {
        let mut squared = 0.0;
        for (name, gradient) in gradients {
            let of_variable = f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?);
            // One number that is none would be in all weights, moments and averages at once.
            if !of_variable.is_finite() {
                let (step, variable) = (self.steps + 1, name.clone());
                return Err(LearnError::Gradient { step, variable });
            }
            squared += of_variable;
        }
        let length = squared.sqrt();
        let scale = (self.config.gradient_clip / length.max(1e-12)).min(1.0);
        self.steps += 1;
        let AdamWConfig { beta1, beta2, .. } = self.config;
        let correct1 = 1.0 - beta1.powi(self.steps as i32);
        let correct2 = 1.0 - beta2.powi(self.steps as i32);
        // A young average must not remember the random start.
        let n = self.steps as f64;
        let decay = self.config.average_decay.min((1.0 + n) / (10.0 + n));
        let moved = gradients
            .par_iter()
            .filter_map(|(name, gradient)| Some((name, gradient, weights.get(name)?)))
            .map(|(name, gradient, var)| {
                let learning_rate = learning_rate(name);
                let gradient = (gradient * scale)?;
                let first = ((&self.first[name] * beta1)? + (&gradient * (1.0 - beta1))?)?;
                let second = ((&self.second[name] * beta2)? + (gradient.sqr()? * (1.0 - beta2))?)?;
                let direction = ((&first / correct1)? / ((&second / correct2)?.sqrt()? + 1e-8)?)?;
                let shrink = if var.rank() > 1 { self.config.weight_decay } else { 0.0 };
                let kept = (var.as_tensor() * (1.0 - learning_rate * shrink))?;
                let weight = (kept - (direction * learning_rate)?)?;
                let average = ((&self.average[name] * decay)? + (&weight * (1.0 - decay))?)?;
                var.set(&weight)?;
                // Detached, or each step would hold the graph of all steps before it.
                Ok((name, [first.detach(), second.detach(), average.detach()]))
            })
            .collect::<Result<Vec<_>>>()?;
        for (name, [first, second, average]) in moved {
            self.first.insert(name.clone(), first);
            self.second.insert(name.clone(), second);
            self.average.insert(name.clone(), average);
        }
        Ok(length)
    }

    /// The averaged weights, which predict better than the last ones.
    pub fn average(&self) -> &BTreeMap<String, Tensor> {
        &self.average
    }

    /// Everything needed to go on, as tensors by name.
    pub fn state(&self) -> HashMap<String, Tensor> {
        let parts = [("first", &self.first), ("second", &self.second), ("average", &self.average)];
        parts
            .into_iter()
            .flat_map(|(part, tensors)| {
                tensors.iter().map(move |(name, t)| (format!("{part}.{name}"), t.clone()))
            })
            .collect()
    }

    /// Takes back what [`Self::state`] gave, after `steps` steps. The error names what is missing.
    pub fn restore(
        &mut self,
        state: &HashMap<String, Tensor>,
        steps: u64,
    ) -> std::result::Result<(), String> {
        self.steps = steps;
        let parts = [
            ("first", &mut self.first),
            ("second", &mut self.second),
            ("average", &mut self.average),
        ];
        for (part, tensors) in parts {
            for (name, tensor) in tensors.iter_mut() {
                let key = format!("{part}.{name}");
                let saved = state.get(&key).ok_or_else(|| format!("no tensor `{key}`"))?;
                if saved.shape() != tensor.shape() {
                    return Err(format!(
                        "tensor `{key}`: expected shape {:?}, found {:?}",
                        tensor.dims(),
                        saved.dims()
                    ));
                }
                *tensor =
                    saved.to_device(tensor.device()).map_err(|error| format!("{key}: {error}"))?;
            }
        }
        Ok(())
    }
}

fn copy(weights: &BTreeMap<String, Var>) -> Result<BTreeMap<String, Tensor>> {
    weights.iter().map(|(name, var)| Ok((name.clone(), var.as_tensor().copy()?.detach()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use candle_nn::Optimizer;

    const CONFIG: AdamWConfig = AdamWConfig {
        learning_rate: 0.1,
        beta1: 0.9,
        beta2: 0.98,
        weight_decay: 0.1,
        gradient_clip: 1e9,
        average_decay: 0.5,
    };

    fn weights() -> BTreeMap<String, Var> {
        let values = Tensor::new(&[[1.0f32, -2.0], [0.5, 3.0]], &Device::Cpu).unwrap();
        BTreeMap::from([("w".to_string(), Var::from_tensor(&values).unwrap())])
    }

    fn gradients(weights: &BTreeMap<String, Var>) -> candle_core::backprop::GradStore {
        weights["w"].as_tensor().sqr().unwrap().sum_all().unwrap().backward().unwrap()
    }

    #[test]
    fn steps_are_those_of_candles_adamw() {
        let (ours, theirs) = (weights(), weights());
        let mut adam = AdamW::new(CONFIG, &ours).unwrap();
        let params = candle_nn::ParamsAdamW {
            lr: 0.1,
            beta1: 0.9,
            beta2: 0.98,
            eps: 1e-8,
            weight_decay: 0.1,
        };
        let mut peer = candle_nn::AdamW::new(vec![theirs["w"].clone()], params).unwrap();
        for _ in 0..5 {
            let store = gradients(&ours);
            let gradient = store.get(&ours["w"]).unwrap().clone();
            adam.step(&ours, &BTreeMap::from([("w".to_string(), gradient)]), 0.1).unwrap();
            peer.step(&gradients(&theirs)).unwrap();
        }
        let values = |weights: &BTreeMap<String, Var>| -> Vec<f32> {
            weights["w"].flatten_all().unwrap().to_vec1().unwrap()
        };
        approx::assert_relative_eq!(
            values(&ours).as_slice(),
            values(&theirs).as_slice(),
            max_relative = 1e-4
        );
    }

    #[test]
    fn what_is_no_number_moves_nothing_and_is_named() {
        let tensor = |values: [f32; 2]| Tensor::new(&values, &Device::Cpu).unwrap();
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let var =
                |name: &str| (name.to_string(), Var::from_tensor(&tensor([1.0, 2.0])).unwrap());
            let vars = BTreeMap::from(["a", "b", "c"].map(var));
            let mut adam = AdamW::new(CONFIG, &vars).unwrap();
            let step = |adam: &mut AdamW, last: f32| {
                let gradients = [("a", 1.0), ("b", last), ("c", last)]
                    .map(|(name, last)| (name.to_string(), tensor([0.5, last])));
                adam.step(&vars, &BTreeMap::from(gradients), 0.1)
            };
            let numbers = |adam: &AdamW| -> BTreeMap<String, Vec<f32>> {
                let weights =
                    vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone()));
                let all = weights.chain(adam.state());
                all.map(|(name, tensor)| (name, tensor.to_vec1().unwrap())).collect()
            };
            step(&mut adam, 1.0).unwrap();
            let before = numbers(&adam);
            let error = step(&mut adam, bad).unwrap_err();
            assert!(
                matches!(&error, LearnError::Gradient { step: 2, variable } if variable == "b"),
                "{error}"
            );
            assert_eq!(numbers(&adam), before, "{bad}");
            // It could go on as if nothing had been.
            step(&mut adam, 1.0).unwrap();
            assert_eq!(adam.steps, 2);
            assert!(numbers(&adam) != before);
        }
    }

    #[test]
    fn faults_are_named() {
        let fault = |change: &dyn Fn(&mut AdamWConfig)| {
            let mut config = CONFIG;
            change(&mut config);
            config.fault().unwrap_or_default()
        };
        assert_eq!(fault(&|_| {}), "");
        assert_eq!(fault(&|c| c.gradient_clip = f64::INFINITY), "");
        assert_eq!(fault(&|c| (c.learning_rate, c.beta1, c.average_decay) = (0.0, 0.0, 1.0)), "");
        assert!(fault(&|c| c.gradient_clip = 0.0).contains("optimizer.gradient_clip is 0, must"));
        for number in [-1.0, f64::NAN, f64::INFINITY] {
            let told = fault(&|c| c.learning_rate = number);
            assert!(told.contains("optimizer.learning_rate is"), "{number}: {told}");
        }
        assert!(fault(&|c| c.beta2 = 1.0).contains("optimizer.beta2 is 1"));
    }

    #[test]
    fn restoring_names_what_is_missing() {
        let weights = weights();
        let mut adam = AdamW::new(CONFIG, &weights).unwrap();
        let mut state = adam.state();
        state.remove("second.w");
        assert_eq!(adam.restore(&state, 3), Err("no tensor `second.w`".to_string()));
    }
}
