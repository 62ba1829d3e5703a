//! The file of a toured home: what was seen of the scene and in each view, as tensors.
//!
//! Of regions there are `NAME.features` and `NAME.boxes`, of voxels `NAME.features` and
//! `NAME.points`; `NAME` is `scene`, `view0`, `view1`, …. Where the robot stood is in `stances`, and
//! what the home was made up from in `seed`. Features are 16-bit floats, for they fill the file.

use super::home::Seen;
use super::tour::Toured;
use crate::language::SafetensorsFiles;
use crate::learn::LearnError;
use crate::learn::save::save_tensors;
use crate::model::TokenKind;
use crate::scene::{Region, TokenFrame, VisualTokens};
use crate::sim::household::Stance;
use candle_core::{DType, Device, Tensor};
use nalgebra::Vector2;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Numbers of a region beside its feature: middle, edges, colour, score, what it stands on.
const BOX_WIDTH: usize = 11;
/// Numbers of a voxel beside its feature: place and colour.
const POINT_WIDTH: usize = 6;
/// Numbers of a stance: place, heading, tilt of the camera.
const STANCE_WIDTH: usize = 4;
/// Most regions or voxels of a scene or a view: more were never kept.
const MOST_ROWS: usize = 1 << 16;
/// Largest finite 16-bit float.
const MOST_HALF: f32 = 65504.0;
/// Is there where voxels were kept, even if none was seen.
const VOXELS: &str = "voxels";
const STANCES: &str = "stances";
/// The seed of the home in two halves of 32 bits; earlier versions kept none.
const SEED: &str = "seed";
const SCENE: &str = "scene";

fn view_name(number: usize) -> String {
    format!("view{number}")
}

/// Keeps a home, made up from `seed`, whose features have `width` numbers.
///
/// # Errors
///
/// When it has other features, or some that are no numbers; and when the file cannot be written.
pub fn write(path: &Path, toured: &Toured, seed: u64, width: usize) -> Result<(), LearnError> {
    let mut tensors = HashMap::new();
    let mut add = |name: &str, seen: &Seen| -> Result<(), LearnError> {
        let wrong = |reason: String| LearnError::invalid(path, format!("{name}: {reason}"));
        let count = seen.len();
        if count == 0 {
            return Ok(());
        }
        let features: Vec<f32> = match seen {
            Seen::Regions(regions) => {
                regions.iter().flat_map(|region| region.feature.iter().copied()).collect()
            }
            Seen::Voxels(tokens) => tokens.features.clone(),
        };
        let (kind, beside, told): (&str, usize, Vec<f32>) = match seen {
            Seen::Regions(regions) => {
                ("boxes", BOX_WIDTH, regions.iter().flat_map(box_numbers).collect())
            }
            Seen::Voxels(tokens) => {
                let points = tokens.xyz_m.iter().zip(&tokens.rgb);
                let points = points.flat_map(|(xyz_m, rgb)| xyz_m.iter().chain(rgb).copied());
                ("points", POINT_WIDTH, points.collect())
            }
        };
        if features.len() != count * width {
            let found = features.len() / count;
            return Err(wrong(format!("features have width {found}, and {width} is to be kept")));
        }
        if !features.iter().all(|number| number.is_finite()) {
            return Err(wrong("there are features that are no finite numbers".into()));
        }
        // What is longer than a 16-bit float can be stays as long as it can.
        let features: Vec<f32> =
            features.iter().map(|number| number.clamp(-MOST_HALF, MOST_HALF)).collect();
        let features = Tensor::from_vec(features, (count, width), &Device::Cpu)?;
        tensors.insert(format!("{name}.features"), features.to_dtype(DType::F16)?);
        let told = Tensor::from_vec(told, (count, beside), &Device::Cpu)?;
        tensors.insert(format!("{name}.{kind}"), told);
        Ok(())
    };
    add(SCENE, &toured.scene)?;
    let mut stances = Vec::new();
    for (number, (stance, seen)) in toured.views.iter().enumerate() {
        add(&view_name(number), seen)?;
        let Stance { xy_m, heading, look } = stance;
        stances.extend([xy_m.x, xy_m.y, f64::from(*heading), f64::from(*look)]);
    }
    let shape = (toured.views.len(), STANCE_WIDTH);
    tensors.insert(STANCES.into(), Tensor::from_vec(stances, shape, &Device::Cpu)?);
    tensors.insert(SEED.into(), Tensor::new(&halves(seed), &Device::Cpu)?);
    if matches!(toured.scene, Seen::Voxels(_)) {
        tensors.insert(VOXELS.into(), Tensor::new(&[width as f32], &Device::Cpu)?);
    }
    save_tensors(&tensors, path)
}

/// A home's file that is read. Its header tells the size of each tensor, and the file's length
/// bears it out, before anything is read of it.
pub struct HomeFile {
    path: PathBuf,
    files: SafetensorsFiles,
    shapes: HashMap<String, Vec<usize>>,
}

impl HomeFile {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// When there is none, or it tells of more than the file holds.
    pub fn open(path: &Path) -> Result<Self, LearnError> {
        let files = SafetensorsFiles::open_file(path)?;
        let shapes = files.shapes().map(|(name, shape)| (name.to_owned(), shape.to_vec()));
        let shapes = shapes.collect();
        Ok(Self { path: path.into(), files, shapes })
    }

    /// What was kept of the home.
    pub fn tokens(&self) -> TokenKind {
        if self.files.contains(VOXELS) { TokenKind::Voxels } else { TokenKind::Regions }
    }

    /// Sees that the home was made up from `seed`: from another it has other colours and sizes, and what
    /// is said of the one is not true of the other.
    ///
    /// # Errors
    ///
    /// When it was made up from another, and when the file cannot be read.
    pub fn check_seed(&mut self, seed: u64) -> Result<(), LearnError> {
        if !self.files.contains(SEED) {
            return Ok(());
        }
        let found = self.files.tensor(SEED, &[2], DType::F64, &Device::Cpu)?;
        if found.to_vec1::<f64>()? == halves(seed) {
            return Ok(());
        }
        let reason = "the home that was toured is made up from another seed: take the `seed` of the \
                      training and `--data` for both, or another folder";
        Err(self.invalid(reason.into()))
    }

    /// The home, whose features must have `width` numbers.
    ///
    /// # Errors
    ///
    /// When they have not, or a tensor is missing or of another shape than it should be.
    pub fn toured(&mut self, width: usize) -> Result<Toured, LearnError> {
        let scene = self.seen(SCENE, TokenFrame::World, width)?;
        let mut views = Vec::new();
        for (number, stance) in self.stances()?.into_iter().enumerate() {
            views.push((stance, self.seen(&view_name(number), TokenFrame::Camera, width)?));
        }
        Ok(Toured { scene, views })
    }

    fn seen(&mut self, name: &str, frame: TokenFrame, width: usize) -> Result<Seen, LearnError> {
        let features = format!("{name}.features");
        let count = match self.shapes.get(&features).map(Vec::as_slice) {
            None => 0,
            Some(&[count, found]) if found == width && count <= MOST_ROWS => count,
            Some(&[count, found]) if count <= MOST_ROWS => {
                let reason =
                    format!("{name} has features of width {found}, and `vision.width` is {width}");
                return Err(self.invalid(reason));
            }
            Some(shape) => {
                let reason =
                    format!("`{features}` has the shape {shape:?}: no matrix, or too many");
                return Err(self.invalid(reason));
            }
        };
        let is_voxels = self.tokens() == TokenKind::Voxels;
        if count == 0 {
            return Ok(match is_voxels {
                true => Seen::Voxels(VisualTokens::none(frame, width)),
                false => Seen::Regions(Vec::new()),
            });
        }
        let features = self.numbers(&features, [count, width])?;
        if is_voxels {
            let points = self.numbers(&format!("{name}.points"), [count, POINT_WIDTH])?;
            let three = |from: usize| -> Vec<[f32; 3]> {
                let rows = points.chunks_exact(POINT_WIDTH);
                rows.map(|row| [0, 1, 2].map(|axis| row[from + axis])).collect()
            };
            let (xyz_m, rgb) = (three(0), three(3));
            return Ok(Seen::Voxels(VisualTokens { frame, width, features, xyz_m, rgb }));
        }
        let boxes = self.numbers(&format!("{name}.boxes"), [count, BOX_WIDTH])?;
        let rows = features.chunks_exact(width.max(1)).zip(boxes.chunks_exact(BOX_WIDTH));
        Ok(Seen::Regions(rows.map(|(feature, row)| region(feature.to_vec(), row, count)).collect()))
    }

    fn stances(&mut self) -> Result<Vec<Stance>, LearnError> {
        let count = match self.shapes.get(STANCES).map(Vec::as_slice) {
            None => return Err(self.invalid("no tensor `stances`".into())),
            Some(&[count, STANCE_WIDTH]) => count,
            Some(_) => return Err(self.invalid("`stances` must be 4 wide".into())),
        };
        if count == 0 {
            return Ok(Vec::new());
        }
        let shape = [count, STANCE_WIDTH];
        let stances = self.files.tensor(STANCES, &shape, DType::F64, &Device::Cpu)?;
        let stance = |row: Vec<f64>| Stance {
            xy_m: Vector2::new(row[0], row[1]),
            heading: row[2] as u8,
            look: row[3] as i8,
        };
        Ok(stances.to_vec2::<f64>()?.into_iter().map(stance).collect())
    }

    fn numbers(&mut self, name: &str, shape: [usize; 2]) -> Result<Vec<f32>, LearnError> {
        let tensor = self.files.tensor(name, &shape, DType::F32, &Device::Cpu)?;
        Ok(tensor.flatten_all()?.to_vec1()?)
    }

    fn invalid(&self, reason: String) -> LearnError {
        LearnError::invalid(&self.path, reason)
    }
}

/// A seed in numbers of 64 bits, of which each could not hold all of it.
fn halves(seed: u64) -> [f64; 2] {
    [seed >> 32, seed & u64::from(u32::MAX)].map(|half| half as f64)
}

fn box_numbers(region: &Region) -> impl Iterator<Item = f32> {
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
