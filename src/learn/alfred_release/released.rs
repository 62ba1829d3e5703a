//! What is read of a `traj_data.json` of the release, by its own names.

use super::line::Params;
use crate::sim::household::TaskKind;
use serde::Deserialize;

/// A trajectory.
#[derive(Deserialize)]
pub(super) struct Released {
    pub task_id: String,
    pub task_type: TaskKind,
    pub pddl_params: Params,
    pub scene: Scene,
    pub turk_annotations: Annotations,
    pub plan: Plan,
}

#[derive(Deserialize)]
pub(super) struct Scene {
    pub floor_plan: String,
    pub init_action: Teleport,
    pub object_poses: Vec<ObjectPose>,
    pub object_toggles: Vec<Toggle>,
    pub dirty_and_empty: bool,
}

#[derive(Deserialize)]
pub(super) struct Teleport {
    pub x: f64,
    pub y: f64,
    pub z: f64,
    pub rotation: f64,
    pub horizon: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectPose {
    /// Category and number: `Mug_291e6e8a`.
    pub object_name: String,
    pub position: Position,
}

#[derive(Deserialize)]
pub(super) struct Position {
    pub x: f64,
    pub y: f64,
    pub z: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Toggle {
    pub object_type: String,
    pub is_on: bool,
}

#[derive(Deserialize)]
pub(super) struct Annotations {
    pub anns: Vec<Annotation>,
}

#[derive(Deserialize)]
pub(super) struct Annotation {
    pub task_desc: String,
    pub high_descs: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Plan {
    pub high_pddl: Vec<HighStep>,
    pub low_actions: Vec<LowStep>,
}

#[derive(Deserialize)]
pub(super) struct HighStep {
    pub high_idx: u32,
    pub discrete_action: Discrete,
    pub planner_action: PlannerAction,
}

#[derive(Deserialize)]
pub(super) struct Discrete {
    pub action: String,
    pub args: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlannerAction {
    pub location: Option<String>,
    pub coordinate_object_id: Option<GridBox>,
    pub coordinate_receptacle_object_id: Option<GridBox>,
}

/// Category, and least and greatest x, then z, then y in steps of the grid: in the whole release a
/// point.
pub(super) type GridBox = (String, [f64; 6]);

#[derive(Deserialize)]
pub(super) struct LowStep {
    /// The step of the plan that it belongs to.
    pub high_idx: u32,
    pub api_action: Api,
}

#[derive(Deserialize)]
pub(super) struct Api {
    pub action: String,
}
