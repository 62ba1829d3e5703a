//! The planner that asks a chat model.

use std::path::Path;
use std::sync::Arc;

use candle_core::Device;

use super::aloud::Aloud;
use super::choices::Choices;
use super::example;
use super::list::ObjectList;
use super::meaning::Meaning;
use super::prompt::{Form, over_map, over_words, rules};
use super::schema::{parse_answer, schema};
use crate::model::{ChatBackend, ChatModel, EndpointFault, LocalChat, Message, ModelError};
use crate::tasks::{
    ActionVocabulary, Grip, MAX_STEPS, PlanGrammar, PlanRequest, PlanWriter, PlanningError,
    SceneView, ShownObjects, Sight, SoFar, SpokenPlan, SpokenStep, TokenSet, WrittenPlan,
    parse_plan, token_table,
};
use crate::vision::TextEncoder;

/// A chat model that plans over the list of objects.
pub struct ChatPlanner {
    model: ChatModel,
    vocabulary: ActionVocabulary,
    /// Tokens of a model in this process.
    tokens: Option<TokenSet>,
    /// Tells what goals mean, where there is an encoder of texts.
    meaning: Option<Meaning>,
}

impl ChatPlanner {
    /// Loads the model folder `folder` onto `device`.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, PlanningError> {
        let model = ChatModel::load(folder, device)?;
        let vocabulary = match &model.manifest().vocabulary {
            Some(file) => ActionVocabulary::read(&folder.join(file))?,
            None => ActionVocabulary::alfred(),
        };
        let tokens = match model.backend() {
            ChatBackend::Local(local) => Some(tokens_of(local)),
            ChatBackend::Endpoint(_) => None,
        };
        if let Some(tokens) = &tokens {
            // A tokenizer that cannot write the plans is found now, not at the first goal.
            let words = Choices::words(&vocabulary, "");
            PlanGrammar::of_steps(words.vocabulary(), tokens.clone(), Grip::Empty)?;
        }
        Ok(Self { model, vocabulary, tokens, meaning: None })
    }

    fn form(&self) -> Form {
        match self.model.backend() {
            ChatBackend::Local(_) => Form::Lines,
            ChatBackend::Endpoint(_) => Form::Json,
        }
    }

    /// How many of the objects fit into the prompt: the most for which it is not too long.
    fn fitting(
        &self,
        most: usize,
        messages: &dyn Fn(usize) -> Vec<Message>,
    ) -> Result<usize, PlanningError> {
        let room = self.model.room();
        let tokens = |count: usize| self.model.count_tokens(&messages(count));
        if tokens(most)? <= room {
            return Ok(most);
        }
        let bare = tokens(0)?;
        if bare > room {
            return Err(ModelError::PromptTooLong { tokens: bare, room }.into());
        }
        let (mut fits, mut too_many) = (0, most);
        while fits + 1 < too_many {
            let middle = fits + (too_many - fits) / 2;
            if tokens(middle)? <= room { fits = middle } else { too_many = middle }
        }
        Ok(fits)
    }

    /// The messages over the first `count` objects of `list`.
    fn messages(
        &self,
        list: &ObjectList<'_>,
        count: usize,
        request: &PlanRequest<'_>,
    ) -> Vec<Message> {
        let choices = Choices::new(&self.vocabulary, &list.first(count), request.goal);
        let rules = rules(&choices, self.form(), &self.model.manifest().instructions);
        let example = example::turns(&choices, self.form());
        over_map(&rules, example, list, count, request, &self.vocabulary)
    }

    /// The objects in the order of what the goal has to do with them, and how many are told. What the
    /// goal means is asked for only where some are left out.
    fn listed<'a>(
        &mut self,
        request: &PlanRequest<'a>,
    ) -> Result<(ObjectList<'a>, usize), PlanningError> {
        let PlanRequest { goal, objects, robot_m, heading_rad, held, .. } = *request;
        let most = objects.len().min(self.model.manifest().most_objects);
        let list = ObjectList::new(objects, goal, robot_m, held).facing(heading_rad);
        let count = self.fitting(most, &|count| self.messages(&list, count, request))?;
        let Some(meaning) = self.meaning.as_mut().filter(|_| count < objects.len()) else {
            return Ok((list, count));
        };
        let meant = match meaning.of(goal, objects.iter().map(|object| object.label.as_str())) {
            Ok(meant) => meant,
            Err(error) => {
                tracing::warn!("what is left out is decided by spelling and distance: {error}");
                return Ok((list, count));
            }
        };
        let list = ObjectList::by_meaning(objects, goal, robot_m, held, &meant);
        let list = list.facing(heading_rad);
        let count = self.fitting(most, &|count| self.messages(&list, count, request))?;
        Ok((list, count))
    }

    /// Asks the model: the steps of its plan, what it says is missing, and how sure it was.
    fn ask(
        &mut self,
        messages: &[Message],
        choices: &Choices<'_>,
        grip: Grip<'_>,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<(SpokenPlan, Vec<String>), PlanningError> {
        let max_tokens = self.model.manifest().decoding.max_tokens;
        let (steps, missing, mean_log_probability) = match self.model.backend_mut() {
            ChatBackend::Local(local) => {
                let tokens = self.tokens.get_or_insert_with(|| tokens_of(local)).clone();
                let grammar = PlanGrammar::of_steps(choices.vocabulary(), tokens, grip)?;
                let mut wanted = true;
                let mut listen = |text: &str| {
                    wanted = wanted && on_text(text);
                    wanted
                };
                let replies = local.search(messages, Box::new(grammar), &mut listen)?;
                if !wanted {
                    return Err(PlanningError::Interrupted);
                }
                let said = replies.into_iter().filter(|reply| reply.finished).find_map(|reply| {
                    let steps = parse_plan(&reply.text, choices.vocabulary()).ok()?;
                    Some((steps, f64::from(reply.mean_log_probability)))
                });
                let (steps, mean) = said.ok_or(PlanningError::Unfinished { tokens: max_tokens })?;
                let (steps, missing) = choices.part(steps);
                (steps, missing, Some(mean))
            }
            ChatBackend::Endpoint(endpoint) => {
                let mut aloud = Aloud::new(choices);
                let mut hear = |so_far: &str| on_text(&aloud.hear(so_far));
                let answer = endpoint.answer(messages, &schema(choices), max_tokens, &mut hear);
                let text = answer.map_err(|error| match error {
                    ModelError::Endpoint { fault: EndpointFault::Interrupted, .. } => {
                        PlanningError::Interrupted
                    }
                    other => other.into(),
                })?;
                let (steps, missing) = parse_answer(&text, choices)?;
                let Some(rest) = aloud.rest(&steps) else {
                    let (url, fault) = (endpoint.spec().url.clone(), EndpointFault::Changed);
                    return Err(ModelError::Endpoint { url, fault }.into());
                };
                on_text(&rest);
                (steps, missing, None)
            }
        };
        if steps.len() >= MAX_STEPS {
            return Err(PlanningError::Endless);
        }
        Ok((SpokenPlan { task: None, steps, mean_log_probability, saw: None }, missing))
    }
}

impl PlanWriter for ChatPlanner {
    fn name(&self) -> &str {
        &self.model.manifest().name
    }

    fn sight(&self) -> Sight {
        Sight::ObjectList
    }

    fn vocabulary(&self) -> &ActionVocabulary {
        &self.vocabulary
    }

    fn set_text_encoder(&mut self, encoder: Arc<dyn TextEncoder>) {
        self.meaning = Some(Meaning::new(encoder));
    }

    fn speak(
        &mut self,
        goal: &str,
        _: Option<&SceneView>,
        vocabulary: &ActionVocabulary,
    ) -> Result<SpokenPlan, PlanningError> {
        let choices = Choices::words(vocabulary, goal);
        let rules = rules(&choices, self.form(), &self.model.manifest().instructions);
        let example = example::turns(&choices, self.form());
        let messages = over_words(&rules, example, vocabulary, goal);
        Ok(self.ask(&messages, &choices, Grip::Empty, &mut |_| true)?.0)
    }

    fn write(
        &mut self,
        request: &PlanRequest<'_>,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<WrittenPlan, PlanningError> {
        let PlanRequest { goal, objects, .. } = *request;
        if objects.is_empty() {
            let missing = vec![goal.to_owned()];
            return Ok(WrittenPlan { missing, ..WrittenPlan::default() });
        }
        let (list, count) = self.listed(request)?;
        let grip = grip(request, &list);
        let messages = self.messages(&list, count, request);
        let choices = Choices::new(&self.vocabulary, &list.first(count), goal);
        let (plan, missing) = self.ask(&messages, &choices, grip, on_text)?;
        let bind = |step: SpokenStep| {
            let names = step.arguments.iter();
            let arguments = names.map(|name| choices.argument(name)).collect();
            (step.action, arguments)
        };
        Ok(WrittenPlan {
            task: None,
            steps: plan.steps.into_iter().map(bind).collect(),
            mean_log_probability: plan.mean_log_probability,
            missing,
            shown: Some(ShownObjects { listed: count, left_out: list.len() - count }),
            saw: None,
        })
    }
}

/// What the robot has in its hand before the plan. What was believed is in doubt once a step failed, and
/// before a new goal: a person may have taken what was brought.
fn grip<'a>(request: &PlanRequest<'_>, list: &'a ObjectList<'_>) -> Grip<'a> {
    let SoFar { done, failed } = request.so_far;
    match request.held {
        _ if !failed.is_empty() => Grip::Unknown,
        None => Grip::Empty,
        Some(_) if done.is_empty() => Grip::Unknown,
        Some(_) => list.held_name().map_or(Grip::Unknown, Grip::Holds),
    }
}

/// What the grammar needs to know of a model in this process.
fn tokens_of(local: &LocalChat) -> TokenSet {
    let rows = local.llama().config().vocab_size;
    token_table(local.tokenizer(), rows, local.end(), &[]).into()
}

#[cfg(test)]
#[path = "planner_tests.rs"]
mod tests;
