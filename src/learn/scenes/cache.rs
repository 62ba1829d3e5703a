//! Toured homes on disk: one small file a home, so that a tour that was stopped goes on.

use super::tour::Toured;
use crate::learn::LearnError;
use crate::scene::Region;
use crate::sim::household::Stance;
use candle_core::{DType, Device, Tensor};
use nalgebra::Vector2;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Numbers of a region beside its feature: middle, edges, colour, score, what it stands on.
const BOX_WIDTH: usize = 11;

/// A folder of toured homes.
#[derive(Debug, Clone)]
pub struct SceneCache {
    folder: PathBuf,
    /// Length of a region's feature.
    width: usize,
}

impl SceneCache {
    /// The toured homes in `folder`, seen with features of `width` numbers; the folder is made where
    /// there is none.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn open(folder: &Path, width: usize) -> Result<Self, LearnError> {
        std::fs::create_dir_all(folder).map_err(LearnError::file(folder))?;
        Ok(Self { folder: folder.into(), width })
    }

    /// Whether the home is there.
    pub fn has(&self, id: &str) -> bool {
        self.path(id).exists()
    }

    fn path(&self, id: &str) -> PathBuf {
        let plain: String =
            id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        self.folder.join(format!("{plain}.safetensors"))
    }

    /// Keeps a home.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn save(&self, id: &str, toured: &Toured) -> Result<(), LearnError> {
        let mut tensors = HashMap::new();
        let mut add = |name: String, regions: &[Region]| -> candle_core::Result<()> {
            if regions.is_empty() {
                return Ok(());
            }
            let features: Vec<f32> =
                regions.iter().flat_map(|region| region.feature.iter().copied()).collect();
            let shape = (regions.len(), self.width);
            let features = Tensor::from_vec(features, shape, &Device::Cpu)?;
            tensors.insert(format!("{name}.features"), features.to_dtype(DType::F16)?);
            let boxes: Vec<f32> = regions.iter().flat_map(numbers).collect();
            let boxes = Tensor::from_vec(boxes, (regions.len(), BOX_WIDTH), &Device::Cpu)?;
            tensors.insert(format!("{name}.boxes"), boxes);
            Ok(())
        };
        add("scene".into(), &toured.scene)?;
        let mut stances = Vec::new();
        for (number, (stance, regions)) in toured.views.iter().enumerate() {
            add(format!("view{number}"), regions)?;
            let Stance { xy_m, heading, look } = stance;
            stances.extend([xy_m.x, xy_m.y, f64::from(*heading), f64::from(*look)]);
        }
        let stances = Tensor::from_vec(stances, (toured.views.len(), 4), &Device::Cpu)?;
        tensors.insert("stances".into(), stances);
        // Renamed when whole: what is there is never half of a home.
        let path = self.path(id);
        let beside = path.with_extension("new");
        candle_core::safetensors::save(&tensors, &beside)?;
        std::fs::rename(&beside, &path).map_err(LearnError::file(&path))
    }

    /// The home, if it is there.
    ///
    /// # Errors
    ///
    /// When its file cannot be read or was made with other features.
    pub fn load(&self, id: &str) -> Result<Option<Toured>, LearnError> {
        let path = self.path(id);
        if !path.exists() {
            return Ok(None);
        }
        let tensors = candle_core::safetensors::load(&path, &Device::Cpu)
            .map_err(|error| LearnError::invalid(&path, error))?;
        let regions = |name: &str| -> Result<Vec<Region>, LearnError> {
            let (Some(features), Some(boxes)) =
                (tensors.get(&format!("{name}.features")), tensors.get(&format!("{name}.boxes")))
            else {
                return Ok(Vec::new());
            };
            let (count, width) = features.dims2()?;
            if width != self.width || boxes.dims() != [count, BOX_WIDTH] {
                let reason = format!(
                    "holds features of width {width} and boxes {:?}, not width {} and {BOX_WIDTH}",
                    boxes.dims(),
                    self.width
                );
                return Err(LearnError::invalid(&path, reason));
            }
            let features = features.to_dtype(DType::F32)?.to_vec2::<f32>()?;
            let boxes = boxes.to_vec2::<f32>()?;
            Ok(features.into_iter().zip(&boxes).map(|(f, b)| region(f, b, count)).collect())
        };
        let scene = regions("scene")?;
        let stances = tensors.get("stances");
        let stances = stances
            .ok_or_else(|| LearnError::invalid(&path, "no tensor `stances`"))?
            .to_vec2::<f64>()?;
        let mut views = Vec::new();
        for (number, stance) in stances.into_iter().enumerate() {
            let [x, y, heading, look] = stance[..] else {
                return Err(LearnError::invalid(&path, "`stances` must be 4 wide"));
            };
            let xy_m = Vector2::new(x, y);
            let stance = Stance { xy_m, heading: heading as u8, look: look as i8 };
            views.push((stance, regions(&format!("view{number}"))?));
        }
        Ok(Some(Toured { scene, views }))
    }
}

fn numbers(region: &Region) -> impl Iterator<Item = f32> {
    let place = region.centre_m.into_iter().chain(region.size_m).map(|metres| metres as f32);
    let on = region.on.map_or(-1.0, |on| on as f32);
    place.chain(region.rgb).chain([region.score, on])
}

fn region(feature: Vec<f32>, numbers: &[f32], count: usize) -> Region {
    let three = |from: usize| [0, 1, 2].map(|axis| numbers[from + axis]);
    let on = numbers[10];
    Region {
        name: 0,
        score: numbers[9],
        feature,
        centre_m: three(0).map(f64::from),
        size_m: three(3).map(f64::from),
        rgb: three(6),
        voxels: 1,
        on: (on >= 0.0 && (on as usize) < count).then_some(on as usize),
        seen_ns: [0, 0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toured() -> Toured {
        let region = |x: f64, on| Region {
            name: 0,
            score: 0.5,
            feature: vec![0.5, -0.25, 1.0, x as f32],
            centre_m: [x, 2.0, 0.5],
            size_m: [0.25, 0.5, 1.0],
            rgb: [0.25, 0.5, 0.75],
            voxels: 1,
            on,
            seen_ns: [0, 0],
        };
        let stance = Stance { xy_m: Vector2::new(0.3, -1.1), heading: 6, look: -2 };
        Toured {
            scene: vec![region(1.0, None), region(1.5, Some(0))],
            views: vec![(stance, vec![region(0.5, None)]), (stance, vec![])],
        }
    }

    #[test]
    fn homes_come_back_as_they_were_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = SceneCache::open(folder.path(), 4).unwrap();
        assert_eq!(cache.load("trial/1").unwrap(), None);
        cache.save("trial/1", &toured()).unwrap();
        assert!(cache.has("trial/1") && !cache.has("trial/2"));
        assert_eq!(cache.load("trial/1").unwrap(), Some(toured()));
        let other = SceneCache::open(folder.path(), 8).unwrap();
        let error = other.load("trial/1").unwrap_err().to_string();
        assert!(error.contains("trial_1.safetensors") && error.contains("width 4"), "{error}");
    }
}
