//! Softmax and RMS norm that are quick forwards and have gradients.
//!
//! candle's fused versions have no backward pass and its plain ones walk the numbers several times.
//! These go over each row once on a CPU, and fall back to the plain ones elsewhere.

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, D, DType, Error, Layout, Result, Shape, Tensor,
};

/// Added to the mean square.
const EPSILON: f32 = 1e-5;

/// Softmax over the last dimension.
pub fn softmax(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() && x.dtype() == DType::F32 {
        return x.contiguous()?.apply_op1(Softmax);
    }
    candle_nn::ops::softmax(x, D::Minus1)
}

/// `x / sqrt(mean(x²))` over the last dimension, times `weight`.
pub fn rms_norm(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    unit_norm(x)?.broadcast_mul(weight)
}

/// `x / sqrt(mean(x²))` over the last dimension.
pub fn unit_norm(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() && x.dtype() == DType::F32 {
        return x.contiguous()?.apply_op1(UnitNorm);
    }
    let mean = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&(mean + f64::from(EPSILON))?.sqrt()?)
}

/// The numbers of a contiguous tensor.
fn rows<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let all = storage.as_slice::<f32>()?;
    let (from, to) =
        layout.contiguous_offsets().ok_or_else(|| Error::Msg("rows are not contiguous".into()))?;
    Ok(&all[from..to])
}

fn last(layout: &Layout) -> usize {
    layout.dims().last().copied().unwrap_or(1).max(1)
}

/// The exponential of numbers that are not positive, to 2e-7 of itself, in a form that compilers
/// turn into vectors: 2^n by its exponent, the rest by its series.
#[inline]
fn exp(x: f32) -> f32 {
    let x = (x * std::f32::consts::LOG2_E).max(-125.0);
    let whole = (x - 0.5) as i32;
    let t = (x - whole as f32) * std::f32::consts::LN_2;
    let series = 1.0
        + t * (1.0
            + t * (0.5 + t * (1.0 / 6.0 + t * (1.0 / 24.0 + t * (1.0 / 120.0 + t / 720.0)))));
    f32::from_bits(((whole + 127) as u32) << 23) * series
}

struct Softmax;

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let width = last(layout);
        let mut out = rows(storage, layout)?.to_vec();
        for row in out.chunks_exact_mut(width) {
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            row.iter_mut().for_each(|x| *x = exp(*x - most));
            let scale = 1.0 / row.iter().sum::<f32>();
            row.iter_mut().for_each(|x| *x *= scale);
        }
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

struct UnitNorm;

impl CustomOp1 for UnitNorm {
    fn name(&self) -> &'static str {
        "unit_norm"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let width = last(layout);
        let mut out = rows(storage, layout)?.to_vec();
        for row in out.chunks_exact_mut(width) {
            let scale = 1.0 / (dot(row, row) / width as f32 + EPSILON).sqrt();
            row.iter_mut().for_each(|x| *x *= scale);
        }
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, arg: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        arg.contiguous()?.apply_op2_no_bwd(&gradient.contiguous()?, &UnitNormBackward).map(Some)
    }
}

/// From what went in and the gradient of the norm to that of what went in.
struct UnitNormBackward;

impl CustomOp2 for UnitNormBackward {
    fn name(&self) -> &'static str {
        "unit_norm_backward"
    }

    fn cpu_fwd(
        &self,
        arg: &CpuStorage,
        arg_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let width = last(arg_layout);
        let x = rows(arg, arg_layout)?;
        let mut out = rows(gradient, gradient_layout)?.to_vec();
        for (g, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
            let scale = 1.0 / (dot(x, x) / width as f32 + EPSILON).sqrt();
            let along = dot(g, x) * scale * scale * scale / width as f32;
            g.iter_mut().zip(x).for_each(|(g, x)| *g = *g * scale - along * x);
        }
        Ok((CpuStorage::F32(out), arg_layout.shape().clone()))
    }
}

/// The sum of products, in eight parts side by side.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut parts = [0.0f32; 8];
    let (whole_a, whole_b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = whole_a.remainder().iter().zip(whole_b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in whole_a.zip(whole_b) {
        for (part, (a, b)) in parts.iter_mut().zip(a.iter().zip(b)) {
            *part += a * b;
        }
    }
    parts.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Results and gradients of `ours` are those of `theirs`, at numbers of all sizes.
    fn same(ours: impl Fn(&Tensor) -> Result<Tensor>, theirs: impl Fn(&Tensor) -> Result<Tensor>) {
        let numbers: Vec<f32> = (0..3 * 19).map(|i| (i as f32 * 1.7).sin() * 6.0).collect();
        let var = Var::from_vec(numbers, (3, 19), &Device::Cpu).unwrap();
        let pull = Tensor::arange(0f32, 57.0, &Device::Cpu).unwrap().reshape((3, 19)).unwrap();
        let both = |op: &dyn Fn(&Tensor) -> Result<Tensor>| {
            let result = op(&var).unwrap();
            let loss = (&result * &pull).unwrap().sum_all().unwrap();
            let gradient = loss.backward().unwrap().get(&var).unwrap().clone();
            (values(&result), values(&gradient))
        };
        let (ours, theirs) = (both(&ours), both(&theirs));
        approx::assert_abs_diff_eq!(ours.0.as_slice(), theirs.0.as_slice(), epsilon = 1e-5);
        approx::assert_abs_diff_eq!(ours.1.as_slice(), theirs.1.as_slice(), epsilon = 2e-4);
        assert!(ours.1.iter().any(|x| x.abs() > 1e-2));
    }

    #[test]
    fn results_and_gradients_are_those_of_plain_operations() {
        same(softmax, |x| candle_nn::ops::softmax(x, D::Minus1));
        let ones = Tensor::ones(19, DType::F32, &Device::Cpu).unwrap();
        same(unit_norm, |x| candle_nn::ops::rms_norm_slow(x, &ones, EPSILON));
    }

    #[test]
    fn exponentials_are_right_from_zero_down() {
        for step in 0..2000 {
            let x = -0.04 * step as f32;
            let (found, right) = (exp(x), x.exp());
            assert!((found - right).abs() <= 4e-7 * right + 1e-35, "{x}: {found}, not {right}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
    }
}
