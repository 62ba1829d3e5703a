//! Eyes that see what there is: an extractor whose features are the words of what is in view.
//!
//! It stands in for a trained one where the rest of the pipeline is to be measured by itself.

use crate::sensing::RgbdFrame;
use crate::sim::household::{Condition, World, categories};
use crate::sim::{Home, Renderer};
use crate::vision::{FeatureExtractor, FeatureMap, Provenance, TextEncoder, VisionError, WordHash};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Edge of a cell, pixels.
const CELL_PX: usize = 8;
/// Length of a feature.
const WIDTH: usize = 64;
const NAME: &str = "truth";

/// The home as it is shown, which those who show it and those who look it up share.
#[derive(Debug, Clone, Default)]
pub struct ShownHome(Arc<Mutex<Option<Shown>>>);

/// A home, and what each of its entities is called.
#[derive(Debug)]
struct Shown {
    home: Home,
    called: BTreeMap<u32, String>,
}

impl ShownHome {
    /// What is shown from now on.
    pub fn set(&self, world: &World) {
        let home = world.shown();
        let called = home.entities.iter().map(|entity| (entity.id, world.called(entity))).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Shown { home, called });
    }

    fn with<T>(&self, look: impl FnOnce(&Shown) -> T) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(look)
    }
}

/// Features that say what is there: of each cell of 8×8 pixels the words for what is in it, their
/// states with them, mixed by the pixels they fill, with noise.
pub struct TruthEyes {
    home: ShownHome,
    words: WordHash,
    vectors: BTreeMap<String, Vec<f32>>,
    names: Vec<String>,
    states: Vec<[String; 2]>,
    noise: f32,
}

impl TruthEyes {
    /// Eyes that look things up in `home`. `noise` is the mean length of what is added to each
    /// feature; its seed is the time of the frame.
    ///
    /// # Errors
    ///
    /// When a category has no vector.
    pub fn new(home: ShownHome, noise: f32) -> Result<Self, VisionError> {
        let words = WordHash::new(WIDTH)?;
        let names: Vec<String> = categories().map(str::to_owned).collect();
        let states_of = |name: &String| {
            let states = Condition::default().visible(name);
            let name = name.clone();
            states.map(move |(state, _)| [state.to_owned(), name.clone()])
        };
        let states: Vec<[String; 2]> = names.iter().flat_map(states_of).collect();
        let called = names.iter().cloned().chain(states.iter().map(|both| both.join(" ")));
        let vector = |called: String| Ok((called.clone(), words.embed(&called)?));
        let vectors = called.map(vector).collect::<Result<_, VisionError>>()?;
        Ok(Self { home, words, vectors, names, states, noise })
    }

    /// Mixes the words of the entities `ids` at the pixels of an image `width` wide into cells.
    fn mix(&self, shown: &Shown, ids: &[u32], width: usize, map: &mut FeatureMap) {
        let height = ids.len() / width.max(1);
        for (at, id) in ids.iter().enumerate() {
            let vector = shown.called.get(id).and_then(|called| self.vectors.get(called));
            let Some(vector) = vector else { continue };
            let (row, column) = (at / width * map.rows / height, at % width * map.columns / width);
            let start = (row * map.columns + column) * WIDTH;
            let cell = &mut map.data[start..start + WIDTH];
            cell.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
        }
    }
}

impl FeatureExtractor for TruthEyes {
    fn name(&self) -> &str {
        NAME
    }

    fn width(&self) -> usize {
        WIDTH
    }

    fn provenance(&self) -> Provenance {
        Provenance::Analytic
    }

    fn text_space(&self) -> Option<&str> {
        Some(self.words.space())
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn states(&self) -> &[[String; 2]] {
        &self.states
    }

    fn extract(&self, frame: &RgbdFrame) -> Result<FeatureMap, VisionError> {
        let (width, height) = (frame.camera.width, frame.camera.height);
        let bad = |reason: String| VisionError::BadImage {
            extractor: NAME.into(),
            width,
            height,
            reason,
        };
        let renderer = Renderer::new(frame.camera).map_err(|error| bad(error.to_string()))?;
        let (rows, columns) =
            ((height as usize).div_ceil(CELL_PX), (width as usize).div_ceil(CELL_PX));
        let data = vec![0.0; rows * columns * WIDTH];
        let mut map = FeatureMap { rows, columns, width: WIDTH, data };
        let mixed = self.home.with(|shown| {
            let ids = renderer.instances(&shown.home, &frame.world_T_camera);
            self.mix(shown, &ids, width as usize, &mut map);
        });
        mixed.ok_or_else(|| bad("no home is shown".into()))?;
        let mut rng = Pcg64Mcg::seed_from_u64(frame.stamp_ns as u64);
        // Uniform numbers in ±a have the variance a² / 3.
        let most = self.noise * (3.0 / WIDTH as f32).sqrt();
        for cell in map.data.chunks_exact_mut(WIDTH) {
            let length = cell.iter().map(|value| value * value).sum::<f32>().sqrt();
            if length > 0.0 {
                let mut noise = || most * rng.random_range(-1.0..1.0f32);
                cell.iter_mut().for_each(|value| *value = *value / length + noise());
            }
        }
        Ok(map)
    }
}
