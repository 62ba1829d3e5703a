//! What becomes of the product of a linear map: its bias, an activation, what it is added to.
//!
//! candle's own operations walk a tensor on one thread, write a new one each time, and compute the error
//! function number by number: more than half of the time of an encoder on two cores. Here a CPU goes over the
//! product once, where it lies, all threads side by side. Nothing is learnt through these: they have no backward
//! pass.

use candle_core::{CpuStorage, DType, InplaceOp1, InplaceOp2, Layout, Result, Tensor};
use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

use super::transformer::Activation;
use crate::numeric::rows::{is_plain, rows, rows_mut};
use crate::numeric::softmax::exp;

/// Fewer numbers are not worth a thread of their own.
const NUMBERS_A_TASK: usize = 1 << 14;

/// `activation(product + bias)`, the bias by channel. `product` is not used again.
pub(super) fn finished(
    product: Tensor,
    bias: Option<&Tensor>,
    activation: Option<Activation>,
) -> Result<Tensor> {
    if bias.is_none() && activation.is_none() {
        return Ok(product);
    }
    if is_plain(&product) && product.is_contiguous() {
        let bias = channels(bias)?;
        product.inplace_op1(&Finish { bias: &bias, activation })?;
        return Ok(product);
    }
    let sum = match bias {
        Some(bias) => product.broadcast_add(bias)?,
        None => product,
    };
    activation.map_or(Ok(sum.clone()), |activation| by_candle(activation, &sum))
}

/// `x + scale · (product + bias)`, bias and scale by channel. `product` is not used again.
pub(super) fn added(
    x: &Tensor,
    product: Tensor,
    bias: Option<&Tensor>,
    scale: Option<&Tensor>,
) -> Result<Tensor> {
    let alike = is_plain(x) && is_plain(&product) && x.dims() == product.dims();
    if alike && product.is_contiguous() {
        let (bias, scale) = (channels(bias)?, channels(scale)?);
        product.inplace_op2(&x.contiguous()?, &Add { bias: &bias, scale: &scale })?;
        return Ok(product);
    }
    let mut sum = finished(product, bias, None)?;
    if let Some(scale) = scale {
        sum = sum.broadcast_mul(scale)?;
    }
    x + sum
}

/// The numbers of a bias or scale; none where there is none.
fn channels(numbers: Option<&Tensor>) -> Result<Vec<f32>> {
    numbers.map_or(Ok(Vec::new()), |numbers| numbers.to_dtype(DType::F32)?.to_vec1())
}

fn by_candle(activation: Activation, x: &Tensor) -> Result<Tensor> {
    match activation {
        Activation::Gelu => x.gelu_erf(),
        Activation::QuickGelu => x * candle_nn::ops::sigmoid(&(x * QUICK)?)?,
        Activation::GeluTanh => x.gelu(),
        Activation::Relu => x.relu(),
    }
}

/// The factor of OpenAI's GELU.
const QUICK: f64 = 1.702;

struct Finish<'a> {
    bias: &'a [f32],
    activation: Option<Activation>,
}

impl InplaceOp1 for Finish<'_> {
    fn name(&self) -> &'static str {
        "finish"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let numbers = rows_mut(storage, layout)?;
        let width = match self.bias.len() {
            0 => numbers.len().clamp(1, NUMBERS_A_TASK),
            width => width,
        };
        numbers.par_chunks_mut(width * (NUMBERS_A_TASK / width).max(1)).for_each(|part| {
            Arch::new().dispatch(FinishPart { part, bias: self.bias, activation: self.activation });
        });
        Ok(())
    }
}

/// Some whole rows. No closure: those are not inlined where wide vectors are allowed.
struct FinishPart<'a> {
    part: &'a mut [f32],
    bias: &'a [f32],
    activation: Option<Activation>,
}

impl NullaryFnOnce for FinishPart<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { part, bias, activation } = self;
        if !bias.is_empty() {
            for row in part.chunks_exact_mut(bias.len()) {
                row.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
            }
        }
        match activation {
            None => {}
            Some(Activation::Gelu) => part.iter_mut().for_each(|x| *x = gelu(*x)),
            Some(Activation::QuickGelu) => {
                part.iter_mut().for_each(|x| *x *= sigmoid(QUICK as f32 * *x));
            }
            Some(Activation::GeluTanh) => part.iter_mut().for_each(|x| *x = gelu_tanh(*x)),
            Some(Activation::Relu) => part.iter_mut().for_each(|x| *x = x.max(0.0)),
        }
    }
}

struct Add<'a> {
    bias: &'a [f32],
    scale: &'a [f32],
}

impl InplaceOp2 for Add<'_> {
    fn name(&self) -> &'static str {
        "add"
    }

    fn cpu_fwd(
        &self,
        product: &mut CpuStorage,
        product_layout: &Layout,
        x: &CpuStorage,
        x_layout: &Layout,
    ) -> Result<()> {
        let product = rows_mut(product, product_layout)?;
        let x = rows(x, x_layout)?;
        let width = match self.bias.len().max(self.scale.len()) {
            0 => product.len().clamp(1, NUMBERS_A_TASK),
            width => width,
        };
        let size = width * (NUMBERS_A_TASK / width).max(1);
        product.par_chunks_mut(size).zip(x.par_chunks(size)).for_each(|(product, x)| {
            Arch::new().dispatch(AddPart { product, x, width, add: self });
        });
        Ok(())
    }
}

/// Some whole rows.
struct AddPart<'a> {
    product: &'a mut [f32],
    x: &'a [f32],
    width: usize,
    add: &'a Add<'a>,
}

impl NullaryFnOnce for AddPart<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { product, x, width, add: Add { bias, scale } } = self;
        for (row, x) in product.chunks_mut(width).zip(x.chunks(width)) {
            row.iter_mut().zip(*bias).for_each(|(y, bias)| *y += bias);
            row.iter_mut().zip(*scale).for_each(|(y, scale)| *y *= scale);
            row.iter_mut().zip(x).for_each(|(y, x)| *y += x);
        }
    }
}

/// `x · Φ(x)`, to 3e-7 at most: what the error function leaves to 1 by the polynomial in *Numerical Recipes*
/// (`erfc`, 1.2e-7 of itself), as [`exp`] in a form that compilers turn into vectors.
#[inline(always)]
fn gelu(x: f32) -> f32 {
    let size = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * size);
    let series = -1.265_512_2
        + t * (1.000_023_7
            + t * (0.374_091_96
                + t * (0.096_784_18
                    + t * (-0.186_288_06
                        + t * (0.278_868_07
                            + t * (-1.135_204
                                + t * (1.488_515_9 + t * (-0.822_152_23 + t * 0.170_872_77))))))));
    let lost = 0.5 * x * t * exp(series - size * size);
    if x > 0.0 { x - lost } else { lost }
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    let small = exp(-x.abs());
    let least = small / (1.0 + small);
    if x < 0.0 { least } else { 1.0 - least }
}

/// GELU by the hyperbolic tangent: `tanh u = 2 σ(2 u) − 1`.
#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    const ROOT: f32 = 0.797_884_6;
    x * sigmoid(2.0 * ROOT * (x + 0.044_715 * x * x * x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::fixtures::values;
    use candle_core::Device;

    const ALL: [Activation; 4] =
        [Activation::Gelu, Activation::QuickGelu, Activation::GeluTanh, Activation::Relu];

    /// Numbers of all sizes, more than one thread takes.
    fn numbers(rows: usize, columns: usize, step: f32) -> Tensor {
        let values =
            (0..rows * columns).map(|at| (at as f32 * step).sin() * (at % 23) as f32).collect();
        Tensor::from_vec::<_, f32>(values, (1, rows, columns), &Device::Cpu).unwrap()
    }

    #[track_caller]
    fn close(found: &Tensor, expected: &Tensor) {
        assert_eq!(found.dims(), expected.dims());
        for (found, expected) in values(found).iter().zip(values(expected)) {
            let most = 1e-6 * expected.abs().max(1.0);
            assert!((found - expected).abs() < most, "{found}, not {expected}");
        }
    }

    #[test]
    fn products_are_finished_as_by_plain_operations() {
        for (rows, columns) in [(500, 70), (3, 40_000)] {
            let bias = numbers(1, columns, 0.3).flatten_all().unwrap();
            let product = || numbers(rows, columns, 0.7);
            let sum = product().broadcast_add(&bias).unwrap();
            close(&finished(product(), Some(&bias), None).unwrap(), &sum);
            for activation in ALL {
                let expected = by_candle(activation, &sum).unwrap();
                close(&finished(product(), Some(&bias), Some(activation)).unwrap(), &expected);
                let expected = by_candle(activation, &product()).unwrap();
                close(&finished(product(), None, Some(activation)).unwrap(), &expected);
            }
        }
    }

    #[test]
    fn products_are_added_as_by_plain_operations() {
        let (x, product) = (numbers(500, 70, 0.9), || numbers(500, 70, 0.7));
        let [bias, scale] = [0.3, 1.1].map(|step| numbers(1, 70, step).flatten_all().unwrap());
        for (bias, scale) in [(None, None), (Some(&bias), None), (Some(&bias), Some(&scale))] {
            let mut expected = finished(product(), bias, None).unwrap();
            if let Some(scale) = scale {
                expected = expected.broadcast_mul(scale).unwrap();
            }
            close(&added(&x, product(), bias, scale).unwrap(), &(&x + expected).unwrap());
        }
        // What was added to is as it was.
        close(&x, &numbers(500, 70, 0.9));
    }

    #[test]
    fn what_is_no_plain_product_goes_candles_way() {
        let product = || numbers(6, 5, 0.7).transpose(1, 2).unwrap();
        let bias = numbers(1, 6, 0.3).flatten_all().unwrap();
        let sum = product().broadcast_add(&bias).unwrap();
        let expected = sum.relu().unwrap();
        close(&finished(product(), Some(&bias), Some(Activation::Relu)).unwrap(), &expected);
        let expected = (&sum + &sum).unwrap();
        close(&added(&sum, product(), Some(&bias), None).unwrap(), &expected);
    }
}
