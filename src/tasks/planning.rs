//! A goal in a person's words becomes a typed plan.

use super::grammar::{GrammarError, PlanGrammar, TokenTable};
use super::text::{parse_plan, plan_text};
use super::{
    ActionVocabulary, Grounding, Plan, PlanStep, Refusal, SpokenStep, VocabularyError, ground,
};
use crate::language::Tokenizer;
use crate::model::{ModelError, PromptInput, SceneLlm, Segment};
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
    /// The listener wanted no more.
    #[error("interrupted")]
    Interrupted,
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
    /// Mean log-probability of a token among those the grammar allowed; of what is done, where
    /// that is decided before where to go.
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
        self.plan_aloud(request, &mut |_| true)
    }

    /// The same, while the words of the plan go to `on_text` as soon as nothing can take them back:
    /// those on which all plans of the search agree. It is asked at every step of the model, if need
    /// be with no words, and ends the planning by returning `false`.
    pub fn plan_aloud(
        &mut self,
        request: &PlanRequest<'_>,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Plan {
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
        let spoken = match self.speak_aloud(request.goal, &vocabulary, on_text) {
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
        self.speak_aloud(goal, vocabulary, &mut |_| true)
    }

    fn speak_aloud(
        &mut self,
        goal: &str,
        vocabulary: &ActionVocabulary,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<SpokenPlan, PlanningError> {
        let prompt = &self.model.manifest().prompt;
        let draft_end = prompt.draft_end.clone();
        let goal = prompt.goal_style.apply(goal);
        let mut segments = self.model.plan_prompt(PromptInput { goal, ..Default::default() })?;
        let table = token_table(&self.model, vocabulary);
        if draft_end.is_empty() {
            let grammar = PlanGrammar::new(vocabulary, table)?;
            return self.likeliest(&segments, grammar, vocabulary, on_text);
        }
        // Where to go depends on the home more than on the goal, so its guesses must not sway what
        // is done: that is decided first.
        let end = self.model.tokenizer().token(&draft_end).unwrap_or(table.end);
        let acts = PlanGrammar::new(&vocabulary.without_going(), TokenTable { end, ..table })?;
        // The whole plan says it again.
        let draft = self.likeliest(&segments, acts, vocabulary, &mut |_| on_text(""))?;
        let task = draft.task.as_ref().map(|task| format!("<{task}>")).unwrap_or_default();
        let said = format!("{task}{}{draft_end}", plan_text(&draft.steps, vocabulary));
        segments.push(Segment::Template(said));
        let table = token_table(&self.model, vocabulary);
        let around = PlanGrammar::around(vocabulary, table, &draft.steps)?;
        let plan = self.likeliest(&segments, around, vocabulary, on_text)?;
        Ok(SpokenPlan {
            task: draft.task,
            mean_log_probability: draft.mean_log_probability,
            ..plan
        })
    }

    /// The likeliest answer to `segments` under `grammar`.
    fn likeliest(
        &mut self,
        segments: &[Segment],
        grammar: PlanGrammar,
        vocabulary: &ActionVocabulary,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<SpokenPlan, PlanningError> {
        let tasks = token_table(&self.model, vocabulary).tasks;
        let mut wanted = true;
        let mut listen = |text: &str| {
            wanted = wanted && on_text(text);
            wanted
        };
        let replies = self.model.search(segments, Some(Box::new(grammar)), &mut listen)?;
        if !wanted {
            return Err(PlanningError::Interrupted);
        }
        let spoken = replies.into_iter().filter(|reply| reply.finished).find_map(|reply| {
            let steps = parse_plan(&reply.text, vocabulary).ok()?;
            let task = tasks.iter().position(|token| Some(token) == reply.tokens.first());
            Some(SpokenPlan {
                task: task.map(|at| vocabulary.tasks[at].clone()),
                steps,
                mean_log_probability: f64::from(reply.mean_log_probability),
            })
        });
        let tokens = self.model.manifest().decoding.max_tokens;
        spoken.ok_or(PlanningError::Unfinished { tokens })
    }
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

    #[test]
    fn goals_that_cannot_be_read_are_refused_with_a_reason() {
        assert!(fault_of(" \n").is_some_and(|reason| reason.contains("empty")));
        assert!(fault_of(&"a".repeat(5000)).is_some_and(|reason| reason.contains("5000 bytes")));
        assert_eq!(fault_of("put the mug away"), None);
    }

    #[test]
    fn a_plan_is_said_while_it_is_made_and_can_be_interrupted() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models/nano"));
        let mut planner = GoalPlanner::load(folder, &Device::Cpu).unwrap();
        let request = PlanRequest {
            goal: "put a chilled tomato in the microwave",
            objects: &[],
            robot_m: [0.0; 3],
            frame_id: "map",
            stamp_ns: 0,
            step_expiry_ns: 0,
            require_grounding: false,
        };
        let mut parts = Vec::new();
        let plan = planner.plan_aloud(&request, &mut |text| {
            parts.extend((!text.is_empty()).then(|| text.to_owned()));
            true
        });
        let said = parse_plan(&parts.concat(), planner.vocabulary()).unwrap();
        let actions = |steps: &[SpokenStep]| -> Vec<String> {
            steps.iter().map(|step| step.action.clone()).collect()
        };
        let planned: Vec<_> = plan.steps.iter().map(|step| step.action.clone()).collect();
        assert_eq!(actions(&said), planned);
        assert!(parts.len() > 1, "it comes in parts: {parts:?}");

        let mut left = 5;
        let plan = planner.plan_aloud(&request, &mut |_| {
            left -= 1;
            left > 0
        });
        assert_eq!(left, 0, "nobody is asked again after a no");
        let interrupted = PlanningError::Interrupted.to_string();
        assert_eq!(plan.refusal, Some(Refusal::ModelFailed { reason: interrupted }));
    }
}
