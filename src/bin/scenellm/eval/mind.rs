//! A model in one run of an episode: what is taken from it is taken before it plans.
//!
//! Only the model loses it. The robot that acts keeps its map, binds the words of every plan to it,
//! and is the same in all runs.

use super::eyes::HomeEyes;
use super::runs::Known;
use scenellm::learn::Ablation;
use scenellm::sim::episode::Mind;
use scenellm::sim::household::World;
use scenellm::tasks::{
    ActionVocabulary, GoalPlanner, Plan, PlanRequest, PlanStep, Refusal, SceneView, SpokenStep,
    ViewSpec, ground,
};

/// A model, what is taken from it, and whether it is shown the truth.
pub struct RunMind<'a> {
    planner: &'a mut GoalPlanner,
    run: Option<Ablation>,
    /// Whose eyes show it the home as it is; without them it is shown what the robot sees.
    truth: Option<&'a HomeEyes>,
    seed: u64,
    /// What was known first.
    first: Option<Known>,
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

    /// What is left of what is known now.
    fn left(&mut self, known: Known) -> Known {
        if self.run != Some(Ablation::NoUpdate) {
            return known.left(self.run);
        }
        let Known { view, objects } = self.first.get_or_insert_with(|| known.clone()).clone();
        // What the camera shows now is no map.
        let view = view.zip(known.view).map(|(first, now)| {
            let SceneView { frame, in_frame, .. } = now;
            SceneView { frame, in_frame, ..first }
        });
        Known { view, objects }
    }
}

/// The same plan with its words bound to the objects of `request`.
fn bound(plan: Plan, vocabulary: &ActionVocabulary, request: &PlanRequest<'_>) -> Plan {
    let spoken = |step: &PlanStep| SpokenStep {
        action: step.action.clone(),
        arguments: step.arguments.iter().map(|argument| argument.name.clone()).collect(),
    };
    let steps: Vec<SpokenStep> = plan.steps.iter().map(spoken).collect();
    let labels = request.objects.iter().map(|object| object.label.as_str());
    let vocabulary = vocabulary.with_map_labels(labels);
    let arguments = ground(&steps, &vocabulary, request);
    let steps = plan.steps.iter().zip(arguments);
    let steps = steps.map(|(step, arguments)| PlanStep { arguments, ..step.clone() });
    Plan { steps: steps.collect(), ..plan }
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
        if self.run.is_none() {
            return self.planner.plan(&PlanRequest { view: seen.as_ref(), ..request.clone() });
        }
        let known = Known { view: seen, objects: request.objects.to_vec() };
        let Known { view, objects } = self.left(known);
        let left = PlanRequest { view: view.as_ref(), objects: &objects, ..request.clone() };
        let plan = self.planner.plan(&left);
        bound(plan, self.planner.vocabulary(), request)
    }

    fn vocabulary(&self) -> &ActionVocabulary {
        self.planner.vocabulary()
    }

    fn view_spec(&mut self) -> Option<ViewSpec> {
        self.planner.view_spec().filter(|_| self.run != Some(Ablation::Blind))
    }
}
