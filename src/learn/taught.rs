//! Goals answered by a teacher: soft targets (Hinton et al., 2015).
//!
//! A larger model that has read more than ALFRED says what a goal may mean, and how likely each
//! meaning is. It can be asked for goals nobody has made a plan for, so its answers say what is to
//! be done, and not where to go. One goal a line:
//! `{"goal": "…", "answers": [{"task": "…", "acts": [{"action": "…", "args": ["…"]}], "probability": 0.7}]}`

use super::LearnError;
use super::alfred::LineStep;
use super::lines::read_lines;
use crate::tasks::SpokenStep;
use serde::Deserialize;
use std::path::Path;

/// A goal and what the teacher says of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaughtGoal {
    /// The goal in one sentence.
    pub goal: String,
    /// What it may mean; the likely meanings only, so the probabilities need not sum to 1.
    pub answers: Vec<TaughtAnswer>,
}

/// One meaning of a goal.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaughtAnswer {
    /// Kind of task.
    pub task: String,
    /// What is to be done, without going anywhere.
    #[serde(deserialize_with = "acts")]
    pub acts: Vec<SpokenStep>,
    /// How likely the teacher finds it, 0..=1.
    pub probability: f64,
}

fn acts<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<SpokenStep>, D::Error> {
    Ok(Vec::<LineStep>::deserialize(from)?.into_iter().map(LineStep::spoken).collect())
}

/// Reads the answers of a teacher from a `.jsonl.gz` or `.jsonl` file.
///
/// # Errors
///
/// When the file cannot be read, or a goal has no answer of a probability above 0.
pub fn read_taught(path: &Path) -> Result<Vec<TaughtGoal>, LearnError> {
    let goals: Vec<TaughtGoal> = read_lines(path)?;
    for goal in &goals {
        let likely = |answer: &TaughtAnswer| (0.0..=1.0).contains(&answer.probability);
        let total: f64 = goal.answers.iter().map(|answer| answer.probability).sum();
        if !goal.answers.iter().all(likely) || total <= 0.0 {
            let reason = format!("goal {:?}: probabilities must be in 0..=1, not all 0", goal.goal);
            return Err(LearnError::invalid(path, reason));
        }
    }
    Ok(goals)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<TaughtGoal>, LearnError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taught.jsonl");
        std::fs::write(&path, text).unwrap();
        read_taught(&path)
    }

    #[test]
    fn a_line_is_a_goal_with_its_meanings() {
        let line = |probability: &str| {
            let acts = r#"[{"action": "PickupObject", "args": ["mug"]}]"#;
            let answer =
                format!(r#"{{"task": "t", "acts": {acts}, "probability": {probability}}}"#);
            format!(r#"{{"goal": "the mug", "answers": [{answer}]}}"#)
        };
        let goals = read(&line("0.5")).unwrap();
        assert_eq!(goals[0].answers[0].acts[0].arguments, ["mug"]);
        for bad in ["0", "1.5", "-1"] {
            let error = read(&line(bad)).unwrap_err().to_string();
            assert!(error.contains("the mug"), "{error}");
        }
        assert!(read(r#"{"goal": "nothing", "answers": []}"#).is_err());
    }
}
