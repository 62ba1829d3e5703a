//! A matrix of GGUF blocks.
//!
//! On x86 candle multiplies blocks of 4 bits by a copy of them in tiles, which is four times as fast
//! for the many rows of a prompt and half as fast for the one row of a decoding step: a step has
//! to wait for memory, and tiles are a third larger. So a single row is multiplied by the blocks
//! as they stand in the file. With blocks of 6 bits, whose tiles are half as large again, candle
//! does so itself. Both ways read the same blocks; nothing is kept twice but the tiles.
//!
//! Of other blocks candle has no tiles there, and goes over all of them for each row of a prompt. They
//! are unpacked some rows at a time, which the many rows of a prompt share, and multiplied as plain
//! numbers.

use std::fmt;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor, QuantizedType};
use candle_core::{CpuStorage, DType, Device, Module, Result, Tensor, bail};
use rayon::prelude::*;

/// Rows of the other factor from which on unpacking pays.
const MANY_ROWS: usize = 16;
/// Rows of the matrix that a thread unpacks at a time.
const UNPACKED_AT_A_TIME: usize = 128;

/// A quantised matrix of shape `(outputs, inputs)`.
#[derive(Debug, Clone)]
pub struct BlockMatrix {
    tensor: Arc<QTensor>,
    /// The blocks of `tensor`, where one number of rows is better multiplied by them than by candle.
    blocks: Option<(SharedBlocks, Better)>,
}

/// For which rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Better {
    /// A single one, which is faster without tiles.
    One,
    /// Many, for which there are no tiles.
    Many,
}

impl BlockMatrix {
    /// The matrix whose blocks are in `storage`.
    pub fn new(storage: QStorage, outputs: usize, inputs: usize) -> Result<Self> {
        let shape = (outputs, inputs);
        let QStorage::Cpu(blocks) = storage else {
            let tensor = Arc::new(QTensor::new(storage, shape)?);
            return Ok(Self { tensor, blocks: None });
        };
        let dtype = blocks.dtype();
        let shared = SharedBlocks(match dtype {
            GgmlDType::Q8_0 => of_eight_bits(blocks, shape)?,
            _ => Arc::from(blocks),
        });
        let better = match dtype {
            GgmlDType::Q4K if has_tiles(dtype, outputs, inputs) => Some(Better::One),
            _ if has_tiles(dtype, outputs, inputs) => None,
            _ => Some(Better::Many),
        };
        let blocks = better.map(|better| (shared.clone(), better));
        let tensor = QTensor::new(QStorage::Cpu(Box::new(shared)), shape)?;
        Ok(Self { tensor: Arc::new(tensor), blocks })
    }

    /// `(rows, inputs)` to `(rows, outputs)`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let rows = x.dim(0)?;
        match &self.blocks {
            Some((blocks, Better::One)) if rows == 1 && x.dtype() == DType::F32 => {
                let (outputs, inputs) = self.tensor.shape().dims2()?;
                let mut row = vec![0.0; outputs];
                blocks.matmul_t((1, inputs, outputs), &x.squeeze(0)?.to_vec1()?, &mut row)?;
                Tensor::from_vec(row, (1, outputs), x.device())
            }
            Some((blocks, Better::Many)) if rows >= MANY_ROWS && x.dtype() == DType::F32 => {
                self.unpacked(blocks, x)
            }
            _ => QMatMul::QTensor(Arc::clone(&self.tensor)).forward(x),
        }
    }

    /// The product with plain numbers.
    fn unpacked(&self, blocks: &SharedBlocks, x: &Tensor) -> Result<Tensor> {
        let (outputs, inputs) = self.tensor.shape().dims2()?;
        let ids: Vec<u32> = (0..outputs as u32).collect();
        let parts = ids.par_chunks(UNPACKED_AT_A_TIME).map(|ids| {
            let CpuStorage::F32(numbers) = blocks.embedding(ids, outputs, inputs)? else {
                bail!("blocks of {:?} do not unpack to numbers of 32 bits", blocks.dtype())
            };
            x.matmul(&Tensor::from_vec(numbers, (ids.len(), inputs), &Device::Cpu)?.t()?)
        });
        Tensor::cat(&parts.collect::<Result<Vec<_>>>()?, 1)
    }

    /// Rows `(n, inputs)` of the outputs `ids` `(n)`, unpacked.
    pub fn rows(&self, ids: &Tensor) -> Result<Tensor> {
        self.tensor.embedding(ids)
    }

    /// Type of the blocks.
    pub fn dtype(&self) -> GgmlDType {
        self.tensor.dtype()
    }

    /// The whole matrix as plain numbers of 32 bits.
    pub fn dequantize(&self) -> Result<Tensor> {
        self.tensor.dequantize(&self.tensor.device())
    }
}

/// Whether candle multiplies the rows of a prompt by tiles, or has other means of its own.
#[cfg(target_arch = "x86_64")]
pub(super) fn has_tiles(dtype: GgmlDType, outputs: usize, inputs: usize) -> bool {
    let fits = outputs.is_multiple_of(16) && inputs.is_multiple_of(256);
    let has_vnni = is_x86_feature_detected!("avx512vnni") || is_x86_feature_detected!("avxvnni");
    match dtype {
        GgmlDType::Q4K | GgmlDType::Q6K => fits && is_x86_feature_detected!("avx2"),
        GgmlDType::Q8_0 => fits && has_vnni,
        // Plain numbers, which are unpacked when they are read.
        GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16 => true,
        _ => false,
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn has_tiles(_: GgmlDType, _: usize, _: usize) -> bool {
    true
}

/// Blocks of eight bits with the product that is the fastest here.
#[cfg(target_arch = "x86_64")]
fn of_eight_bits(
    blocks: Box<dyn QuantizedType>,
    shape: (usize, usize),
) -> Result<Arc<dyn QuantizedType>> {
    if has_tiles(GgmlDType::Q8_0, shape.0, shape.1) {
        return Ok(Arc::from(blocks));
    }
    let whole = QTensor::new(QStorage::Cpu(blocks), shape)?;
    let bytes = whole.data()?;
    Ok(match super::eight_bits::EightBits::new(&bytes) {
        Some(blocks) => Arc::new(blocks),
        None => Arc::from(GgmlDType::Q8_0.from_data(bytes)),
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn of_eight_bits(
    blocks: Box<dyn QuantizedType>,
    _: (usize, usize),
) -> Result<Arc<dyn QuantizedType>> {
    Ok(Arc::from(blocks))
}

/// Blocks in memory that two owners read.
#[derive(Clone)]
struct SharedBlocks(Arc<dyn QuantizedType>);

impl fmt::Debug for SharedBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} × {}", self.0.dtype(), self.0.size())
    }
}

impl QuantizedType for SharedBlocks {
    fn dtype(&self) -> GgmlDType {
        self.0.dtype()
    }

    fn matmul_t(&self, mkn: (usize, usize, usize), lhs: &[f32], dst: &mut [f32]) -> Result<()> {
        self.0.matmul_t(mkn, lhs, dst)
    }

    fn matmul_t_f16(
        &self,
        mkn: (usize, usize, usize),
        lhs: &[half::f16],
        dst: &mut [half::f16],
    ) -> Result<()> {
        self.0.matmul_t_f16(mkn, lhs, dst)
    }

    fn embedding(&self, ids: &[u32], rows: usize, hidden: usize) -> Result<CpuStorage> {
        self.0.embedding(ids, rows, hidden)
    }

    fn dequantize(&self, count: usize) -> Result<CpuStorage> {
        self.0.dequantize(count)
    }

    fn storage_size_in_bytes(&self) -> usize {
        self.0.storage_size_in_bytes()
    }

    fn as_ptr(&self) -> *const u8 {
        self.0.as_ptr()
    }

    fn block_size(&self) -> usize {
        self.0.block_size()
    }

    fn from_float(&mut self, _: &[f32]) {
        unreachable!("what is shared is not quantised anew")
    }

    fn from_float_imatrix(&mut self, _: &[f32], _: &[f32], _: usize) {
        unreachable!("what is shared is not quantised anew")
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}

#[cfg(test)]
mod tests {
    use super::super::finite::tests::BLOCKS;
    use super::*;
    use candle_core::Device;

    fn matrix(dtype: GgmlDType, outputs: usize, inputs: usize) -> (BlockMatrix, QTensor) {
        let numbers = Tensor::randn(0f32, 0.1, (outputs, inputs), &Device::Cpu).unwrap();
        let whole = QTensor::quantize(&numbers, dtype).unwrap();
        let bytes = whole.data().unwrap().into_owned();
        let storage = QStorage::from_data(bytes.into(), &Device::Cpu, dtype).unwrap();
        (BlockMatrix::new(storage, outputs, inputs).unwrap(), whole)
    }

    fn numbers(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// The rows of `x` one by one, all at once, and times the unpacked matrix must come to the
    /// same, up to `tolerance` of the largest number.
    fn assert_one_product(dtype: GgmlDType, x: &Tensor, tolerance: f32) {
        let (rows, inputs) = x.dims2().unwrap();
        // More rows than are unpacked at a time.
        let (matrix, whole) = matrix(dtype, UNPACKED_AT_A_TIME + 32, inputs);
        let many = matrix.forward(x).unwrap();
        let dense = x.matmul(&whole.dequantize(&Device::Cpu).unwrap().t().unwrap()).unwrap();
        let size = numbers(&dense).iter().fold(0f32, |most, value| most.max(value.abs()));
        for row in 0..rows {
            let one = numbers(&matrix.forward(&x.narrow(0, row, 1).unwrap()).unwrap());
            for other in [&many, &dense] {
                let other = numbers(&other.get(row).unwrap());
                for (one, other) in one.iter().zip(other) {
                    let apart = (one - other).abs();
                    assert!(apart <= tolerance * size, "{dtype:?}: {one}, {other}");
                }
            }
        }
    }

    #[test]
    fn one_row_and_many_rows_are_the_same_product() {
        for dtype in BLOCKS {
            for rows in [5, MANY_ROWS] {
                let x = Tensor::randn(0f32, 1.0, (rows, 512), &Device::Cpu).unwrap();
                // Inputs are rounded to 8 bits on the way.
                assert_one_product(dtype, &x, 0.03);
            }
        }
    }

    /// Of noughts and ones nothing is rounded away, so no weight may be off by a bit.
    #[test]
    fn what_eight_bits_hold_is_multiplied_to_the_last_digits() {
        let bits = (0..5 * 512u32).map(|at| if at * 7 % 5 < 2 { 1.0 } else { 0.0 });
        let x = Tensor::from_vec(bits.collect::<Vec<f32>>(), (5, 512), &Device::Cpu).unwrap();
        for dtype in [GgmlDType::Q4K, GgmlDType::Q6K, GgmlDType::Q8_0] {
            assert_one_product(dtype, &x, 1e-4);
        }
    }

    /// Tiles add up in another order, so the last digits tell which of the two was read.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_single_row_is_multiplied_by_the_blocks_as_they_stand() {
        for dtype in [GgmlDType::Q4K, GgmlDType::Q6K] {
            let (matrix, whole) = matrix(dtype, 96, 512);
            let x = Tensor::randn(0f32, 1.0, (1, 512), &Device::Cpu).unwrap();
            let blocks = dtype.from_data(whole.data().unwrap());
            let mut wanted = vec![0.0; 96];
            blocks.matmul_t((1, 512, 96), &numbers(&x), &mut wanted).unwrap();
            assert_eq!(numbers(&matrix.forward(&x).unwrap()), wanted, "{dtype:?}");
        }
    }

    #[test]
    fn the_blocks_stay_as_they_were() {
        for dtype in [GgmlDType::Q4K, GgmlDType::Q6K] {
            let (matrix, whole) = matrix(dtype, 32, 256);
            let dense = whole.dequantize(&Device::Cpu).unwrap();
            assert_eq!(numbers(&matrix.dequantize().unwrap()), numbers(&dense));
            let ids = Tensor::new(&[31u32, 0], &Device::Cpu).unwrap();
            let wanted = dense.index_select(&ids, 0).unwrap();
            assert_eq!(numbers(&matrix.rows(&ids).unwrap()), numbers(&wanted));
        }
    }
}
