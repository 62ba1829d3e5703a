//! Whether a tensor holds numbers only, told from its bytes as they are read.
//!
//! One weight that is none makes every logit none, and by then nobody knows which it was.

use candle_core::DType;
use candle_core::quantized::GgmlDType;
use half::{bf16, f16};

/// Whether all floats of type `dtype` in `bytes` are finite.
pub(super) fn floats_are_finite(bytes: &[u8], dtype: DType) -> bool {
    match dtype {
        DType::F16 => all::<2>(bytes, |number| f16::from_le_bytes(number).is_finite()),
        DType::BF16 => all::<2>(bytes, |number| bf16::from_le_bytes(number).is_finite()),
        DType::F32 => all::<4>(bytes, |number| f32::from_le_bytes(number).is_finite()),
        // As the 32-bit float that is made of it.
        DType::F64 => all::<8>(bytes, |number| (f64::from_le_bytes(number) as f32).is_finite()),
        _ => true,
    }
}

/// Whether the numbers of all blocks of type `dtype` in `bytes` are finite: their scales are.
pub(super) fn blocks_are_finite(bytes: &[u8], dtype: GgmlDType) -> bool {
    // Where in a block the scales stand.
    let (scales, of) = match dtype {
        GgmlDType::F32 => return floats_are_finite(bytes, DType::F32),
        GgmlDType::F16 => return floats_are_finite(bytes, DType::F16),
        GgmlDType::BF16 => return floats_are_finite(bytes, DType::BF16),
        GgmlDType::Q4_0 | GgmlDType::Q5_0 | GgmlDType::Q8_0 => (0..2, DType::F16),
        GgmlDType::Q4_1 | GgmlDType::Q5_1 | GgmlDType::Q8_1 => (0..4, DType::F16),
        GgmlDType::Q2K => (80..84, DType::F16),
        GgmlDType::Q3K => (108..110, DType::F16),
        GgmlDType::Q4K | GgmlDType::Q5K => (0..4, DType::F16),
        GgmlDType::Q6K => (208..210, DType::F16),
        GgmlDType::Q8K => (0..4, DType::F32),
    };
    let mut blocks = bytes.chunks_exact(dtype.type_size());
    blocks.all(|block| floats_are_finite(&block[scales.clone()], of))
}

/// Looks at every number, without an early end: so the machine looks at many at once.
fn all<const N: usize>(bytes: &[u8], is_finite: impl Fn([u8; N]) -> bool) -> bool {
    let (numbers, _) = bytes.as_chunks::<N>();
    numbers.iter().fold(true, |all, number| all & is_finite(*number))
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use candle_core::quantized::gguf_file::Content;
    use candle_core::quantized::{QStorage, QTensor};
    use candle_core::{Device, Tensor};
    use proptest::prelude::*;

    use super::super::{LanguageError, Llama, Weights};
    use super::*;

    /// What files of language models are made of.
    pub const BLOCKS: [GgmlDType; 10] = [
        GgmlDType::Q4_0,
        GgmlDType::Q4_1,
        GgmlDType::Q5_0,
        GgmlDType::Q5_1,
        GgmlDType::Q8_0,
        GgmlDType::Q2K,
        GgmlDType::Q3K,
        GgmlDType::Q4K,
        GgmlDType::Q5K,
        GgmlDType::Q6K,
    ];

    #[test]
    fn floats_of_every_length() {
        let mut numbers = vec![0.5f32, -3.0, 0.0, 60_000.0];
        for odd in [None, Some(f32::NAN), Some(f32::INFINITY), Some(f32::NEG_INFINITY)] {
            numbers.extend(odd);
            for dtype in [DType::F16, DType::BF16, DType::F32, DType::F64] {
                let bytes: Vec<u8> = match dtype {
                    DType::F16 => {
                        numbers.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect()
                    }
                    DType::BF16 => {
                        numbers.iter().flat_map(|x| bf16::from_f32(*x).to_le_bytes()).collect()
                    }
                    DType::F32 => numbers.iter().flat_map(|x| x.to_le_bytes()).collect(),
                    _ => numbers.iter().flat_map(|x| f64::from(*x).to_le_bytes()).collect(),
                };
                assert_eq!(floats_are_finite(&bytes, dtype), odd.is_none(), "{dtype:?} {odd:?}");
            }
            numbers.truncate(4);
        }
        assert!(!floats_are_finite(&1e300f64.to_le_bytes(), DType::F64), "no 32-bit float");
    }

    proptest! {
        #[test]
        fn blocks_are_finite_where_their_numbers_are(
            which in 0..BLOCKS.len(),
            bytes in proptest::collection::vec(any::<u8>(), 640),
        ) {
            let dtype = BLOCKS[which];
            let count = bytes.len() / dtype.type_size();
            let bytes = &bytes[..count * dtype.type_size()];
            let storage = QStorage::from_data(bytes.into(), &Device::Cpu, dtype).unwrap();
            let blocks = QTensor::new(storage, (1, count * dtype.block_size())).unwrap();
            let numbers = blocks.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap();
            let finite = numbers.to_vec1::<f32>().unwrap().iter().all(|x| x.is_finite());
            prop_assert_eq!(blocks_are_finite(bytes, dtype), finite);
        }
    }

    #[test]
    fn a_model_with_a_weight_that_is_no_number_is_refused_by_its_name() {
        let name = "model.layers.1.mlp.up_proj.weight";
        let folder = tempfile::tempdir().unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chat_tiny/qwen2");
        let refused = |file: &str| {
            let mut weights = Weights::open(&folder.path().join(file)).unwrap();
            let config = weights.config().unwrap();
            Llama::load(config, &mut weights, &Device::Cpu).unwrap_err()
        };

        let weights = fixture.join("model.safetensors");
        let mut tensors = candle_core::safetensors::load(weights, &Device::Cpu).unwrap();
        let sound = tensors[name].to_dtype(DType::F32).unwrap();
        let mut numbers: Vec<f32> = sound.flatten_all().unwrap().to_vec1().unwrap();
        numbers[7] = f32::NAN;
        let broken = Tensor::from_vec(numbers, sound.shape(), &Device::Cpu).unwrap();
        tensors.insert(name.into(), broken);
        candle_core::safetensors::save(&tensors, folder.path().join("model.safetensors")).unwrap();
        std::fs::copy(fixture.join("config.json"), folder.path().join("config.json")).unwrap();

        let mut bytes = std::fs::read(fixture.join("model.gguf")).unwrap();
        let content = Content::read(&mut std::io::Cursor::new(&bytes)).unwrap();
        let start = content.tensor_data_offset + content.tensor_infos["blk.1.ffn_up.weight"].offset;
        bytes[start as usize..][..4].fill(0xff);
        std::fs::write(folder.path().join("model.gguf"), bytes).unwrap();

        for file in ["model.safetensors", "model.gguf"] {
            let error = refused(file);
            assert!(matches!(error, LanguageError::NotFinite { .. }), "{error}");
            let error = error.to_string();
            assert!(error.contains(file) && error.contains(name), "{error}");
        }
    }
}
