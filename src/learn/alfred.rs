//! ALFRED's human goals with expert plans (Shridhar et al., CVPR 2020), one trajectory a line.
//!
//! Each line of the gzipped file holds several people's words for one trajectory (`goals`: a goal
//! and step instructions), its kind of task (`type`) and the expert's high-level `plan`.

use super::LearnError;
use super::lines::read_lines;
use crate::tasks::SpokenStep;
use serde::Deserialize;
use std::path::Path;

/// One expert trajectory and what people said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    /// Kind of task, one of seven.
    pub task: String,
    /// Name of its floor plan, which other trajectories share; `None` where that is not told.
    pub scene: Option<String>,
    /// People's words.
    pub goals: Vec<Goal>,
    /// The expert's steps, the end action left out.
    pub plan: Vec<SpokenStep>,
}

/// One person's words for a trajectory.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Goal {
    /// The goal in one sentence.
    pub goal: String,
    /// Instructions, one a step.
    #[serde(default)]
    pub steps: Vec<String>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    task: String,
    #[serde(default)]
    scene: Option<String>,
    goals: Vec<Goal>,
    plan: Vec<LineStep>,
}

/// A step as the data sets write it.
#[derive(Deserialize)]
pub(super) struct LineStep {
    action: String,
    #[serde(default)]
    args: Vec<String>,
}

impl LineStep {
    /// The step in words.
    pub(super) fn spoken(self) -> SpokenStep {
        SpokenStep { action: self.action, arguments: self.args }
    }
}

/// Reads all trajectories of a `.jsonl.gz` (or plain `.jsonl`) file.
pub fn read_alfred(path: &Path) -> Result<Vec<Trajectory>, LearnError> {
    Ok(read_lines::<Line>(path)?.into_iter().map(Trajectory::from).collect())
}

impl From<Line> for Trajectory {
    fn from(line: Line) -> Self {
        let plan = line
            .plan
            .into_iter()
            .filter(|step| step.action != "NoOp")
            .map(LineStep::spoken)
            .collect();
        Self { task: line.task, scene: line.scene, goals: line.goals, plan }
    }
}

/// The plan with the words that 0.3 % of the expert's lines leave empty (`CleanObject ""`) filled
/// by the thing in the hand, as a plan to learn from must have them.
pub fn complete_plan(plan: &[SpokenStep]) -> Vec<SpokenStep> {
    let mut held = String::new();
    plan.iter()
        .cloned()
        .map(|mut step| {
            for argument in &mut step.arguments {
                if argument.is_empty() {
                    argument.clone_from(&held);
                }
            }
            if step.action == "PickupObject" {
                held = step.arguments.first().cloned().unwrap_or_default();
            }
            step
        })
        .filter(|step| step.arguments.iter().all(|argument| !argument.is_empty()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write;

    const LINE: &str = r#"{"type": "pick_clean_then_place_in_recep", "scene": "FloorPlan4",
        "goals": [{"goal": "Wash it.", "steps": ["go"]}],
        "plan": [{"action": "PickupObject", "args": ["cup"]},
        {"action": "CleanObject", "args": [""]}, {"action": "NoOp", "args": []}], "extra": 1}"#;

    #[test]
    fn a_gzipped_line_becomes_a_trajectory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl.gz");
        let mut gz =
            flate2::write::GzEncoder::new(File::create(&path).unwrap(), Default::default());
        gz.write_all(LINE.replace('\n', " ").as_bytes()).unwrap();
        gz.finish().unwrap();
        let read = read_alfred(&path).unwrap();
        assert_eq!(read[0].goals[0].goal, "Wash it.");
        assert_eq!(read[0].scene.as_deref(), Some("FloorPlan4"));
        assert_eq!(read[0].plan.len(), 2, "the end action is left out");
        assert_eq!(complete_plan(&read[0].plan)[1].arguments, ["cup"]);
    }

    #[test]
    fn a_bad_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, format!("{}\n{{\"type\": 3}}\n", LINE.replace('\n', " "))).unwrap();
        let error = read_alfred(&path).unwrap_err().to_string();
        assert!(error.contains("a.jsonl, line 2"), "{error}");
    }
}
