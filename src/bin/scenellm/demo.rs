//! `scenellm demo`: a whole household task in a simulated home.

mod story;

use crate::room::Room;
use crate::settings::{Settings, planner};
use crate::{Outcome, paths};
use anyhow::{Context, bail, ensure};
use clap::{Args, ValueEnum};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use scenellm::language::parse_device;
use scenellm::planner::PlannerConfig;
use scenellm::sim::HomeKind;
use scenellm::sim::episode::{Episode, EpisodeOptions, ExpertMind, Mind, Moment};
use scenellm::sim::household::{
    SampledTask, Task, TaskKind, World, household_in, sample_task, task_kinds,
};
use scenellm::tasks::GoalPlanner;
use scenellm::vision::FeatureExtractor;
use std::io::Write;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use story::Story;

/// Have a robot do a whole household task in a simulated home.
///
/// It tours and maps the home, plans, acts, and plans anew when a step fails. Each step is printed; the
/// page (demo.html) and the strip of pictures (strip.png) show what it saw. Exit code 3 says that the
/// task was not done.
///
/// After the tour somebody moves the thing that is asked for, so that the map is wrong, where it
/// stands in the open and there is another open place for it.
#[derive(Args)]
pub struct Demo {
    /// Seed of the home and of the task; unless given the first from 2 on that has such a task, about
    /// something of which no more stand in the open than it takes, if there is one.
    #[arg(long)]
    home: Option<u64>,
    /// Which room the home is.
    #[arg(long, value_enum, default_value_t = Room::Kitchen)]
    room: Room,
    /// Kind of task; `cool` in a kitchen unless given, `clean` in a bathroom, `light` elsewhere.
    #[arg(long, value_enum)]
    task: Option<Kind>,
    /// Say the goal in other words.
    #[arg(long)]
    goal: Option<String>,
    /// Nobody moves anything.
    #[arg(long)]
    undisturbed: bool,
    /// Images of the tour, at most.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=2000))]
    tour_frames: u32,
    /// Plan by the rules of the expert who knows the home, instead of by a model.
    #[arg(long)]
    expert: bool,
    /// Model folder; the parameter `plan.model` unless given.
    #[arg(long, value_name = "DIR", value_parser = paths::model(), conflicts_with = "expert")]
    model: Option<PathBuf>,
    /// Folder to write to; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    #[command(flatten)]
    settings: Settings,
}

/// Kinds of task, in short.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Simple,
    Two,
    Light,
    Clean,
    Heat,
    Cool,
    Movable,
}

impl Kind {
    /// The one that shows most of a room.
    fn usual(room: Room) -> Self {
        match room {
            Room::Kitchen => Self::Cool,
            Room::Bathroom => Self::Clean,
            Room::Living | Room::Bedroom => Self::Light,
        }
    }

    /// As `--task` has it.
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Of how many things such a task is.
    fn number(self) -> usize {
        if matches!(self, Self::Two) { 2 } else { 1 }
    }

    fn of_task(self) -> TaskKind {
        match self {
            Self::Simple => TaskKind::PickAndPlaceSimple,
            Self::Two => TaskKind::PickTwoObjAndPlace,
            Self::Light => TaskKind::LookAtObjInLight,
            Self::Clean => TaskKind::PickCleanThenPlaceInRecep,
            Self::Heat => TaskKind::PickHeatThenPlaceInRecep,
            Self::Cool => TaskKind::PickCoolThenPlaceInRecep,
            Self::Movable => TaskKind::PickAndPlaceWithMovableRecep,
        }
    }
}

impl Demo {
    /// Tours, plans, acts, writes.
    pub fn run(self) -> anyhow::Result<Outcome> {
        // A planner refuses it as well, but not before the tour.
        ensure!(
            self.goal.as_deref().is_none_or(|goal| !goal.trim().is_empty()),
            "--goal: it is empty"
        );
        let asked = self.task.unwrap_or_else(|| Kind::usual(self.room));
        let room = self.room.kind();
        let mut config = self.settings.config()?;
        if let Some(model) = &self.model {
            config.plan.model.clone_from(model);
        }
        let Posed { home, world, sampled } = pose(room, asked, self.home)?;
        let SampledTask { task, goal, expert } = sampled;
        let goal = self.goal.clone().unwrap_or(goal);
        // Loaded before anything is drawn: a model that cannot be loaded is said at once.
        let mut mind = self.mind(&config, &task)?;
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot make {}", self.out.display()))?;
        let [x, y, _] = world.home().size_m;
        let things = world.home().entities.iter().filter(|entity| !entity.is_structure()).count();
        writeln!(
            std::io::stdout(),
            "home {home}: a {} of {x:.1} × {y:.1} m with {things} things\ngoal: \"{goal}\" ({})\n\
             an expert who knows the home needs {} actions",
            room.name(),
            task.kind.name(),
            expert.tally.actions
        )?;
        let options =
            EpisodeOptions { tour_frames: self.tour_frames as usize, ..EpisodeOptions::default() };
        let own_eyes = self.own_eyes(&config, &mut mind)?;
        let mut story = Story::new(goal.clone(), mind.note(own_eyes.is_some()));
        let mut episode = match own_eyes {
            Some(extractor) => Episode::with_extractor(world, &config, &options, extractor)?,
            None => Episode::new(world, &config, &options)?,
        };
        episode.tour(&mut |moment| story.take(&moment))?;
        if !self.undisturbed {
            let moved = disturb(episode.world_mut(), &task.object);
            story.disturbed(moved.as_deref().map_err(String::as_str));
        }
        let result = episode
            .pursue(&goal, &task, mind.as_dyn(), &mut |moment: Moment<'_>| story.take(&moment))?;
        story.end(&result, &self.out)?;
        Ok(if result.is_success() { Outcome::Done } else { Outcome::No })
    }

    fn mind(&self, config: &PlannerConfig, task: &Task) -> anyhow::Result<AnyMind> {
        if self.expert {
            return Ok(AnyMind::Expert(Box::new(ExpertMind::new(task.clone()))));
        }
        Ok(AnyMind::Model(Box::new(planner(config, None)?)))
    }

    /// The eyes of a model that sees and brings its own; others are given the simulator's boxes.
    fn own_eyes(
        &self,
        config: &PlannerConfig,
        mind: &mut AnyMind,
    ) -> anyhow::Result<Option<Box<dyn FeatureExtractor>>> {
        let AnyMind::Model(planner) = mind else { return Ok(None) };
        let Some(spec) = planner.view_spec() else { return Ok(None) };
        let eyes = config.eyes()?;
        if eyes.extractor != spec.extractor {
            return Ok(None);
        }
        let device = parse_device(&config.plan.device)?;
        Ok(eyes.open(&device)?)
    }
}

/// The home of a demo, and what is to be done in it.
struct Posed {
    home: u64,
    world: World,
    sampled: SampledTask,
}

impl Posed {
    /// How many of the things that the task is about stand in the open.
    fn in_the_open(&self) -> usize {
        let named = self.world.named(&self.sampled.task.object);
        named.filter(|thing| !self.world.is_hidden(thing.id)).count()
    }
}

/// Homes among which the first with a task is taken where none is asked for.
const HOMES: RangeInclusive<u64> = 2..=33;

/// A task of the kind `asked` in the home of this number, or in the first one that has such a task: about
/// something of which no more stand in the open than it takes, if there is one. Else the one that nobody
/// moves would do.
fn pose(room: HomeKind, asked: Kind, home: Option<u64>) -> anyhow::Result<Posed> {
    let (kind, known) = (asked.of_task(), task_kinds(room));
    if !known.contains(&kind) {
        let kinds = Kind::value_variants().iter().filter(|kind| known.contains(&kind.of_task()));
        let names: Vec<String> = kinds.map(|kind| kind.name()).collect();
        bail!(
            "no {} has a task of the kind `{}`: --task can be {} there",
            room.name(),
            asked.name(),
            names.join(", ")
        );
    }
    let mut first = None;
    for number in home.map_or(HOMES, |home| home..=home) {
        let world = household_in(room, number)?;
        let mut rng = Pcg64Mcg::seed_from_u64(number);
        let Some(sampled) = sample_task(&world, kind, &mut rng) else { continue };
        let posed = Posed { home: number, world, sampled };
        if home.is_some() || posed.in_the_open() == asked.number() {
            return Ok(posed);
        }
        first.get_or_insert(posed);
    }
    if let Some(posed) = first {
        return Ok(posed);
    }
    let homes = match home {
        Some(home) => format!("home {home} has"),
        None => format!("the homes {} to {} have", HOMES.start(), HOMES.end()),
    };
    bail!("{homes} no task of the kind `{}`: try another --home", asked.name())
}

/// A model, or the expert.
pub enum AnyMind {
    /// A model.
    Model(Box<GoalPlanner>),
    /// The expert.
    Expert(Box<ExpertMind>),
}

impl AnyMind {
    /// The one who plans.
    pub fn as_dyn(&mut self) -> &mut dyn Mind {
        match self {
            Self::Model(planner) => planner.as_mut(),
            Self::Expert(expert) => expert.as_mut(),
        }
    }

    /// What must be known of it before its plans are trusted; whether it sees with eyes of its own.
    pub fn note(&self, own_eyes: bool) -> Option<String> {
        let boxes = "Into the map went the simulator's true boxes of what was in sight.";
        match self {
            Self::Model(planner) => match (planner.sight().note(planner.name()), own_eyes) {
                (Some(note), _) => Some(format!("{note}. {boxes}")),
                (None, false) => Some(format!(
                    "{} plans without its eyes, for their weights are not there. {boxes}",
                    planner.name()
                )),
                (None, true) => None,
            },
            Self::Expert(_) => Some(
                "the words of the plans are those of an expert who knows the home; what they are \
                 bound to is what the robot's own map has"
                    .into(),
            ),
        }
    }
}

/// Where things are moved to in the open.
const OPEN_TO: [&str; 9] = [
    "bed",
    "coffeetable",
    "countertop",
    "desk",
    "diningtable",
    "dresser",
    "shelf",
    "sidetable",
    "toilet",
];

/// Moves the first thing of this name that stands in the open to another place; what was done, or why
/// nothing was.
fn disturb(world: &mut World, object: &str) -> Result<String, String> {
    let in_the_open = world.named(object).find(|thing| !world.is_hidden(thing.id));
    let Some(thing) = in_the_open.map(|thing| thing.id) else {
        return Err(format!("no {object} stands in the open"));
    };
    let Some(from) = world.holder(thing) else {
        return Err(format!("the {object} stands on nothing"));
    };
    let place = |id: u32| {
        world.home().entity(id).map(|e| (e.category, e.world_T_entity.translation.vector))
    };
    let Some((from_name, from_m)) = place(from) else {
        return Err(format!("the {object} stands on nothing known"));
    };
    let mut others: Vec<(f64, u32, &str)> = OPEN_TO
        .iter()
        .flat_map(|name| world.named(name))
        .filter(|entity| entity.id != from)
        .map(|entity| {
            let apart_m = (entity.world_T_entity.translation.vector - from_m).norm();
            (apart_m, entity.id, entity.category)
        })
        .collect();
    others.sort_by(|a, b| b.0.total_cmp(&a.0));
    let to = others.into_iter().find(|(_, id, _)| world.displace(thing, *id).is_ok());
    let Some((_, _, to)) = to else {
        return Err(format!("no other open place takes the {object}"));
    };
    Ok(format!("somebody carries the {object} from the {from_name} to the {to}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_number_the_first_home_is_taken_that_has_such_a_task() {
        for room in Room::value_variants() {
            let (kind, asked) = (room.kind(), Kind::usual(*room));
            let Posed { home, world, sampled } = pose(kind, asked, None).unwrap();
            assert_eq!((world.home().kind, world.home().seed), (Some(kind), home));
            assert_eq!(sampled.task.kind, asked.of_task());
            for before in *HOMES.start()..home {
                match pose(kind, asked, Some(before)) {
                    Ok(posed) => assert_ne!(posed.in_the_open(), asked.number(), "{before}"),
                    Err(error) => {
                        let error = error.to_string();
                        assert!(error.contains(&format!("home {before} has no task")), "{error}");
                    }
                }
            }
            let again = pose(kind, asked, Some(home)).unwrap();
            assert_eq!(again.sampled.goal, sampled.goal);
        }
    }

    #[test]
    fn what_no_such_room_has_is_told_with_what_it_has() {
        let error = pose(HomeKind::Bathroom, Kind::Cool, None).err().unwrap().to_string();
        assert!(error.contains("no bathroom") && error.contains("clean"), "{error}");
    }
}
