//! Gradients held to central differences, for the tests of all that trains.
//!
//! In 64 bits a difference tells a right gradient from one that lacks a part. Numbers of fewer bits
//! go other ways through the code, and their rounding drowns differences: what is learnt from them is
//! held to what is learnt in 64.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// How far a variable is moved where the loss is smooth.
pub(crate) const SMOOTH: f64 = 1e-5;
/// How far where the loss bends: hardly a ReLU is so near to its corner.
pub(crate) const BENT: f64 = 1e-7;
/// Directions of chance in which a variable is moved, beside that of its gradient.
const DIRECTIONS: usize = 2;
/// Most that a gradient may be off, as a share of its length; candle's GELU has six digits.
const OFF: f64 = 2e-5;
/// Most that rounding takes from a difference.
const ROUNDING: f64 = 1e-8;

/// Gradients by the names of their variables.
pub(crate) type Gradients = BTreeMap<String, Vec<f64>>;

/// Variables of chance in 64 bits: matrices that keep the size of what they are given, biases near 0
/// and factors of norms near 1.
pub(crate) fn chance(shapes: Vec<(String, Vec<usize>)>, seed: u64) -> BTreeMap<String, Var> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut vars = BTreeMap::new();
    for (name, dims) in shapes {
        let (middle, most) = match dims.as_slice() {
            [_, inputs] => (0.0, (3.0 / *inputs as f64).sqrt()),
            _ if name.ends_with("bias") => (0.0, 0.2),
            _ => (1.0, 0.3),
        };
        let count: usize = dims.iter().product();
        let values: Vec<f64> =
            (0..count).map(|_| middle + most * rng.random_range(-1.0..1.0)).collect();
        vars.insert(name, Var::from_vec(values, dims, &Device::Cpu).unwrap());
    }
    vars
}

/// Variables of the same values in other numbers on a device.
pub(crate) fn cast(
    vars: &BTreeMap<String, Var>,
    dtype: DType,
    device: &Device,
) -> BTreeMap<String, Var> {
    let cast = |(name, var): (&String, &Var)| {
        // A copy, or a variable of this kind would be shared.
        let tensor = var.to_dtype(dtype).unwrap().to_device(device).unwrap().copy().unwrap();
        (name.clone(), Var::from_tensor(&tensor).unwrap())
    };
    vars.iter().map(cast).collect()
}

/// The tensors of variables, through which gradients flow to them.
pub(crate) fn tensors(vars: &BTreeMap<String, Var>) -> BTreeMap<String, Tensor> {
    vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect()
}

/// The numbers of a tensor of any kind.
pub(crate) fn numbers(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Where it is trained and in what numbers, each with the share of a gradient that their rounding may
/// take. Where there is a GPU, on it, too.
pub(crate) fn kinds() -> Vec<(Device, DType, f64)> {
    let mut devices = vec![Device::Cpu];
    devices.extend(Device::cuda_if_available(0).ok().filter(Device::is_cuda));
    let of = |device: Device| [(device.clone(), DType::F32, 1e-3), (device, DType::BF16, 0.3)];
    devices.into_iter().flat_map(of).collect()
}

/// The gradients of `loss`: each variable has one, and none is zero.
#[track_caller]
pub(crate) fn gradients(vars: &BTreeMap<String, Var>, loss: &Tensor) -> Gradients {
    let store = loss.backward().unwrap();
    let mut found = Gradients::new();
    for (name, var) in vars {
        let Some(gradient) = store.get(var).map(numbers) else {
            panic!("there is no gradient for {name}");
        };
        let size = length(&gradient);
        assert!(size.is_finite() && size > 0.0, "the gradient for {name} has length {size}");
        found.insert(name.clone(), gradient);
    }
    found
}

/// Holds the gradient of every variable to central differences of `loss`, all in 64 bits: along the
/// gradient itself, which tells its length, and along directions of chance, which tell whether it
/// lacks anything. The gradients.
#[track_caller]
pub(crate) fn assert_differences(
    vars: &BTreeMap<String, Var>,
    step: f64,
    loss: &dyn Fn() -> Tensor,
) -> Gradients {
    let found = gradients(vars, &loss());
    let mut rng = Pcg64Mcg::seed_from_u64(11);
    for (name, gradient) in &found {
        let var = &vars[name];
        let here = numbers(var);
        let place = |values: Vec<f64>| {
            var.set(&Tensor::from_vec(values, var.shape(), var.device()).unwrap()).unwrap();
        };
        let mut directions = vec![gradient.clone()];
        for _ in 0..DIRECTIONS {
            directions.push(gradient.iter().map(|_| rng.random_range(-1.0..1.0)).collect());
        }
        for direction in directions {
            let size = length(&direction);
            let at = |by: f64| {
                place(here.iter().zip(&direction).map(|(x, d)| x + by * d / size).collect());
                loss().to_scalar::<f64>().unwrap()
            };
            let numeric = (at(step) - at(-step)) / (2.0 * step);
            let analytic = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum::<f64>() / size;
            let most = OFF * length(gradient) + ROUNDING;
            assert!(
                (numeric - analytic).abs() <= most,
                "{name}: {analytic} by backward, {numeric} by differences, at most {most} apart"
            );
        }
        place(here.clone());
    }
    found
}

/// Holds gradients to the right ones: each is off by a share of `most` of its length at most.
#[track_caller]
pub(crate) fn assert_alike(found: &Gradients, right: &Gradients, most: f64) {
    assert!(found.keys().eq(right.keys()), "{:?}, not {:?}", found.keys(), right.keys());
    for (name, right) in right {
        let apart: Vec<f64> = found[name].iter().zip(right).map(|(a, b)| a - b).collect();
        let (apart, size) = (length(&apart), length(right));
        assert!(apart <= most * size, "{name}: off by {apart}, with a length of {size}");
    }
}

/// The length of a vector.
pub(crate) fn length(numbers: &[f64]) -> f64 {
    numbers.iter().map(|x| x * x).sum::<f64>().sqrt()
}
