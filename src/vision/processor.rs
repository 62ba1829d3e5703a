//! From a picture to what an encoder takes in: scaled, cut, normalised.

use std::path::Path;

use candle_core::{Device, Tensor};
use image::RgbImage;
use serde_json::{Map, Value};

use super::VisionError;
use super::checkpoint::read_json;
use super::resample::{Filter, resize, resize_part};

/// Images are never scaled to more pixels an edge than this, but for what a crop leaves out.
pub(super) const MOST_EDGE_PX: usize = 4096;
/// Longer images are squeezed to this ratio: a sliver would cost as much as a panorama.
const MOST_ASPECT: f64 = 4.0;

/// To what size images are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resize {
    /// The shorter edge to so many pixels; the ratio of the edges stays.
    ShortestEdge(usize),
    /// The longer edge to so many pixels; the ratio of the edges stays.
    LongestEdge(usize),
    /// The shorter edge to the first, unless the longer one then had more than the second; the ratio
    /// of the edges stays.
    Within(usize, usize),
    /// To this width and height, pixels.
    Exact(usize, usize),
}

/// Where a crop about the centre begins, when the pixels to be cut off are an odd number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CropStart {
    /// At half of them, rounded down: Hugging Face's processors.
    Floor,
    /// At half of them, rounded to the even number: torchvision's `CenterCrop`, which open_clip uses.
    /// Of three pixels two are cut off before, and of five two.
    TiesToEven,
}

/// How an encoder's images are prepared.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageProcessor {
    /// To what size, if at all.
    pub resize: Option<Resize>,
    /// How.
    pub filter: Filter,
    /// Width and height of the part about the centre that is kept, pixels; `None` keeps all.
    pub crop_px: Option<(usize, usize)>,
    /// Where that part begins.
    pub crop_start: CropStart,
    /// Width and height up to which zeros are put right and below, pixels, after all else.
    pub pad_px: Option<(usize, usize)>,
    /// Shorter edge of whole pictures for dense features, pixels; that of all others unless given.
    pub dense_px: Option<usize>,
    /// What is taken off each channel (0..=1).
    pub mean: [f32; 3],
    /// By what each channel is divided then.
    pub deviation: [f32; 3],
}

/// Means and standard deviations of ImageNet's colours.
pub(super) const IMAGENET: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
/// Means and standard deviations that CLIP was trained with.
const CLIP: ([f32; 3], [f32; 3]) =
    ([0.481_454_66, 0.457_827_5, 0.408_210_73], [0.268_629_55, 0.261_302_6, 0.275_777_1]);

impl ImageProcessor {
    /// As CLIP does it: bicubic, the centre of the picture.
    pub fn clip(image_px: usize) -> Self {
        Self {
            resize: Some(Resize::ShortestEdge(image_px)),
            filter: Filter::Bicubic,
            crop_px: Some((image_px, image_px)),
            crop_start: CropStart::Floor,
            pad_px: None,
            dense_px: None,
            mean: CLIP.0,
            deviation: CLIP.1,
        }
    }

    /// As most networks trained on ImageNet have it: bilinear, the whole picture.
    pub fn imagenet(image_px: usize) -> Self {
        Self {
            resize: Some(Resize::Exact(image_px, image_px)),
            filter: Filter::Bilinear,
            crop_px: None,
            crop_start: CropStart::Floor,
            pad_px: None,
            dense_px: None,
            mean: IMAGENET.0,
            deviation: IMAGENET.1,
        }
    }

    /// As SAM does it: bilinear, the whole picture, zeros below or right of it.
    pub fn sam(image_px: usize) -> Self {
        Self {
            resize: Some(Resize::LongestEdge(image_px)),
            pad_px: Some((image_px, image_px)),
            ..Self::imagenet(image_px)
        }
    }

    /// As DETR and its likes do it: bilinear, the whole picture, as large as `shortest_px` and
    /// `longest_px` allow.
    pub fn detr(shortest_px: usize, longest_px: usize) -> Self {
        Self {
            resize: Some(Resize::Within(shortest_px, longest_px)),
            ..Self::imagenet(shortest_px)
        }
    }

    /// What `preprocessor_config.json` in `folder` says; `otherwise` where there is none, and for
    /// what it leaves out.
    pub fn read(folder: &Path, otherwise: Self) -> Result<Self, VisionError> {
        let path = folder.join("preprocessor_config.json");
        if !path.exists() {
            return Ok(otherwise);
        }
        let mut config: Map<String, Value> = read_json(&path)?;
        // Newer files say `null` for what older ones leave out.
        config.retain(|_, value| !value.is_null());
        otherwise.changed(&config).map_err(|reason| VisionError::Config { path, reason })
    }

    /// What timm's `config.json` in `folder` says of its pictures (`pretrained_cfg`); `otherwise` where
    /// there is none. Most of timm's plain ViTs have other means and another filter than ImageNet's
    /// usual ones. How much of a picture is cut off (`crop_pct`) is not asked: dense features want all of
    /// it.
    pub(super) fn read_timm(folder: &Path, otherwise: Self) -> Result<Self, VisionError> {
        let path = folder.join("config.json");
        if !path.exists() {
            return Ok(otherwise);
        }
        let config: Map<String, Value> = read_json(&path)?;
        let Some(Value::Object(said)) = config.get("pretrained_cfg") else { return Ok(otherwise) };
        otherwise.like_timms(said).map_err(|reason| VisionError::Config { path, reason })
    }

    fn like_timms(self, said: &Map<String, Value>) -> Result<Self, String> {
        let filter = match said.get("interpolation").and_then(Value::as_str) {
            None => self.filter,
            Some("bilinear") => Filter::Bilinear,
            Some("bicubic") => Filter::Bicubic,
            Some(other) => {
                return Err(format!("interpolation: is {other}; bilinear and bicubic are known"));
            }
        };
        Self { filter, ..self }.with_colours(said, ["mean", "std"])
    }

    /// With the means and deviations that `said` has under these names, if any.
    fn with_colours(
        mut self,
        said: &Map<String, Value>,
        [mean, deviation]: [&str; 2],
    ) -> Result<Self, String> {
        self.mean = three(said, mean)?.unwrap_or(self.mean);
        self.deviation = three(said, deviation)?.unwrap_or(self.deviation);
        match self.deviation.iter().all(|deviation| *deviation > 0.0) {
            true => Ok(self),
            false => Err(format!("{deviation}: must be above zero")),
        }
    }

    fn changed(mut self, config: &Map<String, Value>) -> Result<Self, String> {
        let wanted = |name: &str| config.get(name).and_then(Value::as_bool).unwrap_or(true);
        if !wanted("do_resize") {
            self.resize = None;
        } else if let Some(size) = config.get("size") {
            self.resize = Some(match (known(size, "shortest_edge"), known(size, "longest_edge")) {
                (Some(edge), None) => Resize::ShortestEdge(pixels("size", edge)?),
                (None, Some(edge)) => Resize::LongestEdge(pixels("size", edge)?),
                (Some(short), Some(long)) => {
                    Resize::Within(pixels("size", short)?, pixels("size", long)?)
                }
                _ => match (config.get("do_center_crop"), extent("size", size)?) {
                    // An older form: one number is the shorter edge where a crop follows.
                    (Some(Value::Bool(true)), (edge, _)) if size.is_number() => {
                        Resize::ShortestEdge(edge)
                    }
                    (_, (width, height)) => Resize::Exact(width, height),
                },
            });
        }
        self.filter = match config.get("resample").map(|code| (code.as_u64(), code)) {
            None => self.filter,
            Some((Some(2), _)) => Filter::Bilinear,
            Some((Some(3), _)) => Filter::Bicubic,
            Some((_, code)) => {
                return Err(format!("resample: is {code}; 2 (bilinear) and 3 (bicubic) are known"));
            }
        };
        match (config.get("do_center_crop"), config.get("crop_size")) {
            (Some(Value::Bool(false)), _) => self.crop_px = None,
            (_, Some(size)) => self.crop_px = Some(extent("crop_size", size)?),
            _ => {}
        }
        match (config.get("do_pad"), config.get("pad_size")) {
            (Some(Value::Bool(false)), _) => self.pad_px = None,
            (_, Some(size)) => self.pad_px = Some(extent("pad_size", size)?),
            _ => {}
        }
        if let Some(factor) = config.get("rescale_factor").and_then(Value::as_f64)
            && (factor * 255.0 - 1.0).abs() > 1e-3
        {
            return Err(format!("rescale_factor: is {factor}, only 1/255 is known"));
        }
        if wanted("do_normalize") {
            return self.with_colours(config, ["image_mean", "image_std"]);
        }
        Ok(Self { mean: [0.0; 3], deviation: [1.0; 3], ..self })
    }

    /// Shorter edge of whole pictures as the encoder sees them, pixels, where that does not depend
    /// on the picture.
    pub(super) fn edge_px(&self) -> Option<usize> {
        if self.dense_px.is_some() {
            return self.dense_px;
        }
        let (width, height) = match (self.crop_px, self.resize) {
            (Some(size), _) => size,
            (None, Some(Resize::Exact(width, height))) => (width, height),
            (
                None,
                Some(
                    Resize::ShortestEdge(edge)
                    | Resize::LongestEdge(edge)
                    | Resize::Within(edge, _),
                ),
            ) => (edge, edge),
            (None, None) => return None,
        };
        Some(width.min(height))
    }

    /// The picture as the reference's processor prepares it: `(1, 3, height, width)`.
    pub(super) fn picture(&self, image: &RgbImage, device: &Device) -> Result<Tensor, VisionError> {
        let kept = match self.crop_px {
            None => {
                let (width, height) = self.scaled_size(image)?;
                resize(image, width as u32, height as u32, self.filter)
            }
            Some(crop) => self.center(image, self.unbounded_size(image)?, crop),
        };
        let pixels = self.normalized(&kept, device)?;
        let Some((across, down)) = self.pad_px else { return Ok(pixels) };
        let (_, _, height, width) = pixels.dims4()?;
        let pixels = pixels.pad_with_zeros(2, 0, down.saturating_sub(height))?;
        Ok(pixels.pad_with_zeros(3, 0, across.saturating_sub(width))?)
    }

    /// Width and height to which a picture is scaled, before anything is cut off or put beside it.
    pub(super) fn scaled_size(&self, image: &RgbImage) -> Result<(usize, usize), VisionError> {
        let size = self.unbounded_size(image)?;
        if size.0.max(size.1) > MOST_EDGE_PX {
            let reason = format!("it would become {}×{} pixels", size.0, size.1);
            return Err(bad(image, reason));
        }
        Ok(size)
    }

    /// The same, however large: of a sliver, all that a crop leaves out.
    fn unbounded_size(&self, image: &RgbImage) -> Result<(usize, usize), VisionError> {
        let (width, height) = dimensions(image)?;
        Ok(match self.resize {
            None => (width, height),
            Some(Resize::Exact(width, height)) => (width, height),
            Some(Resize::ShortestEdge(edge)) => shortest_edge(width, height, edge),
            Some(Resize::LongestEdge(edge)) => longest_edge(width, height, edge),
            Some(Resize::Within(short, long)) => within(width, height, short, long),
        })
    }

    /// The whole picture for dense features, `(1, 3, height, width)`: its shorter edge has about
    /// `edge_px` pixels, both edges are multiples of `patch_px`, and its shape stays nearly what it
    /// was, so that every pixel of the picture lies in a patch.
    pub(super) fn whole(
        &self,
        image: &RgbImage,
        edge_px: usize,
        patch_px: usize,
        device: &Device,
    ) -> Result<Tensor, VisionError> {
        let (width, height) = dimensions(image)?;
        let (short, long) = (width.min(height) as f64, width.max(height) as f64);
        let cells =
            |ratio: f64| (edge_px as f64 * ratio / patch_px as f64).round().max(1.0) as usize;
        let (short, long) =
            (cells(1.0) * patch_px, cells((long / short).min(MOST_ASPECT)) * patch_px);
        let (width, height) = if width < height { (short, long) } else { (long, short) };
        self.normalized(&resize(image, width as u32, height as u32, self.filter), device)
    }

    /// The part about the centre of a picture scaled to `size`; black where that is smaller.
    fn center(
        &self,
        image: &RgbImage,
        size: (usize, usize),
        (width, height): (usize, usize),
    ) -> RgbImage {
        let place = |have: usize, want: usize| {
            let over = have.saturating_sub(want);
            let cut = match self.crop_start {
                CropStart::Floor => over / 2,
                CropStart::TiesToEven => (over as f64 / 2.0).round_ties_even() as usize,
            };
            // Of an odd remainder, the larger half is padded before.
            let pad = want.saturating_sub(have).div_ceil(2);
            (cut..cut + have.min(want), pad)
        };
        let ((columns, left), (rows, top)) = (place(size.0, width), place(size.1, height));
        let part = resize_part(image, size, (columns, rows), self.filter);
        let mut kept = RgbImage::new(width as u32, height as u32);
        image::imageops::replace(&mut kept, &part, left as i64, top as i64);
        kept
    }

    fn normalized(&self, image: &RgbImage, device: &Device) -> Result<Tensor, VisionError> {
        let (width, height) = dimensions(image)?;
        let raw = image.as_raw();
        let planes = self.mean.iter().zip(&self.deviation).enumerate();
        let planes = planes.flat_map(|(channel, (mean, deviation))| {
            let values = raw.iter().skip(channel).step_by(3);
            values.map(move |value| (f32::from(*value) / 255.0 - mean) / deviation)
        });
        let planes: Vec<f32> = planes.collect();
        Ok(Tensor::from_vec(planes, (1, 3, height, width), device)?)
    }
}

/// Width and height of a picture that is not empty.
fn dimensions(image: &RgbImage) -> Result<(usize, usize), VisionError> {
    match image.dimensions() {
        (0, _) | (_, 0) => Err(bad(image, "it is empty".into())),
        (width, height) => Ok((width as usize, height as usize)),
    }
}

fn bad(image: &RgbImage, reason: String) -> VisionError {
    let (width, height) = image.dimensions();
    VisionError::BadImage { extractor: "image processor".into(), width, height, reason }
}

/// Size of a picture whose shorter edge becomes `edge`; the longer one is cut to whole pixels.
fn shortest_edge(width: usize, height: usize, edge: usize) -> (usize, usize) {
    let (short, long) = (width.min(height), width.max(height));
    let long = edge.saturating_mul(long) / short;
    if width < height { (edge, long) } else { (long, edge) }
}

/// Size of a picture whose longer edge becomes `edge`; the shorter one is rounded.
fn longest_edge(width: usize, height: usize, edge: usize) -> (usize, usize) {
    let scale = edge as f64 / width.max(height) as f64;
    let scaled = |edge: usize| ((edge as f64 * scale + 0.5) as usize).max(1);
    (scaled(width), scaled(height))
}

/// Size of a picture whose shorter edge becomes `edge`, or less where the longer one would have more
/// than `most`. Rounded as the reference does it, which now and then costs a pixel.
fn within(width: usize, height: usize, edge: usize, most: usize) -> (usize, usize) {
    let (short, long) = (width.min(height), width.max(height));
    let (short_px, long_px) = (short as f64, long as f64);
    let fitting =
        (long_px / short_px * edge as f64 > most as f64).then(|| most as f64 * short_px / long_px);
    let scaled = fitting.unwrap_or(edge as f64);
    let edge = scaled.round_ties_even() as usize;
    if short == edge {
        return (width, height);
    }
    let other = (scaled * long_px / short_px) as usize;
    let (edge, other) = (edge.max(1), other.max(1));
    if width < height { (edge, other) } else { (other, edge) }
}

/// What `value` says of `name`, if anything.
fn known<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).filter(|value| !value.is_null())
}

/// A number of pixels that can be meant.
fn pixels(field: &str, value: &Value) -> Result<usize, String> {
    match value.as_u64().and_then(|edge| usize::try_from(edge).ok()) {
        Some(edge) if (1..=MOST_EDGE_PX).contains(&edge) => Ok(edge),
        _ => Err(format!("{field}: {value} is no number of pixels within 1..={MOST_EDGE_PX}")),
    }
}

/// Width and height: one number for both, or an object that names them.
fn extent(field: &str, value: &Value) -> Result<(usize, usize), String> {
    if value.is_object() {
        let edge = |name: &str| pixels(field, value.get(name).unwrap_or(&Value::Null));
        Ok((edge("width")?, edge("height")?))
    } else {
        pixels(field, value).map(|edge| (edge, edge))
    }
}

fn three(config: &Map<String, Value>, field: &str) -> Result<Option<[f32; 3]>, String> {
    let Some(value) = config.get(field) else { return Ok(None) };
    let numbers: Option<Vec<f32>> = value
        .as_array()
        .map(|list| list.iter().filter_map(Value::as_f64).map(|x| x as f32).collect());
    match numbers.as_deref() {
        Some(&[a, b, c]) if [a, b, c].iter().all(|x| x.is_finite()) => Ok(Some([a, b, c])),
        _ => Err(format!("{field}: {value} is not three numbers")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ImageProcessor, VisionError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("preprocessor_config.json"), text).unwrap();
        ImageProcessor::read(folder.path(), ImageProcessor::clip(224))
    }

    #[test]
    fn old_and_new_files_say_the_same() {
        let old = read(r#"{"size": 224, "crop_size": 224, "do_center_crop": true, "resample": 3}"#);
        let new = r#"{"size": {"shortest_edge": 224, "longest_edge": null}, "resample": null,
            "crop_size": {"height": 224, "width": 224}, "pad_size": null, "do_pad": null}"#;
        assert_eq!(old.unwrap(), ImageProcessor::clip(224));
        assert_eq!(read(new).unwrap(), ImageProcessor::clip(224));
        let whole = read(r#"{"size": 384, "do_center_crop": false}"#).unwrap();
        assert_eq!((whole.resize, whole.crop_px), (Some(Resize::Exact(384, 384)), None));
        let folder = tempfile::tempdir().unwrap();
        let none = ImageProcessor::read(folder.path(), ImageProcessor::imagenet(9)).unwrap();
        assert_eq!(none, ImageProcessor::imagenet(9));
    }

    #[test]
    fn timms_configuration_beside_a_file_of_weights_tells_of_its_pictures() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            std::fs::write(folder.path().join("config.json"), text).unwrap();
            ImageProcessor::read_timm(folder.path(), ImageProcessor::imagenet(224))
        };
        let said = read(
            r#"{"architecture": "vit_base_patch16_224", "pretrained_cfg": {"crop_pct": 0.9,
            "interpolation": "bicubic", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}"#,
        );
        let said = said.unwrap();
        assert_eq!((said.filter, said.mean, said.deviation), (Filter::Bicubic, [0.5; 3], [0.5; 3]));
        assert_eq!(said.resize, ImageProcessor::imagenet(224).resize);
        // That of Hugging Face says nothing of pictures.
        assert_eq!(read(r#"{"model_type": "vit"}"#).unwrap(), ImageProcessor::imagenet(224));
        for (said, message) in [
            (r#""interpolation": "lanczos""#, "interpolation: is lanczos"),
            (r#""mean": [0.5]"#, "mean: [0.5] is not three numbers"),
            (r#""std": [0, 1, 1]"#, "std: must be above zero"),
        ] {
            let error = read(&format!(r#"{{"pretrained_cfg": {{{said}}}}}"#)).unwrap_err();
            assert!(error.to_string().contains(message), "{error} does not say {message}");
        }
    }

    #[test]
    fn of_slivers_only_what_is_kept_is_made() {
        let clip = ImageProcessor::clip(224);
        let flat =
            |width: u32, height: u32| RgbImage::from_pixel(width, height, image::Rgb([255; 3]));
        for (width, height) in [(1, 480), (24, 480), (480, 1), (480, 24)] {
            let picture = clip.picture(&flat(width, height), &Device::Cpu).unwrap();
            assert_eq!(picture.dims(), [1, 3, 224, 224], "{width}×{height}");
            let first: Vec<f32> = picture.flatten_all().unwrap().to_vec1().unwrap();
            let white = (1.0 - clip.mean[0]) / clip.deviation[0];
            assert!(first[..224 * 224].iter().all(|value| *value == white), "{width}×{height}");
        }
        // Without a crop all of it would be needed.
        let whole = ImageProcessor { crop_px: None, ..clip };
        let refused = whole.picture(&flat(24, 480), &Device::Cpu).unwrap_err().to_string();
        assert!(refused.contains("24×480") && refused.contains("224×4480 pixels"), "{refused}");
    }

    #[test]
    fn faults_are_named() {
        for (text, message) in [
            (r#"{"size": 0}"#, "size: 0"),
            (r#"{"size": {"shortest_edge": 99999999}}"#, "size: 99999999"),
            (r#"{"size": {"height": 3}}"#, "size: null"),
            (r#"{"crop_size": "224"}"#, "crop_size"),
            (r#"{"resample": 1}"#, "resample: is 1"),
            (r#"{"rescale_factor": 1.0}"#, "rescale_factor"),
            (r#"{"image_mean": [0.5, 0.5]}"#, "image_mean"),
            (r#"{"image_std": [0.5, 0.0, 0.5]}"#, "image_std: must be above zero"),
            ("[]", "preprocessor_config.json"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(message), "{error} does not say {message}");
        }
    }
}
