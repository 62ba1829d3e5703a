//! The network against central differences in 64 bits, where candle's operations do all, as on a GPU.

use super::fixtures::TINY;
use super::{CellWindow, INPUTS, SceneVitNet, SceneVitShape};
use crate::vision::gradients::{
    BENT, assert_alike, assert_differences, cast, chance, gradients, tensors,
};
use candle_core::{DType, Device, Tensor, Var};
use std::collections::BTreeMap;

const SHAPE: SceneVitShape = SceneVitShape { layers: 2, ..TINY };
/// A few cells, some of them at the edge of the picture.
const WINDOW: CellWindow = CellWindow { top: 0, left: 6, rows: 4, columns: 6 };

/// Features that are each pulled in a direction of its own.
fn loss(vars: &BTreeMap<String, Var>, dtype: DType) -> Tensor {
    let wave = |width: usize, step: f64| {
        let numbers = (0..WINDOW.count() * width).map(|at| (at as f64 * step).sin()).collect();
        let wave = Tensor::from_vec::<_, f64>(numbers, (1, WINDOW.count(), width), &Device::Cpu);
        wave.unwrap().to_dtype(dtype).unwrap()
    };
    let net = SceneVitNet::new(SHAPE, tensors(vars), &Device::Cpu).unwrap();
    let features = net.forward(&wave(INPUTS, 0.73), WINDOW).unwrap();
    (features * wave(SHAPE.features, 0.37)).unwrap().sum_all().unwrap()
}

#[test]
fn every_weight_has_the_gradient_of_differences() {
    let wide = chance(SHAPE.weights(), 1);
    let right = assert_differences(&wide, BENT, &|| loss(&wide, DType::F64));
    let narrow = cast(&wide, DType::F32, &Device::Cpu);
    assert_alike(&gradients(&narrow, &loss(&narrow, DType::F32)), &right, 1e-3);
}
