//! A vision transformer for dense patch features.

use super::vit_weights::{NAME, Tensors, VitConfig, bad, load, random};
use super::{FeatureExtractor, FeatureMap, Provenance, VisionError};
use crate::sensing::RgbdFrame;
use candle_core::{D, Device, Module, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, LayerNorm, Linear, ops::softmax_last_dim};
use image::imageops::FilterType;
use std::path::Path;

/// Means and standard deviations of ImageNet's colours, with which such weights are trained.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// See [`MEAN`].
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];
const EPSILON: f64 = 1e-6;

/// A plain pre-norm vision transformer; its features are the normalised outputs of the patches.
#[derive(Debug)]
pub struct Vit {
    config: VitConfig,
    provenance: Provenance,
    device: Device,
    patches: Conv2d,
    class_token: Option<Tensor>,
    positions: Tensor,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

#[derive(Debug)]
struct Block {
    norm1: LayerNorm,
    qkv: Linear,
    proj: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

impl Vit {
    /// Loads a safetensors file. Its sizes are read off its tensors.
    pub fn load(path: &Path, device: &Device) -> Result<Self, VisionError> {
        let (config, tensors) = load(path, device)?;
        Self::build(config, Provenance::Trained, tensors, device)
    }

    /// Weights from chance, for timing and plumbing.
    pub fn untrained(config: VitConfig, seed: u64, device: &Device) -> Result<Self, VisionError> {
        let tensors = random(&config, seed, device)?;
        Self::build(config, Provenance::Untrained, tensors, device)
    }

    /// The sizes.
    pub fn config(&self) -> &VitConfig {
        &self.config
    }

    fn build(
        config: VitConfig,
        provenance: Provenance,
        mut tensors: Tensors,
        device: &Device,
    ) -> Result<Self, VisionError> {
        let mut take =
            |name: &str| tensors.remove(name).ok_or_else(|| bad(format!("no tensor `{name}`")));
        let mut blocks = Vec::new();
        for index in 0..config.depth {
            let mut pair = |part: &str| {
                let name = format!("blocks.{index}.{part}");
                Ok::<_, VisionError>((
                    take(&format!("{name}.weight"))?,
                    take(&format!("{name}.bias"))?,
                ))
            };
            let norm = |(weight, bias)| LayerNorm::new(weight, bias, EPSILON);
            let linear = |(weight, bias)| Linear::new(weight, Some(bias));
            blocks.push(Block {
                norm1: norm(pair("norm1")?),
                qkv: linear(pair("attn.qkv")?),
                proj: linear(pair("attn.proj")?),
                norm2: norm(pair("norm2")?),
                fc1: linear(pair("mlp.fc1")?),
                fc2: linear(pair("mlp.fc2")?),
            });
        }
        let stride = Conv2dConfig { stride: config.patch_px, ..Conv2dConfig::default() };
        let bias = take("patch_embed.proj.bias")?;
        Ok(Self {
            patches: Conv2d::new(take("patch_embed.proj.weight")?, Some(bias), stride),
            class_token: if config.class_token { Some(take("cls_token")?) } else { None },
            positions: take("pos_embed")?,
            norm: LayerNorm::new(take("norm.weight")?, take("norm.bias")?, EPSILON),
            blocks,
            config,
            provenance,
            device: device.clone(),
        })
    }

    /// The image scaled and normalised: `(1, 3, image_px, image_px)`.
    fn pixels(&self, frame: &RgbdFrame) -> Result<Tensor, VisionError> {
        let edge = self.config.image_px;
        let scaled =
            image::imageops::resize(&frame.color, edge as u32, edge as u32, FilterType::Triangle);
        let value = |channel: usize, rgb: &[u8]| {
            (f32::from(rgb[channel]) / 255.0 - MEAN[channel]) / DEVIATION[channel]
        };
        let raw = scaled.as_raw();
        let planes = (0..3).flat_map(|channel| raw.chunks_exact(3).map(move |p| value(channel, p)));
        Ok(Tensor::from_vec(planes.collect::<Vec<f32>>(), (1, 3, edge, edge), &self.device)?)
    }

    /// Outputs of the patches: `(patches, width)`.
    fn forward(&self, pixels: &Tensor) -> Result<Tensor, candle_core::Error> {
        let patches = self.patches.forward(pixels)?.flatten_from(2)?.transpose(1, 2)?;
        let mut x = match &self.class_token {
            Some(token) => Tensor::cat(&[token, &patches], 1)?,
            None => patches.contiguous()?,
        };
        x = (x + &self.positions)?;
        for block in &self.blocks {
            x = block.forward(&x, self.config.heads)?;
        }
        let first = usize::from(self.class_token.is_some());
        let x = self.norm.forward(&x)?.squeeze(0)?;
        x.narrow(0, first, x.dim(0)? - first)
    }
}

impl Block {
    fn forward(&self, x: &Tensor, heads: usize) -> Result<Tensor, candle_core::Error> {
        let x = (x + self.attend(&self.norm1.forward(x)?, heads)?)?;
        let hidden = self.fc1.forward(&self.norm2.forward(&x)?)?.gelu_erf()?;
        &x + self.fc2.forward(&hidden)?
    }

    fn attend(&self, x: &Tensor, heads: usize) -> Result<Tensor, candle_core::Error> {
        let (batch, tokens, width) = x.dims3()?;
        let qkv = self.qkv.forward(x)?.reshape((batch, tokens, 3, heads, width / heads))?;
        // (3, batch, heads, tokens, head width)
        let qkv = qkv.permute((2, 0, 3, 1, 4))?.contiguous()?;
        let (q, k, v) = (qkv.get(0)?, qkv.get(1)?, qkv.get(2)?);
        let scale = ((width / heads) as f64).powf(-0.5);
        let weights = softmax_last_dim(&(q.matmul(&k.transpose(D::Minus2, D::Minus1)?)? * scale)?)?;
        let mixed = weights.matmul(&v)?.transpose(1, 2)?.reshape((batch, tokens, width))?;
        self.proj.forward(&mixed)
    }
}

impl FeatureExtractor for Vit {
    fn name(&self) -> &str {
        NAME
    }

    fn width(&self) -> usize {
        self.config.width
    }

    fn provenance(&self) -> Provenance {
        self.provenance
    }

    fn extract(&self, frame: &RgbdFrame) -> Result<FeatureMap, VisionError> {
        let (width, height) = frame.color.dimensions();
        if width == 0 || height == 0 {
            let (extractor, reason) = (NAME.to_owned(), "it is empty".to_owned());
            return Err(VisionError::BadImage { extractor, width, height, reason });
        }
        let features = self.forward(&self.pixels(frame)?)?;
        let grid = self.config.grid();
        let data = features.flatten_all()?.to_vec1::<f32>()?;
        Ok(FeatureMap { rows: grid, columns: grid, width: self.config.width, data })
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

    fn saved(config: &VitConfig, change: impl FnOnce(&mut Tensors)) -> tempfile::NamedTempFile {
        let mut tensors = random(config, 7, &Device::Cpu).unwrap();
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
        assert_eq!((one.rows, one.columns, one.width), (4, 4, 64));
        assert_eq!(one.data.len(), 16 * 64);
        assert!(one.data.iter().all(|v| v.is_finite()));
        assert!(one == features(1) && one != features(2));
        assert_ne!(one.cell(0, 0), one.cell(3, 2));
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
