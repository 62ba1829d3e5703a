//! A goal in a person's words becomes a typed plan.

use super::grammar::{GrammarError, PlanGrammar, TokenTable};
use super::text::parse_plan;
use super::{
    ActionVocabulary, Grounding, Plan, PlanStep, Refusal, SpokenStep, VocabularyError, ground,
};
use crate::language::Tokenizer;
use crate::model::{ModelError, PromptInput, SceneLlm};
use crate::scene::MapObject;
use candle_core::Device;
use std::path::Path;

/// Longest goal that is read, bytes; the model's own limit is counted in tokens.
const MAX_GOAL_BYTES: usize = 4096;

/// What can go wrong while a planner is loaded or plans.
#[derive(Debug, thiserror::Error)]
pub enum PlanningError {
    /// The model folder cannot be used, or the model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The vocabulary of the model folder cannot be used.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// The tokenizer of the model cannot write plans.
    #[error(transparent)]
    Grammar(#[from] GrammarError),
    /// The search gave no whole plan, which its grammar and length should not allow.
    #[error("the model found no end of the plan within {tokens} tokens; raise decoding.max_tokens")]
    Unfinished {
        /// Tokens allowed.
        tokens: usize,
    },
}

/// What a plan is asked for, and what it may rest on.
#[derive(Debug, Clone)]
pub struct PlanRequest<'a> {
    /// The goal in a person's words.
    pub goal: &'a str,
    /// Objects of the map.
    pub objects: &'a [MapObject],
    /// Where the robot is, in the world frame, metres.
    pub robot_m: [f64; 3],
    /// Name of the world frame.
    pub frame_id: &'a str,
    /// Time of the newest observation, nanoseconds.
    pub stamp_ns: i64,
    /// How long after it a step may be started, nanoseconds.
    pub step_expiry_ns: i64,
    /// Whether a word that is not in the map makes the plan a refusal.
    pub require_grounding: bool,
}

/// A plan before its words are bound to the map.
#[derive(Debug, Clone, PartialEq)]
pub struct SpokenPlan {
    /// Kind of task, where the model names one.
    pub task: Option<String>,
    /// The steps, the end action left out.
    pub steps: Vec<SpokenStep>,
    /// Mean log-probability of a token among those the grammar allowed.
    pub mean_log_probability: f64,
}

/// A model that plans.
pub struct GoalPlanner {
    model: SceneLlm,
    vocabulary: ActionVocabulary,
}

impl GoalPlanner {
    /// Loads the model folder `folder` onto `device`.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, PlanningError> {
        let model = SceneLlm::load(folder, device)?;
        let vocabulary = match &model.manifest().vocabulary {
            Some(file) => ActionVocabulary::read(&folder.join(file))?,
            None => ActionVocabulary::alfred(),
        };
        // A tokenizer that cannot write the plans is found now, not at the first goal.
        PlanGrammar::new(&vocabulary, token_table(&model, &vocabulary))?;
        Ok(Self { model, vocabulary })
    }

    /// The model.
    pub fn model(&self) -> &SceneLlm {
        &self.model
    }

    /// Its actions and words.
    pub fn vocabulary(&self) -> &ActionVocabulary {
        &self.vocabulary
    }

    /// A typed plan, grounded as far as the map allows, or a typed refusal. Never fails: what goes
    /// wrong stands in the refusal.
    pub fn plan(&mut self, request: &PlanRequest<'_>) -> Plan {
        let mut plan = Plan {
            goal: request.goal.to_string(),
            frame_id: request.frame_id.to_string(),
            stamp_ns: request.stamp_ns,
            task: None,
            model: self.model.manifest().name.clone(),
            mean_log_probability: None,
            steps: Vec::new(),
            refusal: None,
        };
        if let Some(reason) = fault_of(request.goal) {
            plan.refusal = Some(Refusal::BadGoal { reason });
            return plan;
        }
        let labels = request.objects.iter().map(|object| object.label.as_str());
        let vocabulary = self.vocabulary.with_map_labels(labels);
        let spoken = match self.speak(request.goal, &vocabulary) {
            Ok(spoken) => spoken,
            Err(error) => {
                plan.refusal = Some(Refusal::ModelFailed { reason: error.to_string() });
                return plan;
            }
        };
        let bound = ground(&spoken.steps, &vocabulary, request.objects, request.robot_m);
        plan.task = spoken.task;
        plan.mean_log_probability = Some(spoken.mean_log_probability);
        plan.steps = (1..)
            .zip(spoken.steps.into_iter().zip(bound))
            .map(|(id, (step, arguments))| PlanStep {
                id,
                action: step.action,
                arguments,
                expires_ns: request.stamp_ns.saturating_add(request.step_expiry_ns),
            })
            .collect();
        if request.require_grounding {
            let names = missing(&plan);
            if !names.is_empty() {
                plan.steps.clear();
                plan.refusal = Some(Refusal::NotFound { names });
            }
        }
        plan
    }

    /// The likeliest plan for `goal` in the words of `vocabulary`, before it is bound to a map.
    pub fn speak(
        &mut self,
        goal: &str,
        vocabulary: &ActionVocabulary,
    ) -> Result<SpokenPlan, PlanningError> {
        let manifest = self.model.manifest();
        let max_tokens = manifest.decoding.max_tokens;
        let goal = manifest.prompt.goal_style.apply(goal);
        let segments = self.model.plan_prompt(PromptInput { goal, ..Default::default() })?;
        let table = token_table(&self.model, vocabulary);
        let tasks = table.tasks.clone();
        let grammar = PlanGrammar::new(vocabulary, table)?;
        let replies = self.model.search(&segments, Some(Box::new(grammar)), &mut || true)?;
        let finished = replies.into_iter().filter(|reply| reply.finished);
        let spoken = finished.filter_map(|reply| {
            let steps = parse_plan(&reply.text, vocabulary).ok()?;
            let first = reply.tokens.first();
            let task = tasks.iter().position(|token| Some(token) == first);
            let log_probability =
                f64::from(reply.mean_log_probability) * (reply.tokens.len() + 1) as f64;
            let plan = SpokenPlan {
                task: task.map(|at| vocabulary.tasks[at].clone()),
                steps,
                mean_log_probability: f64::from(reply.mean_log_probability),
            };
            Some((plan, log_probability))
        });
        likeliest(spoken.collect(), vocabulary)
            .ok_or(PlanningError::Unfinished { tokens: max_tokens })
    }
}

/// The likeliest plan of those with the likeliest actions.
///
/// Where to go first depends on the home more than on the goal, so the probability of one and the
/// same sequence of actions is spread over many plans that differ in places only. It is summed over
/// them before actions are compared.
fn likeliest(plans: Vec<(SpokenPlan, f64)>, vocabulary: &ActionVocabulary) -> Option<SpokenPlan> {
    let acts = |plan: &SpokenPlan| -> Vec<SpokenStep> {
        let goes =
            |step: &&SpokenStep| vocabulary.action(&step.action).is_some_and(|a| a.only_goes());
        plan.steps.iter().filter(|step| !goes(step)).cloned().collect()
    };
    // The plans come best first; of equals the first stays.
    let mut groups: Vec<(Vec<SpokenStep>, f64, SpokenPlan)> = Vec::new();
    for (plan, log_probability) in plans {
        let acts = acts(&plan);
        match groups.iter_mut().find(|(known, ..)| *known == acts) {
            Some((_, sum, _)) => *sum += log_probability.exp(),
            None => groups.push((acts, log_probability.exp(), plan)),
        }
    }
    let best = groups.into_iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(_, _, plan)| plan)
}

/// What the grammar needs to know of the model's tokenizer.
fn token_table(model: &SceneLlm, vocabulary: &ActionVocabulary) -> TokenTable {
    let tokenizer: &Tokenizer = model.tokenizer();
    let bytes = (0..model.llama().config().vocab_size as u32)
        .map(|token| match tokenizer.is_special(token) {
            true => Vec::new(),
            false => tokenizer.token_bytes(token).to_vec(),
        })
        .collect();
    TokenTable {
        bytes,
        end: model.llama().config().eos.first().copied().unwrap_or_default(),
        tasks: vocabulary
            .tasks
            .iter()
            .map_while(|task| tokenizer.token(&format!("<{task}>")))
            .collect(),
    }
}

fn fault_of(goal: &str) -> Option<String> {
    if goal.trim().is_empty() {
        return Some("it is empty".into());
    }
    (goal.len() > MAX_GOAL_BYTES)
        .then(|| format!("it has {} bytes, at most {MAX_GOAL_BYTES} are read", goal.len()))
}

/// Words of the plan that are bound to nothing, each once.
fn missing(plan: &Plan) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for argument in plan.steps.iter().flat_map(|step| &step.arguments) {
        let bound = matches!(argument.grounding, Grounding::Grounded { .. });
        if !bound && !names.contains(&argument.name) {
            names.push(argument.name.clone());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(place: &str, thing: &str) -> SpokenPlan {
        let step = |action: &str, word: &str| SpokenStep {
            action: action.into(),
            arguments: vec![word.into()],
        };
        SpokenPlan {
            task: None,
            steps: vec![step("GotoLocation", place), step("PickupObject", thing)],
            mean_log_probability: -1.0,
        }
    }

    #[test]
    fn actions_outvote_places() {
        let plans = vec![
            (plan("desk", "mug"), 0.4f64.ln()),
            (plan("desk", "cup"), 0.35f64.ln()),
            (plan("shelf", "cup"), 0.15f64.ln()),
        ];
        let vocabulary = ActionVocabulary::alfred();
        assert_eq!(likeliest(plans, &vocabulary), Some(plan("desk", "cup")));
        assert_eq!(likeliest(Vec::new(), &vocabulary), None);
    }

    #[test]
    fn goals_that_cannot_be_read_are_refused_with_a_reason() {
        assert!(fault_of(" \n").is_some_and(|reason| reason.contains("empty")));
        assert!(fault_of(&"a".repeat(5000)).is_some_and(|reason| reason.contains("5000 bytes")));
        assert_eq!(fault_of("put the mug away"), None);
    }
}
