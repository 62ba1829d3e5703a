//! Cross-entropy against distributions.

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, D, DType, Error, Layout, Result, Shape, Tensor,
};

/// Mean over rows of the cross-entropy of softmax(`logits`) `(rows, classes)` against `targets`
/// `(rows, classes)`, which do not learn; each row is weighted by `weights` `(rows)`.
pub fn soft_cross_entropy(logits: &Tensor, targets: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let total = weights.sum_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?.max(1e-6);
    let (targets, weights) = (targets.detach(), (weights.detach() / total)?);
    if logits.device().is_cpu() && logits.dtype() == DType::F32 {
        let weighted = targets.broadcast_mul(&weights.unsqueeze(1)?)?;
        return logits.contiguous()?.apply_op1(CrossEntropy { weighted })?.sum_all();
    }
    by_candle(logits, &targets, &weights)
}

/// The sum over rows of the weighted cross-entropies, on any device.
fn by_candle(logits: &Tensor, targets: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let log_p = candle_nn::ops::log_softmax(logits, D::Minus1)?;
    ((targets * log_p)?.sum(D::Minus1)? * weights)?.sum_all()?.neg()
}

/// Cross-entropies of the rows. Over the whole matrix at once: candle's own would walk it eight
/// times forwards and more backwards.
struct CrossEntropy {
    /// Targets times the weights of their rows.
    weighted: Tensor,
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "soft_cross_entropy"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (count, classes) = layout.shape().dims2()?;
        let targets = self.weighted.flatten_all()?.to_vec1::<f32>()?;
        let all = rows(storage, layout)?.chunks_exact(classes).zip(targets.chunks_exact(classes));
        let of_row = |(logits, targets): (&[f32], &[f32])| {
            let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let log_sum = most + logits.iter().map(|x| (x - most).exp()).sum::<f32>().ln();
            logits.iter().zip(targets).map(|(x, t)| t * (log_sum - x)).sum()
        };
        Ok((CpuStorage::F32(all.map(of_row).collect()), Shape::from(count)))
    }

    fn bwd(&self, logits: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let of_logits = logits.apply_op2_no_bwd(&self.weighted.contiguous()?, &Backward)?;
        of_logits.broadcast_mul(&gradient.unsqueeze(1)?).map(Some)
    }
}

/// From logits and weighted targets to the gradient: `softmax · Σ targets − targets`.
struct Backward;

impl CustomOp2 for Backward {
    fn name(&self) -> &'static str {
        "soft_cross_entropy_backward"
    }

    fn cpu_fwd(
        &self,
        logits: &CpuStorage,
        logits_layout: &Layout,
        targets: &CpuStorage,
        targets_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, classes) = logits_layout.shape().dims2()?;
        let mut out = rows(logits, logits_layout)?.to_vec();
        let targets = rows(targets, targets_layout)?.chunks_exact(classes);
        for (row, targets) in out.chunks_exact_mut(classes).zip(targets) {
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            row.iter_mut().for_each(|x| *x = (*x - most).exp());
            let scale = targets.iter().sum::<f32>() / row.iter().sum::<f32>();
            row.iter_mut().zip(targets).for_each(|(x, t)| *x = *x * scale - t);
        }
        Ok((CpuStorage::F32(out), logits_layout.shape().clone()))
    }
}

fn rows<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (from, to) =
        layout.contiguous_offsets().ok_or_else(|| Error::Msg("rows are not contiguous".into()))?;
    Ok(&storage.as_slice::<f32>()?[from..to])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::vision::objective::tests::assert_gradient;
    use candle_core::{Device, Var};

    #[test]
    fn loss_and_gradient_are_those_of_the_formula() {
        let device = &Device::Cpu;
        let logits = Tensor::new(&[[0.3f32, -1.0, 2.0], [0.0, 1.5, -0.5]], device).unwrap();
        let targets = Tensor::new(&[[0.2f32, 0.8, 0.0], [0.0, 0.5, 0.5]], device).unwrap();
        let weights = Tensor::new(&[1.0f32, 3.0], device).unwrap();
        let found = soft_cross_entropy(&logits, &targets, &weights).unwrap();
        let log_p = candle_nn::ops::log_softmax(&logits, 1).unwrap();
        let rows = (&targets * log_p).unwrap().sum(1).unwrap().to_vec1::<f32>().unwrap();
        let expected = -(rows[0] + 3.0 * rows[1]) / 4.0;
        approx::assert_relative_eq!(found.to_scalar::<f32>().unwrap(), expected, epsilon = 1e-5);
        let var = Var::from_tensor(&logits).unwrap();
        assert_gradient(&var, |x| soft_cross_entropy(x, &targets, &weights).unwrap());
    }

    #[test]
    fn on_any_device_it_is_what_it_is_on_a_cpu() {
        let device = &Device::Cpu;
        let numbers = |step: f32| (0..6 * 11).map(move |at| (at as f32 * step).sin()).collect();
        let of = |step| Tensor::from_vec::<_, f32>(numbers(step), (6, 11), device).unwrap();
        let logits = Var::from_tensor(&(of(1.7) * 6.0).unwrap()).unwrap();
        let targets = candle_nn::ops::softmax(&(of(0.9) * 3.0).unwrap(), 1).unwrap();
        // They sum up to 1, so that there is nothing to be divided by.
        let weights = Tensor::new(&[0.1f32, 0.3, 0.05, 0.25, 0.2, 0.1], device).unwrap();
        let both = |loss: Tensor| {
            let gradient = loss.backward().unwrap().get(&logits).unwrap().clone();
            let gradient: Vec<f32> = gradient.flatten_all().unwrap().to_vec1().unwrap();
            (loss.to_scalar::<f32>().unwrap(), gradient)
        };
        let (on_cpu, of_cpu) = both(soft_cross_entropy(&logits, &targets, &weights).unwrap());
        let (on_any, of_any) = both(by_candle(&logits, &targets, &weights).unwrap());
        approx::assert_abs_diff_eq!(on_cpu, on_any, epsilon = 1e-4);
        approx::assert_abs_diff_eq!(of_cpu.as_slice(), of_any.as_slice(), epsilon = 1e-4);
        assert!(of_any.iter().any(|x| x.abs() > 1e-2));
    }
}
