//! Where lessons are taken: homes as they are seen, and what is to be learnt in them.

use super::super::alfred::read_alfred;
use super::super::alfred_home::read_alfred_tasks;
use super::super::scenes::{Eyes, SeenHome, Thing, things_of};
use super::super::{LearnError, Trajectory};
use super::config::SeeingTraining;
use super::lesson::{Lesson, plan_lessons};
use crate::sim::household::{World, alfred_world};
use crate::tasks::ActionVocabulary;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use std::path::Path;

/// Homes, and lessons in them.
#[derive(Debug, Clone, Default)]
pub struct School {
    /// The homes.
    pub homes: Vec<SeenHome>,
    /// The lessons; each names its home by index.
    pub lessons: Vec<Lesson>,
    /// Trajectories whose home could not be built.
    pub skipped: usize,
}

/// Homes and lessons of ALFRED's trajectories.
#[derive(Debug, Clone, Copy)]
pub struct AlfredSchool<'a> {
    /// The trajectories.
    pub data: &'a Path,
    /// Trajectories that tell more of the furniture of the same homes.
    pub furniture: &'a [&'a Path],
    /// Take the first so many only.
    pub limit: Option<usize>,
    /// Seed of what trajectories do not tell.
    pub seed: u64,
}

impl School {
    /// Builds the homes of ALFRED's trajectories, each as its own line tells it, to be seen by oracle
    /// eyes; `done` is told of every home.
    ///
    /// # Errors
    ///
    /// When a file cannot be read. A home in which the robot cannot stand is skipped.
    pub fn of_alfred(
        from: &AlfredSchool<'_>,
        vocabulary: &ActionVocabulary,
        done: &(dyn Fn() + Sync),
    ) -> Result<Self, LearnError> {
        let trajectories = read_alfred(from.data)?;
        let tasks = read_alfred_tasks(from.data, from.furniture)?;
        if trajectories.len() != tasks.len() {
            let reason = "some lines tell of no home";
            return Err(LearnError::invalid(from.data, reason));
        }
        let limit = from.limit.unwrap_or(tasks.len());
        let lines: Vec<_> = trajectories.iter().zip(&tasks).take(limit).enumerate().collect();
        let built: Vec<Option<(SeenHome, Vec<Lesson>)>> = lines
            .par_iter()
            .map(|(at, (trajectory, task))| {
                let seed = from.seed ^ *at as u64;
                let built = alfred_world(&task.home, seed).ok().map(|world| {
                    let home = seen_home(&task.id, &task.scene, &world);
                    (home, lessons_of(trajectory, vocabulary, seed))
                });
                done();
                built
            })
            .collect();
        let mut school = Self::default();
        for built in built {
            match built {
                Some((home, lessons)) => school.add(home, lessons),
                None => school.skipped += 1,
            }
        }
        Ok(school)
    }

    /// Adds a home and the lessons in it.
    pub fn add(&mut self, home: SeenHome, lessons: Vec<Lesson>) {
        let at = self.homes.len();
        self.homes.push(home);
        self.lessons.extend(lessons.into_iter().map(|lesson| Lesson { home: at, ..lesson }));
    }

    /// All that is truly there, over all homes of oracle eyes.
    pub fn things(&self) -> impl Iterator<Item = &Thing> {
        self.homes.iter().flat_map(|home| match &home.eyes {
            Eyes::Oracle { things, .. } => things.as_slice(),
            Eyes::Real { .. } => &[],
        })
    }
}

/// Lessons that an epoch of `config` holds on average, held-out homes counted too.
pub fn lessons_of_an_epoch(config: &SeeingTraining, school: &School) -> usize {
    let times = |lesson: &Lesson| config.mixture.get(&lesson.kind).copied().unwrap_or(0.0);
    school.lessons.iter().map(times).sum::<f64>().round() as usize
}

fn seen_home(id: &str, scene: &str, world: &World) -> SeenHome {
    let eyes = Eyes::Oracle { things: things_of(world), views: Vec::new() };
    SeenHome { id: id.into(), scene: scene.into(), eyes }
}

fn lessons_of(trajectory: &Trajectory, vocabulary: &ActionVocabulary, seed: u64) -> Vec<Lesson> {
    plan_lessons(0, trajectory, vocabulary, &mut Pcg64Mcg::seed_from_u64(seed))
}
