//! ALFRED's trajectories as homes in which their tasks can be done.
//!
//! A line tells where the things of a home were, and which receptacles the expert used. Furniture
//! stands where it stands in all lines of a home, so that other lines of the same scene tell more.

use super::LearnError;
use super::lines::read_lines;
use crate::sim::household::{AlfredHome, AlfredReceptacle, Task, TaskKind};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Way of one `MoveAhead`, metres.
const STEP_M: f64 = 0.25;
/// Receptacles of a class nearer than this are one, metres.
const SAME_M: f64 = 0.15;

/// A task of a trajectory, and what is told of its home.
#[derive(Debug, Clone, PartialEq)]
pub struct AlfredTask {
    /// Name of the trajectory.
    pub id: String,
    /// Name of its floor plan, which other trajectories share.
    pub scene: String,
    /// The home.
    pub home: AlfredHome,
    /// What is to be done.
    pub task: Task,
    /// People's words for it.
    pub goals: Vec<String>,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    scene: String,
    #[serde(rename = "type")]
    kind: TaskKind,
    params: Params,
    goals: Vec<Words>,
    start: [f64; 5],
    objects: Vec<Thing>,
    #[serde(default)]
    toggles: Vec<(String, bool)>,
    plan: Vec<Step>,
}

/// Category and place.
type Thing = (String, f64, f64, f64);

#[derive(Deserialize)]
struct Words {
    goal: String,
}

#[derive(Deserialize)]
struct Params {
    mrecep_target: String,
    object_sliced: bool,
    object_target: String,
    parent_target: String,
    toggle_target: String,
}

#[derive(Deserialize)]
struct Step {
    action: String,
    /// x, z, rotation and horizon at the end of a way.
    #[serde(default)]
    at: Option<[f64; 4]>,
    #[serde(default)]
    object: Option<Thing>,
    #[serde(default)]
    receptacle: Option<Thing>,
    #[serde(default)]
    low: Vec<String>,
}

/// What all lines of a scene tell of it.
#[derive(Default)]
struct Scene {
    receptacles: Vec<AlfredReceptacle>,
    loose_m: Vec<[f64; 3]>,
    free_m: Vec<[f64; 2]>,
}

/// Reads the tasks of a `.jsonl.gz` (or plain `.jsonl`) file; `more` are files whose lines tell more
/// of the same scenes.
///
/// # Errors
///
/// When a file cannot be read, or a line is not what it should be, which is named.
pub fn read_alfred_tasks(path: &Path, more: &[&Path]) -> Result<Vec<AlfredTask>, LearnError> {
    let lines = read_lines::<Line>(path)?;
    let mut scenes: BTreeMap<String, Scene> = BTreeMap::new();
    for line in &lines {
        scenes.entry(line.scene.clone()).or_default().add(line);
    }
    for path in more {
        for line in read_lines::<Line>(path)? {
            if let Some(scene) = scenes.get_mut(&line.scene) {
                scene.add(&line);
            }
        }
    }
    Ok(lines.into_iter().filter_map(|line| line.task(&scenes)).collect())
}

impl Line {
    fn task(self, scenes: &BTreeMap<String, Scene>) -> Option<AlfredTask> {
        let scene = scenes.get(&self.scene)?;
        let class = |name: &str| name.to_lowercase();
        let on = self.toggles.iter().filter(|(_, is_on)| *is_on);
        let home = AlfredHome {
            start: self.start,
            objects: self
                .objects
                .iter()
                .map(|(name, x, y, z)| (class(name), [*x, *y, *z]))
                .collect(),
            receptacles: scene.receptacles.clone(),
            loose_m: scene.loose_m.clone(),
            lamps_on: on.map(|(name, _)| class(name)).collect(),
            free_m: scene.free_m.clone(),
        };
        let task = Task {
            kind: self.kind,
            object: class(&self.params.object_target),
            is_sliced: self.params.object_sliced,
            receptacle: class(&self.params.parent_target),
            movable: class(&self.params.mrecep_target),
            lamp: class(&self.params.toggle_target),
        };
        let goals = self.goals.into_iter().map(|words| words.goal).collect();
        Some(AlfredTask { id: self.id, scene: self.scene, home, task, goals })
    }
}

impl Scene {
    fn add(&mut self, line: &Line) {
        let [x, _, z, rotation_deg, _] = line.start;
        let mut at = [x, z, rotation_deg];
        self.free(&at);
        for step in &line.plan {
            for low in &step.low {
                walk(&mut at, low);
                self.free(&at);
            }
            if let Some([x, z, rotation_deg, _]) = step.at {
                at = [x, z, rotation_deg];
                self.free(&at);
            }
            // What a thing was put on is told with where the thing was before.
            let taken = step.object.as_ref().filter(|_| step.action == "PickupObject");
            let taken_m = taken.map(|(_, x, y, z)| [*x, *y, *z]);
            match &step.receptacle {
                Some(receptacle) => self.receptacle(receptacle, at[2], taken_m),
                None => self.loose_m.extend(taken_m),
            }
        }
    }

    fn free(&mut self, at: &[f64; 3]) {
        let place = [at[0], at[1]];
        let known = |other: &[f64; 2]| (other[0] - at[0]).hypot(other[1] - at[1]) < 0.5 * STEP_M;
        if !self.free_m.iter().any(known) {
            self.free_m.push(place);
        }
    }

    fn receptacle(&mut self, thing: &Thing, towards_deg: f64, on_it: Option<[f64; 3]>) {
        let (name, x, y, z) = thing;
        let (category, at_m) = (name.to_lowercase(), [*x, *y, *z]);
        let same = |known: &&mut AlfredReceptacle| {
            let off: f64 = known.at_m.iter().zip(&at_m).map(|(a, b)| (a - b).powi(2)).sum();
            known.category == category && off.sqrt() < SAME_M
        };
        match self.receptacles.iter_mut().find(same) {
            Some(known) => known.held_m.extend(on_it),
            None => self.receptacles.push(AlfredReceptacle {
                category,
                at_m,
                seen_towards_deg: Some(towards_deg),
                held_m: on_it.into_iter().collect(),
            }),
        }
    }
}

/// One of AI2-THOR's moves on the floor plan: x, z, metres, and rotation, degrees.
fn walk(at: &mut [f64; 3], low: &str) {
    match low {
        "MoveAhead" => {
            let (sin, cos) = at[2].to_radians().sin_cos();
            at[0] += STEP_M * sin;
            at[1] += STEP_M * cos;
        }
        "RotateRight" => at[2] += 90.0,
        "RotateLeft" => at[2] -= 90.0,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::household::{alfred_world, expert_plan};

    const LINE: &str = r#"{"id": "t1", "scene": "FloorPlan1", "type": "pick_and_place_simple",
        "params": {"mrecep_target": "", "object_sliced": false, "object_target": "Mug",
        "parent_target": "Dresser", "toggle_target": ""}, "goals": [{"goal": "Move the mug."}],
        "start": [0.0, 0.9, 1.0, 90.0, 30.0], "objects": [["Mug", 0.05, 0.74, 2.9]],
        "toggles": [], "plan": [
        {"action": "GotoLocation", "at": [0.0, 2.0, 0.0, 30.0],
         "low": ["RotateLeft", "MoveAhead", "MoveAhead", "MoveAhead", "MoveAhead"]},
        {"action": "PickupObject", "object": ["Mug", 0.05, 0.74, 2.9],
         "receptacle": ["Desk", 0.0, 0.0, 3.0], "low": ["PickupObject"]},
        {"action": "GotoLocation", "at": [0.0, 0.0, 180.0, 30.0],
         "low": ["RotateLeft", "RotateLeft", "MoveAhead"]},
        {"action": "PutObject", "object": ["Mug", 0.05, 0.74, 2.9],
         "receptacle": ["Dresser", 0.0, 0.0, -1.0], "low": ["PutObject"]}]}"#;

    #[test]
    fn a_line_becomes_a_home_in_which_its_task_can_be_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, LINE.replace('\n', " ")).unwrap();
        let tasks = read_alfred_tasks(&path, &[&path]).unwrap();
        let [task] = &tasks[..] else { panic!("{tasks:?}") };
        assert_eq!((task.id.as_str(), task.goals[0].as_str()), ("t1", "Move the mug."));
        assert_eq!(task.home.receptacles.len(), 2, "the same line twice tells nothing new");
        assert_eq!(task.home.receptacles[0].seen_towards_deg, Some(0.0));
        assert!(task.home.free_m.contains(&[0.0, 2.0]) && task.home.free_m.len() >= 6);
        let world = alfred_world(&task.home, 0).unwrap();
        let run = expert_plan(&world, &task.task).unwrap();
        assert!(task.task.is_met(&run.world));
    }

    #[test]
    fn a_thing_taken_from_no_receptacle_stood_on_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let line = LINE.replace(r#""receptacle": ["Desk", 0.0, 0.0, 3.0], "#, "");
        std::fs::write(&path, line.replace('\n', " ")).unwrap();
        let tasks = read_alfred_tasks(&path, &[]).unwrap();
        let home = &tasks[0].home;
        assert_eq!(home.loose_m, [[0.05, 0.74, 2.9]]);
        let [dresser] = &home.receptacles[..] else { panic!("{home:?}") };
        assert!(dresser.held_m.is_empty(), "what is put there was elsewhere");
    }
}
