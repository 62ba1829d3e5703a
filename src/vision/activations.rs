//! What encoders hold beside their weights while they look at a picture, estimated from their sizes.
//!
//! What counts is the largest tensors that are alive at once: those within a block of a transformer, and
//! the scores of attention where they are made in one piece. Smaller ones are left out, and so an
//! estimate is right to a factor of two; docs/verified.md has what was measured.

use std::path::Path;

use candle_core::Device;
use image::RgbImage;

use super::sam::POINTS_AT_ONCE;
use super::scene_vit::{CELLS, INPUTS};
use super::{
    ClipConfig, ColorGeometry, ConceptFusion, FeatureExtractor, GroundingDino, GroundingDinoConfig,
    ImageProcessor, Sam, SamConfig, SamVisionConfig, SceneVitConfig, VisionError, Vit, VitConfig,
};

/// Width and height of pictures as most cameras make them.
const ASPECT: (u32, u32) = (16, 9);
/// Bytes of a number that is computed with.
const FLOAT: u64 = 4;
/// Maps of TinyViT's first stage that are alive at once, each with four times its channels: what goes into
/// a convolution channel by channel, its channels one by one, what comes out, and both around a GELU.
const TINY_VIT_MAPS: u64 = 5 * 4;

/// What an extractor of features needs beside its weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExtractorSizes {
    /// Bytes that it holds while it looks at a picture.
    pub looking_bytes: u64,
    /// Length of a feature.
    pub width: usize,
}

/// What the extractor called `kind` will need on `device`, with pictures of the shorter edge
/// `image_px` where that is chosen; nothing where nobody knows it. Only headers of files are read.
///
/// # Errors
///
/// When a file cannot be read.
pub fn extractor_sizes(
    kind: &str,
    weights: Option<&Path>,
    image_px: Option<usize>,
    device: &Device,
) -> Result<ExtractorSizes, VisionError> {
    let on_cpu = device.is_cpu();
    let (looking_bytes, width) = match (kind, weights) {
        ("clip" | "openclip" | "clip_patches" | "openclip_patches", Some(folder)) => {
            let (config, mut processor) = ClipConfig::read(folder)?;
            processor.dense_px = image_px;
            let width =
                if kind.ends_with("_patches") { config.vision.width } else { config.projection };
            (of_vit(&config.vision, &processor, on_cpu), width)
        }
        ("concept_fusion", Some(folder)) => {
            let [clip, sam] = ConceptFusion::parts(folder);
            let (config, processor) = ClipConfig::read(&clip)?;
            let masks = of_sam(&Sam::sizes(&sam)?, POINTS_AT_ONCE as u64);
            (masks.max(of_vit(&config.vision, &processor, on_cpu)), config.projection)
        }
        ("vit" | "dino" | "dinov2", Some(path)) => {
            let (config, mut processor) = Vit::sizes(path)?;
            processor.dense_px = image_px;
            (of_vit(&config, &processor, on_cpu), config.width)
        }
        ("vit", None) => {
            let config = VitConfig::default();
            let usual = ImageProcessor::imagenet(config.image_px);
            let processor = ImageProcessor { dense_px: image_px, ..usual };
            (of_vit(&config, &processor, on_cpu), config.width)
        }
        ("scene_vit", Some(folder)) => {
            let config = SceneVitConfig::read(folder)?;
            (of_scene_vit(&config), config.shape.features)
        }
        ("color_geometry", None) => (0, ColorGeometry::default().width()),
        _ => (0, 0),
    };
    Ok(ExtractorSizes { looking_bytes, width })
}

/// Bytes that a detector of Grounding DINO and SAM holds while it looks at a picture: first one does, then
/// the other. Only headers of files are read.
///
/// # Errors
///
/// When a file cannot be read.
pub fn detector_looking_bytes(
    grounding_dino: Option<&Path>,
    sam: Option<&Path>,
) -> Result<u64, VisionError> {
    let mut most = 0;
    if let Some(folder) = grounding_dino {
        let (config, processor) = GroundingDino::sizes(folder)?;
        let size_px = processor.scaled_size(&RgbImage::new(ASPECT.0, ASPECT.1))?;
        most = of_grounding_dino(&config, size_px, config.max_text_len as u64);
    }
    if let Some(path) = sam {
        most = most.max(of_sam(&Sam::sizes(path)?, 1));
    }
    Ok(most)
}

/// A plain vision transformer that looks at a whole picture.
fn of_vit(config: &VitConfig, processor: &ImageProcessor, on_cpu: bool) -> u64 {
    let edge_px = processor.edge_px().unwrap_or(config.image_px) as f64;
    let cells = |ratio: f64| (edge_px * ratio / config.patch_px as f64).round().max(1.0) as u64;
    let (width, height) = ASPECT;
    let patches = cells(1.0) * cells(f64::from(width) / f64::from(height));
    of_blocks(config, patches + config.leading() as u64, on_cpu)
}

/// In a block, what came in, its norm, queries, keys, values and what is found, some of them twice, because
/// heads stand together for a product; behind that, what is between the two maps of its small network.
fn of_blocks(config: &VitConfig, tokens: u64, on_cpu: bool) -> u64 {
    let [width, hidden, heads] = [config.width, config.hidden, config.heads].map(|n| n as u64);
    // Of each head, and once more behind softmax. A CPU makes a few at a time.
    let scores = if on_cpu { 0 } else { 2 * heads * tokens };
    let network = if config.gated { 5 * hidden } else { 3 * hidden };
    bytes(tokens * (10 * width + scores).max(4 * width + network))
}

/// SAM's picture tower, or else its decoder, which is asked about so many prompts at once.
fn of_sam(config: &SamConfig, prompts: u64) -> u64 {
    let (grid, edge_px) = (config.grid() as u64, config.vision_config.image_size as u64);
    let tower = match &config.tiny_vit {
        Some(sizes) => {
            let edge = edge_px / 4;
            TINY_VIT_MAPS * sizes.widths[0] as u64 * edge * edge
        }
        None => of_windows(&config.vision_config, grid),
    };
    // The places of the picture, and the masks. A CPU makes finer ones of a few at a time.
    let sizes = &config.mask_decoder_config;
    let [width, masks] = [sizes.hidden_size, sizes.num_multimask_outputs].map(|n| n as u64);
    let decoder = 6 * grid * grid * width + 2 * (4 * grid) * (4 * grid) * masks;
    bytes(tower.max(prompts * decoder))
}

/// Numbers of SAM's own tower. Scores are made in one piece, and twice again when distances down and across
/// are added, or behind softmax.
fn of_windows(vision: &SamVisionConfig, grid: u64) -> u64 {
    let [width, hidden, heads] =
        [vision.hidden_size, vision.hidden(), vision.num_attention_heads].map(|n| n as u64);
    let copies = if vision.use_rel_pos { 3 } else { 2 };
    let of_block = |window: u64| {
        let edge = grid.next_multiple_of(window);
        let attention = 12 * width + copies * heads * window * window;
        edge * edge * attention.max(4 * width + 2 * hidden)
    };
    let looks_at_all = |block: &usize| *block < vision.num_hidden_layers;
    match vision.global_attn_indexes.iter().any(looks_at_all) {
        true => of_block(grid).max(of_block(vision.window_size as u64)),
        false => of_block(vision.window_size as u64),
    }
}

/// Grounding DINO with a picture of so many pixels and a text of so many tokens: the largest stage of the
/// backbone, or else a layer in which all places meet all words.
fn of_grounding_dino(config: &GroundingDinoConfig, size_px: (usize, usize), words: u64) -> u64 {
    let swin = &config.backbone_config;
    let (across, down) = (size_px.0 as u64, size_px.1 as u64);
    let patches = |cell_px: u64| across.div_ceil(cell_px) * down.div_ceil(cell_px);
    let cell_px = |stage: usize| (swin.patch_size as u64) << stage.saturating_sub(1);
    let stages = (1..=swin.depths.len()).map(|stage| {
        let (width, hidden) = (swin.width(stage) as u64, swin.hidden(stage) as u64);
        let heads = swin.num_heads.get(stage - 1).map_or(1, |heads| *heads as u64);
        let window = swin.window_size as u64;
        let attention = 10 * width + 3 * heads * window * window;
        patches(cell_px(stage)) * attention.max(4 * width + 2 * hidden)
    });
    let backbone = stages.max().unwrap_or_default();
    // Scales beyond those of the backbone are half as fine each.
    let fine: Vec<u64> = swin.stages().into_iter().map(cell_px).collect();
    let (mut places, mut cell) = (0, 1);
    for level in 0..config.num_feature_levels {
        cell = fine.get(level).copied().unwrap_or(2 * cell);
        places += patches(cell);
    }
    let [width, hidden, heads] =
        [config.d_model, config.encoder_ffn_dim, config.encoder_attention_heads].map(|n| n as u64);
    // Queries and values of half the hidden width, and scores both ways, before softmax and behind it.
    let layer = places * (6 * width + 2 * hidden + 2 * heads * words);
    bytes(backbone.max(layer) + 2 * places * width)
}

/// Our own eyes: parts of a picture go side by side, as many as there are threads.
fn of_scene_vit(config: &SceneVitConfig) -> u64 {
    let shape = &config.shape;
    let across = config.most_across as u64;
    let parts = if across > 1 { 1 + across * across } else { 1 };
    let at_once = parts.min(rayon::current_num_threads() as u64);
    // A cell with its neighbours is nine cells; a token stands for four of them.
    let cell = INPUTS + 2 * shape.embed + 13 * shape.cell + 2 * shape.head + shape.features;
    let token = 10 * shape.width + 2 * shape.hidden + 2 * shape.heads * CELLS / 4;
    let part = CELLS * cell + CELLS / 4 * token;
    bytes(parts * (CELLS * (INPUTS + shape.features)) as u64 + at_once * part as u64)
}

fn bytes(numbers: u64) -> u64 {
    numbers.saturating_mul(FLOAT)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{fixture, fusion_folder, public_shapes};
    use super::*;

    /// Bytes of those weights of a public model whose names begin so.
    fn weights(name: &str, part: &str) -> f64 {
        let shapes = public_shapes(name).into_iter().filter(|(name, _)| name.starts_with(part));
        shapes.map(|(_, shape)| 4.0 * shape.iter().product::<usize>() as f64).sum()
    }

    fn public(name: &str) -> std::path::PathBuf {
        fixture(&format!("public/{name}"))
    }

    /// What docs/verified.md tells of the tests of full size.
    #[test]
    fn estimates_are_within_a_factor_of_two_of_what_was_measured() {
        let is_near = |estimate: f64, measured: f64| {
            assert!((0.5..=2.0).contains(&(estimate / measured)), "{estimate}, not {measured}");
        };
        let patches = 16 * 21;
        let (clip, _) = ClipConfig::read(&public("CLIP-ViT-H-14-laion2B-s32B-b79K")).unwrap();
        let looking = of_blocks(&clip.vision, patches + 1, true);
        let tower = weights("CLIP-ViT-H-14-laion2B-s32B-b79K", "vision_model.");
        is_near(tower + looking as f64, 2.6e9);
        let (giant, _) = VitConfig::of_hf(&public("dinov2-giant")).unwrap();
        let looking = of_blocks(&giant, patches + 1, true);
        is_near(weights("dinov2-giant", "") + looking as f64, 4.7e9);
        // Of these, what is held beside the weights is the larger part, or nearly.
        let sam = SamConfig::read(&public("sam-vit-huge")).unwrap();
        is_near(of_sam(&sam, 1) as f64, 6.0e9 - weights("sam-vit-huge", ""));
        let dino = GroundingDinoConfig::read(&public("grounding-dino-tiny")).unwrap();
        let looking = of_grounding_dino(&dino, (1333, 800), 24);
        is_near(looking as f64, 1.4e9 - weights("grounding-dino-tiny", ""));
    }

    #[test]
    fn every_extractor_has_its_sizes() {
        let of = |kind: &str, path: Option<&Path>| {
            let sizes = extractor_sizes(kind, path, None, &Device::Cpu);
            sizes.unwrap_or_else(|error| panic!("{error}"))
        };
        let fusion = fusion_folder("sam_tiny");
        let eyes = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/nano/vision");
        for (kind, path, width) in [
            ("clip", fixture("clip_tiny"), 20),
            ("clip_patches", fixture("clip_tiny"), 24),
            ("openclip", fixture("openclip_tiny"), 20),
            ("vit", fixture("timm_tiny/model.safetensors"), 128),
            ("dino", fixture("dino_tiny"), 24),
            ("dinov2", fixture("dinov2_tiny"), 24),
            ("concept_fusion", fusion.path().to_owned(), 20),
            ("scene_vit", eyes, 64),
        ] {
            let sizes = of(kind, Some(&path));
            assert!(sizes.width == width && sizes.looking_bytes > 10_000, "{kind}: {sizes:?}");
        }
        assert_eq!(of("color_geometry", None), ExtractorSizes { looking_bytes: 0, width: 16 });
        assert_eq!(of("vit", None).width, 192);
        assert_eq!(of("clop", None), ExtractorSizes::default());
        let nowhere = extractor_sizes("clip", Some(Path::new("nowhere")), None, &Device::Cpu);
        assert!(nowhere.is_err());
        for kind in ["clip", "vit"] {
            let path = fixture(&format!("{kind}_tiny"));
            let large = extractor_sizes(kind, Some(&path), Some(224), &Device::Cpu).unwrap();
            assert!(large.looking_bytes > 20 * of(kind, Some(&path)).looking_bytes, "{large:?}");
        }
    }

    #[test]
    fn larger_pictures_and_scores_in_one_piece_take_more() {
        let vit = VitConfig::default();
        assert!(of_blocks(&vit, 400, true) > of_blocks(&vit, 200, true));
        assert!(of_blocks(&vit, 400, false) > of_blocks(&vit, 400, true));
        let sam = SamConfig::read(&public("sam-vit-base")).unwrap();
        let mut through_windows = sam.clone();
        through_windows.vision_config.global_attn_indexes.clear();
        assert!(of_sam(&sam, 1) > 2 * of_sam(&through_windows, 1));
        assert!(of_sam(&through_windows, 16) > of_sam(&through_windows, 1));
        let [dino, sam] = ["grounding_dino_tiny", "mobile_sam_tiny"].map(fixture);
        let both = detector_looking_bytes(Some(&dino), Some(&sam)).unwrap();
        let each = [(Some(&dino), None), (None, Some(&sam))].map(|(dino, sam)| {
            detector_looking_bytes(dino.map(|p| p.as_path()), sam.map(|p| p.as_path())).unwrap()
        });
        assert_eq!(Some(&both), each.iter().max());
        assert_eq!(detector_looking_bytes(None, None).unwrap(), 0);
    }
}
