//! The planner trained for it: Scene-LLM and its likes.

use super::grammar::{PlanGrammar, TokenTable};
use super::planning::{PlanRequest, PlanningError};
use super::text::{parse_plan, plan_text};
use super::writer::{PlanWriter, Sight, SpokenPlan, WrittenPlan};
use super::{ActionVocabulary, ground, token_table};
use crate::model::{PromptInput, SceneLlm, Segment};
use candle_core::Device;
use std::path::Path;

/// A Scene-LLM that plans in the words of its vocabulary; they are bound to the map afterwards.
pub struct ScenePlanner {
    model: SceneLlm,
    vocabulary: ActionVocabulary,
}

impl ScenePlanner {
    /// Loads the model folder `folder` onto `device`.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, PlanningError> {
        let model = SceneLlm::load(folder, device)?;
        let vocabulary = match &model.manifest().vocabulary {
            Some(file) => ActionVocabulary::read(&folder.join(file))?,
            None => ActionVocabulary::alfred(),
        };
        // A tokenizer that cannot write the plans is found now, not at the first goal.
        PlanGrammar::new(&vocabulary, table_of(&model, &vocabulary))?;
        Ok(Self { model, vocabulary })
    }

    fn speak_aloud(
        &mut self,
        goal: &str,
        vocabulary: &ActionVocabulary,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<SpokenPlan, PlanningError> {
        let prompt = &self.model.manifest().prompt;
        let draft_end = prompt.draft_end.clone();
        let input = PromptInput { goal: goal.to_string(), ..Default::default() };
        let mut segments = self.model.prompt(input)?;
        let table = table_of(&self.model, vocabulary);
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
        let table = table_of(&self.model, vocabulary);
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
        let tasks = table_of(&self.model, vocabulary).tasks;
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
                mean_log_probability: Some(f64::from(reply.mean_log_probability)),
            })
        });
        let tokens = self.model.manifest().decoding.max_tokens;
        spoken.ok_or(PlanningError::Unfinished { tokens })
    }
}

impl PlanWriter for ScenePlanner {
    fn name(&self) -> &str {
        &self.model.manifest().name
    }

    fn sight(&self) -> Sight {
        if self.model.sees() { Sight::VisualTokens } else { Sight::Blind }
    }

    fn vocabulary(&self) -> &ActionVocabulary {
        &self.vocabulary
    }

    fn speak(
        &mut self,
        goal: &str,
        vocabulary: &ActionVocabulary,
    ) -> Result<SpokenPlan, PlanningError> {
        self.speak_aloud(goal, vocabulary, &mut |_| true)
    }

    fn write(
        &mut self,
        request: &PlanRequest<'_>,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<WrittenPlan, PlanningError> {
        let labels = request.objects.iter().map(|object| object.label.as_str());
        let vocabulary = self.vocabulary.with_map_labels(labels);
        let spoken = self.speak_aloud(request.goal, &vocabulary, on_text)?;
        let bound = ground(&spoken.steps, &vocabulary, request.objects, request.robot_m);
        let actions = spoken.steps.into_iter().map(|step| step.action);
        Ok(WrittenPlan {
            task: spoken.task,
            steps: actions.zip(bound).collect(),
            mean_log_probability: spoken.mean_log_probability,
            ..WrittenPlan::default()
        })
    }
}

/// What the grammar needs to know of the model's tokenizer.
fn table_of(model: &SceneLlm, vocabulary: &ActionVocabulary) -> TokenTable {
    let config = model.llama().config();
    let end = config.eos.first().copied().unwrap_or_default();
    token_table(model.tokenizer(), config.vocab_size, end, &vocabulary.tasks)
}
