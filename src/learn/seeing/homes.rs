//! The homes that lessons are taken in: after ALFRED's trajectories, and from seeds alone.

use super::super::alfred::read_alfred;
use super::super::alfred_home::{AlfredTask, read_alfred_tasks};
use super::super::{LearnError, Trajectory};
use crate::sim::SimError;
use crate::sim::household::{World, alfred_world, household};
use std::path::Path;

/// Seeds of homes to learn in are far from the small ones that everybody measures with.
const FIRST_SEED: u64 = 1 << 41;

/// Trajectories of ALFRED to make homes of.
#[derive(Debug, Clone, Copy)]
pub struct AlfredData<'a> {
    /// The trajectories.
    pub data: &'a Path,
    /// Trajectories that tell more of the furniture of the same homes.
    pub furniture: &'a [&'a Path],
    /// Take the first so many only.
    pub limit: Option<usize>,
}

/// Homes by number: first those of trajectories, each as its own line tells it, then those of seeds.
#[derive(Debug, Clone, Default)]
pub struct Homes {
    lines: Vec<(Trajectory, AlfredTask)>,
    seeds: u64,
    seed: u64,
}

/// Where a home comes from.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// A trajectory and its task.
    Alfred(&'a Trajectory, &'a AlfredTask),
    /// A seed.
    Seed(u64),
}

impl Homes {
    /// The homes of `from`, and `seeds` others. `seed` decides what trajectories do not tell.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn read(from: Option<&AlfredData<'_>>, seeds: u64, seed: u64) -> Result<Self, LearnError> {
        let mut lines = Vec::new();
        if let Some(from) = from {
            let trajectories = read_alfred(from.data)?;
            let tasks = read_alfred_tasks(from.data, from.furniture)?;
            if trajectories.len() != tasks.len() {
                return Err(LearnError::invalid(from.data, "some lines tell of no home"));
            }
            lines.extend(trajectories.into_iter().zip(tasks));
            lines.truncate(from.limit.unwrap_or(usize::MAX));
        }
        Ok(Self { lines, seeds, seed })
    }

    /// Number of homes.
    pub fn len(&self) -> usize {
        self.lines.len() + usize::try_from(self.seeds).unwrap_or(usize::MAX - self.lines.len())
    }

    /// Whether there is no home.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of homes of trajectories, which come first.
    pub fn trajectories(&self) -> usize {
        self.lines.len()
    }

    /// Where home number `at` comes from.
    pub fn source(&self, at: usize) -> Source<'_> {
        match self.lines.get(at) {
            Some((trajectory, task)) => Source::Alfred(trajectory, task),
            None => Source::Seed(FIRST_SEED + (at - self.lines.len()) as u64),
        }
    }

    /// Name of home number `at`.
    pub fn id(&self, at: usize) -> String {
        match self.source(at) {
            Source::Alfred(_, task) => task.id.clone(),
            Source::Seed(seed) => format!("seed {seed}"),
        }
    }

    /// Seed of chance in home number `at`.
    pub fn chance(&self, at: usize) -> u64 {
        self.seed ^ at as u64
    }

    /// Seed of what is made up about home number `at`: all of it, or what its trajectory does not tell.
    pub fn seed(&self, at: usize) -> u64 {
        match self.source(at) {
            Source::Alfred(..) => self.chance(at),
            Source::Seed(seed) => seed,
        }
    }

    /// Builds home number `at`.
    ///
    /// # Errors
    ///
    /// When the robot would stand in something there.
    pub fn world(&self, at: usize) -> Result<World, SimError> {
        let seed = self.seed(at);
        match self.source(at) {
            Source::Alfred(_, task) => alfred_world(&task.home, seed),
            Source::Seed(_) => household(seed),
        }
    }
}
