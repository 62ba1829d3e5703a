//! Linear maps whose weights are 32-bit floats, half of that, or blocks of 8 bits.
//!
//! An encoder's memory is its linear maps, and so is most of its time. What goes in and comes out is
//! 32-bit floats whatever the weights are: norms, softmax and sums lose nothing. Blocks are GGUF's
//! `Q8_0`: 32 numbers of 8 bits with one scale.
//!
//! A CPU multiplies 32-bit floats fastest, so there a map is unpacked each time it is used, one at a
//! time: a picture has hundreds of patches, and unpacking costs as much as a few of them. A GPU
//! multiplies the short numbers themselves.

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Module, Result, Shape, Tensor};
use half::f16;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::pointwise::{added, finished};
use super::transformer::Activation;
use crate::numeric::rows::{is_plain, rows};

/// Numbers in a block.
const BLOCK: usize = 32;
/// Bytes of a block: its scale, a 16-bit float, and its numbers.
const BLOCK_BYTES: usize = 2 + BLOCK;
/// Fewer rows than this are multiplied by the blocks themselves.
const MANY_ROWS: usize = 16;
/// Numbers in a line of a CPU's cache.
const COLUMNS: usize = 16;

/// As what numbers the weights of linear maps are kept. Convolutions, norms, embeddings and the maps
/// into a space of texts are 32-bit floats always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightFormat {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats of IEEE 754; on a GPU what goes through a map is rounded to them, too.
    F16,
    /// The upper 16 bits of 32-bit floats; on a GPU what goes through a map is rounded to them, too.
    Bf16,
    /// Blocks of 32 numbers, 34 bytes each. Maps whose inputs are no multiple of 32 stay 32-bit floats.
    Q8_0,
}

impl WeightFormat {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::F32, Self::F16, Self::Bf16, Self::Q8_0];

    /// Its name in parameters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Q8_0 => "q8_0",
        }
    }

    /// Bytes of a linear map of `outputs` by `inputs`, without its bias.
    pub const fn map_bytes(self, outputs: usize, inputs: usize) -> usize {
        let numbers = outputs.saturating_mul(inputs);
        match self {
            Self::F16 | Self::Bf16 => numbers.saturating_mul(2),
            Self::Q8_0 if inputs.is_multiple_of(BLOCK) => {
                (numbers / BLOCK).saturating_mul(BLOCK_BYTES)
            }
            Self::F32 | Self::Q8_0 => numbers.saturating_mul(4),
        }
    }
}

/// Where an encoder computes, and as what numbers its weights are kept.
#[derive(Debug, Clone)]
pub struct Placement {
    /// The device.
    pub device: Device,
    /// The numbers.
    pub weights: WeightFormat,
}

impl From<&Device> for Placement {
    fn from(device: &Device) -> Self {
        Self { device: device.clone(), weights: WeightFormat::default() }
    }
}

impl From<&Self> for Placement {
    fn from(placement: &Self) -> Self {
        placement.clone()
    }
}

/// A linear map, `x · weightᵀ + bias`.
#[derive(Debug, Clone)]
pub(super) struct Linear {
    weight: Weight,
    bias: Option<Tensor>,
}

#[derive(Debug, Clone)]
enum Weight {
    /// Floats of any length: `(inputs, outputs)` on a CPU, whose products read it as it lies, else
    /// `(outputs, inputs)`.
    Floats(Tensor),
    Blocks(Arc<QTensor>),
}

impl Linear {
    /// A map of `weight` `(outputs, inputs)`, 32-bit floats, kept as `format`, and a bias `(outputs)`.
    pub fn new(weight: &Tensor, bias: Option<Tensor>, format: WeightFormat) -> Result<Self> {
        let weight = match format {
            WeightFormat::Q8_0 if weight.dim(1)?.is_multiple_of(BLOCK) => {
                let blocks = QTensor::quantize(&weight.contiguous()?, GgmlDType::Q8_0)?;
                Weight::Blocks(Arc::new(blocks))
            }
            WeightFormat::F32 | WeightFormat::Q8_0 => Weight::Floats(turned(weight)?),
            WeightFormat::F16 => Weight::Floats(turned(weight)?.to_dtype(DType::F16)?),
            WeightFormat::Bf16 => Weight::Floats(turned(weight)?.to_dtype(DType::BF16)?),
        };
        Ok(Self { weight, bias })
    }

    /// `activation(x · weightᵀ + bias)`.
    pub fn activated(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        finished(self.product(x)?, self.bias.as_ref(), Some(activation))
    }

    /// `to + scale · (x · weightᵀ + bias)`, the scale by channel.
    pub fn added_to(&self, to: &Tensor, x: &Tensor, scale: Option<&Tensor>) -> Result<Tensor> {
        added(to, self.product(x)?, self.bias.as_ref(), scale)
    }

    fn product(&self, x: &Tensor) -> Result<Tensor> {
        let on_cpu = x.device().is_cpu();
        match &self.weight {
            Weight::Floats(weight) if on_cpu => times_turned(x, &weight.to_dtype(x.dtype())?),
            Weight::Floats(weight) => {
                times(&x.to_dtype(weight.dtype())?, weight)?.to_dtype(x.dtype())
            }
            Weight::Blocks(blocks) => {
                let rows = x.elem_count() / x.dim(candle_core::D::Minus1)?.max(1);
                match on_cpu && rows >= MANY_ROWS {
                    true => times_turned(x, &unpacked(blocks)?),
                    false => QMatMul::QTensor(Arc::clone(blocks)).forward(&x.contiguous()?),
                }
            }
        }
    }
}

/// A weight `(outputs, inputs)` as its products are quickest with.
fn turned(weight: &Tensor) -> Result<Tensor> {
    match is_plain(weight) && weight.is_contiguous() {
        true => weight.apply_op1_no_bwd(&Turn),
        false if weight.device().is_cpu() => weight.t(),
        false => Ok(weight.clone()),
    }
}

/// Rows become columns.
struct Turn;

impl CustomOp1 for Turn {
    fn name(&self) -> &'static str {
        "turn"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (down, across) = layout.shape().dims2()?;
        let numbers = rows(storage, layout)?;
        let mut out = vec![0f32; numbers.len()];
        // As many columns at a time as are read at once.
        out.par_chunks_mut((COLUMNS * down).max(1)).enumerate().for_each(|(part, out)| {
            let first = part * COLUMNS;
            for row in 0..down {
                let last = (first + COLUMNS).min(across);
                for (at, number) in
                    numbers[row * across + first..row * across + last].iter().enumerate()
                {
                    out[at * down + row] = *number;
                }
            }
        });
        Ok((CpuStorage::F32(out), Shape::from((across, down))))
    }
}

/// The numbers of blocks `(outputs, inputs)` on a CPU, turned: `(inputs, outputs)`.
fn unpacked(blocks: &QTensor) -> Result<Tensor> {
    let (outputs, inputs) = blocks.shape().dims2()?;
    let (bytes, across) = (blocks.data()?, inputs / BLOCK);
    let mut numbers = vec![0f32; inputs * outputs];
    // A part has the blocks of the same inputs, one for each output.
    numbers.par_chunks_mut((BLOCK * outputs).max(1)).enumerate().for_each(|(part, numbers)| {
        let blocks = bytes.chunks_exact(BLOCK_BYTES).skip(part).step_by(across);
        for (output, block) in blocks.enumerate() {
            let scale = f16::from_le_bytes([block[0], block[1]]).to_f32();
            for (row, number) in numbers.chunks_exact_mut(outputs).zip(&block[2..]) {
                row[output] = f32::from(number.cast_signed()) * scale;
            }
        }
    });
    Tensor::from_vec(numbers, (inputs, outputs), &Device::Cpu)
}

/// `x · weight` of a weight `(inputs, outputs)`.
fn times_turned(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (inputs, outputs) = weight.dims2()?;
    let product = x.contiguous()?.reshape(((), inputs))?.matmul(weight)?;
    let mut dims = x.dims().to_vec();
    dims.pop();
    dims.push(outputs);
    product.reshape(dims)
}

/// `x · weightᵀ` of a weight `(outputs, inputs)`.
fn times(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    candle_nn::Linear::new(weight.clone(), None).forward(x)
}

impl Module for Linear {
    /// `x` of shape `(…, inputs)`, 32-bit floats.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        finished(self.product(x)?, self.bias.as_ref(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_gives_the_product_as_exactly_as_it_can() {
        let numbers = |rows: usize, columns: usize, step: f32| {
            let values = (0..rows * columns).map(|at| (at as f32 * step).sin()).collect();
            Tensor::from_vec::<_, f32>(values, (rows, columns), &Device::Cpu).unwrap()
        };
        let (weight, many) = (numbers(24, 64, 0.7), numbers(40, 64, 1.3));
        let (many, few) = (many.reshape((2, 20, 64)).unwrap(), numbers(3, 64, 1.1));
        let bias = numbers(1, 24, 0.1).squeeze(0).unwrap();
        let of = |format, x: &Tensor| {
            let map = Linear::new(&weight, Some(bias.clone()), format).unwrap();
            map.forward(x).unwrap()
        };
        let apart = |a: &Tensor, b: &Tensor| {
            let sum = |t: Tensor| t.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
            (sum((a - b).unwrap()) / sum(a.clone())).sqrt()
        };
        for x in [many, few] {
            let exact = of(WeightFormat::F32, &x);
            let plain = x.broadcast_matmul(&weight.t().unwrap()).unwrap();
            assert!(apart(&exact, &plain.broadcast_add(&bias).unwrap()) < 1e-6);
            for (format, most) in
                [(WeightFormat::F16, 1e-3), (WeightFormat::Bf16, 1e-2), (WeightFormat::Q8_0, 3e-2)]
            {
                let found = of(format, &x);
                assert_eq!((found.dims(), found.dtype()), (exact.dims(), DType::F32));
                let apart = apart(&exact, &found);
                assert!(apart > 0.0 && apart < most, "{}: {apart}", format.name());
            }
        }
    }

    #[test]
    fn weights_are_turned_whatever_their_sides() {
        for (rows, columns) in [(1, 1), (5, 16), (7, 33), (40, 3)] {
            let weight = Tensor::arange(0f32, (rows * columns) as f32, &Device::Cpu).unwrap();
            let weight = weight.reshape((rows, columns)).unwrap();
            let found = turned(&weight).unwrap();
            assert!(found.is_contiguous());
            let expected = weight.t().unwrap().to_vec2::<f32>().unwrap();
            assert_eq!(found.to_vec2::<f32>().unwrap(), expected);
        }
    }

    #[test]
    fn blocks_are_unpacked_to_the_numbers_that_candle_makes_of_them() {
        for (outputs, inputs) in [(1, 32), (5, 96), (40, 64)] {
            let numbers = (0..outputs * inputs).map(|at| (at as f32 * 0.7).sin()).collect();
            let weight = Tensor::from_vec::<_, f32>(numbers, (outputs, inputs), &Device::Cpu);
            let blocks = QTensor::quantize(&weight.unwrap(), GgmlDType::Q8_0).unwrap();
            let found = unpacked(&blocks).unwrap();
            let expected = blocks.dequantize(&Device::Cpu).unwrap().t().unwrap();
            assert!(found.is_contiguous());
            assert_eq!(found.to_vec2::<f32>().unwrap(), expected.to_vec2::<f32>().unwrap());
        }
    }

    #[test]
    fn maps_that_are_no_blocks_stay_exact() {
        let weight = Tensor::arange(0f32, 60.0, &Device::Cpu).unwrap().reshape((3, 20)).unwrap();
        let x = Tensor::ones((1, 20), DType::F32, &Device::Cpu).unwrap();
        let map = Linear::new(&weight, None, WeightFormat::Q8_0).unwrap();
        let sums = map.forward(&x).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(sums, [[190.0, 590.0, 990.0]]);
        assert_eq!(WeightFormat::Q8_0.map_bytes(3, 20), 240);
        assert_eq!(WeightFormat::Q8_0.map_bytes(4, 64), 4 * 68);
        assert_eq!(WeightFormat::Bf16.map_bytes(4, 64), 512);
        for format in WeightFormat::ALL {
            let named: WeightFormat = serde_yaml::from_str(format.name()).unwrap();
            assert_eq!(named, format);
        }
    }
}
