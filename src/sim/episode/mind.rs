//! Who plans in an episode.

use crate::sim::household::{Command, Task, World, expert_plan};
use crate::tasks::{
    ActionVocabulary, GoalPlanner, Plan, PlanRequest, PlanStep, Refusal, SpokenStep, ViewSpec,
    ground,
};

/// Somebody who plans.
pub trait Mind {
    /// A plan, or a refusal, for a request. `world` is the true home: only an expert looks at it.
    fn plan(&mut self, request: &PlanRequest<'_>, world: &World) -> Plan;

    /// The words of its plans.
    fn vocabulary(&self) -> &ActionVocabulary;

    /// What it is to be shown with a request; `None` where it looks at nothing.
    fn view_spec(&mut self) -> Option<ViewSpec> {
        None
    }
}

impl Mind for GoalPlanner {
    fn plan(&mut self, request: &PlanRequest<'_>, _: &World) -> Plan {
        GoalPlanner::plan(self, request)
    }

    fn vocabulary(&self) -> &ActionVocabulary {
        GoalPlanner::vocabulary(self)
    }

    fn view_spec(&mut self) -> Option<ViewSpec> {
        GoalPlanner::view_spec(self)
    }
}

/// The expert by rule, who knows the task and the home: what the rest of the loop can reach at
/// best. Only its words are given; what they are bound to is what the robot's map has.
#[derive(Debug, Clone)]
pub struct ExpertMind {
    /// What is to be done.
    pub task: Task,
    vocabulary: ActionVocabulary,
}

impl ExpertMind {
    /// An expert for a task.
    pub fn new(task: Task) -> Self {
        Self { task, vocabulary: ActionVocabulary::alfred() }
    }
}

impl Mind for ExpertMind {
    fn plan(&mut self, request: &PlanRequest<'_>, world: &World) -> Plan {
        let mut plan = Plan {
            goal: request.goal.into(),
            frame_id: request.frame_id.into(),
            stamp_ns: request.stamp_ns,
            task: Some(self.task.kind.name().into()),
            model: "expert".into(),
            mean_log_probability: None,
            shown: None,
            saw: None,
            steps: Vec::new(),
            unnamed: Vec::new(),
            undone: Vec::new(),
            refusal: None,
        };
        match expert_plan(world, &self.task) {
            Ok(run) => {
                let expires_ns = request.stamp_ns.saturating_add(request.step_expiry_ns);
                let spoken: Vec<SpokenStep> = run.commands.iter().map(Command::spoken).collect();
                let labels = request.objects.iter().map(|object| object.label.as_str());
                let words = self.vocabulary.with_map_labels(labels);
                let bound = ground(&spoken, &words, request);
                let steps = (1..).zip(spoken.into_iter().zip(bound));
                let steps = steps.map(|(id, (step, arguments))| PlanStep {
                    id,
                    action: step.action,
                    arguments,
                    expires_ns,
                });
                plan.steps = steps.collect();
            }
            Err(failure) => {
                plan.refusal = Some(Refusal::BadGoal { reason: failure.to_string() });
            }
        }
        plan
    }

    fn vocabulary(&self) -> &ActionVocabulary {
        &self.vocabulary
    }
}
