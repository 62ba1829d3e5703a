//! How the tensors of a SAM are called: as Hugging Face has them, or as their authors do.

use super::super::checkpoint::Checkpoint;

/// Begins a tensor that only MobileSAM's picture tower has.
const TINY_VIT: &str = "image_encoder.patch_embed.seq.0.c.weight";
/// Begins a tensor that only segment-anything's has.
const WINDOWS: &str = "image_encoder.patch_embed.proj.weight";

/// Hugging Face's names and what the authors call the same, those of whole parts last.
const AUTHORS_NAMES: [(&str, &str); 20] = [
    ("vision_encoder.patch_embed.projection", "image_encoder.patch_embed.proj"),
    ("vision_encoder.neck.conv1", "image_encoder.neck.0"),
    ("vision_encoder.neck.layer_norm1", "image_encoder.neck.1"),
    ("vision_encoder.neck.conv2", "image_encoder.neck.2"),
    ("vision_encoder.neck.layer_norm2", "image_encoder.neck.3"),
    ("vision_encoder.", "image_encoder."),
    (
        "shared_image_embedding.positional_embedding",
        "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
    ),
    ("prompt_encoder.point_embed.", "prompt_encoder.point_embeddings."),
    ("mask_embed.conv1", "mask_downscaling.0"),
    ("mask_embed.layer_norm1", "mask_downscaling.1"),
    ("mask_embed.conv2", "mask_downscaling.3"),
    ("mask_embed.layer_norm2", "mask_downscaling.4"),
    ("mask_embed.conv3", "mask_downscaling.6"),
    ("upscale_conv1", "output_upscaling.0"),
    ("upscale_layer_norm", "output_upscaling.1"),
    ("upscale_conv2", "output_upscaling.3"),
    ("layer_norm_final_attn", "norm_final_attn"),
    (".layer_norm", ".norm"),
    // The maps of a small network of three are numbered through; see `authors`.
    (".proj_in.", ".layers.0."),
    (".proj_out.", ".layers.2."),
];

/// Who named the tensors of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SamLayout {
    /// Hugging Face's `SamModel`.
    HuggingFace,
    /// segment-anything, where SAM comes from.
    SegmentAnything,
    /// MobileSAM: segment-anything with another picture tower.
    MobileSam,
}

impl SamLayout {
    /// The layout of a file by what it holds.
    pub fn of(file: &Checkpoint) -> Self {
        match (file.contains(TINY_VIT), file.contains(WINDOWS)) {
            (true, _) => Self::MobileSam,
            (false, true) => Self::SegmentAnything,
            (false, false) => Self::HuggingFace,
        }
    }

    /// From Hugging Face's name of a tensor to that in the file.
    pub fn spelling(self) -> fn(&str) -> String {
        match self {
            Self::HuggingFace => str::to_owned,
            Self::SegmentAnything => segment_anything,
            Self::MobileSam => authors,
        }
    }

    /// Tensors of the file that nobody asks for.
    pub fn unused(self) -> &'static [&'static str] {
        match self {
            // The map of places stands in the file twice.
            Self::HuggingFace => &["prompt_encoder.shared_embedding.positional_embedding"],
            Self::SegmentAnything => &[],
            // TinyViT was to tell classes apart once.
            Self::MobileSam => &["image_encoder.norm_head.", "image_encoder.head."],
        }
    }
}

fn segment_anything(name: &str) -> String {
    authors(&name.replacen("vision_encoder.layers.", "vision_encoder.blocks.", 1))
}

fn authors(name: &str) -> String {
    let mut name = name.to_owned();
    if name.contains("output_hypernetworks_mlps.") || name.contains("iou_prediction_head.") {
        name = name.replace(".layers.0.", ".layers.1.");
    }
    for (hugging_face, authors) in AUTHORS_NAMES {
        name = name.replacen(hugging_face, authors, 1);
    }
    name
}
