//! A model in one run of an episode: what is taken from its sight is taken before it plans.

use super::eyes::HomeEyes;
use scenellm::learn::Ablation;
use scenellm::sim::episode::Mind;
use scenellm::sim::household::World;
use scenellm::tasks::{
    ActionVocabulary, GoalPlanner, Plan, PlanRequest, Refusal, SceneView, ViewSpec,
};

/// A model, what is taken from it, and whether it is shown the truth.
pub struct RunMind<'a> {
    planner: &'a mut GoalPlanner,
    run: Option<Ablation>,
    /// Whose eyes show it the home as it is; without them it is shown what the robot sees.
    truth: Option<&'a HomeEyes>,
    seed: u64,
    /// What it was shown first.
    first: Option<SceneView>,
}

impl<'a> RunMind<'a> {
    /// A model at the beginning of an episode.
    pub fn new(
        planner: &'a mut GoalPlanner,
        run: Option<Ablation>,
        truth: Option<&'a HomeEyes>,
        seed: u64,
    ) -> Self {
        Self { planner, run, truth, seed, first: None }
    }

    /// What is left of what is seen now.
    fn left(&mut self, seen: SceneView) -> Option<SceneView> {
        let first = self.first.get_or_insert_with(|| seen.clone());
        match self.run {
            None => Some(seen),
            // What the camera shows now is no map.
            Some(Ablation::NoUpdate) => {
                let SceneView { frame, in_frame, .. } = seen;
                Some(SceneView { frame, in_frame, ..first.clone() })
            }
            Some(ablation) => ablation.apply(&seen),
        }
    }
}

impl Mind for RunMind<'_> {
    fn plan(&mut self, request: &PlanRequest<'_>, world: &World) -> Plan {
        let seen = match self.truth {
            Some(eyes) => match eyes.truth(world, self.seed) {
                Ok(view) => Some(view),
                Err(error) => {
                    let reason = format!("{error:#}");
                    let mut plan = self.planner.plan(request);
                    plan.steps.clear();
                    plan.refusal = Some(Refusal::ModelFailed { reason });
                    return plan;
                }
            },
            None => request.view.cloned(),
        };
        let left = seen.and_then(|seen| self.left(seen));
        self.planner.plan(&PlanRequest { view: left.as_ref(), ..request.clone() })
    }

    fn vocabulary(&self) -> &ActionVocabulary {
        self.planner.vocabulary()
    }

    fn view_spec(&mut self) -> Option<ViewSpec> {
        self.planner.view_spec().filter(|_| self.run != Some(Ablation::Blind))
    }
}
