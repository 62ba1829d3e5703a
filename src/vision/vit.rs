//! A vision transformer for dense patch features: timm's plain ViT and DINO, Hugging Face's ViT,
//! DINO and DINOv2.

use std::path::Path;

use candle_core::{Device, Tensor};

use super::checkpoint::Checkpoint;
use super::processor::ImageProcessor;
use super::tower::{LastBlock, Tower};
use super::vit_config::{NAME, VitConfig};
use super::vit_names::{TIMM, VitNames};
use super::{FeatureExtractor, FeatureMap, Placement, Provenance, TensorShape, VisionError};
use crate::sensing::RgbdFrame;

/// Tensors that dense features do not need, by how their names begin or end: classifiers, poolers,
/// and what stood for hidden patches while training.
const UNUSED: [&str; 7] = [
    "head.",
    "head_dist.",
    "fc_norm.",
    "classifier.",
    "pooler.dense.weight",
    "pooler.dense.bias",
    "mask_token",
];

/// A pre-norm vision transformer; its features are the normalised outputs of the patches.
#[derive(Debug)]
pub struct Vit {
    tower: Tower,
    processor: ImageProcessor,
    provenance: Provenance,
}

impl Vit {
    /// Loads a safetensors file with timm's names, off whose tensors its sizes are read, or a folder
    /// of Hugging Face's with `config.json` and safetensors.
    pub fn load(path: &Path, on: impl Into<Placement>) -> Result<Self, VisionError> {
        let (config, names, checkpoint) = Self::open(path, on)?;
        let processor = processor_of(path, &config)?;
        let prefix = prefix(names, &checkpoint);
        let load = |from: &mut Checkpoint| Tower::load(&config, names, prefix, from);
        let tower = load(&mut checkpoint.checked(&UNUSED, load)?)?;
        Ok(Self { tower, processor, provenance: Provenance::Trained })
    }

    /// The sizes of the model at `path`, and how its pictures are prepared. Of its weights only the
    /// header is read.
    pub(super) fn sizes(path: &Path) -> Result<(VitConfig, ImageProcessor), VisionError> {
        let (config, ..) = Self::open(path, &Device::Cpu)?;
        let processor = processor_of(path, &config)?;
        Ok((config, processor))
    }

    /// The sizes of a model in a folder of Hugging Face's or a file of timm's, what its tensors are
    /// called, and they.
    fn open(
        path: &Path,
        on: impl Into<Placement>,
    ) -> Result<(VitConfig, &'static VitNames, Checkpoint), VisionError> {
        if !path.is_dir() {
            let checkpoint = Checkpoint::open(NAME, path, on)?;
            return Ok((VitConfig::of_timm(&checkpoint)?, &TIMM, checkpoint));
        }
        let (config, names) = VitConfig::of_hf(path)?;
        Ok((config, names, Checkpoint::open(NAME, path, on)?))
    }

    /// The tensors that a model at `path` needs, and which of them are missing, have another shape, or
    /// are not asked for.
    pub(super) fn check(path: &Path) -> Result<(Vec<TensorShape>, Vec<String>), VisionError> {
        let (config, names, checkpoint) = Self::open(path, &Device::Cpu)?;
        let prefix = prefix(names, &checkpoint);
        let wanted = Checkpoint::listing(NAME, |from| Tower::load(&config, names, prefix, from))?;
        let faults = checkpoint.faults(&wanted, &UNUSED);
        Ok((wanted, faults))
    }

    /// Weights from chance, for timing and plumbing.
    pub fn untrained(
        config: VitConfig,
        seed: u64,
        on: impl Into<Placement>,
    ) -> Result<Self, VisionError> {
        config.validate()?;
        let tower = Tower::load(&config, &TIMM, "", &mut Checkpoint::chance(NAME, seed, on))?;
        let processor = ImageProcessor::imagenet(config.image_px);
        Ok(Self { tower, processor, provenance: Provenance::Untrained })
    }

    /// The sizes.
    pub fn config(&self) -> &VitConfig {
        self.tower.config()
    }

    /// How its pictures are prepared.
    pub fn processor(&self) -> &ImageProcessor {
        &self.processor
    }

    /// Outputs of the patches, `(batch, patches, width)`, of prepared pictures `(batch, 3, height,
    /// width)`.
    pub(super) fn patches(&self, pixels: &Tensor) -> Result<Tensor, VisionError> {
        let tokens = self.tower.forward(pixels, LastBlock::Attends)?;
        Ok(self.tower.patches_of(&tokens)?)
    }
}

/// How pictures are prepared for the model at `path`: a folder, or a file that may have others beside it,
/// as timm's has a `config.json`.
fn processor_of(path: &Path, config: &VitConfig) -> Result<ImageProcessor, VisionError> {
    let folder = match path.is_dir() {
        true => path,
        false => path.parent().unwrap_or(Path::new(".")),
    };
    let usual = ImageProcessor::read_timm(folder, ImageProcessor::imagenet(config.image_px))?;
    ImageProcessor::read(folder, usual)
}

/// What stands before all names: nothing, or the name of the model where a head is on top of it.
fn prefix(names: &VitNames, checkpoint: &Checkpoint) -> &'static str {
    let with = |prefix: &&str| checkpoint.contains(&format!("{prefix}{}", names.positions));
    ["vit.", "dinov2.", "dinov2_with_registers."].into_iter().find(with).unwrap_or("")
}

impl FeatureExtractor for Vit {
    fn name(&self) -> &str {
        NAME
    }

    fn width(&self) -> usize {
        self.config().width
    }

    fn provenance(&self) -> Provenance {
        self.provenance
    }

    fn set_image_px(&mut self, image_px: usize) -> Result<(), String> {
        self.tower.check_edge(image_px)?;
        self.processor.dense_px = Some(image_px);
        Ok(())
    }

    fn extract(&self, frame: &RgbdFrame) -> Result<FeatureMap, VisionError> {
        let (edge_px, patch_px) = (self.config().image_px, self.config().patch_px);
        let edge_px = self.processor.edge_px().unwrap_or(edge_px);
        let device = self.tower.device();
        let pixels = self.processor.whole(&frame.color, edge_px, patch_px, device)?;
        let (_, _, height, width) = pixels.dims4()?;
        FeatureMap::of_tokens(&self.patches(&pixels)?, height / patch_px, width / patch_px)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{CameraModel, Pose};
    use crate::sensing::DepthImage;
    use image::{Rgb, RgbImage};

    fn tiny(class_token: bool) -> VitConfig {
        VitConfig {
            image_px: 32,
            patch_px: 8,
            width: 64,
            depth: 2,
            heads: 1,
            hidden: 96,
            class_token,
            ..VitConfig::default()
        }
    }

    fn frame(color: RgbImage) -> RgbdFrame {
        let (width, height) = color.dimensions();
        RgbdFrame {
            stamp_ns: 0,
            color,
            depth_m: DepthImage { width, height, data_m: vec![1.0; (width * height) as usize] },
            camera: CameraModel::pinhole(width, height, 50.0, 50.0, 31.5, 23.5),
            world_T_camera: Pose::identity(),
        }
    }

    fn stripes() -> RgbdFrame {
        let stripe = |u: u32, v: u32| Rgb([(u * 4) as u8, (v * 5) as u8, ((u / 16) * 60) as u8]);
        frame(RgbImage::from_fn(64, 48, stripe))
    }

    type Tensors = std::collections::HashMap<String, Tensor>;

    fn saved(config: &VitConfig, change: impl FnOnce(&mut Tensors)) -> tempfile::NamedTempFile {
        let mut tensors =
            Checkpoint::random_tensors(7, |from| Tower::load(config, &TIMM, "", from));
        change(&mut tensors);
        let file = tempfile::NamedTempFile::new().unwrap();
        candle_core::safetensors::save(&tensors, file.path()).unwrap();
        file
    }

    #[test]
    fn the_seed_decides() {
        let features = |seed| {
            let vit = Vit::untrained(tiny(true), seed, &Device::Cpu).unwrap();
            assert_eq!(vit.provenance(), Provenance::Untrained);
            vit.extract(&stripes()).unwrap()
        };
        let one = features(1);
        // The shape of the picture is kept.
        assert_eq!((one.rows, one.columns, one.width), (4, 5, 64));
        assert_eq!(one.data.len(), 20 * 64);
        assert!(one.data.iter().all(|v| v.is_finite()));
        assert!(one == features(1) && one != features(2));
        assert_ne!(one.cell(0, 0), one.cell(3, 2));
    }

    #[test]
    fn small_and_empty_pictures() {
        let vit = Vit::untrained(tiny(true), 1, &Device::Cpu).unwrap();
        for (width, height) in [(1, 1), (1, 300)] {
            let map = vit.extract(&frame(RgbImage::new(width, height))).unwrap();
            assert!(map.data.iter().all(|v| v.is_finite()) && !map.data.is_empty());
        }
        for (width, height) in [(0, 0), (0, 7), (7, 0)] {
            let empty = vit.extract(&frame(RgbImage::new(width, height)));
            assert!(matches!(empty, Err(VisionError::BadImage { .. })));
        }
    }

    #[test]
    fn files_give_back_what_was_saved() {
        for class_token in [false, true] {
            let config = tiny(class_token);
            let file = saved(&config, |tensors| {
                let head = Tensor::zeros((10, 64), candle_core::DType::F32, &Device::Cpu).unwrap();
                tensors.insert("head.weight".into(), head);
            });
            let vit = Vit::load(file.path(), &Device::Cpu).unwrap();
            assert_eq!((vit.config(), vit.provenance()), (&config, Provenance::Trained));
            let same = Vit::untrained(config, 7, &Device::Cpu).unwrap();
            assert!(vit.extract(&stripes()).unwrap() == same.extract(&stripes()).unwrap());
        }
    }

    #[test]
    fn without_positions_equal_patches_have_equal_features() {
        let file = saved(&tiny(true), |tensors| {
            let zero = tensors["pos_embed"].zeros_like().unwrap();
            tensors.insert("pos_embed".into(), zero);
        });
        let vit = Vit::load(file.path(), &Device::Cpu).unwrap();
        let map = vit.extract(&frame(RgbImage::from_pixel(64, 48, Rgb([9, 200, 40])))).unwrap();
        for cell in map.data.chunks_exact(64) {
            for (value, first) in cell.iter().zip(map.cell(0, 0)) {
                approx::assert_relative_eq!(value, first, epsilon = 1e-4);
            }
        }
    }

    #[test]
    fn wrong_tensors_are_named_with_both_shapes() {
        let said = |change: fn(&mut Tensors)| {
            let file = saved(&tiny(false), change);
            Vit::load(file.path(), &Device::Cpu).unwrap_err().to_string()
        };
        let wrong = said(|tensors| {
            let short = tensors["blocks.1.mlp.fc2.weight"].narrow(1, 0, 90).unwrap();
            tensors.insert("blocks.1.mlp.fc2.weight".into(), short);
        });
        assert!(wrong.contains("`blocks.1.mlp.fc2.weight`"), "{wrong}");
        assert!(wrong.contains("expected [64, 96], found [64, 90]"), "{wrong}");
        let missing = said(|tensors| drop(tensors.remove("blocks.0.attn.proj.bias")));
        assert!(missing.contains("no tensor `blocks.0.attn.proj.bias`"), "{missing}");
        let other = said(|tensors| {
            let scale = tensors["norm.weight"].clone();
            tensors.insert("blocks.0.ls1.gamma".into(), scale);
        });
        assert!(other.contains("`blocks.0.ls1.gamma`"), "{other}");
    }
}
