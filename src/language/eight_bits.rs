//! A matrix of `Q8_0` blocks, and a product of it for x86 where candle has no tiles of such.
//!
//! There candle multiplies it block by block at half of the speed at which memory gives them. It has tiles
//! where the processor has VNNI and rows are divisible by 256. Each row of the other factor is rounded to
//! eight bits by block, as candle and llama.cpp do; products are added up as whole numbers.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::quantized::{GgmlDType, QuantizedType};
use candle_core::utils::barrier_pool;
use candle_core::{CpuStorage, Result, bail};
use pulp::NullaryFnOnce;
use pulp::x86::V3;

/// Numbers of a block.
const NUMBERS: usize = 32;
/// Bytes of a block: its scale and its numbers.
const BYTES: usize = 2 + NUMBERS;
/// Bytes of a matrix that a thread takes at a time.
const BYTES_A_TASK: usize = 1 << 15;

/// The blocks, row by row.
#[derive(Debug, Clone)]
pub(super) struct EightBits {
    bytes: Arc<[u8]>,
    simd: V3,
}

impl EightBits {
    /// The blocks in `bytes`; `None` on a processor without AVX2.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        Some(Self { bytes: bytes.into(), simd: V3::try_new()? })
    }
}

/// A row of plain numbers, rounded.
struct Rounded {
    /// By block; 16 bits wide, as they are multiplied.
    numbers: Vec<[[i16; 16]; 2]>,
    scales: Vec<f32>,
}

impl Rounded {
    fn new(row: &[f32]) -> Self {
        let (blocks, _) = row.as_chunks::<NUMBERS>();
        let (mut numbers, mut scales) = (Vec::new(), Vec::new());
        for block in blocks {
            let largest = block.iter().fold(0f32, |most, number| most.max(number.abs()));
            let scale = largest / 127.0;
            let times = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            let rounded = block.map(|number| (number * times).round() as i16);
            let (halves, _) = rounded.as_chunks::<16>();
            numbers.push([halves[0], halves[1]]);
            scales.push(scale);
        }
        Self { numbers, scales }
    }
}

/// Some rows of the matrix times one row of numbers. No closure: those are not inlined where wide
/// vectors are allowed.
struct Products<'a> {
    simd: V3,
    rows: &'a [u8],
    x: &'a Rounded,
    out: &'a mut [f32],
}

impl NullaryFnOnce for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, rows, x, out } = self;
        let (blocks, _) = rows.as_chunks::<BYTES>();
        let of_rows = blocks.chunks_exact(x.scales.len().max(1));
        let (numbers, last_numbers) = x.numbers.as_chunks::<2>();
        let (scales, last_scale) = x.scales.as_chunks::<2>();
        for (out, row) in out.iter_mut().zip(of_rows) {
            let mut sums = [simd.avx._mm256_setzero_ps(); 2];
            let mut add =
                |sum: usize, block: &[u8; BYTES], numbers: &[[i16; 16]; 2], scale: f32| {
                    let [low, high, bytes @ ..] = block;
                    let (halves, _) = bytes.as_chunks::<16>();
                    let by = |half: usize| {
                        let wide = simd.avx2._mm256_cvtepi8_epi16(pulp::cast(halves[half]));
                        simd.avx2._mm256_madd_epi16(wide, pulp::cast(numbers[half]))
                    };
                    let whole = simd.avx2._mm256_add_epi32(by(0), by(1));
                    let scale = simd.avx._mm256_set1_ps(scale * half_float([*low, *high]));
                    let whole = simd.avx._mm256_cvtepi32_ps(whole);
                    sums[sum] = simd.fma._mm256_fmadd_ps(whole, scale, sums[sum]);
                };
            // Two sums, so that one need not wait for the other.
            let (pairs, last) = row.as_chunks::<2>();
            for ((blocks, numbers), scales) in pairs.iter().zip(numbers).zip(scales) {
                add(0, &blocks[0], &numbers[0], scales[0]);
                add(1, &blocks[1], &numbers[1], scales[1]);
            }
            for ((block, numbers), scale) in last.iter().zip(last_numbers).zip(last_scale) {
                add(0, block, numbers, *scale);
            }
            let sums: [f32; 8] = pulp::cast(simd.avx._mm256_add_ps(sums[0], sums[1]));
            *out = sums.iter().sum();
        }
    }
}

/// A finite float of 16 bits. That of the crate `half` asks the machine for its instruction each time.
#[inline(always)]
fn half_float(bytes: [u8; 2]) -> f32 {
    // The sign, and exponent and fraction where those of 32 bits stand. Exponents begin 112 lower; so do
    // those of numbers too small for one.
    let bits = (i32::from(i16::from_le_bytes(bytes)) << 13) as u32 & 0x8fff_ffff;
    f32::from_bits(bits) * f32::from_bits((112 + 127) << 23)
}

impl QuantizedType for EightBits {
    fn dtype(&self) -> GgmlDType {
        GgmlDType::Q8_0
    }

    fn matmul_t(
        &self,
        (rows, inputs, outputs): (usize, usize, usize),
        lhs: &[f32],
        dst: &mut [f32],
    ) -> Result<()> {
        let row_bytes = inputs / NUMBERS * BYTES;
        let fits = inputs.is_multiple_of(NUMBERS) && self.bytes.len() == outputs * row_bytes;
        if !fits || lhs.len() != rows * inputs || dst.len() != rows * outputs {
            bail!("{rows} rows of {inputs} numbers do not fit {} bytes", self.bytes.len());
        }
        if row_bytes == 0 {
            dst.fill(0.0);
            return Ok(());
        }
        let simd = self.simd;
        let all: Vec<Rounded> = lhs.chunks_exact(inputs).map(Rounded::new).collect();
        let at_a_time = (BYTES_A_TASK / row_bytes).max(1);
        let blocks = self.bytes.chunks(at_a_time * row_bytes);
        let mut parts: Vec<(&[u8], Vec<&mut [f32]>)> = blocks.map(|rows| (rows, vec![])).collect();
        for dst in dst.chunks_exact_mut(outputs) {
            for ((_, out), dst) in parts.iter_mut().zip(dst.chunks_mut(at_a_time)) {
                out.push(dst);
            }
        }
        let parts: Vec<_> = parts.into_iter().map(Mutex::new).collect();
        // The threads of candle's other operations, which are awake: a step has many such products. Blocks
        // are read once for all rows.
        barrier_pool().execute_chunked(parts.len(), |some| {
            for part in &parts[some] {
                let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
                let (rows, out) = &mut *part;
                for (x, out) in all.iter().zip(out) {
                    simd.vectorize(Products { simd, rows, x, out });
                }
            }
        });
        Ok(())
    }

    fn matmul_t_f16(
        &self,
        _: (usize, usize, usize),
        _: &[half::f16],
        _: &mut [half::f16],
    ) -> Result<()> {
        bail!("numbers of 16 bits are not multiplied by blocks of eight bits here")
    }

    fn embedding(&self, ids: &[u32], rows: usize, hidden: usize) -> Result<CpuStorage> {
        let row_bytes = hidden / NUMBERS * BYTES;
        if !hidden.is_multiple_of(NUMBERS) || self.bytes.len() != rows * row_bytes {
            bail!("{rows} rows of {hidden} numbers do not fit {} bytes", self.bytes.len());
        }
        let mut numbers = Vec::with_capacity(ids.len() * hidden);
        for &id in ids {
            let begin = id as usize * row_bytes;
            let Some(row) = self.bytes.get(begin..begin + row_bytes) else {
                bail!("there is no row {id} among {rows}")
            };
            unpack(row, &mut numbers);
        }
        Ok(CpuStorage::F32(numbers))
    }

    fn dequantize(&self, count: usize) -> Result<CpuStorage> {
        let mut numbers = Vec::with_capacity(count);
        unpack(&self.bytes, &mut numbers);
        if numbers.len() != count {
            bail!("{} numbers were asked for, there are {}", count, numbers.len());
        }
        Ok(CpuStorage::F32(numbers))
    }

    fn storage_size_in_bytes(&self) -> usize {
        self.bytes.len()
    }

    fn as_ptr(&self) -> *const u8 {
        self.bytes.as_ptr()
    }

    fn block_size(&self) -> usize {
        NUMBERS
    }

    fn from_float(&mut self, _: &[f32]) {
        unreachable!("what is shared is not quantised anew")
    }

    fn from_float_imatrix(&mut self, _: &[f32], _: &[f32], _: usize) {
        unreachable!("what is shared is not quantised anew")
    }

    fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// The numbers of whole blocks.
fn unpack(blocks: &[u8], numbers: &mut Vec<f32>) {
    let (blocks, _) = blocks.as_chunks::<BYTES>();
    for [low, high, rest @ ..] in blocks {
        let scale = half_float([*low, *high]);
        numbers.extend(rest.iter().map(|byte| f32::from(*byte as i8) * scale));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_of_16_bits_are_what_they_are() {
        for bits in 0..=u16::MAX {
            let wanted = half::f16::from_bits(bits);
            if wanted.is_finite() {
                assert_eq!(half_float(bits.to_le_bytes()).to_bits(), wanted.to_f32().to_bits());
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let Some(blocks) = EightBits::new(&[0; 4 * BYTES]) else { return };
        let mut two = [0.0; 2];
        blocks.matmul_t((1, 64, 2), &[1.0; 64], &mut two).unwrap();
        assert!(blocks.matmul_t((1, 64, 2), &[1.0; 32], &mut two).is_err());
        assert!(blocks.matmul_t((1, 32, 2), &[1.0; 32], &mut two).is_err());
        assert!(blocks.embedding(&[2], 2, 64).is_err());
        assert!(blocks.embedding(&[0], 2, 48).is_err());
        assert!(blocks.dequantize(64).is_err());
    }
}
