//! Blocks that candle multiplies number by number on a CPU, written as others.
//!
//! For `Q4_1`, `Q5_0` and `Q5_1` candle has no wide vectors: a matrix of them takes some thirty times as
//! long as one of `Q8_0`. They are no rarity: of a matrix whose rows are not divisible by 256,
//! `llama-quantize` makes such blocks in files of `Q4_K_M` and `Q5_K_M`, as it is with small models
//! (Qwen 2.5 0.5B, SmolLM2, Gemma 3 1B). So on a CPU they become `Q8_0`, of as many numbers a block. Its blocks
//! take 1.4 to 1.7 times the memory, and round by a 254th of a block's largest number, a small part of
//! what the file has rounded unless all numbers of a block are nearly the same.

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{CpuStorage, Device, Result, Tensor, bail};
use rayon::prelude::*;

/// Blocks that are unpacked at a time: 128 KiB of numbers.
const AT_A_TIME: usize = 1024;

/// What blocks of `dtype` in a file are in the memory of a CPU.
pub(super) fn on_cpu(dtype: GgmlDType) -> GgmlDType {
    match dtype {
        GgmlDType::Q4_1 | GgmlDType::Q5_0 | GgmlDType::Q5_1 => GgmlDType::Q8_0,
        other => other,
    }
}

/// Whole blocks of type `from`, written as blocks of type `to`.
pub(super) fn recode(bytes: &[u8], from: GgmlDType, to: GgmlDType) -> Result<Vec<u8>> {
    let parts = bytes.par_chunks(AT_A_TIME * from.type_size());
    let recoded = parts.map(|part| {
        let count = part.len() / from.type_size() * from.block_size();
        let CpuStorage::F32(numbers) = from.from_data(part.into()).dequantize(count)? else {
            bail!("blocks of {from:?} do not unpack to numbers of 32 bits")
        };
        let numbers = Tensor::from_vec(numbers, count, &Device::Cpu)?;
        Ok(QTensor::quantize(&numbers, to)?.data()?.into_owned())
    });
    Ok(recoded.collect::<Result<Vec<_>>>()?.concat())
}

#[cfg(test)]
mod tests {
    use super::super::finite::tests::BLOCKS;
    use super::*;

    fn unpacked(bytes: &[u8], dtype: GgmlDType) -> Vec<f32> {
        let count = bytes.len() / dtype.type_size() * dtype.block_size();
        match dtype.from_data(bytes.into()).dequantize(count).unwrap() {
            CpuStorage::F32(numbers) => numbers,
            other => panic!("{other:?}"),
        }
    }

    /// More blocks than are unpacked at a time, of which one is of noughts.
    #[test]
    fn numbers_stay_what_they_were_up_to_a_rounding() {
        let slow = BLOCKS.into_iter().filter(|dtype| on_cpu(*dtype) != *dtype);
        let slow: Vec<GgmlDType> = slow.collect();
        assert_eq!(slow, [GgmlDType::Q4_1, GgmlDType::Q5_0, GgmlDType::Q5_1]);
        for from in slow {
            let to = on_cpu(from);
            let mut numbers = Tensor::randn(0.02f32, 0.1, 32 * (AT_A_TIME + 3), &Device::Cpu)
                .unwrap()
                .to_vec1::<f32>()
                .unwrap();
            numbers[64..96].fill(0.0);
            let numbers = Tensor::new(numbers, &Device::Cpu).unwrap();
            let whole = QTensor::quantize(&numbers, from).unwrap();
            let bytes = whole.data().unwrap();
            let wanted = unpacked(&bytes, from);
            let found = unpacked(&recode(&bytes, from, to).unwrap(), to);
            assert_eq!(found.len(), wanted.len());
            for (found, wanted) in found.chunks(32).zip(wanted.chunks(32)) {
                let largest = wanted.iter().fold(0f32, |most, number| most.max(number.abs()));
                // The scale is a float of 16 bits, which rounds as well.
                let apart = largest * (1.0 / 254.0 + 1.0 / 2048.0) + 1e-7;
                for (found, wanted) in found.iter().zip(wanted) {
                    assert!((found - wanted).abs() <= apart, "{from:?}: {found}, {wanted}");
                }
            }
        }
    }
}
