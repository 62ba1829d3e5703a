//! What a planner will take of the memory, all its parts together, known before any is loaded: by the
//! headers of files, and by the configuration.
//!
//! Parts may fit one by one and not together, and the map grows while the robot drives: what was too
//! much all along would show in the middle of a task. The host and a GPU with memory of its own are
//! added up apart: what one has to spare is of no use to the other.

use super::{ConfigError, EyesError, PlannerConfig, VisionConfig};
use crate::language::{MemoryPlace, MemoryPlan, PREFILL_CHUNK, Weights};
use crate::model::{ChatManifest, GoalReader, Manifest, ModelError, ModelKind, Projector};
use crate::scene::{ObjectStore, most_search_bytes};
use crate::vision::{
    ExtractorSizes, VisionError, detector_looking_bytes, extractor_bytes, extractor_sizes,
    weights_bytes,
};
use candle_core::Device;
use std::fmt;
use std::path::Path;

/// A part of a planner that takes memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryPart {
    /// Weights of the language model; of one on a server, its table of tokens.
    LanguageModel,
    /// What the language model keeps of a prompt, and its largest intermediate results.
    Context,
    /// Weights of the projector.
    Projector,
    /// Weights of the reader of goals.
    GoalReader,
    /// Weights of the extractor of features and of its encoder of texts.
    Eyes,
    /// Weights of the detector.
    Detector,
    /// What eyes and detector hold while they look at a picture, about.
    Looking,
    /// The most that the map may take.
    Map,
    /// The most, about, that is kept of its voxels to look for regions where something has changed.
    Regions,
    /// The most that objects and how they look may take beside it.
    Objects,
}

impl MemoryPart {
    /// Where it stands when what is computed with stands in `computed`: the map, its regions and its
    /// objects are the host's whatever computes.
    const fn place(self, computed: MemoryPlace) -> MemoryPlace {
        match self {
            Self::Map | Self::Regions | Self::Objects => MemoryPlace::Host,
            _ => computed,
        }
    }

    /// Its name, and what makes it smaller.
    const fn words(self) -> [&'static str; 2] {
        match self {
            Self::LanguageModel => ["language model", "use a smaller or quantised model"],
            Self::Context => ["context", "shorten the context in the manifest of the model"],
            Self::Projector => ["projector", "use a smaller model"],
            Self::GoalReader => ["goal reader", "use a model with a smaller prior, or none"],
            Self::Eyes => ["eyes", "use smaller ones, or vision.weight_format: q8_0"],
            Self::Detector => ["detector", "use a smaller one, or vision.weight_format: q8_0"],
            Self::Looking => {
                ["looking", "use smaller eyes or a smaller detector, or lower vision.image_px"]
            }
            Self::Map => ["map", "lower map.max_bytes"],
            Self::Regions => ["regions", "lower map.max_bytes"],
            Self::Objects => ["objects", "use eyes with shorter features"],
        }
    }
}

/// What the parts of a planner take, and what there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannerMemory {
    /// The parts, each with its bytes.
    pub parts: Vec<(MemoryPart, u64)>,
    /// Where those stand that are computed with: all but the map, its regions and its objects.
    pub computed: MemoryPlace,
    /// Memory of the host that can be had, bytes; `None` where the system does not say.
    pub host_available_bytes: Option<u64>,
    /// The same of the GPU; `None` where there is none or it does not say.
    pub gpu_available_bytes: Option<u64>,
}

impl PlannerMemory {
    /// All parts together that stand in `place`, bytes.
    pub fn bytes(&self, place: MemoryPlace) -> u64 {
        self.parts_in(place).fold(0, |all: u64, (_, bytes)| all.saturating_add(bytes))
    }

    fn parts_in(&self, place: MemoryPlace) -> impl Iterator<Item = (MemoryPart, u64)> {
        let parts = self.parts.iter().copied();
        parts.filter(move |(part, _)| part.place(self.computed) == place)
    }

    fn available_bytes(&self, place: MemoryPlace) -> Option<u64> {
        match place {
            MemoryPlace::Gpu => self.gpu_available_bytes,
            MemoryPlace::Host => self.host_available_bytes,
        }
    }

    fn is_too_much(&self, place: MemoryPlace) -> bool {
        self.available_bytes(place).is_some_and(|available| self.bytes(place) > available)
    }

    /// The same again, unless it is more than what is available, of the host or of the GPU.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Memory`], with all parts and what makes the largest smaller.
    pub fn check(self) -> Result<Self, ConfigError> {
        match MemoryPlace::ALL.into_iter().any(|place| self.is_too_much(place)) {
            true => Err(ConfigError::Memory(self)),
            false => Ok(self),
        }
    }

    /// What is too much, and what helps.
    pub(super) fn excess(&self) -> String {
        let full = MemoryPlace::ALL.into_iter().filter(|place| self.is_too_much(*place));
        full.fold(self.to_string(), |told, place| {
            let Some((part, _)) = self.parts_in(place).max_by_key(|(_, bytes)| *bytes) else {
                return told;
            };
            let whose = match self.computed {
                MemoryPlace::Gpu => format!(" of the {}", place.name()),
                MemoryPlace::Host => String::new(),
            };
            let [name, cure] = part.words();
            format!("{told}; the largest share{whose} is that of the {name}: {cure}")
        })
    }

    /// Writes the parts that stand in `place`, and what they take together.
    fn write_place(&self, place: MemoryPlace, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (part, bytes)) in self.parts_in(place).enumerate() {
            let [name, _] = part.words();
            let comma = if index == 0 { "" } else { ", " };
            let most = match part {
                MemoryPart::Map | MemoryPart::Regions | MemoryPart::Objects => "at most ",
                MemoryPart::Looking => "about ",
                _ => "",
            };
            write!(f, "{comma}{name} {most}{}", size(bytes))?;
        }
        write!(f, "; {}", size(self.bytes(place)))?;
        match self.available_bytes(place) {
            Some(available) => write!(f, " of {}", size(available)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for PlannerMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.computed == MemoryPlace::Host {
            return self.write_place(MemoryPlace::Host, f);
        }
        let taken = MemoryPlace::ALL.into_iter().filter(|place| self.bytes(*place) > 0);
        for (index, place) in taken.enumerate() {
            let between = if index == 0 { "" } else { "; " };
            write!(f, "{between}{}: ", place.name())?;
            self.write_place(place, f)?;
        }
        Ok(())
    }
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib >= 1024.0 {
        format!("{:.2} GiB", mib / 1024.0)
    } else if mib >= 10.0 {
        format!("{mib:.0} MiB")
    } else {
        format!("{mib:.1} MiB")
    }
}

impl PlannerConfig {
    /// What the parts that this configuration names will take on `device`: eyes, detector, map and
    /// objects, and the model where it `plans`. What eyes and detector hold while they look at a picture
    /// is an estimate. A part whose files cannot be read is left out: who loads it says why.
    pub fn memory(&self, device: &Device, plans: bool) -> PlannerMemory {
        let mut parts = match plans {
            true => of_model(&self.plan.model, device).unwrap_or_default(),
            false => Vec::new(),
        };
        parts.push((MemoryPart::Eyes, self.eyes_bytes().unwrap_or_default()));
        parts.push((MemoryPart::Detector, self.detector_bytes().unwrap_or_default()));
        let eyes = self.eyes_sizes(device).unwrap_or_default();
        let detector = &self.detector;
        let looks =
            detector_looking_bytes(detector.grounding_dino.as_deref(), detector.sam.as_deref());
        // The detector has a thread of its own: both may look at once.
        let looking = eyes.looking_bytes.saturating_add(looks.unwrap_or_default());
        parts.push((MemoryPart::Looking, looking));
        parts.push((MemoryPart::Map, self.map.max_bytes as u64));
        if self.may_name_regions() {
            let kept = most_search_bytes(self.map.max_bytes, eyes.width);
            parts.push((MemoryPart::Regions, kept));
        }
        parts.push((MemoryPart::Objects, ObjectStore::most_bytes(eyes.width)));
        parts.retain(|(_, bytes)| *bytes > 0);
        PlannerMemory {
            parts,
            computed: MemoryPlace::of(device),
            host_available_bytes: MemoryPlace::Host.available_bytes(device),
            gpu_available_bytes: MemoryPlace::Gpu.available_bytes(device),
        }
    }

    /// Whether things are looked for by names: those that are given, or those that eyes were taught.
    fn may_name_regions(&self) -> bool {
        let is_taught = |eyes: VisionConfig| eyes.extractor == "scene_vit";
        !self.regions.names.is_empty() || self.eyes().is_ok_and(is_taught)
    }

    fn eyes_bytes(&self) -> Result<u64, EyesError> {
        let VisionConfig { extractor, weights, weight_format, .. } = self.eyes()?;
        match extractor.as_str() {
            "none" => Ok(0),
            kind => Ok(extractor_bytes(kind, weights.as_deref(), weight_format)?),
        }
    }

    fn eyes_sizes(&self, device: &Device) -> Result<ExtractorSizes, EyesError> {
        let VisionConfig { extractor, weights, image_px, .. } = self.eyes()?;
        Ok(extractor_sizes(&extractor, weights.as_deref(), image_px, device)?)
    }

    fn detector_bytes(&self) -> Result<u64, VisionError> {
        let weights = [&self.detector.grounding_dino, &self.detector.sam].into_iter().flatten();
        weights.map(|path| weights_bytes(path, self.vision.weight_format)).sum()
    }
}

/// The parts of the model in `folder`.
fn of_model(folder: &Path, device: &Device) -> Result<Vec<(MemoryPart, u64)>, ModelError> {
    if ModelKind::of(folder)? == ModelKind::Chat {
        let ChatManifest { local, context, .. } = ChatManifest::load(folder)?;
        return match local {
            Some(spec) => of_language(&folder.join(spec.weights), context, device),
            None => Ok(Vec::new()),
        };
    }
    let Manifest { language, tokens, projector, prior, .. } = Manifest::load(folder)?;
    let weights = folder.join(&language.weights);
    let mut parts = match language.endpoint {
        None => of_language(&weights, tokens.context, device)?,
        Some(_) => {
            let weights = Weights::open(&weights)?;
            let config = weights.config()?;
            let numbers = (config.vocab_size * config.hidden_size) as u64;
            let bytes = weights.compute_dtype(device).size_in_bytes() as u64;
            vec![(MemoryPart::LanguageModel, numbers * bytes)]
        }
    };
    if let Some(spec) = &projector {
        let shapes = Projector::tensor_shapes(spec).into_iter();
        let numbers: usize = shapes.map(|(_, shape)| shape.iter().product::<usize>()).sum();
        parts.push((MemoryPart::Projector, 4 * numbers as u64));
    }
    if let Some(spec) = &prior {
        let bytes = GoalReader::weights_bytes(&folder.join(&spec.folder))?;
        parts.push((MemoryPart::GoalReader, bytes));
    }
    Ok(parts)
}

/// The parts of a language model that runs here, with room for `context` tokens.
fn of_language(
    path: &Path,
    context: usize,
    device: &Device,
) -> Result<Vec<(MemoryPart, u64)>, ModelError> {
    let weights = Weights::open(path)?;
    let config = weights.config()?;
    // A longer context is refused by who loads the model.
    let context = context.min(config.max_position_embeddings);
    let plan = MemoryPlan::new(&config, &weights, device, context, PREFILL_CHUNK);
    let context = plan.kv_cache_bytes.saturating_add(plan.activations_bytes);
    Ok(vec![(MemoryPart::LanguageModel, plan.weights_bytes), (MemoryPart::Context, context)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::SafetensorsFiles;
    use crate::planner::DetectorConfig;
    use crate::vision::WeightFormat;
    use std::path::PathBuf;

    const MIB: u64 = 1 << 20;

    fn repository(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
    }

    fn bytes_of(memory: &PlannerMemory, part: MemoryPart) -> Option<u64> {
        memory.parts.iter().find(|(one, _)| *one == part).map(|(_, bytes)| *bytes)
    }

    #[test]
    fn parts_are_told_and_held_against_what_there_is() {
        let mut memory = PlannerMemory {
            parts: vec![
                (MemoryPart::LanguageModel, 4096 * MIB),
                (MemoryPart::Eyes, 7 * MIB / 2),
                (MemoryPart::Map, 512 * MIB),
            ],
            computed: MemoryPlace::Host,
            host_available_bytes: Some(5120 * MIB),
            gpu_available_bytes: None,
        };
        let told = "language model 4.00 GiB, eyes 3.5 MiB, map at most 512 MiB; 4.50 GiB";
        assert_eq!(memory.bytes(MemoryPlace::Host), 4611 * MIB + MIB / 2);
        assert_eq!(memory.bytes(MemoryPlace::Gpu), 0);
        assert_eq!(memory.to_string(), format!("{told} of 5.00 GiB"));
        memory = memory.check().unwrap();
        memory.host_available_bytes = Some(4300 * MIB);
        let error = memory.clone().check().unwrap_err().to_string();
        assert!(error.starts_with(&format!("not enough memory: {told} of 4.20 GiB; ")), "{error}");
        assert!(error.ends_with("that of the language model: use a smaller or quantised model"));
        memory.parts[0].1 = MIB / 2;
        memory.host_available_bytes = Some(0);
        let error = memory.clone().check().unwrap_err().to_string();
        assert!(error.ends_with("that of the map: lower map.max_bytes"), "{error}");
        memory.host_available_bytes = None;
        assert!(memory.check().unwrap().to_string().ends_with("; 516 MiB"));
    }

    #[test]
    fn the_host_and_a_gpu_are_added_up_apart() {
        let fits = PlannerMemory {
            parts: vec![
                (MemoryPart::LanguageModel, 4096 * MIB),
                (MemoryPart::Context, 1024 * MIB),
                (MemoryPart::Looking, 512 * MIB),
                (MemoryPart::Map, 512 * MIB),
                (MemoryPart::Objects, 64 * MIB),
            ],
            computed: MemoryPlace::Gpu,
            host_available_bytes: Some(1024 * MIB),
            gpu_available_bytes: Some(6144 * MIB),
        };
        assert_eq!(fits.bytes(MemoryPlace::Gpu), 5632 * MIB);
        assert_eq!(fits.bytes(MemoryPlace::Host), 576 * MIB);
        let gpu = "GPU: language model 4.00 GiB, context 1.00 GiB, looking about 512 MiB; 5.50 GiB";
        let host = "host: map at most 512 MiB, objects at most 64 MiB; 576 MiB";
        assert_eq!(fits.to_string(), format!("{gpu} of 6.00 GiB; {host} of 1.00 GiB"));
        let told = |memory: PlannerMemory| memory.check().unwrap_err().to_string();
        let of_gpu = "; the largest share of the GPU is that of the language model: use a smaller \
                      or quantised model";
        let of_host = "; the largest share of the host is that of the map: lower map.max_bytes";

        // Neither helps the other out.
        let small_gpu = PlannerMemory { gpu_available_bytes: Some(5000 * MIB), ..fits.clone() };
        let error = told(small_gpu.clone());
        assert!(error.ends_with(&format!("{host} of 1.00 GiB{of_gpu}")), "{error}");
        let small_host = PlannerMemory { host_available_bytes: Some(512 * MIB), ..fits.clone() };
        let error = told(small_host);
        assert!(error.ends_with(&format!("{host} of 512 MiB{of_host}")), "{error}");
        let small = PlannerMemory { host_available_bytes: Some(0), ..small_gpu };
        let error = told(small);
        assert!(error.ends_with(&format!("{of_gpu}{of_host}")), "{error}");

        // A GPU that does not say is believed, the host is asked all the same.
        let silent = PlannerMemory { gpu_available_bytes: None, ..fits };
        let silent = silent.check().unwrap();
        assert_eq!(silent.to_string(), format!("{gpu}; {host} of 1.00 GiB"));
        told(PlannerMemory { host_available_bytes: Some(0), ..silent });
    }

    #[test]
    fn the_shipped_model_counts_as_it_will_stand_in_memory() {
        let mut config = PlannerConfig::default();
        config.plan.model = repository("models/nano");
        let memory = config.memory(&Device::Cpu, true);
        for (part, file) in [
            (MemoryPart::LanguageModel, "model.safetensors"),
            (MemoryPart::Projector, "projector.safetensors"),
            (MemoryPart::GoalReader, "prior/model.safetensors"),
            (MemoryPart::Eyes, "vision/model.safetensors"),
        ] {
            let files = SafetensorsFiles::open_file(&config.plan.model.join(file)).unwrap();
            let numbers: usize =
                files.shapes().map(|(_, shape)| shape.iter().product::<usize>()).sum();
            assert_eq!(bytes_of(&memory, part), Some(4 * numbers as u64), "{file}");
        }
        assert!(bytes_of(&memory, MemoryPart::Context).is_some_and(|bytes| bytes > MIB));
        assert_eq!((memory.computed, memory.gpu_available_bytes), (MemoryPlace::Host, None));
        assert_eq!(bytes_of(&memory, MemoryPart::Map), Some(config.map.max_bytes as u64));
        assert_eq!(bytes_of(&memory, MemoryPart::Detector), None);
        let blind = config.memory(&Device::Cpu, false);
        let parts: Vec<MemoryPart> = blind.parts.iter().map(|(part, _)| *part).collect();
        let beside =
            [MemoryPart::Looking, MemoryPart::Map, MemoryPart::Regions, MemoryPart::Objects];
        assert_eq!((parts[0], &parts[1..]), (MemoryPart::Eyes, beside.as_slice()));
        // Its eyes look at five parts of a picture, and features have 64 numbers.
        assert!(bytes_of(&blind, MemoryPart::Looking).is_some_and(|bytes| bytes > MIB));
        let objects = bytes_of(&blind, MemoryPart::Objects);
        assert_eq!(objects, Some(100_000 * 512 + 4096 * 64 * 4));
        let voxels = config.map.max_bytes as u64 / (48 + 2 * 64);
        assert_eq!(bytes_of(&blind, MemoryPart::Regions), Some(64 * voxels));
    }

    #[test]
    fn encoders_count_in_the_format_that_they_are_kept_in() {
        let fixture = |name: &str| Some(repository("tests/fixtures/vision").join(name));
        let mut config = PlannerConfig::default();
        config.plan.model = "no/such/model".into();
        config.vision.extractor = "clip".into();
        config.vision.weights = fixture("clip_tiny");
        config.detector = DetectorConfig {
            grounding_dino: fixture("grounding_dino_tiny"),
            sam: fixture("mobile_sam_tiny/mobile_sam.pt"),
            ..DetectorConfig::default()
        };
        let looks = |config: &PlannerConfig| {
            bytes_of(&config.memory(&Device::Cpu, true), MemoryPart::Looking).unwrap()
        };
        let exact = config.memory(&Device::Cpu, true);
        config.vision.weight_format = WeightFormat::F16;
        let short = config.memory(&Device::Cpu, true);
        assert_eq!(exact.parts.len(), 5, "no names, so no regions: {exact}");
        for part in [MemoryPart::Eyes, MemoryPart::Detector] {
            let [exact, short] = [&exact, &short].map(|memory| bytes_of(memory, part).unwrap());
            assert!(short < exact && 2 * short >= exact, "{part:?}: {short} of {exact}");
        }
        // Both look at once, in numbers of 32 bits whatever the weights are.
        assert_eq!(bytes_of(&exact, MemoryPart::Looking), Some(looks(&config)));
        let mut eyes_alone = config.clone();
        eyes_alone.detector = DetectorConfig::default();
        assert!(looks(&eyes_alone) < looks(&config));
        let mut larger_pictures = eyes_alone.clone();
        larger_pictures.vision.image_px = Some(224);
        assert!(looks(&larger_pictures) > 20 * looks(&eyes_alone));
        let told = exact.to_string();
        assert!(told.contains(", looking about ") && told.contains(", objects at most "), "{told}");
    }
}
