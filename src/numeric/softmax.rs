//! A softmax that is quick forwards and backwards, whose rows go side by side; that of all encoders'
//! attention.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, D, Layout, Result, Shape, Tensor};
use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

use super::rows::{dot, is_plain, last, rows};

/// Fewer numbers are not worth a thread of their own.
const NUMBERS_A_TASK: usize = 1 << 15;

/// Softmax over the last dimension.
pub(crate) fn softmax(x: &Tensor) -> Result<Tensor> {
    if is_plain(x) {
        return x.contiguous()?.apply_op1(Softmax);
    }
    candle_nn::ops::softmax(x, D::Minus1)
}

/// The exponential of numbers that are not positive, to 2e-7 of itself, in a form that compilers turn into
/// vectors: 2^n by its exponent, the rest by the polynomial of Cephes' `expf`. Below e^-86.6 it is that.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // So large a number has no digits behind the point, and the whole ones as its last bits.
    const ROUND: f32 = (3 << 22) as f32;
    // ln 2 in two parts; whole numbers times the first have no error.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let x = x.max(-86.6);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let t = x - n * LN_2[0] - n * LN_2[1];
    let series = 0.5
        + t * (0.166_666_66
            + t * (4.166_579_6e-2
                + t * (8.333_452e-3 + t * (1.398_199_9e-3 + t * 1.987_569_1e-4))));
    let exponent = rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
    f32::from_bits(exponent << 23) * (1.0 + (t + t * t * series))
}

/// Numbers that are worked on side by side.
const LANES: usize = 16;

/// Folds some numbers by `step`, which may take them in any order.
#[inline(always)]
pub(crate) fn fold(row: &[f32], first: f32, step: impl Fn(f32, f32) -> f32) -> f32 {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut all = first;
    // A short row would wait longer for empty lanes than for its own numbers.
    if !chunks.is_empty() {
        let mut lanes = [first; LANES];
        for chunk in chunks {
            lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane = step(*lane, *x));
        }
        all = lanes.into_iter().fold(first, &step);
    }
    rest.iter().fold(all, |all, x| step(all, *x))
}

/// The softmax of one row. No closure: those are not inlined where wide vectors are allowed.
pub(crate) struct SoftmaxRow<'a>(pub &'a mut [f32]);

impl NullaryFnOnce for SoftmaxRow<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(row) = self;
        let most = fold(row, f32::NEG_INFINITY, f32::max);
        row.iter_mut().for_each(|x| *x = exp(*x - most));
        let scale = 1.0 / fold(row, 0.0, |sum, x| sum + x);
        row.iter_mut().for_each(|x| *x *= scale);
    }
}

/// Some whole rows.
struct SoftmaxRows<'a> {
    rows: &'a mut [f32],
    width: usize,
}

impl NullaryFnOnce for SoftmaxRows<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { rows, width } = self;
        for row in rows.chunks_exact_mut(width) {
            SoftmaxRow(row).call();
        }
    }
}

struct Softmax;

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let width = last(layout);
        let mut out = rows(storage, layout)?.to_vec();
        let rows_a_task = (NUMBERS_A_TASK / width).max(1);
        out.par_chunks_mut(width * rows_a_task).for_each(|rows| {
            Arch::new().dispatch(SoftmaxRows { rows, width });
        });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, _arg: &Tensor, result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        result.contiguous()?.apply_op2_no_bwd(&gradient.contiguous()?, &SoftmaxBackward).map(Some)
    }
}

/// From the softmax and its gradient to that of what went in.
struct SoftmaxBackward;

impl CustomOp2 for SoftmaxBackward {
    fn name(&self) -> &'static str {
        "softmax_backward"
    }

    fn cpu_fwd(
        &self,
        result: &CpuStorage,
        result_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let width = last(result_layout);
        let y = rows(result, result_layout)?;
        let mut out = rows(gradient, gradient_layout)?.to_vec();
        for (g, y) in out.chunks_exact_mut(width).zip(y.chunks_exact(width)) {
            let along: f32 = dot(g, y);
            g.iter_mut().zip(y).for_each(|(g, y)| *g = (*g - along) * y);
        }
        Ok((CpuStorage::F32(out), result_layout.shape().clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::rows::tests::same;
    use crate::vision::fixtures::values;
    use candle_core::Device;

    #[test]
    fn results_and_gradients_are_those_of_plain_operations() {
        same(softmax, |x| candle_nn::ops::softmax(x, D::Minus1));
    }

    /// More rows than one thread takes, each shorter than what is worked on side by side.
    #[test]
    fn many_short_rows_are_those_of_plain_operations() {
        let x: Vec<f32> = (0..6000 * 7).map(|at| (at as f32 * 1.7).sin() * 6.0).collect();
        let x = Tensor::from_vec(x, (6000, 7), &Device::Cpu).unwrap();
        let found = values(&softmax(&x).unwrap());
        let expected = values(&candle_nn::ops::softmax(&x, D::Minus1).unwrap());
        approx::assert_abs_diff_eq!(found.as_slice(), expected.as_slice(), epsilon = 1e-6);
    }

    #[test]
    fn exponentials_are_right_from_zero_down() {
        for step in 0..2000 {
            let x = -0.04 * step as f32;
            let (found, right) = (exp(x), x.exp());
            let most = 2e-7 * right;
            assert!((found - right).abs() <= most, "{x}: {found}, not {right}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
    }
}
