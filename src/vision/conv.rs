//! Convolutions of 3×3 over pictures whose channels stand last, with zeros beyond the edge.
//!
//! Channels that stand last go through norms and linear maps as they lie, and next to each other through wide
//! vectors. candle's convolutions want them first, and one that goes channel by channel as one for each.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Storage, Tensor, bail};
use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

use super::pointwise::finished;
use super::transformer::Activation;
use crate::numeric::rows::{is_plain, rows as numbers};

/// Edge of all kernels here.
pub(super) const SIZE: usize = 3;
/// Bytes of neighbourhoods that a thread gathers at a time.
const BYTES_AT_A_TIME: usize = 1 << 20;

/// A convolution from all channels to others.
#[derive(Debug)]
pub(super) struct Conv {
    /// `(outputs, inputs, 3, 3)`.
    pub weight: Tensor,
    pub bias: Option<Tensor>,
    pub stride: usize,
}

impl Conv {
    /// `(1, rows, columns, outputs)` of `(1, rows, columns, inputs)`.
    pub fn forward(&self, x: &Tensor, activation: Option<Activation>) -> Result<Tensor> {
        let (_, rows, columns, inputs) = x.dims4()?;
        let sides = [rows, columns].map(|side| side.div_ceil(self.stride));
        let product = if is_plain(x) {
            self.in_bands(&x.contiguous()?, [rows, columns, inputs], sides)?
        } else {
            convolve(x, &self.weight, self.stride, 1)?
        };
        finished(product, self.bias.as_ref(), activation)
    }

    fn in_bands(
        &self,
        x: &Tensor,
        [rows, columns, inputs]: [usize; 3],
        [down, across]: [usize; 2],
    ) -> Result<Tensor> {
        let kernel = self.weight.permute((2, 3, 1, 0))?.flatten(0, 2)?;
        let row_bytes = SIZE * SIZE * inputs * across * size_of::<f32>();
        let band = (BYTES_AT_A_TIME / row_bytes.max(1)).max(1);
        let all = x.flatten_all()?;
        let (storage, layout) = all.storage_and_layout();
        let Storage::Cpu(storage) = &*storage else { bail!("a picture is not on the CPU") };
        let picture = numbers(storage, layout)?;
        let bands: Vec<usize> = (0..down).step_by(band).collect();
        let done = bands.into_par_iter().map(|first| {
            let last = (first + band).min(down);
            let mut around = Vec::with_capacity((last - first) * row_bytes / size_of::<f32>());
            for (row, column) in (first..last).flat_map(|row| (0..across).map(move |at| (row, at)))
            {
                for tap in 0..SIZE * SIZE {
                    let row = (row * self.stride + tap / SIZE).wrapping_sub(1);
                    let column = (column * self.stride + tap % SIZE).wrapping_sub(1);
                    if row < rows && column < columns {
                        let from = (row * columns + column) * inputs;
                        around.extend_from_slice(&picture[from..from + inputs]);
                    } else {
                        around.resize(around.len() + inputs, 0.0);
                    }
                }
            }
            let shape = ((last - first) * across, SIZE * SIZE * inputs);
            Tensor::from_vec(around, shape, x.device())?.matmul(&kernel)
        });
        let done = done.collect::<Result<Vec<_>>>()?;
        Tensor::cat(&done, 0)?.reshape((1, down, across, ()))
    }
}

/// A convolution along the picture, channel by channel.
#[derive(Debug)]
pub(super) struct Along {
    /// `(width, 1, 3, 3)`.
    pub weight: Tensor,
    pub bias: Tensor,
    pub stride: usize,
}

impl Along {
    /// `(1, rows, columns, width)` of a tensor of that shape; its sides are divided by the stride.
    pub fn forward(&self, x: &Tensor, activation: Option<Activation>) -> Result<Tensor> {
        let product = if is_plain(x) {
            let kernel = self.weight.flatten_from(1)?.t()?.contiguous()?;
            x.contiguous()?.apply_op2_no_bwd(&kernel, &AlongOp { stride: self.stride })?
        } else {
            convolve(x, &self.weight, self.stride, self.weight.dim(0)?)?
        };
        finished(product, Some(&self.bias), activation)
    }
}

/// The same by candle.
fn convolve(x: &Tensor, weight: &Tensor, stride: usize, groups: usize) -> Result<Tensor> {
    let first = x.permute((0, 3, 1, 2))?.contiguous()?;
    first.conv2d(weight, 1, stride, 1, groups)?.permute((0, 2, 3, 1))?.contiguous()
}

struct AlongOp {
    stride: usize,
}

impl CustomOp2 for AlongOp {
    fn name(&self) -> &'static str {
        "along"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        kernel: &CpuStorage,
        kernel_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, down, across, width) = x_layout.shape().dims4()?;
        let (x, kernel) = (numbers(x, x_layout)?, numbers(kernel, kernel_layout)?);
        if batch != 1 || kernel.len() != SIZE * SIZE * width {
            bail!("a kernel of {} numbers along {width} channels", kernel.len());
        }
        let [rows, columns] = [down, across].map(|side| side.div_ceil(self.stride));
        let mut out = vec![0f32; rows * columns * width];
        out.par_chunks_mut((columns * width).max(1)).enumerate().for_each(|(row, out)| {
            let grid = [down, across];
            let row = row * self.stride;
            Arch::new().dispatch(AlongRow { out, x, kernel, grid, row, stride: self.stride });
        });
        Ok((CpuStorage::F32(out), Shape::from((1, rows, columns, width))))
    }
}

/// One row of what comes out. No closure: those are not inlined where wide vectors are allowed.
struct AlongRow<'a> {
    out: &'a mut [f32],
    x: &'a [f32],
    kernel: &'a [f32],
    grid: [usize; 2],
    /// The row of what goes in that its middle lies on.
    row: usize,
    stride: usize,
}

impl NullaryFnOnce for AlongRow<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { out, x, kernel, grid: [down, across], row, stride } = self;
        let width = kernel.len() / (SIZE * SIZE);
        for (column, out) in out.chunks_exact_mut(width.max(1)).enumerate() {
            for (tap, kernel) in kernel.chunks_exact(width.max(1)).enumerate() {
                let row = (row + tap / SIZE).wrapping_sub(1);
                let column = (column * stride + tap % SIZE).wrapping_sub(1);
                if row < down && column < across {
                    let x = &x[(row * across + column) * width..][..width];
                    for ((out, x), kernel) in out.iter_mut().zip(x).zip(kernel) {
                        *out += x * kernel;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::fixtures::{assert_close, numbers, values};
    use candle_core::DType;

    /// By candle, channels first.
    fn plain(x: &Tensor, weight: &Tensor, bias: &Tensor, stride: usize, groups: usize) -> Vec<f32> {
        let x = x.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap();
        let y = x.conv2d(weight, 1, stride, 1, groups).unwrap();
        let y = y.permute((0, 2, 3, 1)).unwrap().broadcast_add(bias).unwrap();
        values(&y.gelu_erf().unwrap())
    }

    #[test]
    fn a_picture_is_convolved_as_by_candle() {
        // The second is more than a thread gathers at a time.
        for (rows, columns, inputs, stride) in [(5, 7, 3, 2), (90, 40, 16, 1), (1, 1, 4, 1)] {
            let x = numbers(&[1, rows, columns, inputs], 0.7);
            let (weight, bias) = (numbers(&[6, inputs, 3, 3], 1.3), numbers(&[6], 2.9));
            let expected = plain(&x, &weight, &bias, stride, 1);
            let conv = Conv { weight, bias: Some(bias), stride };
            let found = conv.forward(&x, Some(Activation::Gelu)).unwrap();
            assert_eq!(found.dims(), [1, rows.div_ceil(stride), columns.div_ceil(stride), 6]);
            assert_close(&values(&found), &expected);
        }
    }

    #[test]
    fn channels_are_convolved_by_themselves_as_by_candle() {
        for (rows, columns, width, stride) in [(5, 7, 20, 2), (6, 8, 33, 1), (1, 2, 3, 1)] {
            let x = numbers(&[1, rows, columns, width], 0.7);
            let (weight, bias) = (numbers(&[width, 1, 3, 3], 1.3), numbers(&[width], 2.9));
            let expected = plain(&x, &weight, &bias, stride, width);
            let along = Along { weight, bias, stride };
            let found = along.forward(&x, Some(Activation::Gelu)).unwrap();
            assert_eq!(found.dims(), [1, rows.div_ceil(stride), columns.div_ceil(stride), width]);
            assert_close(&values(&found), &expected);
        }
    }

    #[test]
    fn elsewhere_candle_does_the_same() {
        let wide = |x: &Tensor| x.to_dtype(DType::F64).unwrap();
        let (x, bias) = (numbers(&[1, 5, 6, 4], 0.7), numbers(&[4], 2.9));
        let weight = numbers(&[4, 4, 3, 3], 1.3);
        let conv = |like: &dyn Fn(&Tensor) -> Tensor| {
            let conv = Conv { weight: like(&weight), bias: Some(like(&bias)), stride: 2 };
            conv.forward(&like(&x), None)
        };
        let elsewhere = conv(&wide).unwrap().to_dtype(DType::F32).unwrap();
        assert_close(&values(&elsewhere), &values(&conv(&Tensor::clone).unwrap()));
        let weight = numbers(&[4, 1, 3, 3], 1.3);
        let along = |like: &dyn Fn(&Tensor) -> Tensor| {
            let along = Along { weight: like(&weight), bias: like(&bias), stride: 2 };
            along.forward(&like(&x), None)
        };
        let elsewhere = along(&wide).unwrap().to_dtype(DType::F32).unwrap();
        assert_close(&values(&elsewhere), &values(&along(&Tensor::clone).unwrap()));
    }
}
