//! Where an encoder's tensors come from: a checkpoint, chance, or nowhere.
//!
//! An encoder is built by one function that asks for its tensors by name and shape. Asked for
//! [`Checkpoint::listing`], that function tells what it would load, which is held against a file
//! before anything is read; so the list of tensors and the loader cannot differ.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, LayerNorm, Linear};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::de::DeserializeOwned;

use super::VisionError;
use crate::language::SafetensorsFiles;

/// Larger configuration files are not read.
const MOST_CONFIG_BYTES: u64 = 16 << 20;
/// Larger tensors are not made from chance.
const MOST_RANDOM_ELEMENTS: usize = 1 << 28;

/// Name and shape of a tensor.
pub type TensorShape = (String, Vec<usize>);

/// Tensors by name.
pub(super) struct Checkpoint {
    extractor: &'static str,
    device: Device,
    source: Source,
}

enum Source {
    Files(Box<SafetensorsFiles>),
    Chance(Box<Pcg64Mcg>),
    Listing(Vec<TensorShape>),
}

impl Checkpoint {
    /// Opens a safetensors file, or the `model.safetensors` or shards of a folder.
    pub fn open(
        extractor: &'static str,
        path: &Path,
        device: &Device,
    ) -> Result<Self, VisionError> {
        let files = if path.is_dir() {
            if let Some(pickle) = pickled(path) {
                let folder = path.display();
                let reason = format!(
                    "{folder} holds {pickle} and no model.safetensors; pickles are not read. \
                     Convert it once with Python: safetensors.torch.save_file({{k: v.contiguous() \
                     for k, v in torch.load('{pickle}', weights_only=True).items()}}, \
                     'model.safetensors')"
                );
                return Err(bad(extractor, reason));
            }
            SafetensorsFiles::open_folder(path)
        } else {
            SafetensorsFiles::open_file(path)
        };
        let files = files.map_err(|error| bad(extractor, error.to_string()))?;
        Ok(Self { extractor, device: device.clone(), source: Source::Files(Box::new(files)) })
    }

    /// Weights from chance: the same for the same seed. Norms do nothing at first, biases are zero.
    pub fn chance(extractor: &'static str, seed: u64, device: &Device) -> Self {
        let chance = Box::new(Pcg64Mcg::seed_from_u64(seed));
        Self { extractor, device: device.clone(), source: Source::Chance(chance) }
    }

    /// Names and shapes of the tensors that `build` asks for. They take no memory.
    pub fn listing<M>(
        extractor: &'static str,
        build: impl FnOnce(&mut Self) -> Result<M, VisionError>,
    ) -> Result<Vec<TensorShape>, VisionError> {
        let source = Source::Listing(Vec::new());
        let mut listing = Self { extractor, device: Device::Cpu, source };
        build(&mut listing)?;
        match listing.source {
            Source::Listing(shapes) => Ok(shapes),
            _ => Ok(Vec::new()),
        }
    }

    /// Whether the file has a tensor called `name`.
    pub fn contains(&self, name: &str) -> bool {
        matches!(&self.source, Source::Files(files) if files.contains(name))
    }

    /// Names and shapes of all tensors of the file.
    pub fn shapes(&self) -> HashMap<&str, &[usize]> {
        match &self.source {
            Source::Files(files) => files.shapes().collect(),
            _ => HashMap::new(),
        }
    }

    /// Shape of tensor `name`, which must have `rank` dimensions.
    pub fn shape(&self, name: &str, rank: usize) -> Result<Vec<usize>, VisionError> {
        match self.shapes().get(name) {
            None => Err(self.fault(format!("no tensor `{name}`"))),
            Some(shape) if shape.len() == rank => Ok(shape.to_vec()),
            Some(shape) => {
                let reason =
                    format!("tensor `{name}` should have {rank} dimensions, found {shape:?}");
                Err(self.fault(reason))
            }
        }
    }

    /// What of `wanted` is missing or has another shape, and which tensors nobody asks for; of
    /// those, any that begin or end with a word of `unused` do not count.
    pub fn faults(&self, wanted: &[TensorShape], unused: &[&str]) -> Vec<String> {
        let found = self.shapes();
        let mut faults: Vec<String> = wanted
            .iter()
            .filter_map(|(name, expected)| match found.get(name.as_str()) {
                None => Some(format!("no tensor `{name}`; expected one of shape {expected:?}")),
                Some(found) if found == expected => None,
                Some(found) => {
                    Some(format!("tensor `{name}`: expected {expected:?}, found {found:?}"))
                }
            })
            .collect();
        let known: std::collections::HashSet<&str> =
            wanted.iter().map(|(name, _)| name.as_str()).collect();
        let spare = |name: &&str| {
            let known = known.contains(name);
            known || unused.iter().any(|part| name.starts_with(part) || name.ends_with(part))
        };
        let mut strange: Vec<&str> = found.into_keys().filter(|name| !spare(name)).collect();
        strange.sort_unstable();
        let told =
            |name: &str| format!("tensor `{name}` belongs to another kind of {}", self.extractor);
        faults.extend(strange.into_iter().map(told));
        faults
    }

    /// Fails, naming the first fault and how many there are, unless the file holds just what `build`
    /// asks for.
    pub fn checked<M>(
        self,
        unused: &[&str],
        build: impl FnOnce(&mut Self) -> Result<M, VisionError>,
    ) -> Result<Self, VisionError> {
        let wanted = Self::listing(self.extractor, build)?;
        match self.faults(&wanted, unused).as_slice() {
            [] => Ok(self),
            [fault] => Err(self.fault(fault.clone())),
            [fault, rest @ ..] => {
                Err(self.fault(format!("{fault} (and {} more faults)", rest.len())))
            }
        }
    }

    /// Tensor `name`, which must have `shape`, as 32-bit floats.
    pub fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, VisionError> {
        match &mut self.source {
            Source::Files(files) => {
                let tensor = files.tensor(name, shape, DType::F32, &Device::Cpu);
                let tensor = tensor.map_err(|error| bad(self.extractor, error.to_string()))?;
                // One number that is none turns every feature into none; better said here.
                let sum = tensor.flatten_all()?.abs()?.sum_all()?.to_scalar::<f32>()?;
                if !sum.is_finite() {
                    return Err(
                        self.fault(format!("tensor `{name}` holds numbers that are not finite"))
                    );
                }
                Ok(tensor.to_device(&self.device)?)
            }
            Source::Chance(chance) => {
                let count = shape.iter().try_fold(1usize, |all, dim| all.checked_mul(*dim));
                let Some(count) = count.filter(|count| *count <= MOST_RANDOM_ELEMENTS) else {
                    return Err(self.fault(format!("`{name}` of shape {shape:?} is too large")));
                };
                let values: Vec<f32> = if is_norm(name) && name.ends_with("weight") {
                    vec![1.0; count]
                } else if name.ends_with("bias") {
                    vec![0.0; count]
                } else {
                    // Uniform within ±0.035 has the customary standard deviation of 0.02.
                    (0..count).map(|_| chance.random_range(-0.035..0.035)).collect()
                };
                Ok(Tensor::from_vec(values, shape, &self.device)?)
            }
            Source::Listing(shapes) => {
                shapes.push((name.to_owned(), shape.to_vec()));
                Ok(Tensor::zeros((), DType::F32, &Device::Cpu)?.broadcast_as(shape)?)
            }
        }
    }

    /// `name.weight` and `name.bias` of a linear map.
    pub fn linear(
        &mut self,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Linear, VisionError> {
        let weight = self.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = self.tensor(&format!("{name}.bias"), &[outputs])?;
        Ok(Linear::new(weight, Some(bias)))
    }

    /// `name.weight` and `name.bias` of a norm over `width` channels.
    pub fn norm(
        &mut self,
        name: &str,
        width: usize,
        epsilon: f64,
    ) -> Result<LayerNorm, VisionError> {
        let weight = self.tensor(&format!("{name}.weight"), &[width])?;
        let bias = self.tensor(&format!("{name}.bias"), &[width])?;
        Ok(LayerNorm::new(weight, bias, epsilon))
    }

    /// A convolution of `(outputs, inputs, size, size)`.
    pub fn conv(
        &mut self,
        name: &str,
        [outputs, inputs, size]: [usize; 3],
        bias: bool,
        config: Conv2dConfig,
    ) -> Result<Conv2d, VisionError> {
        let weight = self.tensor(&format!("{name}.weight"), &[outputs, inputs, size, size])?;
        let bias = match bias {
            true => Some(self.tensor(&format!("{name}.bias"), &[outputs])?),
            false => None,
        };
        Ok(Conv2d::new(weight, bias, config))
    }

    /// The tensors that `build` asks for, from chance, as they would stand in a file.
    #[cfg(test)]
    pub fn random_tensors<M>(
        seed: u64,
        build: impl FnOnce(&mut Self) -> Result<M, VisionError>,
    ) -> HashMap<String, Tensor> {
        let mut chance = Self::chance("test", seed, &Device::Cpu);
        let wanted = Self::listing("test", build).unwrap().into_iter();
        wanted.map(|(name, shape)| (name.clone(), chance.tensor(&name, &shape).unwrap())).collect()
    }

    fn fault(&self, reason: String) -> VisionError {
        let place = match &self.source {
            Source::Files(files) => format!("{}: ", files.path().display()),
            _ => String::new(),
        };
        bad(self.extractor, format!("{place}{reason}"))
    }
}

/// The pickle that a folder without safetensors holds.
fn pickled(folder: &Path) -> Option<&'static str> {
    let has = |name: &&str| folder.join(name).exists();
    let good = ["model.safetensors", "model.safetensors.index.json"];
    let pickles = ["pytorch_model.bin", "open_clip_pytorch_model.bin"];
    if good.iter().any(has) { None } else { pickles.into_iter().find(has) }
}

fn is_norm(name: &str) -> bool {
    // `pre_layrnorm` is spelled so in CLIP's files.
    ["norm", "ln_"].iter().any(|part| name.contains(part))
}

pub(super) fn bad(extractor: &str, reason: impl Into<String>) -> VisionError {
    VisionError::BadWeights { extractor: extractor.into(), reason: reason.into() }
}

/// Reads a JSON file of a checkpoint folder.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, VisionError> {
    let fault = |reason: String| VisionError::Config { path: PathBuf::from(path), reason };
    let length = std::fs::metadata(path).map_err(|error| fault(error.to_string()))?.len();
    if length > MOST_CONFIG_BYTES {
        return Err(fault(format!("{length} bytes are too many for a configuration")));
    }
    let text = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| fault(error.to_string()))
}
