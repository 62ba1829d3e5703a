//! The plan for a goal, which follows the map to the end of a recording.

use scenellm::geometry::heading_of_camera_rad;
use scenellm::planner::{Act, Executive, Output, PlannerConfig, Session};
use scenellm::tasks::{GoalPlanner, Plan, PlanRequest, SoFar};
use std::collections::VecDeque;

/// Holds the open plan, if there is one, against the map.
pub fn look(
    executive: &mut Executive,
    session: &mut Session,
    config: &PlannerConfig,
    planner: &mut GoalPlanner,
) -> anyhow::Result<Vec<Output>> {
    let stamp_ns = session.newest_frame().map_or(0, |frame| frame.stamp_ns);
    let objects = session.map().objects().as_slice();
    let acts = executive.look(objects, robot_m(session), stamp_ns, planner.vocabulary());
    act(acts, executive, session, config, planner)
}

/// Does what the executive wants done; what it publishes comes back. Nobody carries out the steps of a
/// recording.
pub fn act(
    acts: Vec<Act>,
    executive: &mut Executive,
    session: &mut Session,
    config: &PlannerConfig,
    planner: &mut GoalPlanner,
) -> anyhow::Result<Vec<Output>> {
    let (mut acts, mut outputs) = (VecDeque::from(acts), Vec::new());
    while let Some(act) = acts.pop_front() {
        match act {
            Act::Think { number, goal, so_far, .. } => {
                let plan = plan(&goal, &so_far, session, config, planner)?;
                acts.extend(executive.planned(number, plan));
            }
            Act::Publish(plan) => outputs.push(Output::Plan(plan)),
            Act::Say(said) => tracing::info!("{said}"),
            Act::Step(_) | Act::Withdraw { .. } | Act::End { .. } => {}
        }
    }
    Ok(outputs)
}

/// A plan for `goal` over what the session has seen, after what was tried for it.
pub fn plan(
    goal: &str,
    so_far: &SoFar,
    session: &mut Session,
    config: &PlannerConfig,
    planner: &mut GoalPlanner,
) -> anyhow::Result<Plan> {
    session.refresh_objects()?;
    let view = match planner.view_spec() {
        Some(spec) => session.view(&spec)?,
        None => None,
    };
    let newest = session.newest_frame();
    Ok(planner.plan(&PlanRequest {
        goal,
        objects: session.map().objects().as_slice(),
        robot_m: robot_m(session),
        heading_rad: newest.and_then(|frame| heading_of_camera_rad(&frame.world_T_camera)),
        held: None,
        so_far,
        view: view.as_ref(),
        frame_id: &session.map().config().frame_id,
        stamp_ns: newest.map_or(0, |frame| frame.stamp_ns),
        step_expiry_ns: (config.plan.step_expiry_s * 1e9) as i64,
        require_grounding: config.plan.require_grounding,
    }))
}

/// Where the camera was last, world frame, metres.
fn robot_m(session: &Session) -> [f64; 3] {
    let newest = session.newest_frame();
    newest.map_or([0.0; 3], |frame| frame.world_T_camera.translation.vector.into())
}
