//! Sizes of a SAM in its authors' layout, which has no `config.json`: read off the tensors.

use std::collections::HashMap;

use super::config::{SamConfig, SamDecoderConfig, TinyVitConfig};
use super::layout::SamLayout;

/// Most blocks that are counted.
const MOST_BLOCKS: usize = 256;
/// Epsilon of the decoder's norms: PyTorch's default, which Hugging Face's configuration changes.
const DECODER_EPSILON: f64 = 1e-5;

/// Shapes by name.
pub(super) struct TensorSizes<'a>(pub HashMap<&'a str, &'a [usize]>);

impl SamConfig {
    /// The sizes that tensors in the layout of their authors do not tell.
    pub(super) fn of_authors() -> Self {
        Self {
            model_type: "sam".into(),
            mask_decoder_config: SamDecoderConfig {
                layer_norm_eps: DECODER_EPSILON,
                ..SamDecoderConfig::default()
            },
            ..Self::default()
        }
    }

    /// Sizes as the tensors of a file have them; those they do not tell are as before.
    pub(super) fn sized(
        mut self,
        layout: SamLayout,
        tensors: &TensorSizes<'_>,
    ) -> Result<Self, String> {
        match layout {
            SamLayout::HuggingFace => return Ok(self),
            SamLayout::SegmentAnything => self.size_windows(tensors)?,
            SamLayout::MobileSam => self.tiny_vit = Some(tiny_vit(tensors)?),
        }
        self.vision_config.output_channels = tensors.side("image_encoder.neck.0.weight", 4, 0)?;
        let name = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix";
        self.vision_config.num_pos_feats = tensors.side(name, 2, 1)?;
        let prompt = &mut self.prompt_encoder_config;
        prompt.hidden_size = tensors.side("prompt_encoder.no_mask_embed.weight", 2, 1)?;
        let name = "prompt_encoder.mask_downscaling.3.weight";
        prompt.mask_input_channels = tensors.side(name, 4, 0)?;
        let decoder = &mut self.mask_decoder_config;
        let masks = tensors.of("mask_decoder.mask_tokens.weight", 2)?;
        decoder.num_multimask_outputs = masks[0].saturating_sub(1);
        decoder.hidden_size = masks[1];
        let layers = "mask_decoder.transformer.layers";
        decoder.num_hidden_layers = tensors.count(layers, "mlp.lin1.weight");
        decoder.mlp_dim = tensors.side(&format!("{layers}.0.mlp.lin1.weight"), 2, 0)?;
        let name = "mask_decoder.transformer.final_attn_token_to_image.q_proj.weight";
        let narrow = tensors.side(name, 2, 0)?;
        decoder.attention_downsample_rate = decoder.hidden_size.checked_div(narrow).unwrap_or(0);
        decoder.iou_head_depth = 3;
        let name = "mask_decoder.iou_prediction_head.layers.0.weight";
        decoder.iou_head_hidden_dim = tensors.side(name, 2, 0)?;
        match self.fault() {
            Some(fault) => Err(fault),
            None => Ok(self),
        }
    }

    /// Sizes of segment-anything's picture tower.
    fn size_windows(&mut self, tensors: &TensorSizes<'_>) -> Result<(), String> {
        let vision = &mut self.vision_config;
        let positions = tensors.of("image_encoder.pos_embed", 4)?;
        let (grid, width) = (positions[1], positions[3]);
        vision.hidden_size = width;
        vision.patch_size = tensors.side("image_encoder.patch_embed.proj.weight", 4, 3)?;
        vision.image_size = grid.saturating_mul(vision.patch_size);
        vision.num_hidden_layers = tensors.count("image_encoder.blocks", "norm1.weight");
        vision.mlp_dim = Some(tensors.side("image_encoder.blocks.0.mlp.lin1.weight", 2, 0)?);
        vision.global_attn_indexes.clear();
        for block in 0..vision.num_hidden_layers {
            let name = format!("image_encoder.blocks.{block}.attn.rel_pos_h");
            let distances = tensors.of(&name, 2)?;
            vision.num_attention_heads = width.checked_div(distances[1]).unwrap_or(0);
            // Places along an edge are up to `edge - 1` apart, to both sides.
            match distances[0].div_ceil(2) {
                edge if edge == grid => vision.global_attn_indexes.push(block),
                edge => vision.window_size = edge,
            }
        }
        Ok(())
    }
}

/// Sizes of MobileSAM's picture tower.
fn tiny_vit(tensors: &TensorSizes<'_>) -> Result<TinyVitConfig, String> {
    let mut sizes = TinyVitConfig::default();
    sizes.widths[0] = tensors.side("image_encoder.patch_embed.seq.2.c.weight", 4, 0)?;
    for stage in 0..sizes.widths.len() {
        let layers = format!("image_encoder.layers.{stage}");
        if let Some(next) = sizes.widths.get_mut(stage + 1) {
            *next = tensors.side(&format!("{layers}.downsample.conv1.c.weight"), 4, 0)?;
        }
        let blocks = format!("{layers}.blocks");
        if stage == 0 {
            sizes.depths[0] = tensors.count(&blocks, "conv1.c.weight");
            continue;
        }
        sizes.depths[stage] = tensors.count(&blocks, "attn.qkv.weight");
        // One bias for each distance down and across within a window.
        let biases = tensors.of(&format!("{blocks}.0.attn.attention_biases"), 2)?;
        sizes.heads[stage - 1] = biases[0];
        sizes.windows[stage - 1] = biases[1].isqrt();
    }
    Ok(sizes)
}

impl TensorSizes<'_> {
    /// Shape of tensor `name`, which must have `rank` dimensions.
    fn of(&self, name: &str, rank: usize) -> Result<&[usize], String> {
        match self.0.get(name) {
            Some(shape) if shape.len() == rank => Ok(shape),
            Some(shape) => {
                Err(format!("tensor `{name}` should have {rank} dimensions, found {shape:?}"))
            }
            None => Err(format!("no tensor `{name}`")),
        }
    }

    /// One of its sizes.
    fn side(&self, name: &str, rank: usize, dimension: usize) -> Result<usize, String> {
        Ok(self.of(name, rank)?[dimension])
    }

    /// How many blocks in a row have a tensor `part`.
    fn count(&self, blocks: &str, part: &str) -> usize {
        let has = |index: &usize| self.0.contains_key(format!("{blocks}.{index}.{part}").as_str());
        (0..MOST_BLOCKS).take_while(has).count()
    }
}
