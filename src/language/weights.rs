//! Where a model's tensors come from: safetensors, GGUF, or memory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::quantized::GgmlDType;
use candle_core::{DType, Device, Tensor};

use super::blocks::{BlockMatrix, has_tiles};
use super::config::LlamaConfig;
use super::device::compute_dtype;
use super::error::LanguageError;
use super::faults::{TensorShape, tensor_faults};
use super::gguf::GgufFile;
use super::linear::{Embedding, Linear};
use super::recode::on_cpu;
use super::safetensors::SafetensorsFiles;

/// What candle's packed copy of a quantised matrix adds on x86, as measured with Q4_K_M.
const PACKED_FACTOR: f64 = 2.15;
/// Tensors of safetensors that no decoder asks for, by how their names begin or end: an output layer
/// beside the table of tokens that stands for it, and rotary frequencies, which are computed.
const UNUSED: [&str; 2] = ["lm_head.weight", "rotary_emb.inv_freq"];

/// Bytes in memory of quantised blocks that take `bytes`, where a CPU may have tiles of them.
pub(super) fn bytes_of_blocks(bytes: u64, has_tiles: bool) -> u64 {
    let packed = cfg!(target_arch = "x86_64") && has_tiles;
    if packed { (bytes as f64 * PACKED_FACTOR) as u64 } else { bytes }
}

/// Tensors under their Hugging Face names.
#[derive(Debug)]
pub enum Weights {
    /// One file or several shards.
    Safetensors(SafetensorsFiles),
    /// One GGUF file.
    Gguf(Box<GgufFile>),
    /// Tensors in memory, such as those being trained; they keep their type and their gradients.
    Tensors(HashMap<String, Tensor>),
    /// None: what is asked for is written down, and what comes takes no memory.
    Listing(Vec<TensorShape>),
}

impl Weights {
    /// Opens `path`: a `.gguf` file, a `.safetensors` file, or a folder of safetensors.
    pub fn open(path: &Path) -> Result<Self, LanguageError> {
        match path.extension().and_then(|extension| extension.to_str()) {
            _ if path.is_dir() => {
                Ok(Self::Safetensors(SafetensorsFiles::open_folder(path)?.decoder_alone()))
            }
            Some("gguf") => Ok(Self::Gguf(Box::new(GgufFile::open(path)?))),
            Some("safetensors") => {
                Ok(Self::Safetensors(SafetensorsFiles::open_file(path)?.decoder_alone()))
            }
            _ => Err(LanguageError::Weights {
                path: path.into(),
                reason: "neither a folder nor a .safetensors or .gguf file".into(),
            }),
        }
    }

    /// The GGUF file, if it is one.
    pub fn gguf(&self) -> Option<&GgufFile> {
        match self {
            Self::Gguf(file) => Some(file),
            _ => None,
        }
    }

    /// Type of activations and dense weights on `device`. Blocks are multiplied in 32 bits.
    pub fn compute_dtype(&self, device: &Device) -> DType {
        match self {
            Self::Safetensors(_) => compute_dtype(device),
            Self::Gguf(_) => DType::F32,
            Self::Tensors(tensors) => {
                tensors.values().next().map_or(DType::F32, |tensor| tensor.dtype())
            }
            Self::Listing(_) => DType::F32,
        }
    }

    /// Bytes all tensors will take on `device`.
    pub fn loaded_bytes(&self, device: &Device) -> u64 {
        let elements = |shape: &[usize]| shape.iter().map(|dim| *dim as u64).product::<u64>();
        let dense = self.compute_dtype(device).size_in_bytes() as u64;
        match self {
            Self::Safetensors(files) => {
                files.shapes().map(|(_, shape)| elements(shape) * dense).sum()
            }
            Self::Gguf(file) => file
                .tensors()
                .map(|(dtype, shape)| match dtype {
                    GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16 => elements(shape) * dense,
                    _ => {
                        let held = if device.is_cpu() { on_cpu(dtype) } else { dtype };
                        let blocks = elements(shape) / held.block_size() as u64;
                        let has_tiles = device.is_cpu()
                            && matches!(shape, [rows, width] if has_tiles(held, *rows, *width));
                        bytes_of_blocks(blocks * held.type_size() as u64, has_tiles)
                    }
                })
                .sum(),
            // They are there already, or never will be.
            Self::Tensors(_) | Self::Listing(_) => 0,
        }
    }

    /// The configuration beside the weights: `config.json`, or the metadata of a GGUF file.
    pub fn config(&self) -> Result<LlamaConfig, LanguageError> {
        let path = match self {
            Self::Gguf(file) => return Ok(file.config().clone()),
            Self::Safetensors(files) if files.path().is_dir() => files.path().join("config.json"),
            Self::Safetensors(files) => files.path().with_file_name("config.json"),
            Self::Tensors(_) | Self::Listing(_) => {
                return Err(LanguageError::Argument("tensors in memory have no file".into()));
            }
        };
        let text = std::fs::read_to_string(&path)
            .map_err(|source| LanguageError::Read { path: path.clone(), source })?;
        LlamaConfig::from_json(&text, &path)
    }

    /// What is wrong with the tensors of the file, where it is one: each of `wanted` that is missing or
    /// has another shape, and each that nobody asks for. Nothing but its header counts.
    pub fn faults(&self, wanted: &[TensorShape]) -> Vec<String> {
        match self {
            Self::Safetensors(files) => {
                tensor_faults(wanted, &files.shapes().collect(), &UNUSED, "language model")
            }
            Self::Gguf(file) => file.faults(wanted),
            Self::Tensors(_) | Self::Listing(_) => Vec::new(),
        }
    }

    /// Reads a tensor as plain numbers.
    pub fn tensor(
        &mut self,
        name: &str,
        shape: &[usize],
        device: &Device,
    ) -> Result<Tensor, LanguageError> {
        let dtype = self.compute_dtype(device);
        match self {
            Self::Safetensors(files) => files.tensor(name, shape, dtype, device),
            Self::Gguf(file) => file.tensor(name, shape, device),
            Self::Tensors(tensors) => {
                let path = PathBuf::from("memory");
                let (name, expected) = (name.to_string(), shape.to_vec());
                match tensors.get(&name) {
                    Some(tensor) if tensor.dims() == shape => Ok(tensor.clone()),
                    Some(tensor) => {
                        let found = tensor.dims().to_vec();
                        Err(LanguageError::TensorShape { path, name, expected, found })
                    }
                    None => Err(LanguageError::MissingTensor { path, name, expected }),
                }
            }
            Self::Listing(shapes) => {
                shapes.push((name.to_owned(), shape.to_vec()));
                Ok(Tensor::zeros((), dtype, device)?.broadcast_as(shape)?)
            }
        }
    }

    /// Reads a matrix of shape `(outputs, inputs)`, leaving blocks as they are.
    pub fn linear(
        &mut self,
        name: &str,
        outputs: usize,
        inputs: usize,
        device: &Device,
    ) -> Result<Linear, LanguageError> {
        match self {
            Self::Gguf(file) => {
                let blocks = file.blocks(name, &[outputs, inputs], device)?;
                Ok(Linear::from_blocks(BlockMatrix::new(blocks, outputs, inputs)?)?)
            }
            _ => Ok(Linear::Dense(self.tensor(name, &[outputs, inputs], device)?)),
        }
    }

    /// Reads a table of shape `(rows, width)`, leaving blocks as they are.
    pub fn embedding(
        &mut self,
        name: &str,
        rows: usize,
        width: usize,
        device: &Device,
    ) -> Result<Embedding, LanguageError> {
        match self {
            Self::Gguf(file) => {
                let blocks = file.blocks(name, &[rows, width], device)?;
                Ok(Embedding::Quantized(BlockMatrix::new(blocks, rows, width)?))
            }
            _ => Ok(Embedding::Dense(self.tensor(name, &[rows, width], device)?)),
        }
    }

    /// Divisors of the rotary frequencies that come as a tensor.
    pub fn rope_factors(&mut self) -> Result<Option<Vec<f32>>, LanguageError> {
        match self {
            Self::Gguf(file) => file.rope_factors(),
            _ => Ok(None),
        }
    }
}
