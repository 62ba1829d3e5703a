//! Whose eyes see the homes that a model is measured in.

use super::runs::Known;
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use scenellm::language::parse_device;
use scenellm::learn::scenes::{Eyes, Faults, Lexicon, Oracle, SeenHome, things_of, true_view};
use scenellm::learn::true_surroundings;
use scenellm::model::{Manifest, ModelKind};
use scenellm::planner::PlannerConfig;
use scenellm::planner::follow::{BasePose, Floor, FollowConfig, Surroundings};
use scenellm::scene::{MapObject, ObjectState, ShownObject};
use scenellm::sim::episode::{Episode, EpisodeOptions};
use scenellm::sim::household::World;
use scenellm::sim::language::{ObjectFact, SceneFacts};
use scenellm::tasks::{GoalPlanner, SceneView, ViewSpec};
use scenellm::vision::{FeatureExtractor, WordHash, open_extractor};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// For how long nobody looks after a home was changed, nanoseconds.
const AWAY_NS: i64 = 3_600_000_000_000;

/// How a home is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    /// All that no door hides, read off the simulator.
    Oracle,
    /// The same with the faults that eyes have.
    Faulty,
    /// Toured, rendered and mapped, with features that are never wrong.
    True,
    /// Toured, rendered and mapped, with the model's own eyes.
    Seen,
}

impl Look {
    /// Whether homes are toured for it.
    pub fn tours(self) -> bool {
        matches!(self, Self::True | Self::Seen)
    }
}

/// What homes are looked at with.
#[derive(Args, Clone)]
pub struct Gaze {
    /// Images of a tour at most, from the start pose on; with `true` and `seen` eyes only.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub frames: u32,
    /// Weights of the model's eyes, where they are not in its folder.
    #[arg(long, value_name = "PATH")]
    pub vision_weights: Option<PathBuf>,
}

/// Eyes that make views for one model.
pub struct HomeEyes {
    look: Look,
    spec: ViewSpec,
    words: WordHash,
    weights: Option<PathBuf>,
    device: String,
    config: PlannerConfig,
    options: EpisodeOptions,
}

impl HomeEyes {
    /// Eyes for the model in `folder`, which `planner` has loaded.
    ///
    /// # Errors
    ///
    /// When it is blind, or its eyes are not there.
    pub fn new(
        look: Look,
        gaze: &Gaze,
        planner: &mut GoalPlanner,
        folder: &Path,
        device: &str,
    ) -> anyhow::Result<Self> {
        let Some(spec) = planner.view_spec() else {
            bail!("{} is blind: it cannot look at a home", planner.name());
        };
        let words = WordHash::new(spec.width).context("no word fits the model's features")?;
        let weights = match &gaze.vision_weights {
            Some(path) => Some(path.clone()),
            None => own_weights(folder)?,
        };
        if look == Look::Seen && weights.is_none() {
            bail!("{} names no weights of its eyes: give --vision-weights", folder.display());
        }
        let options =
            EpisodeOptions { tour_frames: gaze.frames as usize, ..EpisodeOptions::default() };
        let (device, config) = (device.to_owned(), PlannerConfig::of_homes());
        Ok(Self { look, spec, words, weights, device, config, options })
    }

    /// How homes are known to them.
    pub fn look(&self) -> Look {
        self.look
    }

    /// The eyes of the model.
    ///
    /// # Errors
    ///
    /// When they cannot be loaded.
    pub fn extractor(&self) -> anyhow::Result<Box<dyn FeatureExtractor>> {
        let device = parse_device(&self.device)?;
        Ok(open_extractor(&self.spec.extractor, self.weights.as_deref(), &device)?)
    }

    /// What the model is shown of a home that it need not look at. `seed` decides the faults of eyes
    /// that have some.
    ///
    /// # Errors
    ///
    /// When the camera cannot be rendered.
    pub fn truth(&self, world: &World, seed: u64) -> anyhow::Result<SceneView> {
        let faults = if self.look == Look::Faulty { Faults::default() } else { Faults::NONE };
        let things = things_of(world);
        let oracle = Oracle { lexicon: Lexicon::of(&things, &self.words)?, faults };
        let world_T_camera = world.robot().world_T_camera();
        let facts = SceneFacts::in_view(world, &world_T_camera)?;
        let views = vec![true_view(&things, &facts, &world_T_camera)];
        let eyes = Eyes::Oracle { things, views };
        let home = SeenHome { id: String::new(), scene: String::new(), eyes };
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let (scene, frame) = (home.scene(&oracle, &mut rng), home.view(0, &oracle, &mut rng));
        let shown = facts.objects.iter().filter_map(|fact| {
            let bearing_rad = fact.view?.bearing_rad;
            Some(ShownObject { id: fact.object.id, bearing_rad })
        });
        let view = SceneView::of_regions(&scene, Some(&frame), &self.spec);
        let states = SceneFacts::of_world(world).objects.into_iter().flat_map(states_of).collect();
        Ok(SceneView { in_frame: Some(shown.collect()), states, ..view })
    }

    /// Somebody who looks at `world` with these eyes. `seed` decides faults and noise.
    ///
    /// # Errors
    ///
    /// When the home cannot be shown, or the eyes cannot be loaded.
    pub fn open(&self, world: World, seed: u64) -> anyhow::Result<Onlooker<'_>> {
        let mut episode = match self.look {
            Look::Oracle | Look::Faulty => {
                return Ok(Onlooker { eyes: self, seed, seen: Seen::Truth(Box::new(world)) });
            }
            Look::True => Episode::with_true_eyes(world, &self.config, &self.options, 0.0)?,
            Look::Seen => {
                let extractor = self.extractor()?;
                Episode::with_extractor(world, &self.config, &self.options, extractor)?
            }
        };
        episode.tour(&mut |_| {})?;
        episode.look(&mut |_| {})?;
        Ok(Onlooker { eyes: self, seed, seen: Seen::Mapped(Box::new(episode)) })
    }
}

/// The states of a thing that are to be seen.
fn states_of(fact: ObjectFact) -> impl Iterator<Item = ObjectState> {
    let states = fact.condition.map(|condition| condition.visible(&fact.category));
    states.into_iter().flatten().map(move |(state, holds)| ObjectState {
        id: fact.object.id,
        state: state.to_owned(),
        holds,
    })
}

/// The weights of the eyes that a model folder holds.
fn own_weights(folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    if ModelKind::of(folder)? != ModelKind::SceneLlm {
        return Ok(None);
    }
    let vision = Manifest::load(folder)?.vision;
    Ok(vision.and_then(|vision| vision.weights).map(|weights| folder.join(weights)))
}

/// Somebody who looks at one home.
pub struct Onlooker<'a> {
    eyes: &'a HomeEyes,
    seed: u64,
    seen: Seen<'a>,
}

enum Seen<'a> {
    Truth(Box<World>),
    Mapped(Box<Episode<'a>>),
}

impl Onlooker<'_> {
    /// The home as it is now.
    pub fn world(&self) -> &World {
        match &self.seen {
            Seen::Truth(world) => world,
            Seen::Mapped(episode) => episode.world(),
        }
    }

    /// What is known of the home now.
    ///
    /// # Errors
    ///
    /// When the home or the newest frame cannot be looked at.
    pub fn known(&self) -> anyhow::Result<Known> {
        Ok(Known { view: Some(self.view()?), objects: self.objects() })
    }

    /// What the model is shown now.
    fn view(&self) -> anyhow::Result<SceneView> {
        let world = match &self.seen {
            Seen::Truth(world) => world,
            Seen::Mapped(episode) => {
                let view = episode.view(&self.eyes.spec)?;
                return view.context("the model reads something else than regions");
            }
        };
        self.eyes.truth(world, self.seed)
    }

    /// The objects that are known.
    fn objects(&self) -> Vec<MapObject> {
        match &self.seen {
            Seen::Mapped(episode) => episode.objects(),
            Seen::Truth(world) => {
                let entities = world.home().entities.iter();
                let shown =
                    entities.filter(|entity| !entity.is_structure() && !world.is_hidden(entity.id));
                shown.map(World::as_map_object).collect()
            }
        }
    }

    /// What a robot that follows an instruction knows of its surroundings: where it can stand, and
    /// `objects`.
    pub fn surroundings(
        &self,
        pose: &BasePose,
        config: &FollowConfig,
        objects: &[MapObject],
    ) -> Surroundings {
        match &self.seen {
            Seen::Truth(world) => true_surroundings(world, pose, config, objects.to_vec()),
            Seen::Mapped(episode) => {
                let map = episode.session().map();
                let points_m = map.voxels().map(|voxel| voxel.xyz_m);
                let floor = Floor::new(points_m, map.config().voxel_size_m, pose, config);
                let places_m =
                    objects.iter().map(|object| [object.position_m[0], object.position_m[1]]);
                Surroundings { floor: floor.reaching(places_m), objects: objects.to_vec() }
            }
        }
    }

    /// Somebody changes the home behind the robot's back, and an hour later it looks again: with eyes
    /// that tour, on another tour from where it stands.
    ///
    /// # Errors
    ///
    /// When the home cannot be shown.
    pub fn look_again(&mut self, change: impl FnOnce(&mut World)) -> anyhow::Result<()> {
        match &mut self.seen {
            Seen::Truth(world) => change(world),
            Seen::Mapped(episode) => {
                change(episode.world_mut());
                episode.rest(AWAY_NS);
                episode.tour(&mut |_| {})?;
                episode.look(&mut |_| {})?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub mod fixtures {
    use super::*;

    /// The shipped model, with eyes that see all there is.
    pub fn knowing() -> (GoalPlanner, HomeEyes) {
        let model = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models/nano"));
        let mut planner = GoalPlanner::load(model, &parse_device("cpu").unwrap()).unwrap();
        let gaze = Gaze { frames: 8, vision_weights: None };
        let eyes = HomeEyes::new(Look::Oracle, &gaze, &mut planner, model, "cpu").unwrap();
        (planner, eyes)
    }
}
