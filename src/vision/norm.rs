//! The norm over channels of all encoders.
//!
//! candle takes the variance for the difference of two squares, of which nothing is left where a few channels are
//! all but equal, and adds number by number. Here it is the mean of squares about the mean.

use candle_core::{CpuStorage, CustomOp3, D, Layout, Module, Result, Shape, Tensor};
use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

use crate::numeric::rows::{is_plain, last, rows};
use crate::numeric::softmax::fold;

/// Fewer numbers are not worth a thread of their own.
const NUMBERS_A_TASK: usize = 1 << 14;

/// `(x − mean) / sqrt(variance + epsilon) · weight + bias` over the last dimension.
#[derive(Debug, Clone)]
pub(super) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f64,
}

impl LayerNorm {
    /// Weight and bias by channel.
    pub fn new(weight: Tensor, bias: Tensor, epsilon: f64) -> Self {
        Self { weight, bias, epsilon }
    }
}

impl Module for LayerNorm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if is_plain(x) {
            let norm = Norm { epsilon: self.epsilon as f32 };
            return x.contiguous()?.apply_op3_no_bwd(&self.weight, &self.bias, &norm);
        }
        let epsilon = self.epsilon as f32;
        if x.device().is_cpu() {
            return candle_nn::ops::layer_norm_slow(x, &self.weight, &self.bias, epsilon);
        }
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        candle_nn::ops::layer_norm(&centred, &self.weight, &self.bias, epsilon)
    }
}

struct Norm {
    epsilon: f32,
}

impl CustomOp3 for Norm {
    fn name(&self) -> &'static str {
        "norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, width) = (rows(x, x_layout)?, last(x_layout));
        let (weight, bias) = (rows(weight, weight_layout)?, rows(bias, bias_layout)?);
        if weight.len() != width || bias.len() != width {
            candle_core::bail!("a norm of {} channels got {width}", weight.len());
        }
        let mut out = vec![0f32; x.len()];
        let rows_a_task = (NUMBERS_A_TASK / width).max(1);
        let both = out.par_chunks_exact_mut(width).zip(x.par_chunks_exact(width));
        both.with_min_len(rows_a_task).for_each(|(out, x)| {
            Arch::new().dispatch(NormRow { out, x, weight, bias, epsilon: self.epsilon });
        });
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }
}

/// One row. No closure: those are not inlined where wide vectors are allowed.
struct NormRow<'a> {
    out: &'a mut [f32],
    x: &'a [f32],
    weight: &'a [f32],
    bias: &'a [f32],
    epsilon: f32,
}

impl NullaryFnOnce for NormRow<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { out, x, weight, bias, epsilon } = self;
        let share = 1.0 / x.len() as f32;
        let mean = fold(x, 0.0, |sum, x| sum + x) * share;
        out.iter_mut().zip(x).for_each(|(out, x)| *out = (x - mean) * (x - mean));
        let variance = fold(out, 0.0, |sum, x| sum + x) * share;
        let scale = 1.0 / (variance + epsilon).sqrt();
        for (((out, x), weight), bias) in out.iter_mut().zip(x).zip(weight).zip(bias) {
            *out = (x - mean) * scale * weight + bias;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::fixtures::values;
    use candle_core::{DType, Device};

    fn numbers(shape: &[usize], step: f32, middle: f32) -> Tensor {
        let count: usize = shape.iter().product();
        let numbers: Vec<f32> = (0..count).map(|at| middle + (at as f32 * step).sin()).collect();
        Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
    }

    #[test]
    fn norms_are_those_in_64_bits() {
        for (width, middle) in [(1, 3.0), (7, 0.0), (96, -2.0), (3, 100.0)] {
            let x = numbers(&[2, 300, width], 0.7, middle);
            let (weight, bias) = (numbers(&[width], 1.3, 1.0), numbers(&[width], 2.9, 0.0));
            let wide = |x: &Tensor| x.to_dtype(DType::F64).unwrap();
            let of = |x: &Tensor, like: &dyn Fn(&Tensor) -> Tensor| {
                LayerNorm::new(like(&weight), like(&bias), 1e-5).forward(x).unwrap()
            };
            let found = values(&of(&x, &Tensor::clone));
            let elsewhere = values(&of(&wide(&x), &wide).to_dtype(DType::F32).unwrap());
            for (found, expected) in found.iter().zip(elsewhere) {
                assert!((found - expected).abs() < 2e-4, "{width}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn a_picture_that_is_laid_otherwise_has_the_same_norm() {
        let x = numbers(&[4, 6], 0.7, 1.0);
        let norm = LayerNorm::new(numbers(&[6], 1.3, 1.0), numbers(&[6], 2.9, 0.0), 1e-6);
        let turned = x.t().unwrap().contiguous().unwrap().t().unwrap();
        assert_eq!(values(&norm.forward(&turned).unwrap()), values(&norm.forward(&x).unwrap()));
        assert!(norm.forward(&x.t().unwrap()).unwrap_err().to_string().contains("6 channels"));
    }
}
