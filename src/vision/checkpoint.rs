//! Where an encoder's tensors come from: a checkpoint, chance, or nowhere.
//!
//! An encoder is built by one function that asks for its tensors by name and shape. Asked for
//! [`Checkpoint::listing`], that function tells what it would load, which is held against a file
//! before anything is read; so the list of tensors and the loader cannot differ.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candle_nn::{Conv2d, Conv2dConfig};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::de::DeserializeOwned;

use super::VisionError;
use super::linear::{Linear, Placement, WeightFormat};
use super::norm::LayerNorm;
use super::pickle::PickleFiles;
pub use crate::language::TensorShape;
use crate::language::{LanguageError, MemoryPlace, SafetensorsFiles, tensor_faults};

/// Larger configuration files are not read.
const MOST_CONFIG_BYTES: u64 = 16 << 20;
/// What is said of a configuration that was looked for in a file.
const NO_FOLDER: &str = "is looked for in a folder, and a file was named: these weights are read from a \
                         folder with their configuration, as Hugging Face has it";
/// Larger tensors are not made from chance.
const MOST_RANDOM_ELEMENTS: usize = 1 << 28;
/// Names of weights in folders of Hugging Face's and open_clip's, those that are taken first.
const USUAL_FILES: [&str; 5] = [
    "model.safetensors.index.json",
    "model.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model.bin",
    "open_clip_pytorch_model.bin",
];

/// Tensors by name.
pub(super) struct Checkpoint {
    extractor: &'static str,
    on: Placement,
    source: Source,
    spelling: fn(&str) -> String,
}

enum Source {
    Files(Box<SafetensorsFiles>),
    Pickle(Box<PickleFiles>),
    Chance(Box<Pcg64Mcg>),
    Listing(Vec<TensorShape>),
}

impl Source {
    fn safetensors(files: Result<SafetensorsFiles, LanguageError>) -> Result<Self, String> {
        files.map(|files| Self::Files(Box::new(files))).map_err(|error| error.to_string())
    }

    fn pickle(files: Result<PickleFiles, VisionError>) -> Result<Self, String> {
        files.map(|files| Self::Pickle(Box::new(files))).map_err(|error| error.to_string())
    }
}

impl Checkpoint {
    /// Opens a safetensors file or one that `torch.save` wrote, or the index of several of either, by
    /// how its name ends; or what a folder holds: `model.safetensors` or `pytorch_model.bin` or the
    /// index of its shards, or its only file of weights.
    pub fn open(
        extractor: &'static str,
        path: &Path,
        on: impl Into<Placement>,
    ) -> Result<Self, VisionError> {
        let file = match path.is_dir() {
            true => weights_of(path).map_err(|reason| bad(extractor, reason))?,
            false => path.to_owned(),
        };
        let source = match Kind::of(&file) {
            Some(Kind::Pickle) => Source::pickle(PickleFiles::open_file(&file)),
            Some(Kind::PickleShards) => Source::pickle(PickleFiles::open_index(&file)),
            Some(Kind::SafetensorsShards) => {
                Source::safetensors(SafetensorsFiles::open_index(&file))
            }
            Some(Kind::Safetensors) | None => {
                Source::safetensors(SafetensorsFiles::open_file(&file))
            }
        };
        let source = source.map_err(|reason| bad(extractor, reason))?;
        Ok(Self::of(extractor, on, source))
    }

    fn of(extractor: &'static str, on: impl Into<Placement>, source: Source) -> Self {
        Self { extractor, on: on.into(), source, spelling: str::to_owned }
    }

    /// From now on the tensors that are asked for stand in the file under the names that `spelling`
    /// makes of theirs.
    pub fn spell(&mut self, spelling: fn(&str) -> String) {
        self.spelling = spelling;
    }

    /// Weights from chance: the same for the same seed. Norms do nothing at first, biases are zero.
    pub fn chance(extractor: &'static str, seed: u64, on: impl Into<Placement>) -> Self {
        Self::of(extractor, on, Source::Chance(Box::new(Pcg64Mcg::seed_from_u64(seed))))
    }

    /// Names and shapes of the tensors that `build` asks for. They take no memory.
    pub fn listing<M>(
        extractor: &'static str,
        build: impl FnOnce(&mut Self) -> Result<M, VisionError>,
    ) -> Result<Vec<TensorShape>, VisionError> {
        let mut listing = Self::of(extractor, &Device::Cpu, Source::Listing(Vec::new()));
        build(&mut listing)?;
        match listing.source {
            Source::Listing(shapes) => Ok(shapes),
            _ => Ok(Vec::new()),
        }
    }

    /// Whether this only lists what is asked for: whoever computes with the tensors may leave that.
    pub fn lists(&self) -> bool {
        matches!(self.source, Source::Listing(_))
    }

    /// Whether the file has a tensor called `name`.
    pub fn contains(&self, name: &str) -> bool {
        match &self.source {
            Source::Files(files) => files.contains(name),
            Source::Pickle(file) => file.contains(name),
            _ => false,
        }
    }

    /// Names and shapes of all tensors of the file.
    pub fn shapes(&self) -> HashMap<&str, &[usize]> {
        match &self.source {
            Source::Files(files) => files.shapes().collect(),
            Source::Pickle(file) => file.shapes().collect(),
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
        tensor_faults(wanted, &self.shapes(), unused, self.extractor)
    }

    /// Fails, naming the first fault and how many there are, unless the file holds just what `build`
    /// asks for, and the memory of the machine holds that.
    pub fn checked<M>(
        self,
        unused: &[&str],
        build: impl FnOnce(&mut Self) -> Result<M, VisionError>,
    ) -> Result<Self, VisionError> {
        let wanted = Self::listing(self.extractor, build)?;
        match self.faults(&wanted, unused).as_slice() {
            [] => match self.too_large(&wanted) {
                None => Ok(self),
                Some(reason) => Err(self.fault(reason)),
            },
            [fault] => Err(self.fault(fault.clone())),
            [fault, rest @ ..] => {
                Err(self.fault(format!("{fault} (and {} more faults)", rest.len())))
            }
        }
    }

    /// Why `wanted` do not fit into the memory of the device, where it says how much there is. That
    /// is for an encoder by itself; all parts of a planner are added up before any is opened.
    fn too_large(&self, wanted: &[TensorShape]) -> Option<String> {
        let bytes = bytes_in_memory(wanted, self.on.weights);
        let place = MemoryPlace::of(&self.on.device);
        let available = place.available_bytes(&self.on.device)?;
        (bytes > available).then(|| {
            let (wanted, available) = (bytes >> 20, available >> 20);
            let (format, place) = (self.on.weights.name(), place.name());
            format!(
                "its weights take {wanted} MiB as {format}, and {available} MiB of the {place} are \
                 free"
            )
        })
    }

    /// Tensor `name`, which must have `shape`, as 32-bit floats.
    pub fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, VisionError> {
        let spelled = (self.spelling)(name);
        match &mut self.source {
            Source::Files(files) => {
                let tensor = files.tensor(&spelled, shape, DType::F32, &self.on.device);
                tensor.map_err(|error| bad(self.extractor, error.to_string()))
            }
            Source::Pickle(file) => {
                let tensor = file.tensor(&spelled, shape);
                let tensor = tensor.map_err(|error| bad(self.extractor, error.to_string()))?;
                self.finite(&spelled, tensor)
            }
            Source::Chance(chance) => {
                let count = shape.iter().try_fold(1usize, |all, dim| all.checked_mul(*dim));
                let Some(count) = count.filter(|count| *count <= MOST_RANDOM_ELEMENTS) else {
                    return Err(self.fault(format!("`{name}` of shape {shape:?} is too large")));
                };
                let one = is_norm(name) && name.ends_with("weight") || name.ends_with("_var");
                let values: Vec<f32> = if one {
                    vec![1.0; count]
                } else if name.ends_with("bias") {
                    vec![0.0; count]
                } else {
                    // Uniform within ±0.035 has the customary standard deviation of 0.02.
                    (0..count).map(|_| chance.random_range(-0.035..0.035)).collect()
                };
                Ok(Tensor::from_vec(values, shape, &self.on.device)?)
            }
            Source::Listing(shapes) => {
                shapes.push((spelled, shape.to_vec()));
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
        self.map(&weight, Some(bias))
    }

    /// A linear map of `weight` `(outputs, inputs)` and a bias, kept as the numbers that are wanted.
    pub fn map(&self, weight: &Tensor, bias: Option<Tensor>) -> Result<Linear, VisionError> {
        Ok(Linear::new(weight, bias, self.on.weights)?)
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

    /// An error that names the file.
    pub fn fault(&self, reason: String) -> VisionError {
        let place = match &self.source {
            Source::Files(files) => format!("{}: ", files.path().display()),
            Source::Pickle(file) => format!("{}: ", file.path().display()),
            _ => String::new(),
        };
        bad(self.extractor, format!("{place}{reason}"))
    }

    /// The tensor of a pickle where it is wanted. One number that is none would turn every feature into
    /// none; better said here.
    fn finite(&self, name: &str, tensor: Tensor) -> Result<Tensor, VisionError> {
        let sum = tensor.flatten_all()?.abs()?.sum_all()?.to_scalar::<f32>()?;
        match sum.is_finite() {
            true => Ok(tensor.to_device(&self.on.device)?),
            false => Err(self.fault(format!("tensor `{name}` holds numbers that are not finite"))),
        }
    }
}

/// Bytes that `tensors` take whose linear maps, matrices that are no tables of embeddings, are kept as
/// `format`.
pub(super) fn bytes_in_memory(tensors: &[TensorShape], format: WeightFormat) -> u64 {
    let of = |(name, shape): &TensorShape| match shape.as_slice() {
        [outputs, inputs] if !name.contains("embed") => format.map_bytes(*outputs, *inputs),
        shape => shape.iter().fold(4, |bytes: usize, edge| bytes.saturating_mul(*edge)),
    };
    tensors.iter().fold(0, |all: u64, tensor| all.saturating_add(of(tensor) as u64))
}

/// The file of weights that `folder` holds.
fn weights_of(folder: &Path) -> Result<PathBuf, String> {
    if let Some(usual) = USUAL_FILES.iter().map(|name| folder.join(name)).find(|path| path.exists())
    {
        return Ok(usual);
    }
    let shown = folder.display();
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{shown}: {error}"))?;
    let weights = |path: &PathBuf| matches!(Kind::of(path), Some(Kind::Pickle | Kind::Safetensors));
    let mut found: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(weights).collect();
    found.sort();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(format!(
            "{shown}: no model.safetensors, no pytorch_model.bin, and no other file of weights"
        )),
        [one, other, ..] => {
            let name = |path: &PathBuf| path.file_name().unwrap_or_default().display().to_string();
            let (one, other) = (name(one), name(other));
            Err(format!("{shown}: holds {one} and {other}; name the file that is meant"))
        }
    }
}

/// What kind of weights a file has.
enum Kind {
    Safetensors,
    /// An index of safetensors beside it.
    SafetensorsShards,
    /// Written by `torch.save`.
    Pickle,
    /// An index of such files beside it.
    PickleShards,
}

impl Kind {
    /// By how its name ends.
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let (name, is_index) = match name.strip_suffix(".index.json") {
            Some(name) => (name, true),
            None => (name, false),
        };
        match (Path::new(name).extension()?.to_str()?, is_index) {
            ("safetensors", false) => Some(Self::Safetensors),
            ("safetensors", true) => Some(Self::SafetensorsShards),
            ("bin" | "pt" | "pth", false) => Some(Self::Pickle),
            ("bin", true) => Some(Self::PickleShards),
            _ => None,
        }
    }
}

fn is_norm(name: &str) -> bool {
    // `pre_layrnorm` is spelled so in CLIP's files.
    ["norm", "ln_"].iter().any(|part| name.contains(part))
}

pub(super) fn bad(extractor: &str, reason: impl Into<String>) -> VisionError {
    VisionError::BadWeights { extractor: extractor.into(), reason: reason.into() }
}

/// Reads `config.json` in `folder`, of which `fault` says what is wrong.
pub(super) fn read_config<T: DeserializeOwned>(
    folder: &Path,
    fault: impl FnOnce(&T) -> Option<String>,
) -> Result<T, VisionError> {
    let path = folder.join("config.json");
    let config: T = read_json(&path)?;
    match fault(&config) {
        Some(reason) => Err(VisionError::Config { path, reason }),
        None => Ok(config),
    }
}

/// Reads a JSON file of a checkpoint folder.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, VisionError> {
    let fault = |reason: String| VisionError::Config { path: PathBuf::from(path), reason };
    let missing = |error: std::io::Error| {
        // Who names a file of weights is told what to name instead.
        let is_file = error.kind() == std::io::ErrorKind::NotADirectory;
        fault(if is_file { NO_FOLDER.into() } else { error.to_string() })
    };
    let length = std::fs::metadata(path).map_err(missing)?.len();
    if length > MOST_CONFIG_BYTES {
        return Err(fault(format!("{length} bytes are too many for a configuration")));
    }
    let text = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| fault(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{fixture, values};
    use super::*;
    use std::fs::{copy, read, write};

    #[test]
    fn only_linear_maps_are_kept_short() {
        let tensors = [("map", vec![4, 64]), ("token_embedding", vec![2, 64]), ("bias", vec![4])];
        let tensors: [TensorShape; 3] = tensors.map(|(name, shape)| (name.to_owned(), shape));
        assert_eq!(bytes_in_memory(&tensors, WeightFormat::F32), 4 * (256 + 128 + 4));
        assert_eq!(bytes_in_memory(&tensors, WeightFormat::Q8_0), 4 * 68 + 4 * (128 + 4));
    }

    /// As the original `groundingdino_swint_ogc.pth`, or open_clip's file by itself.
    #[test]
    fn a_file_in_the_place_of_a_folder_is_told() {
        let file = fixture("mobile_sam_tiny/mobile_sam.pt");
        for error in [
            super::super::GroundingDino::passes(&file, &["mug"]).unwrap_err(),
            super::super::ClipText::load(&file, &Device::Cpu).unwrap_err(),
        ] {
            let error = error.to_string();
            assert!(error.contains("mobile_sam.pt/config.json: is looked for in a"), "{error}");
        }
    }

    /// In a file of `torch.save`, one number overwritten where it stands.
    #[test]
    fn a_weight_in_a_file_of_torch_that_is_no_number_is_refused_by_its_name() {
        let path = fixture("pickle/plain.pth");
        let mut opened = Checkpoint::open("test", &path, &Device::Cpu).unwrap();
        let numbers = values(&opened.tensor("f32", &[2, 3]).unwrap());
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let mut file = read(&path).unwrap();
        let at = file.windows(bytes.len()).position(|some| some == bytes).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (name, odd) in [("weights.pt", f32::NAN), ("pytorch_model.bin", f32::NEG_INFINITY)] {
            file[at + 8..at + 12].copy_from_slice(&odd.to_le_bytes());
            let path = folder.path().join(name);
            write(&path, &file).unwrap();
            let mut opened = Checkpoint::open("test", &path, &Device::Cpu).unwrap();
            let error = opened.tensor("f32", &[2, 3]).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
            assert!(error.contains("`f32` holds numbers that are not finite"), "{error}");
            opened.tensor("f16", &[5]).unwrap();
        }
    }

    /// Both kinds of shards, in one file each, named by the folder or by their index.
    #[test]
    fn an_index_opens_the_files_it_names_whatever_their_kind() {
        for (kind, weights) in
            [("pytorch_model.bin", "plain.pth"), ("model.safetensors", "twin.safetensors")]
        {
            let folder = tempfile::tempdir().unwrap();
            let (stem, ending) = kind.split_once('.').unwrap();
            let shard = format!("{stem}-00001-of-00001.{ending}");
            copy(fixture(&format!("pickle/{weights}")), folder.path().join(&shard)).unwrap();
            let index = folder.path().join(format!("{kind}.index.json"));
            write(&index, format!(r#"{{"weight_map":{{"f32":"{shard}"}}}}"#)).unwrap();
            for path in [folder.path(), &index] {
                let mut opened = Checkpoint::open("test", path, &Device::Cpu).unwrap();
                assert_eq!(opened.tensor("f32", &[2, 3]).unwrap().dims(), [2, 3], "{kind}");
            }
            for outside in ["../outside", "/outside"] {
                write(&index, format!(r#"{{"weight_map":{{"f32":"{outside}"}}}}"#)).unwrap();
                let error = Checkpoint::open("test", folder.path(), &Device::Cpu).err().unwrap();
                let error = error.to_string();
                assert!(error.contains(&format!("{kind}.index.json")), "{error}");
                assert!(error.contains(&format!("'{outside}' is not the name")), "{error}");
            }
        }
    }
}
