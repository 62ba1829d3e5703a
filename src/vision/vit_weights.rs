//! The tensors of a vision transformer: names, shapes, files, and weights from chance.
//!
//! Names and shapes are those of timm's plain ViT, so that its DeiT and DINO checkpoints load as
//! they are. The settings are read off the shapes; a tensor that this ViT would leave out is an
//! error, because the features would silently be others.

use super::VisionError;
use candle_core::{DType, Device, Tensor};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::collections::HashMap;
use std::path::Path;

/// Name of the extractor in errors and manifests.
pub(super) const NAME: &str = "vit";
/// Width of an attention head in every plain ViT.
const HEAD: usize = 64;
/// Tensors of the classifier, which dense features do not need.
const UNUSED: [&str; 3] = ["head.", "head_dist.", "fc_norm."];

/// Sizes of a vision transformer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VitConfig {
    /// Edge length to which images are scaled, pixels; a multiple of `patch_px`.
    pub image_px: usize,
    /// Edge length of a patch, pixels.
    pub patch_px: usize,
    /// Length of a feature vector; a multiple of `heads`.
    pub width: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Number of attention heads.
    pub heads: usize,
    /// Length of the hidden layer of each block.
    pub hidden: usize,
    /// Whether a class token stands before the patches.
    pub class_token: bool,
}

impl Default for VitConfig {
    /// A tiny one: 224 pixels, 16-pixel patches, width 192, 4 blocks.
    fn default() -> Self {
        Self {
            image_px: 224,
            patch_px: 16,
            width: 192,
            depth: 4,
            heads: 3,
            hidden: 768,
            class_token: false,
        }
    }
}

pub(super) type Tensors = HashMap<String, Tensor>;

pub(super) fn bad(reason: impl Into<String>) -> VisionError {
    VisionError::BadWeights { extractor: NAME.into(), reason: reason.into() }
}

impl VitConfig {
    /// Patches along an edge.
    pub fn grid(&self) -> usize {
        self.image_px / self.patch_px
    }

    /// Whether the sizes go together.
    pub(super) fn validate(&self) -> Result<(), VisionError> {
        let sizes = [self.image_px, self.patch_px, self.width, self.heads, self.hidden];
        let positive = sizes.iter().all(|size| *size > 0);
        let small = sizes.iter().chain([&self.depth]).all(|size| *size <= 1 << 16);
        let fits = positive
            && self.image_px.is_multiple_of(self.patch_px)
            && self.width.is_multiple_of(self.heads);
        if small && fits { Ok(()) } else { Err(bad(format!("sizes do not fit: {self:?}"))) }
    }

    /// Name and shape of every tensor.
    fn shapes(&self) -> Vec<(String, Vec<usize>)> {
        let (d, p) = (self.width, self.patch_px);
        let positions = self.grid() * self.grid() + usize::from(self.class_token);
        let mut shapes = vec![
            ("patch_embed.proj.weight".to_owned(), vec![d, 3, p, p]),
            ("patch_embed.proj.bias".to_owned(), vec![d]),
            ("pos_embed".to_owned(), vec![1, positions, d]),
            ("norm.weight".to_owned(), vec![d]),
            ("norm.bias".to_owned(), vec![d]),
        ];
        if self.class_token {
            shapes.push(("cls_token".to_owned(), vec![1, 1, d]));
        }
        for block in 0..self.depth {
            for (layer, rows, columns) in [
                ("attn.qkv", 3 * d, d),
                ("attn.proj", d, d),
                ("mlp.fc1", self.hidden, d),
                ("mlp.fc2", d, self.hidden),
            ] {
                shapes.push((format!("blocks.{block}.{layer}.weight"), vec![rows, columns]));
                shapes.push((format!("blocks.{block}.{layer}.bias"), vec![rows]));
            }
            for part in ["norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"] {
                shapes.push((format!("blocks.{block}.{part}"), vec![d]));
            }
        }
        shapes
    }

    /// Reads the sizes off the shapes of `tensors`.
    fn infer(tensors: &Tensors) -> Result<Self, VisionError> {
        let dims = |name: &str, rank: usize| {
            let tensor = tensors.get(name).ok_or_else(|| bad(format!("no tensor `{name}`")))?;
            if tensor.rank() == rank {
                Ok(tensor.dims().to_vec())
            } else {
                let found = tensor.dims();
                Err(bad(format!("tensor `{name}` should have {rank} dimensions, found {found:?}")))
            }
        };
        let patch = dims("patch_embed.proj.weight", 4)?;
        let class_token = tensors.contains_key("cls_token");
        let positions = dims("pos_embed", 3)?[1].saturating_sub(usize::from(class_token));
        let grid = positions.isqrt();
        if grid == 0 || grid * grid != positions {
            return Err(bad(format!("`pos_embed` holds {positions} patches, which is no square")));
        }
        let blocks = tensors
            .keys()
            .filter(|name| name.starts_with("blocks.") && name.ends_with(".norm1.weight"));
        let config = Self {
            image_px: grid * patch[2],
            patch_px: patch[2],
            width: patch[0],
            depth: blocks.count(),
            heads: (patch[0] / HEAD).max(1),
            hidden: match tensors.get("blocks.0.mlp.fc1.weight") {
                Some(_) => dims("blocks.0.mlp.fc1.weight", 2)?[0],
                None => 4 * patch[0],
            },
            class_token,
        };
        config.validate()?;
        Ok(config)
    }

    /// Whether `tensors` are exactly those this ViT needs.
    fn check(&self, tensors: &Tensors) -> Result<(), VisionError> {
        let shapes: HashMap<String, Vec<usize>> = self.shapes().into_iter().collect();
        let mut names: Vec<&String> = shapes.keys().collect();
        names.sort_unstable();
        for name in names {
            let expected = &shapes[name];
            let Some(tensor) = tensors.get(name) else {
                return Err(bad(format!("no tensor `{name}`; expected one of shape {expected:?}")));
            };
            if tensor.dims() != expected.as_slice() {
                let found = tensor.dims();
                return Err(bad(format!(
                    "tensor `{name}`: expected {expected:?}, found {found:?}"
                )));
            }
        }
        let unknown = tensors.keys().filter(|name| {
            !shapes.contains_key(*name) && !UNUSED.iter().any(|unused| name.starts_with(unused))
        });
        match unknown.min() {
            Some(name) => Err(bad(format!("tensor `{name}` belongs to another kind of ViT"))),
            None => Ok(()),
        }
    }
}

/// Reads the tensors of a safetensors file, as 32-bit floats, and what sizes they have.
pub(super) fn load(path: &Path, device: &Device) -> Result<(VitConfig, Tensors), VisionError> {
    let tensors = candle_core::safetensors::load(path, device)
        .map_err(|error| bad(format!("{}: {error}", path.display())))?;
    let named = |error: VisionError| match error {
        VisionError::BadWeights { reason, .. } => bad(format!("{}: {reason}", path.display())),
        other => other,
    };
    let config = VitConfig::infer(&tensors).map_err(named)?;
    config.check(&tensors).map_err(named)?;
    let tensors = tensors
        .into_iter()
        .map(|(name, tensor)| Ok((name, tensor.to_dtype(DType::F32)?)))
        .collect::<Result<_, candle_core::Error>>()?;
    Ok((config, tensors))
}

/// Weights from chance: the same for the same seed.
pub(super) fn random(
    config: &VitConfig,
    seed: u64,
    device: &Device,
) -> Result<Tensors, VisionError> {
    config.validate()?;
    let mut chance = Pcg64Mcg::seed_from_u64(seed);
    // Uniform within ±0.035 has the customary standard deviation of 0.02.
    let mut values = |count: usize| -> Vec<f32> {
        (0..count).map(|_| chance.random_range(-0.035..0.035)).collect()
    };
    let shapes = config.shapes().into_iter();
    let tensors = shapes.map(|(name, shape)| {
        let count = shape.iter().product();
        let values = if name.contains("norm") && name.ends_with("weight") {
            vec![1.0; count]
        } else if name.ends_with("bias") {
            vec![0.0; count]
        } else {
            values(count)
        };
        Ok((name, Tensor::from_vec(values, shape, device)?))
    });
    tensors.collect::<Result<_, candle_core::Error>>().map_err(VisionError::from)
}
