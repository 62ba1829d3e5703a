//! `scenellm eval vln`: instructions followed in homes that were looked at.

use super::eyes::{HomeEyes, Look, Onlooker};
use super::homes::{HomeSource, sift};
use super::measurement::Measurement;
use super::runs::{Known, Runs};
use super::table::{Table, scored, share, tell_left_out, write_json};
use crate::{Outcome, paths};
use anyhow::{Context, ensure};
use clap::Args;
use nalgebra::Point3;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use scenellm::learn::{Ablation, NavigationScores, Walked, length_m, ndtw, walk};
use scenellm::planner::follow::{
    BasePose, FollowConfig, FollowError, InstructionStep, by_rules, parse_instruction,
    program_text, understand,
};
use scenellm::scene::MapObject;
use scenellm::sim::household::World;
use scenellm::sim::language::{
    Pair, PairFrame, Route, SceneFacts, ego_navigations, navigations, varied,
};
use scenellm::tasks::{GoalPlanner, SceneMind, SceneView};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

/// Within this distance of where it was to go the robot has arrived, metres.
const ARRIVED_M: f64 = 1.0;
/// Name of the run without a model.
const RULES: &str = "rules";
/// Ablations that would change nothing.
const IDLE: [(Ablation, &str); 2] = [
    (Ablation::NoUpdate, "nothing changes while the robot drives"),
    (Ablation::NoList, "no list is shown here, and the robot that drives keeps its map"),
];

/// Have instructions followed in homes that were looked at.
///
/// As in the node with `follow.by_model`: what the follower's rules read, and whose places the map
/// has, is driven as it stands, and of the rest a model makes a program. Reports who wrote the
/// programs, success within a metre (SR), success weighed by path length (SPL) and nDTW, with
/// bootstrap 95 % intervals (floor plans are drawn), beside the blind twin and the rules alone. The
/// robot that drives keeps its map in all runs: what the rules read is driven alike, and runs differ
/// in the programs of the model.
#[derive(Args)]
pub struct Vln {
    #[command(flatten)]
    measurement: Measurement,
    /// Instructions in each home: from the scene, and from the view before the robot.
    #[arg(long, num_args = 2, value_names = ["SCENE", "VIEW"], default_values_t = [4, 2])]
    instructions: Vec<usize>,
    /// What to take from the model in further runs: no_ego, no_position, frame_only, half_tokens;
    /// and no_tokens, which is as blind, for no list is shown here.
    #[arg(long, value_delimiter = ',')]
    ablate: Vec<Ablation>,
    /// Write scores and walks as JSON.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct VlnReport {
    model: String,
    eyes: Look,
    homes: usize,
    left_out: BTreeMap<String, usize>,
    /// Scores by what was taken from the model, and there by what the instruction was told from;
    /// `seeing` has everything, `rules` has no model.
    runs: BTreeMap<&'static str, BTreeMap<&'static str, NavigationScores>>,
    /// What the seeing model did.
    walks: Vec<Walked>,
}

/// An instruction and what became of it in every run, the rules last.
struct Followed {
    frame: PairFrame,
    walks: Vec<Walked>,
}

impl Vln {
    /// Has instructions followed and prints.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let runs = Runs::new(&self.ablate, &IDLE)?;
        let (sources, eyes, model) = self.measurement.open()?;
        let followed =
            self.measurement.each("looking and driving", &sources, |planner, source| {
                self.follow(planner, &eyes, source, &runs)
            })?;
        let (followed, left_out) = sift(followed);
        let homes = followed.len();
        let all: Vec<Followed> = followed.into_iter().flatten().collect();
        ensure!(!all.is_empty(), "there is nowhere to go in these homes");
        let by_run = runs.each().map(Runs::name).chain([RULES]).enumerate().map(|(at, run)| {
            let of = |frame: Option<PairFrame>| {
                let chosen = all.iter().filter(|one| frame.is_none_or(|frame| frame == one.frame));
                let walks: Vec<&Walked> = chosen.filter_map(|one| one.walks.get(at)).collect();
                NavigationScores::of(&walks)
            };
            let by_frame = [
                ("all", of(None)),
                ("scene", of(Some(PairFrame::Scene))),
                ("view", of(Some(PairFrame::Ego))),
            ];
            (run, by_frame.into())
        });
        let report = VlnReport {
            model,
            eyes: eyes.look(),
            homes,
            left_out,
            runs: by_run.collect(),
            walks: all.iter().filter_map(|one| one.walks.first().cloned()).collect(),
        };
        report.print()?;
        let bars = report.runs.iter().enumerate().flat_map(|(group, (run, by_frame))| {
            by_frame.iter().flat_map(move |(frame, scores)| {
                let name = |score: &str| format!("{run}, {frame}: {score}");
                [
                    scored(name("SR"), group, scores.success, scores.success_ci95),
                    scored(name("SPL"), group, scores.spl, scores.spl_ci95),
                ]
            })
        });
        let title = format!("{}: instructions followed", report.model);
        self.measurement.draw(&title, bars.collect())?;
        write_json(self.json.as_deref(), &report)?;
        Ok(Outcome::Done)
    }

    /// Has all instructions of a home followed in every run; why not, where it cannot be built.
    fn follow(
        &self,
        planner: &mut GoalPlanner,
        eyes: &HomeEyes,
        source: &HomeSource,
        runs: &Runs,
    ) -> anyhow::Result<Result<Vec<Followed>, String>> {
        let world = match source.build() {
            Ok(world) => world,
            Err(reason) => return Ok(Err(reason)),
        };
        let mut rng = Pcg64Mcg::seed_from_u64(source.number());
        let seen = eyes.open(varied(&world, &mut rng), source.number())?;
        let known = seen.known()?;
        let (left, world) = (runs.left(&known), seen.world());
        let facts = SceneFacts::of_world(world);
        let before = SceneFacts::in_view(world, &world.robot().world_T_camera())?;
        let count = |at: usize| self.instructions.get(at).copied().unwrap_or(0);
        let mut pairs = navigations(world, &facts, count(0), &mut rng);
        pairs.extend(ego_navigations(world, &before, count(1), &mut rng));
        let mind = planner.mind().context("the model cannot follow instructions")?;
        let mut all = Vec::new();
        for pair in pairs {
            let Some(route) = &pair.route else { continue };
            let mut walks = Vec::new();
            for Known { view, .. } in &left {
                let shown = view.clone().map(|view| match pair.frame {
                    PairFrame::Scene => view,
                    PairFrame::Ego => SceneView { scene: None, ..view },
                });
                let driver = Driver::of(mind, &pair.prompt, shown.as_ref(), &known.objects);
                walks.push(drive(&seen, source, &pair, route, driver));
            }
            let steps = parse_instruction(&pair.prompt);
            let driver = Driver { by_model: false, steps, objects: &known.objects };
            walks.push(drive(&seen, source, &pair, route, driver));
            all.push(Followed { frame: pair.frame, walks });
        }
        Ok(Ok(all))
    }
}

/// What a robot has in mind when it sets out.
struct Driver<'a> {
    /// Its program, and whether a model wrote it.
    steps: Result<Vec<InstructionStep>, FollowError>,
    by_model: bool,
    /// All places that it knows by name.
    objects: &'a [MapObject],
}

impl<'a> Driver<'a> {
    /// Somebody who was told `instruction` and knows `objects`: what the rules read is driven as it
    /// stands, and of the rest `mind`, which is shown `view`, makes a program.
    fn of(
        mind: &mut SceneMind,
        instruction: &str,
        view: Option<&SceneView>,
        objects: &'a [MapObject],
    ) -> Self {
        let (by_model, steps) = match by_rules(instruction, objects) {
            Some(steps) => (false, Ok(steps)),
            None => (true, understand(mind, instruction, view, objects)),
        };
        Self { steps, by_model, objects }
    }
}

/// Drives through the home as the program says, if it says anything.
fn drive(
    seen: &Onlooker<'_>,
    source: &HomeSource,
    pair: &Pair,
    route: &Route,
    Driver { steps, by_model, objects }: Driver<'_>,
) -> Walked {
    let world = seen.world();
    let shortest_m = length_m(&route.path_m);
    let (program, walked) = match steps {
        Ok(steps) => {
            let program = program_text(&steps);
            let config = FollowConfig::default();
            let mut look = |pose: &BasePose| seen.surroundings(pose, &config, objects);
            (program, Ok(walk(world, steps, &config, &mut look)))
        }
        Err(error) => (String::new(), Err(error.to_string())),
    };
    let (path_m, fault) = match walked {
        Ok(walk) => (walk.path_m, walk.fault),
        Err(fault) => (vec![world.robot().xy_m.into()], Some(fault)),
    };
    let off_m = path_m.last().map_or(f64::INFINITY, |end| off_goal_m(world, pair, route, *end));
    Walked {
        home: source.name(),
        floor_plan: source.floor_plan(),
        instruction: pair.prompt.clone(),
        program,
        by_model,
        success: off_m <= ARRIVED_M,
        way_m: length_m(&path_m),
        shortest_m,
        ndtw: ndtw(&path_m, &route.path_m, ARRIVED_M),
        fault,
    }
}

/// How far a place is from where an instruction leads, metres: from the end of the way it asks for,
/// or from the thing at that end, which can be stood before on any side.
fn off_goal_m(world: &World, pair: &Pair, route: &Route, place: [f64; 2]) -> f64 {
    let Some(end) = route.path_m.last() else { return f64::INFINITY };
    let apart = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
    let gap = |id: u32, [x, y]: [f64; 2]| {
        let entity = world.home().entity(id)?;
        Some(world.gap_m(entity, &Point3::new(x, y, 0.0).coords.xy()))
    };
    let at_end = pair.ids.iter().filter_map(|id| Some((gap(*id, *end)?, *id)));
    let target = at_end.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, id)| id);
    let to_thing = target.and_then(|id| gap(id, place)).unwrap_or(f64::INFINITY);
    apart(*end, place).min(to_thing)
}

impl VlnReport {
    fn print(&self) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        let mut table = Table::new(&["walks", "by rules", "by model", "SR", "SPL", "nDTW"]);
        for (run, by_frame) in &self.runs {
            for (frame, scores) in by_frame {
                let cells = vec![
                    scores.n.to_string(),
                    scores.by_rules.to_string(),
                    scores.by_model.to_string(),
                    share(scores.success, scores.success_ci95),
                    share(scores.spl, scores.spl_ci95),
                    share(scores.ndtw, scores.ndtw_ci95),
                ];
                table.row(&format!("{run}, {frame}"), cells);
            }
        }
        table.print(&mut out)?;
        writeln!(out, "{}: {} homes", self.model, self.homes)?;
        tell_left_out(&mut out, &self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::eyes::fixtures::knowing;
    use super::*;
    use scenellm::sim::HomeKind;
    use scenellm::sim::household::household;
    use scenellm::sim::language::PairKind;

    fn pair(instruction: &str) -> Pair {
        Pair {
            kind: PairKind::Navigation,
            question: None,
            frame: PairFrame::Scene,
            turns: Vec::new(),
            prompt: instruction.into(),
            answer: String::new(),
            ids: Vec::new(),
            route: None,
        }
    }

    #[test]
    fn the_robot_of_the_blind_twin_keeps_its_map_and_one_without_a_map_goes_nowhere() {
        let (mut planner, eyes) = knowing();
        let seen = eyes.open(household(3).unwrap(), 3).unwrap();
        let known = seen.known().unwrap();
        let blind = known.left(Some(Ablation::Blind));
        assert_eq!(blind.view, None);
        let route = Route { start_yaw_rad: 0.0, path_m: vec![[0.0; 2]] };
        let source = HomeSource::Seed(HomeKind::Kitchen, 3);
        let to_fridge = pair("go to the fridge");
        let go = |driver: Driver<'_>| drive(&seen, &source, &to_fridge, &route, driver);
        let mind = planner.mind().unwrap();
        let mut told = |view: Option<&SceneView>| {
            go(Driver::of(mind, &to_fridge.prompt, view, &known.objects))
        };
        let (seeing, unseeing) = (told(known.view.as_ref()), told(blind.view.as_ref()));
        assert_eq!((&seeing.fault, seeing.by_model), (&None, false));
        assert_eq!(unseeing, seeing);
        let program = |step: InstructionStep, objects: &[MapObject]| {
            go(Driver { steps: Ok(vec![step]), by_model: true, objects })
        };
        let there = || InstructionStep::GoTo("fridge".into());
        let by_model = program(there(), &known.objects);
        assert_eq!((&by_model.fault, by_model.by_model), (&None, true));
        assert_eq!(by_model.way_m, seeing.way_m);
        let lost = program(there(), &[]);
        assert_eq!(lost.way_m, 0.0);
        assert!(lost.fault.unwrap().contains("fridge"));
        assert_eq!(program(InstructionStep::Turn(1.0), &[]).fault, None, "it can drive");
    }

    #[test]
    fn what_would_change_nothing_is_not_taken_away() {
        let error = Runs::new(&[Ablation::NoList], &IDLE).err().unwrap().to_string();
        assert!(error.starts_with("no_list: ") && error.contains("keeps its map"), "{error}");
        assert!(Runs::new(&[Ablation::NoTokens, Ablation::HalfTokens], &IDLE).is_ok());
    }
}
