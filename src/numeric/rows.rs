//! What operations that go over the rows of a tensor on a CPU have in common.
//!
//! candle's fused operations have no backward pass and its plain ones walk the numbers several times.
//! Ours go over each row once, and fall back to the plain ones elsewhere.

use candle_core::{CpuStorage, DType, Error, Layout, Result, Tensor};

/// Whether operations on rows are made for it.
pub(crate) fn is_plain(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32
}

/// The numbers of a contiguous tensor.
pub(crate) fn rows<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let all = storage.as_slice::<f32>()?;
    let (from, to) =
        layout.contiguous_offsets().ok_or_else(|| Error::Msg("rows are not contiguous".into()))?;
    Ok(&all[from..to])
}

/// The numbers of a contiguous tensor, to be changed where they lie.
pub(crate) fn rows_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    let (from, to) =
        layout.contiguous_offsets().ok_or_else(|| Error::Msg("rows are not contiguous".into()))?;
    match storage {
        CpuStorage::F32(all) => Ok(&mut all[from..to]),
        _ => Err(Error::Msg("rows are no 32-bit floats".into())),
    }
}

/// Length of the last dimension, at least 1.
pub(crate) fn last(layout: &Layout) -> usize {
    layout.dims().last().copied().unwrap_or(1).max(1)
}

/// The sum of products, in eight parts side by side.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
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
pub(crate) mod tests {
    use super::*;
    use crate::vision::fixtures::values;
    use candle_core::{Device, Var};

    /// Results and gradients of `ours` are those of `theirs`, at numbers of all sizes.
    pub(crate) fn same(
        ours: impl Fn(&Tensor) -> Result<Tensor>,
        theirs: impl Fn(&Tensor) -> Result<Tensor>,
    ) {
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
    fn products_are_summed_whatever_the_length() {
        for length in [0usize, 1, 7, 8, 19] {
            let numbers: Vec<f32> = (0..length).map(|at| at as f32).collect();
            let squares = (0..length).map(|at| (at * at) as f32).sum::<f32>();
            assert_eq!(dot(&numbers, &numbers), squares);
        }
    }
}
