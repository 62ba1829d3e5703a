//! `scenellm ask`: plan over a saved map, from the command line or a conversation.

use crate::Outcome;
use crate::settings::{Settings, planner};
use clap::Args;
use scenellm::planner::PlannerConfig;
use scenellm::scene::{ObjectId, SceneMap};
use scenellm::tasks::{GoalPlanner, PlanRequest};
use std::io::{BufRead, Write};
use std::path::PathBuf;

/// Plan for goals over a saved map (`map.scenemap` of a replay).
///
/// Without words, reads one goal a line from the standard input.
#[derive(Args)]
pub struct Ask {
    /// The goal, in plain words.
    words: Vec<String>,
    /// The saved map; without one nothing is grounded.
    #[arg(long)]
    map: Option<PathBuf>,
    /// Model folder; the parameter `plan.model` unless given.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Where the robot is, world frame, metres: x,y,z.
    #[arg(long, value_delimiter = ',', default_values_t = [0.0, 0.0, 0.0], allow_hyphen_values = true)]
    robot: Vec<f64>,
    /// Id of the object in the robot's hand.
    #[arg(long, value_name = "ID")]
    held: Option<u32>,
    /// Print plans as JSON, one a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Ask {
    /// Plans and prints.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let config = self.settings.config()?;
        let &[x, y, z] = self.robot.as_slice() else {
            anyhow::bail!("--robot takes three numbers: x,y,z");
        };
        let mut planner = planner(&config, self.model.as_deref())?;
        let map = match &self.map {
            Some(path) => SceneMap::load(path)?.0,
            None => SceneMap::new(config.map.clone())?,
        };
        let mut answer = |goal: &str| self.answer(goal, [x, y, z], &map, &mut planner, &config);
        if !self.words.is_empty() {
            return answer(&self.words.join(" "));
        }
        let mut outcome = Outcome::Done;
        for line in std::io::stdin().lock().lines() {
            let line = line?;
            if !line.trim().is_empty() {
                outcome = answer(&line)?;
            }
        }
        Ok(outcome)
    }

    fn answer(
        &self,
        goal: &str,
        robot_m: [f64; 3],
        map: &SceneMap,
        planner: &mut GoalPlanner,
        config: &PlannerConfig,
    ) -> anyhow::Result<Outcome> {
        let plan = planner.plan(&PlanRequest {
            goal,
            objects: map.objects().as_slice(),
            robot_m,
            held: self.held.map(ObjectId),
            view: None,
            frame_id: &map.config().frame_id,
            stamp_ns: map.objects().iter().map(|object| object.last_seen_ns).max().unwrap_or(0),
            step_expiry_ns: (config.plan.step_expiry_s * 1e9) as i64,
            require_grounding: config.plan.require_grounding,
        });
        if self.json {
            writeln!(std::io::stdout(), "{}", serde_json::to_string(&plan)?)?;
        } else {
            crate::show::plan(&plan)?;
        }
        Ok(if plan.refusal.is_some() { Outcome::No } else { Outcome::Done })
    }
}
