//! `scenellm bench plan`: how long a person waits for a plan.

use super::report::{Table, cores, median, quantile};
use crate::paths;
use clap::Args;
use scenellm::language::parse_device;
use scenellm::model::SHIPPED_MODEL;
use scenellm::tasks::{GoalPlanner, PlanRequest, SoFar};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

/// Goals of the seven kinds a household model knows, in everyday words.
const GOALS: [&str; 20] = [
    "Put the mug on the table.",
    "Bring the apple to the counter.",
    "Move the book to the shelf.",
    "Put a pen on the desk.",
    "Place two plates in the cabinet.",
    "Put both candles on the shelf.",
    "Wash the cup and put it on the table.",
    "Put a clean plate in the cabinet.",
    "Rinse the tomato and put it on the counter.",
    "Put a clean knife in the drawer.",
    "Warm up the potato and put it on the table.",
    "Heat a slice of bread and put it on the counter.",
    "Put a hot mug in the sink.",
    "Cool the apple and put it on the table.",
    "Put a chilled tomato in the bin.",
    "Put a cold slice of lettuce on the counter.",
    "Look at the book under the lamp.",
    "Turn on the lamp and hold the box.",
    "Put the pot with the spoon in it on the stove.",
    "Put a knife in a bowl and the bowl on the table.",
];

/// Time from a goal to its plan, over twenty goals and no map.
#[derive(Args)]
pub struct PlanBench {
    /// Model folder.
    #[arg(
        long,
        value_name = "DIR",
        default_value = SHIPPED_MODEL,
        value_parser = paths::model()
    )]
    model: PathBuf,
    /// Device the model runs on: cpu, or cuda:0 in a build with that feature.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Write the result to this file as JSON.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct PlanResult {
    model: String,
    device: String,
    threads: usize,
    goals: usize,
    refused: usize,
    mean_steps: f64,
    load_ms: f64,
    median_ms: f64,
    p95_ms: f64,
}

impl PlanBench {
    /// Measures and prints.
    pub fn run(self) -> anyhow::Result<()> {
        let begin = Instant::now();
        let mut planner = GoalPlanner::load(&self.model, &parse_device(&self.device)?)?;
        let load_ms = begin.elapsed().as_secs_f64() * 1e3;
        let (mut times_ms, mut steps, mut refused) = (Vec::new(), 0, 0);
        // The first goal is planned once more before the clock starts, to warm up.
        for (round, goal) in GOALS[..1].iter().chain(&GOALS).enumerate() {
            let begin = Instant::now();
            let plan = planner.plan(&PlanRequest {
                goal,
                objects: &[],
                robot_m: [0.0; 3],
                heading_rad: None,
                held: None,
                so_far: SoFar::nothing(),
                view: None,
                frame_id: "map",
                stamp_ns: 0,
                step_expiry_ns: 0,
                require_grounding: false,
            });
            if round > 0 {
                times_ms.push(begin.elapsed().as_secs_f64() * 1e3);
                steps += plan.steps.len();
                refused += usize::from(plan.refusal.is_some());
            }
        }
        let result = PlanResult {
            model: planner.name().to_owned(),
            threads: candle_core::utils::get_num_threads().min(cores()),
            device: self.device,
            goals: GOALS.len(),
            refused,
            mean_steps: steps as f64 / GOALS.len() as f64,
            load_ms,
            median_ms: median(&times_ms),
            p95_ms: quantile(&times_ms, 0.95),
        };
        let mut table = Table::new(format!(
            "bench plan: {} on {}, {} threads, {} goals",
            result.model, result.device, result.threads, result.goals
        ));
        table.row("load", format!("{load_ms:.0} ms"));
        table.row(
            "goal to plan",
            format!("median {:.1} ms, p95 {:.1} ms", result.median_ms, result.p95_ms),
        );
        table.row("plans", format!("{:.1} steps on average, {refused} refused", result.mean_steps));
        table.finish(self.json.as_deref(), &result)
    }
}
