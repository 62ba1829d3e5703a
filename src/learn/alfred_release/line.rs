//! A line of our data sets, and how it follows from a trajectory of the release.

use super::released::{
    Annotation, GridBox, HighStep, ObjectPose, Plan, Position, Released, Scene, Teleport,
};
use crate::sim::household::TaskKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Step of the grid that the release's planner counts in, metres.
const GRID_M: f64 = 0.25;
/// Nothing in a home is farther from its origin, metres.
const FARTHEST_M: f64 = 1000.0;

/// A trajectory as a line of our data sets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlfredLine {
    id: String,
    /// Folder of the trajectory: its kind, things and floor plan.
    task: String,
    scene: String,
    goals: Vec<Words>,
    /// x, y, z, metres; rotation and horizon, degrees.
    start: [f64; 5],
    #[serde(rename = "type")]
    kind: TaskKind,
    params: Params,
    plan: Vec<Step>,
    objects: Vec<Thing>,
    toggles: Vec<(String, bool)>,
    dirty_and_empty: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Words {
    goal: String,
    steps: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Step {
    action: String,
    args: Vec<String>,
    /// x, z, metres; rotation and horizon, degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<[f64; 4]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<Thing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receptacle: Option<Thing>,
    low: Vec<String>,
}

/// Category; x, y, z, metres.
type Thing = (String, f64, f64, f64);

/// Taken over as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Params {
    mrecep_target: String,
    object_sliced: bool,
    object_target: String,
    parent_target: String,
    toggle_target: String,
}

impl AlfredLine {
    /// Name of the floor plan, which other trajectories share.
    pub fn scene(&self) -> &str {
        &self.scene
    }

    /// Number of people's goals for it.
    pub fn goals(&self) -> usize {
        self.goals.len()
    }
}

impl Released {
    /// The line of the trajectory, which is in the folder `task`.
    pub(super) fn line(self, task: String) -> Result<AlfredLine, String> {
        let goals: Vec<Words> = self.turk_annotations.anns.into_iter().map(Words::from).collect();
        if goals.is_empty() {
            return Err("turk_annotations.anns: nobody has said anything".into());
        }
        let Scene { floor_plan, init_action, object_poses, object_toggles, dirty_and_empty } =
            self.scene;
        let Teleport { x, y, z, rotation, horizon } = init_action;
        let [x, y, z] = point_m([x, y, z]).map_err(|why| format!("scene.init_action: {why}"))?;
        let objects: Result<Vec<Thing>, String> = object_poses
            .into_iter()
            .enumerate()
            .map(|(at, pose)| {
                pose.thing().map_err(|why| format!("scene.object_poses[{at}]: {why}"))
            })
            .collect();
        let toggles = object_toggles.into_iter().map(|toggle| (toggle.object_type, toggle.is_on));
        Ok(AlfredLine {
            id: self.task_id,
            task,
            scene: floor_plan,
            goals,
            start: [x, y, z, rotation, horizon],
            kind: self.task_type,
            params: self.pddl_params,
            plan: self.plan.steps()?,
            objects: objects?,
            toggles: toggles.collect(),
            dirty_and_empty,
        })
    }
}

impl From<Annotation> for Words {
    fn from(said: Annotation) -> Self {
        let trimmed = |text: &String| text.trim().to_string();
        Self {
            goal: trimmed(&said.task_desc),
            steps: said.high_descs.iter().map(trimmed).collect(),
        }
    }
}

impl ObjectPose {
    fn thing(self) -> Result<Thing, String> {
        let category = self.object_name.split('_').next().unwrap_or_default();
        let Position { x, y, z } = self.position;
        let [x, y, z] = point_m([x, y, z])?;
        Ok((category.to_string(), x, y, z))
    }
}

impl Plan {
    fn steps(self) -> Result<Vec<Step>, String> {
        let mut low: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for action in self.low_actions {
            low.entry(action.high_idx).or_default().push(action.api_action.action);
        }
        let mut steps = Vec::new();
        for (at, step) in self.high_pddl.into_iter().enumerate() {
            let of_step = low.remove(&step.high_idx).unwrap_or_default();
            let step = step.step(of_step).map_err(|why| format!("plan.high_pddl[{at}]: {why}"))?;
            steps.push(step);
        }
        if let Some(number) = low.keys().next() {
            return Err(format!("plan.low_actions: no step of the plan has high_idx {number}"));
        }
        if steps.is_empty() {
            return Err("plan.high_pddl: there is no step".into());
        }
        Ok(steps)
    }
}

impl HighStep {
    fn step(self, low: Vec<String>) -> Result<Step, String> {
        let planned = self.planner_action;
        Ok(Step {
            action: self.discrete_action.action,
            args: self.discrete_action.args,
            at: planned.location.as_deref().map(stand).transpose()?,
            object: planned.coordinate_object_id.map(on_grid).transpose()?,
            receptacle: planned.coordinate_receptacle_object_id.map(on_grid).transpose()?,
            low,
        })
    }
}

/// Where a way ends: `loc|x|z|quarter turns|horizon`, x and z in steps of the grid.
fn stand(location: &str) -> Result<[f64; 4], String> {
    let numbers: Option<Vec<i32>> = location
        .strip_prefix("loc|")
        .and_then(|rest| rest.split('|').map(|number| number.parse().ok()).collect());
    let Some(&[x, z, turns, horizon_deg]) = numbers.as_deref() else {
        return Err("planner_action.location is not loc|x|z|quarter turns|horizon".into());
    };
    let [x, z] = point_m([x, z].map(|steps| GRID_M * f64::from(steps)))?;
    Ok([x, z, 90.0 * f64::from(turns), f64::from(horizon_deg)])
}

fn on_grid((category, [x0, x1, z0, z1, y0, y1]): GridBox) -> Result<Thing, String> {
    let middle_m = |low: f64, high: f64| 0.5 * GRID_M * (low + high);
    let [x, y, z] = point_m([middle_m(x0, x1), middle_m(y0, y1), middle_m(z0, z1)])?;
    Ok((category, x, y, z))
}

/// A point of a home, to the millimetre.
fn point_m<const N: usize>(mut at_m: [f64; N]) -> Result<[f64; N], String> {
    for value in &mut at_m {
        if value.abs() > FARTHEST_M {
            return Err(format!("{value:?} m is in no home"));
        }
        // By its digits: multiplied by 1000, what lies just beside a half could fall on it.
        *value = format!("{value:.3}").parse().unwrap_or(*value);
    }
    Ok(at_m)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_becomes_metres_and_its_order_ours() {
        assert_eq!(stand("loc|9|-6|1|45").unwrap(), [2.25, -1.5, 90.0, 45.0]);
        for wrong in ["", "loc|1|2|3", "loc|1|2|3|4|5", "loc|1|2|3|x", "loc|1.5|2|3|4", "1|2|3|4"] {
            assert!(stand(wrong).is_err(), "{wrong}");
        }
        assert!(stand("loc|2000000000|0|0|0").is_err());
        let mug = ("Mug".to_string(), [10.0, 10.0, -4.0, -4.0, 3.0, 3.0]);
        assert_eq!(on_grid(mug).unwrap(), ("Mug".to_string(), 2.5, 0.75, -1.0));
    }

    #[test]
    fn numbers_are_rounded_as_they_are_and_bounded() {
        // 0.9115 is a little less than it is written, 2.0445 a little more.
        assert_eq!(point_m([0.9115, 2.0445, -0.25]).unwrap(), [0.911, 2.045, -0.25]);
        for wrong in [1000.5, -1e300, f64::INFINITY] {
            assert!(point_m([wrong]).unwrap_err().contains("in no home"));
        }
    }
}
