//! The objectives against central differences in 64 bits, where candle's operations do all, as on a
//! GPU; and in 32 bits, for which there are operations of their own.

use super::tests::unit_vectors;
use super::{DinoConfig, dino, distill, labels, moco};
use crate::learn::vision::fixtures::{self, DINO};
use crate::vision::gradients::{
    SMOOTH, assert_alike, assert_differences, cast, gradients, tensors,
};
use candle_core::{D, DType, Device, Result, Tensor, Var};
use std::collections::BTreeMap;
use std::path::Path;

/// Features of chance, which are what an objective learns from.
const FEATURES: &str = "features";

/// Holds what `loss` makes of features, and of prototypes where there are any, to differences.
#[track_caller]
fn hold(names: &[&str], loss: &dyn Fn(&BTreeMap<String, Tensor>) -> Result<Tensor>) {
    let var = |(name, seed): (&&str, u64)| {
        let vectors = unit_vectors(5, 6, seed).to_dtype(DType::F64).unwrap();
        ((*name).to_owned(), Var::from_tensor(&vectors).unwrap())
    };
    let wide: BTreeMap<String, Var> = names.iter().zip(1..).map(var).collect();
    let right = assert_differences(&wide, SMOOTH, &|| loss(&tensors(&wide)).unwrap());
    let narrow = cast(&wide, DType::F32, &Device::Cpu);
    let found = gradients(&narrow, &loss(&tensors(&narrow)).unwrap());
    assert_alike(&found, &right, 1e-3);
}

/// `vectors` in the numbers of `x`.
fn like(vectors: &Tensor, x: &Tensor) -> Tensor {
    vectors.to_dtype(x.dtype()).unwrap()
}

/// Distributions over `count` names, one for each of five features.
fn distributions(count: usize) -> Tensor {
    candle_nn::ops::softmax(&(unit_vectors(5, count, 7) * 4.0).unwrap(), D::Minus1).unwrap()
}

#[test]
fn labels_have_the_gradient_of_differences() {
    let words = unit_vectors(4, 6, 8).t().unwrap().contiguous().unwrap();
    let weights = Tensor::new(&[1.0f32, 3.0, 0.0, 0.5, 0.25], &Device::Cpu).unwrap();
    hold(&[FEATURES], &|vars| {
        let x = &vars[FEATURES];
        labels::loss(x, &like(&words, x), &like(&distributions(4), x), &like(&weights, x), 0.1)
    });
}

#[test]
fn sorting_into_prototypes_has_the_gradient_of_differences() {
    let config = DinoConfig { prototypes: 5, cells: 5, ..DINO };
    let (teacher, centre) = (unit_vectors(5, 5, 8), unit_vectors(1, 5, 9).squeeze(0).unwrap());
    hold(&[FEATURES, dino::PROTOTYPES], &|vars| {
        let student = dino::cosines(&vars[FEATURES], &vars[dino::PROTOTYPES])?;
        dino::loss(&student, &like(&teacher, &student), &like(&centre, &student), &config)
    });
}

#[test]
fn knowing_cells_again_has_the_gradient_of_differences() {
    let (keys, queue) = (unit_vectors(5, 6, 8), unit_vectors(7, 6, 9));
    hold(&[FEATURES], &|vars| {
        let x = &vars[FEATURES];
        moco::loss(x, &like(&keys, x), &like(&queue, x), 0.2)
    });
}

#[test]
fn what_a_teacher_sees_has_the_gradient_of_differences() {
    let config = fixtures::distill(Path::new("teacher"));
    let words = unit_vectors(4, 6, 8).t().unwrap().contiguous().unwrap();
    let teacher = unit_vectors(5, 6, 9);
    hold(&[FEATURES], &|vars| {
        let x = &vars[FEATURES];
        distill::loss(x, &like(&teacher, x), &like(&words, x), &config)
    });
}
