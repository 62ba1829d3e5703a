//! One part of a step: some views, the losses on them, and the gradients.

use super::augment::Shot;
use super::config::VisionTraining;
use super::frames::Frames;
use super::objective::{Balance, dino, distill, labels, moco};
use super::rays::RaysOfParts;
use super::record::Label;
use super::weights;
use crate::learn::LearnError;
use crate::vision::scene_vit::{CELLS, COLUMNS, CellWindow, INPUTS, cells};
use crate::vision::{SceneVit, SceneVitNet, TextEncoder, WordHash};
use candle_core::{Device, Tensor, Var};
use rand::Rng;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand_pcg::Pcg64Mcg;
use std::collections::BTreeMap;

/// What all steps of a training share.
pub struct Lesson<'a> {
    config: &'a VisionTraining,
    frames: &'a Frames,
    rays: RaysOfParts,
    /// `(width, names)`.
    words: Tensor,
    balance: Option<Balance>,
    teacher: Option<SceneVitNet>,
}

/// The weights of a training and what its objectives remember.
pub struct Mind<'a> {
    /// The weights that learn.
    pub weights: &'a BTreeMap<String, Var>,
    /// Their average.
    pub average: &'a BTreeMap<String, Tensor>,
    /// What the objectives remember.
    pub memory: &'a BTreeMap<String, Tensor>,
}

/// What came of a part.
pub struct Learnt {
    /// By the name of the weight.
    pub gradients: Vec<(String, Tensor)>,
    /// The loss.
    pub loss: f64,
    /// How much this part counts in the step.
    pub weight: f64,
    /// The averaged weights' cosines of compared cells to the prototypes.
    sorted: Option<Tensor>,
    /// The averaged weights' features of compared cells.
    keys: Option<Tensor>,
}

impl<'a> Lesson<'a> {
    /// Makes ready to learn from the views `learnt` on `device`.
    pub fn new(
        config: &'a VisionTraining,
        frames: &'a Frames,
        learnt: &[usize],
        device: &Device,
    ) -> Result<Self, LearnError> {
        let words = WordHash::new(config.model.features)?;
        let vectors = frames.names().iter().map(|name| words.embed(name));
        let vectors: Vec<Vec<f32>> = vectors.collect::<Result<_, _>>()?;
        let balance = match &config.objective.labels {
            Some(labels) => Some(Balance::new(labels, &count(frames, learnt)?)),
            None => None,
        };
        let teacher = match &config.objective.distill {
            Some(distill) => {
                let teacher = SceneVit::load(&distill.teacher, device)?;
                let (width, ours) = (teacher.net().shape().features, config.model.features);
                if width != ours {
                    let reason = format!("its features are {width} long, those to learn {ours}");
                    return Err(LearnError::invalid(&distill.teacher, reason));
                }
                Some(teacher.net().clone())
            }
            None => None,
        };
        let words = labels::words(&vectors)?.to_device(device)?;
        Ok(Self { config, frames, rays: RaysOfParts::default(), words, balance, teacher })
    }

    /// Where all is computed.
    pub fn device(&self) -> &Device {
        self.words.device()
    }

    /// Vectors of the names, `(width, names)`.
    pub fn words(&self) -> &Tensor {
        &self.words
    }

    /// The weights a training begins with, the same on every device.
    pub fn weights(&self, rng: &mut Pcg64Mcg) -> Result<BTreeMap<String, Var>, LearnError> {
        let model = &self.config.model;
        let mut all = match &self.config.init {
            Some(folder) => weights::finished(folder, model, rng)?,
            None => weights::fresh(model, rng)?,
        };
        if let Some(dino) = &self.config.objective.dino {
            let prototypes = moco::first_queue(dino.prototypes, model.features, rng)?;
            all.insert(dino::PROTOTYPES.to_owned(), Var::from_tensor(&prototypes)?);
        }
        for var in all.values_mut() {
            *var = Var::from_tensor(&var.to_device(self.device())?)?;
        }
        Ok(all)
    }

    /// What the objectives remember before anything was seen.
    pub fn memory(&self, rng: &mut Pcg64Mcg) -> Result<BTreeMap<String, Tensor>, LearnError> {
        let mut memory = BTreeMap::new();
        if let Some(dino) = &self.config.objective.dino {
            memory.insert(dino::CENTRE.to_owned(), dino::first_centre(dino.prototypes)?);
        }
        if let Some(moco) = &self.config.objective.moco {
            let queue = moco::first_queue(moco.queue, self.config.model.features, rng)?;
            memory.insert(moco::QUEUE.to_owned(), queue);
        }
        for tensor in memory.values_mut() {
            *tensor = tensor.to_device(self.device())?;
        }
        Ok(memory)
    }

    /// Takes into `memory` what came of a part.
    pub fn remember(
        &self,
        learnt: &Learnt,
        memory: &mut BTreeMap<String, Tensor>,
    ) -> Result<(), LearnError> {
        let dino = self.config.objective.dino.as_ref();
        if let (Some(sorted), Some(dino), Some(centre)) =
            (&learnt.sorted, dino, memory.get_mut(dino::CENTRE))
        {
            *centre = dino::moved(centre, sorted, dino.centre_momentum)?;
        }
        if let (Some(keys), Some(queue)) = (&learnt.keys, memory.get_mut(moco::QUEUE)) {
            *queue = moco::pushed(queue, keys)?;
        }
        Ok(())
    }

    /// Learns from `views`.
    pub fn learn(
        &self,
        views: &[usize],
        mind: &Mind<'_>,
        rng: &mut Pcg64Mcg,
    ) -> Result<Learnt, LearnError> {
        let objective = &self.config.objective;
        let shots = self.shots(views, rng)?;
        let windows: Vec<CellWindow> = shots.iter().map(|shot| self.window(shot, rng)).collect();
        let net = weights::net(&self.config.model, mind.weights, self.device())?;
        let inputs: Vec<Tensor> = shots
            .iter()
            .zip(&windows)
            .map(|(shot, window)| self.inputs(shot, *window))
            .collect::<candle_core::Result<_>>()?;
        // `(cells of all windows, width)`.
        let seen = |net: &SceneVitNet| {
            let inputs = inputs.iter().zip(&windows);
            let parts = inputs.map(|(inputs, window)| net.forward(inputs, *window)?.squeeze(0));
            Tensor::cat(&parts.collect::<candle_core::Result<Vec<_>>>()?, 0)
        };
        let features = seen(&net)?;
        let mut weight = features.dim(0)? as f64;
        let mut losses: Vec<Tensor> = Vec::new();
        if let (Some(config), Some(balance)) = (&objective.labels, &self.balance) {
            let (targets, weights) = self.targets(&shots, &windows, balance)?;
            weight = f64::from(weights.sum_all()?.to_scalar::<f32>()?.max(1e-6));
            let loss =
                labels::loss(&features, &self.words, &targets, &weights, config.temperature)?;
            losses.push((loss * config.weight)?);
        }
        if let (Some(config), Some(teacher)) = (&objective.distill, &self.teacher) {
            let loss = distill::loss(&features, &seen(teacher)?, &self.words, config)?;
            losses.push((loss * config.weight)?);
        }
        let (mut sorted, mut keys) = (None, None);
        if objective.compared_cells() > 0 {
            let of_shots: Vec<(&Shot, CellWindow)> = shots.iter().zip(windows).collect();
            let pair = self.compared(views, &of_shots, &features, mind, rng)?;
            if let Some(config) = &objective.dino {
                let cosines = pair.cosines(mind, config.cells)?;
                let centre = find(mind.memory, dino::CENTRE)?;
                let loss = dino::loss(&cosines[0], &cosines[1], centre, config)?;
                losses.push((loss * config.weight)?);
                sorted = Some(cosines[1].detach());
            }
            if let Some(config) = &objective.moco {
                let [queries, known] = pair.first(config.cells)?;
                let queue = find(mind.memory, moco::QUEUE)?;
                let loss = moco::loss(&queries, &known, queue, config.temperature)?;
                losses.push((loss * config.weight)?);
                keys = Some(known.detach());
            }
        }
        let loss = Tensor::stack(&losses, 0)?.sum_all()?;
        let store = loss.backward()?;
        let of = |(name, var): (&String, &Var)| Some((name.clone(), store.get(var)?.detach()));
        let gradients = mind.weights.iter().filter_map(of).collect();
        let loss = f64::from(loss.to_scalar::<f32>()?);
        Ok(Learnt { gradients, loss, weight, sorted, keys })
    }

    fn shots(&self, views: &[usize], rng: &mut Pcg64Mcg) -> Result<Vec<Shot>, LearnError> {
        let shot = |view: &usize| {
            Ok(Shot::changed(self.frames.read(*view)?, &self.config.augmentation, rng))
        };
        views.iter().map(shot).collect()
    }

    /// What of a view is learnt from: all of it, or a part around a cell that is as likely as the
    /// cell counts.
    fn window(&self, shot: &Shot, rng: &mut Pcg64Mcg) -> CellWindow {
        let Some(crops) = &self.config.crops else { return CellWindow::WHOLE };
        if !rng.random_bool(crops.share) {
            return CellWindow::WHOLE;
        }
        let weight = |label: &Label| match &self.balance {
            Some(balance) => balance.weight(label),
            None => 1.0,
        };
        let weights = shot.labels.iter().map(weight);
        let cell = WeightedIndex::new(weights).map_or(CELLS / 2, |cells| cells.sample(rng));
        CellWindow::around(cell, crops.rows, crops.columns)
    }

    /// `(1, cells, INPUTS)`.
    fn inputs(&self, shot: &Shot, window: CellWindow) -> candle_core::Result<Tensor> {
        let numbers = cells(&shot.picture, &shot.view, self.rays.of(shot.part), window);
        Tensor::from_vec(numbers, (1, window.count(), INPUTS), self.device())
    }

    /// Distributions `(cells of all windows, names)` and weights `(cells of all windows)`.
    fn targets(
        &self,
        shots: &[Shot],
        windows: &[CellWindow],
        balance: &Balance,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let (names, mut weights) = (self.frames.names().len(), Vec::new());
        let count: usize = windows.iter().map(CellWindow::count).sum();
        let mut targets = vec![0.0; count * names];
        let shown = shots.iter().zip(windows);
        let shown =
            shown.flat_map(|(shot, window)| window.cells().map(|cell| shot.labels.get(cell)));
        for (label, target) in shown.zip(targets.chunks_exact_mut(names)) {
            weights.push(label.map_or(0.0, |label| balance.target(label, target)));
        }
        let targets = Tensor::from_vec(targets, (count, names), self.device())?;
        Ok((targets, Tensor::from_vec(weights, count, self.device())?))
    }

    /// Features of the same places in the windows of `shots` and, by the averaged weights, in other
    /// views of them, seen as a whole. `features` is `(cells of all windows, width)`.
    fn compared(
        &self,
        views: &[usize],
        shots: &[(&Shot, CellWindow)],
        features: &Tensor,
        mind: &Mind<'_>,
        rng: &mut Pcg64Mcg,
    ) -> Result<Pair, LearnError> {
        let others = self.shots(views, rng)?;
        let average = weights::still(&self.config.model, mind.average, self.device())?;
        let smallest = shots.iter().map(|(_, window)| window.count()).min().unwrap_or_default();
        let count = self.config.objective.compared_cells().min(smallest);
        let (mut student, mut teacher, mut first) = (Vec::new(), Vec::new(), 0);
        for ((shot, window), other) in shots.iter().zip(&others) {
            let here = rand::seq::index::sample(rng, window.count(), count).into_vec();
            let cells: Vec<usize> = window.cells().collect();
            let is_turned = shot.is_mirrored != other.is_mirrored;
            let there = here.iter().map(|at| seen_at(cells[*at], is_turned)).collect();
            let here = here.iter().map(|at| (first + at) as u32).collect();
            let at = |cells: Vec<u32>| Tensor::from_vec(cells, count, self.device());
            student.push(features.index_select(&at(here)?, 0)?);
            let seen =
                average.forward(&self.inputs(other, CellWindow::WHOLE)?, CellWindow::WHOLE)?;
            teacher.push(seen.squeeze(0)?.index_select(&at(there)?, 0)?.detach());
            first += window.count();
        }
        Ok(Pair { student: Tensor::stack(&student, 0)?, teacher: Tensor::stack(&teacher, 0)? })
    }
}

/// Features of the same places, each `(views, cells, width)`.
struct Pair {
    student: Tensor,
    teacher: Tensor,
}

impl Pair {
    /// The first `count` cells of each view: `(cells of all views, width)`.
    fn first(&self, count: usize) -> candle_core::Result<[Tensor; 2]> {
        let of = |all: &Tensor| all.narrow(1, 0, count.min(all.dim(1)?))?.flatten(0, 1);
        Ok([of(&self.student)?, of(&self.teacher)?])
    }

    /// Their cosines to the prototypes, those of the average for the teacher.
    fn cosines(&self, mind: &Mind<'_>, count: usize) -> Result<[Tensor; 2], LearnError> {
        let [student, teacher] = self.first(count)?;
        let learning = mind.weights.get(dino::PROTOTYPES).map(Var::as_tensor);
        let learning = learning.ok_or_else(|| missing(dino::PROTOTYPES))?;
        let still = find(mind.average, dino::PROTOTYPES)?;
        Ok([dino::cosines(&student, learning)?, dino::cosines(&teacher, still)?])
    }
}

/// Where a cell of one view is in another, which may be its mirror.
fn seen_at(cell: usize, is_mirrored: bool) -> u32 {
    let (row, column) = (cell / COLUMNS, cell % COLUMNS);
    let column = if is_mirrored { COLUMNS - 1 - column } else { column };
    (row * COLUMNS + column) as u32
}

fn find<'t>(tensors: &'t BTreeMap<String, Tensor>, name: &str) -> Result<&'t Tensor, LearnError> {
    tensors.get(name).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> LearnError {
    candle_core::Error::Msg(format!("no tensor `{name}` in the training")).into()
}

/// Pixels of each name in these views.
fn count(frames: &Frames, indices: &[usize]) -> Result<Vec<u64>, LearnError> {
    let mut pixels = vec![0; frames.names().len()];
    for index in indices {
        for (name, count) in frames.labels(*index)?.into_iter().flatten() {
            if let Some(pixels) = pixels.get_mut(usize::from(name)) {
                *pixels += u64::from(count);
            }
        }
    }
    Ok(pixels)
}
