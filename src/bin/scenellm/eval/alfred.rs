//! `scenellm eval alfred`: plans for human goals against the expert's, with and without a look at
//! the home.

use super::eyes::{Gaze, HomeEyes, Look};
use super::runs::{Known, Runs};
use super::table::{Table, check_picture, decimals, scored, share, write_json, write_picture};
use crate::{Outcome, parallel, paths, progress};
use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use scenellm::language::parse_device;
use scenellm::learn::{
    Ablation, AlfredTask, Evaluation, NearestGoal, Prediction, Trajectory, read_alfred,
    read_alfred_tasks,
};
use scenellm::model::SHIPPED_MODEL;
use scenellm::sim::household::{World, alfred_world, is_portable};
use scenellm::tasks::{GoalPlanner, SceneView, SpokenStep};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Plan for human goals and compare with the expert's plans.
///
/// Reports task type, exact plans with and without GotoLocation, and edit distance, over all goals
/// and by kind of task, with bootstrap 95 % intervals (floor plans are drawn; a line that names none is
/// its own). With `--scene` the home of each line is built and looked at before its goals are planned
/// for; the same model without a look, its blind twin, stands beside it.
#[derive(Args)]
pub struct Alfred {
    /// ALFRED trajectories, one a line (.jsonl or .jsonl.gz).
    #[arg(long)]
    data: PathBuf,
    /// Model folder.
    #[arg(
        long,
        value_name = "DIR",
        default_value = SHIPPED_MODEL,
        value_parser = paths::model()
    )]
    model: PathBuf,
    /// Measure a baseline instead of a model; needs `--train`.
    #[arg(long, requires = "train", conflicts_with = "scene")]
    baseline: Option<Baseline>,
    /// Trajectories the baseline learns from.
    #[arg(long)]
    train: Option<PathBuf>,
    /// How the home is known. Without it, goals are planned for blindly.
    #[arg(long, value_enum)]
    scene: Option<Look>,
    #[command(flatten)]
    gaze: Gaze,
    /// Further trajectories that tell of the furniture of the same homes.
    #[arg(long, requires = "scene")]
    furniture: Vec<PathBuf>,
    /// What to take from the model in further runs: no_ego, no_position, frame_only, half_tokens;
    /// and no_tokens, which is as blind, for no list is shown here.
    #[arg(long, value_delimiter = ',', requires = "scene")]
    ablate: Vec<Ablation>,
    /// Measure on the first so many trajectories only.
    #[arg(long)]
    limit: Option<usize>,
    /// Write the scores as JSON.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    json: Option<PathBuf>,
    /// Write each goal with the expert's plan and those of all runs, one JSON object a line.
    #[arg(
        long,
        value_name = "FILE",
        value_parser = paths::file_to_write(),
        requires = "scene"
    )]
    plans: Option<PathBuf>,
    /// Draw the scores as bars (.png or .svg).
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    picture: Option<PathBuf>,
    /// auto, cpu, or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Baseline {
    /// Copy the plan of the nearest training goal (TF-IDF).
    Nearest,
}

/// What a run with scenes comes to.
#[derive(Serialize)]
struct SceneReport {
    model: String,
    scene: Look,
    /// Images of each tour, where the homes were toured.
    #[serde(skip_serializing_if = "Option::is_none")]
    frames: Option<u32>,
    homes: usize,
    /// Homes that could not be built and were planned in blindly, by the reason.
    unseen_homes: BTreeMap<String, usize>,
    /// Mean number of pieces of furniture that hold things, and of things, in the homes that were
    /// built. The less there is, the easier it is to guess where to go.
    mean_furniture: f64,
    mean_things: f64,
    /// Mean number of 3D tokens of a scene, and of the frame before the robot.
    mean_scene_tokens: f64,
    mean_frame_tokens: f64,
    /// Scores by what was taken from the model; `seeing` has everything.
    runs: BTreeMap<&'static str, Evaluation>,
}

/// How many pieces of furniture that hold things, and how many things, there are in a home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stock {
    furniture: usize,
    things: usize,
}

impl Stock {
    fn of(world: &World) -> Self {
        let entities = &world.home().entities;
        Self {
            furniture: entities.iter().filter(|entity| entity.is_receptacle).count(),
            things: entities.iter().filter(|entity| is_portable(entity.category)).count(),
        }
    }
}

/// What was made of one trajectory.
struct Planned {
    unseen: Option<String>,
    /// What its home has; `None` where it could not be built.
    stock: Option<Stock>,
    scene_tokens: usize,
    frame_tokens: usize,
    /// For each goal, the predictions of all runs.
    goals: Vec<Vec<Prediction>>,
}

impl Alfred {
    /// Measures and prints.
    pub fn run(self) -> anyhow::Result<Outcome> {
        check_picture(self.picture.as_deref())?;
        let mut trajectories = read_alfred(&self.data)?;
        match self.scene {
            Some(look) => {
                let more: Vec<&Path> = self.furniture.iter().map(PathBuf::as_path).collect();
                let mut homes = read_alfred_tasks(&self.data, &more)?;
                ensure!(homes.len() == trajectories.len(), "lines without a home are not known");
                let limit = self.limit.unwrap_or(homes.len());
                homes.truncate(limit);
                trajectories.truncate(limit);
                self.with_scenes(look, &trajectories, &homes)
            }
            None => {
                trajectories.truncate(self.limit.unwrap_or(trajectories.len()));
                self.without_scenes(&trajectories)
            }
        }
    }

    fn without_scenes(&self, trajectories: &[Trajectory]) -> anyhow::Result<Outcome> {
        let pairs: Vec<(&Trajectory, &str)> = trajectories
            .iter()
            .flat_map(|one| one.goals.iter().map(move |goal| (one, goal.goal.as_str())))
            .collect();
        let count = progress::Count::new(pairs.len(), "planning");
        let predictions = match (self.baseline, &self.train) {
            (Some(Baseline::Nearest), Some(train)) => {
                let index = NearestGoal::new(&read_alfred(train)?);
                pairs.iter().map(|(_, goal)| index.predict(goal)).collect()
            }
            _ => parallel::map(
                &pairs,
                || self.planner(),
                |planner, _, (_, goal)| {
                    let prediction = predict(planner, goal, None)?;
                    count.add();
                    Ok(prediction)
                },
            )?,
        };
        count.finish();
        let experts = pairs.iter().map(|(trajectory, _)| *trajectory);
        let evaluation = Evaluation::of(experts.zip(&predictions));
        print(&evaluation)?;
        let all = &evaluation.all;
        let acts = (all.plan_without_goto_exact, all.plan_without_goto_exact_ci95);
        let bars = vec![
            scored("full plan", 0, all.full_plan_exact, all.full_plan_exact_ci95),
            scored("without Goto", 0, acts.0, acts.1),
        ];
        write_picture(self.picture.as_deref(), "plans equal to the expert's", bars)?;
        write_json(self.json.as_deref(), &evaluation)?;
        Ok(Outcome::Done)
    }

    fn with_scenes(
        &self,
        look: Look,
        trajectories: &[Trajectory],
        homes: &[AlfredTask],
    ) -> anyhow::Result<Outcome> {
        let idle = [
            (Ablation::NoUpdate, "nothing changes before a plan is made; `eval sim` acts"),
            (Ablation::NoList, "plans are read off 3D tokens; no list is shown"),
        ];
        let runs = Runs::new(&self.ablate, &idle)?;
        let mut planner = self.planner()?;
        let eyes = HomeEyes::new(look, &self.gaze, &mut planner, &self.model, &self.device)?;
        let name = planner.name().to_owned();
        drop(planner);
        let lines: Vec<(&Trajectory, &AlfredTask)> = trajectories.iter().zip(homes).collect();
        let count = progress::Count::new(lines.len(), "looking and planning");
        let planned = parallel::map(
            &lines,
            || self.planner(),
            |planner, at, line| {
                let planned = plan(planner, &eyes, at as u64, *line, &runs)?;
                count.add();
                Ok(planned)
            },
        )?;
        count.finish();
        let mut unseen_homes: BTreeMap<String, usize> = BTreeMap::new();
        for reason in planned.iter().filter_map(|one| one.unseen.clone()) {
            *unseen_homes.entry(reason).or_default() += 1;
        }
        let stocks: Vec<Stock> = planned.iter().filter_map(|one| one.stock).collect();
        let by_run = runs.each().enumerate().map(|(at, run)| {
            let pairs = lines.iter().zip(&planned).flat_map(|((expert, _), planned)| {
                planned.goals.iter().filter_map(move |goal| Some((*expert, goal.get(at)?)))
            });
            (Runs::name(run), Evaluation::of(pairs))
        });
        if let Some(path) = &self.plans {
            write_plans(path, &lines, &planned, &runs)?;
        }
        let report = SceneReport {
            model: name,
            scene: look,
            frames: look.tours().then_some(self.gaze.frames),
            homes: homes.len(),
            unseen_homes,
            mean_furniture: mean(stocks.iter().map(|stock| stock.furniture)),
            mean_things: mean(stocks.iter().map(|stock| stock.things)),
            mean_scene_tokens: mean(planned.iter().map(|one| one.scene_tokens)),
            mean_frame_tokens: mean(planned.iter().map(|one| one.frame_tokens)),
            runs: by_run.collect(),
        };
        report.print()?;
        let bars = report.runs.iter().enumerate().flat_map(|(group, (run, scores))| {
            let (all, name) = (&scores.all, |what: &str| format!("{run}: {what}"));
            let acts = (all.plan_without_goto_exact, all.plan_without_goto_exact_ci95);
            [
                scored(name("full plan"), group, all.full_plan_exact, all.full_plan_exact_ci95),
                scored(name("without Goto"), group, acts.0, acts.1),
            ]
        });
        let title = format!("{}: plans equal to the expert's", report.model);
        write_picture(self.picture.as_deref(), &title, bars.collect())?;
        write_json(self.json.as_deref(), &report)?;
        Ok(Outcome::Done)
    }

    fn planner(&self) -> anyhow::Result<GoalPlanner> {
        Ok(GoalPlanner::load(&self.model, &parse_device(&self.device)?)?)
    }
}

/// Looks at the home of a line and plans for its goals in every run.
fn plan(
    planner: &mut GoalPlanner,
    eyes: &HomeEyes,
    number: u64,
    (trajectory, told): (&Trajectory, &AlfredTask),
    runs: &Runs,
) -> anyhow::Result<Planned> {
    let (known, stock, unseen) = match alfred_world(&told.home, number) {
        Ok(world) => {
            let stock = Stock::of(&world);
            (eyes.open(world, number)?.known()?, Some(stock), None)
        }
        Err(error) => (Known::default(), None, Some(error.to_string())),
    };
    let left = runs.left(&known);
    let goals = trajectory.goals.iter().map(|goal| {
        let each = left.iter().map(|known| predict(planner, &goal.goal, known.view.as_ref()));
        each.collect::<anyhow::Result<Vec<_>>>()
    });
    let goals = goals.collect::<anyhow::Result<_>>()?;
    let count = |of: fn(&SceneView) -> Option<usize>| known.view.as_ref().and_then(of).unwrap_or(0);
    Ok(Planned {
        scene_tokens: count(|view| Some(view.scene.as_ref()?.len())),
        frame_tokens: count(|view| Some(view.frame.as_ref()?.len())),
        unseen,
        stock,
        goals,
    })
}

fn mean(counts: impl ExactSizeIterator<Item = usize>) -> f64 {
    let number = counts.len().max(1);
    counts.sum::<usize>() as f64 / number as f64
}

fn predict(
    planner: &mut GoalPlanner,
    goal: &str,
    view: Option<&SceneView>,
) -> anyhow::Result<Prediction> {
    let vocabulary = planner.vocabulary().clone();
    let plan = planner.speak(goal, view, &vocabulary)?;
    Ok(Prediction { task: plan.task, steps: plan.steps })
}

/// Writes what became of each goal.
fn write_plans(
    path: &Path,
    lines: &[(&Trajectory, &AlfredTask)],
    planned: &[Planned],
    runs: &Runs,
) -> anyhow::Result<()> {
    let spoken = |steps: &[SpokenStep]| -> Vec<String> {
        steps.iter().map(|step| format!("{}({})", step.action, step.arguments.join(", "))).collect()
    };
    let mut text = String::new();
    for ((expert, told), planned) in lines.iter().zip(planned) {
        for (goal, predictions) in expert.goals.iter().zip(&planned.goals) {
            let made: BTreeMap<&str, Vec<String>> = runs
                .each()
                .zip(predictions)
                .map(|(run, prediction)| (Runs::name(run), spoken(&prediction.steps)))
                .collect();
            let row = serde_json::json!({
                "id": told.id, "scene": told.scene, "task": expert.task, "goal": goal.goal,
                "expert": spoken(&expert.plan), "plans": made,
            });
            text += &format!("{row}\n");
        }
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

impl SceneReport {
    fn print(&self) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        for (run, evaluation) in &self.runs {
            writeln!(out, "{run}")?;
            table(evaluation).print(&mut out)?;
        }
        writeln!(
            out,
            "{}: {} homes, {:.1} tokens a scene, {:.1} a frame",
            self.model, self.homes, self.mean_scene_tokens, self.mean_frame_tokens
        )?;
        writeln!(
            out,
            "a home has {:.1} pieces of furniture that hold things, and {:.1} things",
            self.mean_furniture, self.mean_things
        )?;
        for (reason, times) in &self.unseen_homes {
            writeln!(out, "{times} × home not built, planned in blindly: {reason}")?;
        }
        Ok(())
    }
}

fn print(evaluation: &Evaluation) -> std::io::Result<()> {
    table(evaluation).print(&mut std::io::stdout().lock())
}

fn table(evaluation: &Evaluation) -> Table {
    let mut table = Table::new(&["goals", "type", "without Goto", "full plan", "edits"]);
    let rows = evaluation.per_type.iter().map(|(task, scores)| (task.as_str(), scores));
    for (name, scores) in rows.chain([("all", &evaluation.all)]) {
        table.row(
            name,
            vec![
                scores.n.to_string(),
                share(scores.type_accuracy, scores.type_accuracy_ci95),
                share(scores.plan_without_goto_exact, scores.plan_without_goto_exact_ci95),
                share(scores.full_plan_exact, scores.full_plan_exact_ci95),
                decimals(scores.edit_distance, 2),
            ],
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenellm::sim::household::{AlfredHome, AlfredReceptacle};

    #[test]
    fn furniture_and_things_of_a_home_are_counted_and_the_room_is_not() {
        let receptacle = |category: &str, at_m| AlfredReceptacle {
            category: category.into(),
            at_m,
            seen_towards_deg: None,
            held_m: Vec::new(),
        };
        let mut told = AlfredHome {
            start: [0.0, 0.9, 1.0, 90.0, 30.0],
            objects: vec![("mug".into(), [0.05, 0.74, 2.9])],
            receptacles: vec![
                receptacle("desk", [0.0, 0.0, 3.0]),
                receptacle("desklamp", [0.3, 0.74, 3.0]),
            ],
            free_m: vec![[0.0, 0.0], [0.0, 1.0]],
            ..AlfredHome::default()
        };
        let stock = |told: &AlfredHome| Stock::of(&alfred_world(told, 1).unwrap());
        let one_desk = stock(&told);
        assert_eq!(one_desk, Stock { furniture: 1, things: 1 });
        told.receptacles.push(receptacle("dresser", [0.0, 0.0, -1.0]));
        let both = [one_desk, stock(&told)];
        assert_eq!(mean(both.iter().map(|stock| stock.furniture)), 1.5);
        assert_eq!(mean(both.iter().map(|stock| stock.things)), 1.0);
        assert_eq!(mean(std::iter::empty()), 0.0, "no home was built");
    }
}
