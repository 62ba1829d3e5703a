//! Where lessons are taken: homes as they are seen, and what is to be learnt in them.

use super::super::alfred::read_alfred;
use super::super::alfred_home::{AlfredTask, read_alfred_tasks};
use super::super::scenes::{Eyes, SeenHome, Thing, things_of};
use super::super::{LearnError, Trajectory};
use super::config::SeeingTraining;
use super::lesson::{Lesson, plan_lessons};
use super::sampled::sampled_home;
use super::talk::{balance, look_before_planning, talk};
use crate::sim::household::{World, alfred_world};
use crate::sim::language::{Balance, PairMix};
use crate::tasks::ActionVocabulary;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Homes whose questions are counted before any is asked.
const COUNTED: usize = 300;
/// Seeds of homes to learn in are far from the small ones that everybody measures with.
const FIRST_SEED: u64 = 1 << 41;

/// Homes, and lessons in them.
#[derive(Debug, Clone, Default)]
pub struct School {
    /// The homes.
    pub homes: Vec<SeenHome>,
    /// The lessons; each names its home by index.
    pub lessons: Vec<Lesson>,
    /// Trajectories and seeds whose home could not be built.
    pub skipped: usize,
}

/// What is taught.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Syllabus {
    /// Share of the homes of trajectories that are talked about, each in a state of its own, 0..=1.
    pub talked_about: f64,
    /// What is said of one state of a home.
    pub talk: PairMix,
    /// Share of the plans that are made with a description of a view beside the scene, 0..=1.
    pub told: f64,
    /// Homes from seeds alone.
    pub seeds: u64,
    /// Goals in each of them.
    pub goals: usize,
}

impl Default for Syllabus {
    fn default() -> Self {
        Self { talked_about: 0.5, talk: PairMix::default(), told: 0.5, seeds: 0, goals: 3 }
    }
}

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

/// A home and the lessons in it.
type Taught = (SeenHome, Vec<Lesson>);

impl School {
    /// Builds the homes of ALFRED's trajectories, each as its own line tells it, and homes from
    /// seeds, all to be seen by oracle eyes. `done` is told of every home.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or a view cannot be rendered. A home in which the robot cannot
    /// stand is skipped.
    pub fn build(
        from: Option<&AlfredData<'_>>,
        syllabus: &Syllabus,
        seed: u64,
        vocabulary: &ActionVocabulary,
        done: &(dyn Fn() + Sync),
    ) -> Result<Self, LearnError> {
        let mut school = Self::default();
        if let Some(from) = from {
            let trajectories = read_alfred(from.data)?;
            let tasks = read_alfred_tasks(from.data, from.furniture)?;
            if trajectories.len() != tasks.len() {
                return Err(LearnError::invalid(from.data, "some lines tell of no home"));
            }
            let limit = from.limit.unwrap_or(tasks.len());
            let lines: Vec<_> = trajectories.iter().zip(&tasks).take(limit).collect();
            let builder = Builder { syllabus, vocabulary, balance: counted(&tasks, seed)? };
            let built: Vec<Vec<Taught>> = lines
                .par_iter()
                .enumerate()
                .map(|(at, (trajectory, task))| {
                    let built = builder.home(trajectory, task, seed ^ at as u64);
                    done();
                    built
                })
                .collect::<Result<_, _>>()?;
            for built in built {
                school.skipped += usize::from(built.is_empty());
                built.into_iter().for_each(|(home, lessons)| school.add(home, lessons));
            }
        }
        let sampled: Vec<Option<Taught>> = (0..syllabus.seeds)
            .into_par_iter()
            .map(|number| {
                let built = sampled_home(FIRST_SEED + number, syllabus.goals, vocabulary).ok();
                done();
                built
            })
            .collect();
        for built in sampled {
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

/// How questions are answered in some of the homes.
fn counted(tasks: &[AlfredTask], seed: u64) -> Result<Balance, LearnError> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let every = (tasks.len() / COUNTED).max(1);
    let some = tasks.iter().step_by(every);
    let worlds: Vec<World> = some.filter_map(|task| alfred_world(&task.home, seed).ok()).collect();
    balance(&worlds, &mut rng)
}

struct Builder<'a> {
    syllabus: &'a Syllabus,
    vocabulary: &'a ActionVocabulary,
    balance: Balance,
}

impl Builder<'_> {
    /// The home of a trajectory as it was, and perhaps in another state; none where the robot would
    /// stand in something.
    fn home(
        &self,
        trajectory: &Trajectory,
        task: &AlfredTask,
        seed: u64,
    ) -> Result<Vec<Taught>, LearnError> {
        let Ok(world) = alfred_world(&task.home, seed) else { return Ok(Vec::new()) };
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let mut lessons = plan_lessons(0, trajectory, self.vocabulary, &mut rng);
        let eyes = Eyes::Oracle { things: things_of(&world), views: Vec::new() };
        let mut home = SeenHome { id: task.id.clone(), scene: task.scene.clone(), eyes };
        let told = self.syllabus.told;
        look_before_planning(&world, task, &mut home, &mut lessons, told, &mut rng)?;
        let mut built = vec![(home, lessons)];
        if rng.random_bool(self.syllabus.talked_about.clamp(0.0, 1.0)) {
            let names = (task.id.as_str(), task.scene.as_str());
            built.push(talk(&world, names, &self.syllabus.talk, &self.balance, &mut rng)?);
        }
        Ok(built)
    }
}
