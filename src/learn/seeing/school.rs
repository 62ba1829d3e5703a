//! Where lessons are taken: homes as they are seen, and what is to be learnt in them.

use super::super::checkpoint::Counts;
use super::super::scenes::{Eyes, RealView, SceneCache, SeenHome, Thing, Toured, things_of};
use super::super::{LearnError, TaughtGoal, Trajectory};
use super::config::SeeingTraining;
use super::homes::{Homes, Source};
use super::lesson::{Lesson, PLAN, TAUGHT, plan_lessons};
use super::moved::moved;
use super::sampled::sampled_lessons;
use super::talk::{balance, describe, look_elsewhere, questioning, say, talk};
use crate::sim::household::World;
use crate::sim::language::{Balance, CheckReport, PairMix, SceneFacts};
use crate::tasks::ActionVocabulary;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Homes whose questions are counted before any is asked.
const COUNTED: usize = 300;
/// Kind of the lessons in which a plan is made where things stand elsewhere.
const MOVED: &str = "moved";

/// Homes, and lessons in them.
#[derive(Debug, Clone, Default)]
pub struct School {
    /// The homes.
    pub homes: Vec<SeenHome>,
    /// The lessons; each names its home by index.
    pub lessons: Vec<Lesson>,
    /// Goals that a teacher answered who saw nothing.
    pub taught: Vec<TaughtGoal>,
    /// Homes that could not be built.
    pub skipped: usize,
    /// What the check made of all that was said of the homes: only what it kept is taught.
    pub checked: CheckReport,
    /// Index of the first home that is only watched, and never trained on; all behind it are, too.
    pub watched_from: Option<usize>,
}

/// What is taught.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Syllabus {
    /// Share of the homes of oracle eyes that are talked about, 0..=1, in a state of their own, and of
    /// the views of toured homes.
    pub talked_about: f64,
    /// Share of these states in which things stand anywhere, usual for them or not, 0..=1.
    pub scattered: f64,
    /// What is said of one state of a home.
    pub talk: PairMix,
    /// Share of the plans that are made with a description of a view beside the scene, 0..=1.
    pub told: f64,
    /// Times that each trajectory comes again where its things stand elsewhere, on average.
    pub moved: f64,
    /// Questions in the rows that ask several of one scene; each home, in each state, has one.
    pub in_a_row: usize,
    /// Times that each lesson in a toured home comes for once in one of oracle eyes.
    pub toured: f64,
    /// Homes from seeds alone.
    pub seeds: u64,
    /// Goals in each of them.
    pub goals: usize,
}

impl Default for Syllabus {
    fn default() -> Self {
        Self {
            talked_about: 0.5,
            scattered: 0.0,
            talk: PairMix::default(),
            told: 0.5,
            moved: 1.0,
            in_a_row: 6,
            toured: 1.0,
            seeds: 0,
            goals: 3,
        }
    }
}

/// A home and the lessons in it.
type Taught = (SeenHome, Vec<Lesson>);

impl School {
    /// Takes lessons in all of `homes`: those in `scenes` as a robot saw them on its tour, the others
    /// as oracle eyes see them. `done` is told of every home.
    ///
    /// # Errors
    ///
    /// When a toured home cannot be read or is another than this one, or a view cannot be rendered. A
    /// home in which the robot cannot stand is skipped.
    pub fn build(
        homes: &Homes,
        syllabus: &Syllabus,
        scenes: Option<&SceneCache>,
        vocabulary: &ActionVocabulary,
        done: &(dyn Fn() + Sync),
    ) -> Result<Self, LearnError> {
        let balance = counted(homes)?;
        let builder = Builder { homes, syllabus, scenes, vocabulary, balance };
        let built: Vec<(Vec<Taught>, CheckReport)> = (0..homes.len())
            .into_par_iter()
            .map(|at| {
                let built = builder.home(at);
                done();
                built
            })
            .collect::<Result<_, _>>()?;
        let mut school = Self::default();
        for (built, checked) in built {
            school.skipped += usize::from(built.is_empty());
            school.checked.add(&checked);
            built.into_iter().for_each(|(home, lessons)| school.add(home, lessons));
        }
        Ok(school)
    }

    /// Adds a home and the lessons in it.
    pub fn add(&mut self, home: SeenHome, lessons: Vec<Lesson>) {
        let at = self.homes.len();
        self.homes.push(home);
        self.lessons.extend(lessons.into_iter().map(|lesson| Lesson { home: at, ..lesson }));
    }

    /// Adds the homes and lessons of `other` to be watched only, after all homes to train on.
    pub fn watch(&mut self, other: Self) {
        let first = self.homes.len();
        self.watched_from.get_or_insert(first);
        self.homes.extend(other.homes);
        let lessons = other.lessons.into_iter();
        self.lessons.extend(lessons.map(|lesson| Lesson { home: first + lesson.home, ..lesson }));
        self.skipped += other.skipped;
        self.checked.add(&other.checked);
    }

    /// Whether the home of this index is only watched.
    pub fn only_watches(&self, home: usize) -> bool {
        self.watched_from.is_some_and(|first| home >= first)
    }

    /// What the batches of a training follow from.
    pub(super) fn counts(&self) -> Counts {
        let real = self.homes.iter().filter(|home| home.is_seen_by_real_eyes());
        let voxels = self.homes.iter().filter(|home| home.is_kept_as_voxels());
        let words = self.lessons.iter().flat_map(|lesson| [&lesson.words, &lesson.answer]);
        let words = words.chain(self.taught.iter().map(|goal| &goal.goal));
        Counts::new([
            ("homes", self.homes.len()),
            ("homes seen by real eyes", real.count()),
            ("homes kept as voxels", voxels.count()),
            ("lessons", self.lessons.len()),
            ("goals of a teacher", self.taught.len()),
            ("bytes of words", words.map(String::len).sum()),
        ])
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
    let lessons = school.lessons.iter().map(|lesson| times(config, school, lesson)).sum::<f64>();
    (lessons + config.times_of(TAUGHT) * school.taught.len() as f64).round() as usize
}

/// How often `lesson` comes in an epoch on average.
pub(super) fn times(config: &SeeingTraining, school: &School, lesson: &Lesson) -> f64 {
    let is_toured = school.homes.get(lesson.home).is_some_and(SeenHome::is_seen_by_real_eyes);
    config.times_of(&lesson.kind) * if is_toured { config.syllabus.toured } else { 1.0 }
}

/// How questions are answered in some of the homes.
fn counted(homes: &Homes) -> Result<Balance, LearnError> {
    let every = (homes.len() / COUNTED).max(1);
    let worlds: Vec<World> =
        (0..homes.len()).step_by(every).filter_map(|at| homes.world(at).ok()).collect();
    balance(&worlds, &mut Pcg64Mcg::seed_from_u64(homes.chance(0)))
}

struct Builder<'a> {
    homes: &'a Homes,
    syllabus: &'a Syllabus,
    scenes: Option<&'a SceneCache>,
    vocabulary: &'a ActionVocabulary,
    balance: Balance,
}

impl Builder<'_> {
    /// A home with its lessons, and perhaps the same in another state; none where the robot would
    /// stand in something. And what the check made of what is said there.
    fn home(&self, at: usize) -> Result<(Vec<Taught>, CheckReport), LearnError> {
        let mut checked = CheckReport::default();
        let Ok(world) = self.homes.world(at) else { return Ok((Vec::new(), checked)) };
        let chance = self.homes.chance(at);
        let mut rng = Pcg64Mcg::seed_from_u64(chance);
        let (id, source) = (self.homes.id(at), self.homes.source(at));
        let scene = match source {
            Source::Alfred(_, task) => task.scene.clone(),
            Source::Seed(_) => id.clone(),
        };
        let (lessons, goals): (Vec<Lesson>, Vec<String>) = match source {
            Source::Alfred(trajectory, task) => {
                let lessons = plan_lessons(trajectory, self.vocabulary, &mut rng);
                (lessons, task.goals.clone())
            }
            Source::Seed(seed) => {
                let goals = self.syllabus.goals;
                let lessons = sampled_lessons(&world, seed, goals, self.vocabulary, &mut rng);
                let goals = lessons.iter().map(|lesson| lesson.words.clone()).collect();
                (lessons, goals)
            }
        };
        let toured = match self.scenes {
            Some(scenes) => scenes.load(&id, self.homes.seed(at))?,
            None => None,
        };
        let mut built = Vec::new();
        if let Source::Alfred(trajectory, _) = source {
            built = self.elsewhere(&world, trajectory, (&id, &scene), &mut checked, &mut rng);
        }
        let begun = (id, scene, lessons, goals);
        built.extend(match toured {
            Some(toured) => vec![self.toured(&world, toured, begun, &mut checked, &mut rng)?],
            None => self.untoured(&world, begun, &mut checked, &mut rng)?,
        });
        Ok((built, checked))
    }

    /// The home with what the trajectory takes elsewhere.
    fn elsewhere(
        &self,
        world: &World,
        trajectory: &Trajectory,
        (id, scene): (&str, &str),
        checked: &mut CheckReport,
        rng: &mut Pcg64Mcg,
    ) -> Vec<Taught> {
        let times = self.syllabus.moved.max(0.0);
        let more = usize::from(rng.random_bool(times.fract()));
        let mut built = Vec::new();
        for _ in 0..times.floor() as usize + more {
            let Some((world, trajectory)) = moved(world, trajectory, self.vocabulary, rng) else {
                break;
            };
            let eyes = Eyes::Oracle { things: things_of(&world), views: Vec::new() };
            let lessons = plan_lessons(&trajectory, self.vocabulary, rng).into_iter();
            let lessons = lessons.filter(|lesson| lesson.kind == PLAN);
            let mut lessons: Vec<Lesson> =
                lessons.map(|lesson| Lesson { kind: MOVED.into(), ..lesson }).collect();
            lessons.extend(self.questioning(&world, checked, rng));
            built.push((SeenHome { id: id.into(), scene: scene.into(), eyes }, lessons));
        }
        built
    }

    fn questioning(
        &self,
        world: &World,
        checked: &mut CheckReport,
        rng: &mut Pcg64Mcg,
    ) -> Option<Lesson> {
        let number = self.syllabus.in_a_row;
        questioning(&SceneFacts::of_world(world), &self.balance, number, checked, rng)
    }

    /// A home that oracle eyes see.
    fn untoured(
        &self,
        world: &World,
        (id, scene, mut lessons, goals): (String, String, Vec<Lesson>, Vec<String>),
        checked: &mut CheckReport,
        rng: &mut Pcg64Mcg,
    ) -> Result<Vec<Taught>, LearnError> {
        let things = things_of(world);
        lessons.extend(self.questioning(world, checked, rng));
        let (facts, view) = look_elsewhere(world, &things, rng)?;
        describe(&facts, 0, &goals, &mut lessons, self.syllabus.told, checked, rng);
        let eyes = Eyes::Oracle { things, views: vec![view] };
        let mut built = Vec::new();
        if rng.random_bool(self.syllabus.talked_about.clamp(0.0, 1.0)) {
            let (eyes, lessons) = talk(world, self.syllabus, &self.balance, checked, rng)?;
            built.push((SeenHome { id: id.clone(), scene: scene.clone(), eyes }, lessons));
        }
        built.insert(0, (SeenHome { id, scene, eyes }, lessons));
        Ok(built)
    }

    /// A home that a robot toured.
    fn toured(
        &self,
        world: &World,
        toured: Toured,
        (id, scene, mut lessons, goals): (String, String, Vec<Lesson>, Vec<String>),
        checked: &mut CheckReport,
        rng: &mut Pcg64Mcg,
    ) -> Result<Taught, LearnError> {
        let number = toured.views.len();
        let mut views = Vec::with_capacity(number);
        for (view, (stance, seen)) in toured.views.into_iter().enumerate() {
            let mut standing = world.clone();
            let world_T_camera = stance.world_T_camera();
            views.push(RealView { camera_T_world: world_T_camera.inverse(), seen });
            // Where it stood on its tour, it can stand.
            if standing.stand_at_start(stance).is_err() {
                continue;
            }
            let told = self.syllabus.told / number as f64;
            let facts = SceneFacts::in_view(&standing, &world_T_camera)?;
            describe(&facts, view, &goals, &mut lessons, told, checked, rng);
            if rng.random_bool(self.syllabus.talked_about.clamp(0.0, 1.0)) {
                let talk = &self.syllabus.talk;
                lessons.extend(say(&standing, view, talk, &self.balance, checked, rng)?);
                lessons.extend(self.questioning(world, checked, rng));
            }
        }
        let eyes = Eyes::Real { scene: toured.scene, views };
        Ok((SeenHome { id, scene, eyes }, lessons))
    }
}
