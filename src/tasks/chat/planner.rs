//! The planner that asks a chat model.

use std::path::Path;

use candle_core::Device;

use super::choices::Choices;
use super::list::ObjectList;
use super::prompt::{Form, over_map, over_words, rules};
use super::schema::{parse_answer, schema};
use crate::model::{ChatBackend, ChatModel, EndpointFault, LocalChat, Message, ModelError};
use crate::tasks::planning::{
    PlanRequest, PlanWriter, PlanningError, ShownObjects, Sight, SpokenPlan, WrittenPlan,
};
use crate::tasks::{
    ActionVocabulary, PlanGrammar, SpokenStep, TokenSet, parse_plan, plan_text, token_table,
};

/// A chat model that plans over the list of objects.
pub struct ChatPlanner {
    model: ChatModel,
    vocabulary: ActionVocabulary,
    /// Tokens of a model in this process.
    tokens: Option<TokenSet>,
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
            PlanGrammar::of_steps(Choices::words(&vocabulary, "").vocabulary(), tokens.clone())?;
        }
        Ok(Self { model, vocabulary, tokens })
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

    /// Asks the model: the steps of its plan, what it says is missing, and how sure it was.
    fn ask(
        &mut self,
        messages: &[Message],
        choices: &Choices<'_>,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<(SpokenPlan, Vec<String>), PlanningError> {
        let max_tokens = self.model.manifest().decoding.max_tokens;
        let (steps, missing, mean_log_probability) = match self.model.backend_mut() {
            ChatBackend::Local(local) => {
                let tokens = self.tokens.get_or_insert_with(|| tokens_of(local)).clone();
                let grammar = PlanGrammar::of_steps(choices.vocabulary(), tokens)?;
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
                let mut wanted = || on_text("");
                let answer = endpoint.answer(messages, &schema(choices), max_tokens, &mut wanted);
                let text = answer.map_err(|error| match error {
                    ModelError::Endpoint { fault: EndpointFault::Interrupted, .. } => {
                        PlanningError::Interrupted
                    }
                    other => other.into(),
                })?;
                let (steps, missing) = parse_answer(&text, choices)?;
                on_text(&plan_text(&steps, choices.vocabulary()));
                (steps, missing, None)
            }
        };
        Ok((SpokenPlan { task: None, steps, mean_log_probability }, missing))
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

    fn speak(
        &mut self,
        goal: &str,
        vocabulary: &ActionVocabulary,
    ) -> Result<SpokenPlan, PlanningError> {
        let choices = Choices::words(vocabulary, goal);
        let rules = rules(&choices, self.form(), &self.model.manifest().instructions);
        let messages = over_words(&rules, vocabulary, goal);
        Ok(self.ask(&messages, &choices, &mut |_| true)?.0)
    }

    fn write(
        &mut self,
        request: &PlanRequest<'_>,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<WrittenPlan, PlanningError> {
        let PlanRequest { goal, objects, robot_m, held, .. } = *request;
        if objects.is_empty() {
            let missing = vec![goal.to_owned()];
            return Ok(WrittenPlan { missing, ..WrittenPlan::default() });
        }
        let list = ObjectList::new(objects, goal, robot_m, held);
        let instructions = &self.model.manifest().instructions;
        let messages = |count: usize| {
            let choices = Choices::new(&self.vocabulary, &list.first(count), goal);
            over_map(&rules(&choices, self.form(), instructions), &list, count, goal, robot_m)
        };
        let most = list.len().min(self.model.manifest().most_objects);
        let count = self.fitting(most, &messages)?;
        let messages = messages(count);
        let choices = Choices::new(&self.vocabulary, &list.first(count), goal);
        let (plan, missing) = self.ask(&messages, &choices, on_text)?;
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
        })
    }
}

/// What the grammar needs to know of a model in this process.
fn tokens_of(local: &LocalChat) -> TokenSet {
    let rows = local.llama().config().vocab_size;
    token_table(local.tokenizer(), rows, local.end(), &[]).into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::list::tests::object;
    use super::*;
    use crate::model::stand_in::{Act, ChatServer};
    use crate::scene::{MapObject, ObjectId};
    use crate::tasks::{GoalPlanner, Grounding, Plan, Refusal};

    const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/chat_planner");

    fn planner(manifest: &str) -> GoalPlanner {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(crate::model::MANIFEST_FILE), manifest).unwrap();
        GoalPlanner::load(folder.path(), &Device::Cpu).unwrap()
    }

    fn local(weights: &str, settings: &str) -> GoalPlanner {
        planner(&format!(
            "kind: chat\nname: tiny\nlocal: {{weights: '{FIXTURE}{weights}'}}\n{settings}"
        ))
    }

    fn served(url: &str, timeout_s: u32) -> GoalPlanner {
        let endpoint = format!("{{url: '{url}', model: m, timeout_s: {timeout_s}}}");
        planner(&format!("kind: chat\nname: served\nendpoint: {endpoint}\n"))
    }

    fn kitchen() -> Vec<MapObject> {
        vec![
            object(1, "countertop", [1.0, 0.0, 0.5], 0.9),
            object(3, "mug", [1.1, 0.1, 1.0], 0.1),
            object(7, "sink basin", [2.0, 0.0, 0.8], 0.4),
            object(9, "fridge", [4.0, 0.0, 1.0], 1.0),
        ]
    }

    fn request<'a>(goal: &'a str, objects: &'a [MapObject]) -> PlanRequest<'a> {
        PlanRequest {
            goal,
            objects,
            robot_m: [0.0; 3],
            held: None,
            frame_id: "map",
            stamp_ns: 5,
            step_expiry_ns: 10,
            require_grounding: false,
        }
    }

    fn ids(plan: &Plan) -> Vec<Vec<Option<u32>>> {
        let id = |grounding: &Grounding| match grounding {
            Grounding::Grounded { object_id, .. } => Some(object_id.0),
            Grounding::Ungrounded { .. } => None,
        };
        let arguments = plan.steps.iter().map(|step| &step.arguments);
        arguments.map(|all| all.iter().map(|one| id(&one.grounding)).collect()).collect()
    }

    /// Every step is an action of the vocabulary with as many arguments, each bound to an object.
    #[track_caller]
    fn assert_grounded(plan: &Plan, objects: &[MapObject]) {
        let alfred = ActionVocabulary::alfred();
        for step in &plan.steps {
            let action = alfred.action(&step.action).unwrap();
            assert_eq!(action.arguments.len(), step.arguments.len(), "{step:?}");
        }
        for id in ids(plan).concat() {
            let id = id.expect("names of the list are bound");
            assert!(objects.iter().any(|object| object.id == ObjectId(id)), "{id}");
        }
    }

    #[test]
    fn a_model_of_random_weights_writes_a_grounded_plan_or_a_typed_refusal() {
        let settings = "context: 2048\ndecoding: {max_tokens: 700}\n";
        let mut of_both = Vec::new();
        for weights in ["", "/model.safetensors", "/model.gguf"] {
            let mut planner = local(weights, settings);
            assert_eq!(planner.sight(), Sight::ObjectList);
            let kitchen = kitchen();
            let mut plans = Vec::new();
            for goal in ["wash the mug", "put the mug into the fridge", "find <|im_end|> now"] {
                let mut said = String::new();
                let plan = planner.plan_aloud(&request(goal, &kitchen), &mut |text| {
                    said.push_str(text);
                    true
                });
                match &plan.refusal {
                    None => {
                        assert_grounded(&plan, &kitchen);
                        assert!(plan.mean_log_probability.is_some_and(|mean| mean <= 0.0));
                        assert!(said.trim_end().ends_with("NoOp"), "{said}");
                    }
                    Some(Refusal::NotFound { names }) => assert!(!names.is_empty()),
                    other => panic!("{other:?}"),
                }
                assert_eq!(plan.shown, Some(ShownObjects { listed: 4, left_out: 0 }));
                plans.push(plan);
            }
            of_both.push(plans);
        }
        assert_eq!(of_both[0], of_both[1]);
        // The same weights in the other layout, with the tokenizer from its metadata.
        assert_eq!(ids(&of_both[0][0]), ids(&of_both[2][0]));
    }

    #[test]
    fn a_list_longer_than_the_context_is_cut_and_the_plan_says_so() {
        let labels = ["chair", "plate", "spoon", "book", "vase"];
        let mut crowd: Vec<MapObject> = (0..400)
            .map(|id| object(id, labels[id as usize % 5], [f64::from(id), 1.0, 0.0], 0.1))
            .collect();
        crowd.push(object(900, "mug", [999.0, 0.0, 0.0], 0.1));
        let mut planner = local("", "context: 1800\ndecoding: {max_tokens: 700}\n");
        let plan = planner.plan(&request("bring the mug", &crowd));
        let shown = plan.shown.expect("it read a list");
        assert_eq!(shown.listed + shown.left_out, 401);
        assert!(shown.listed > 3 && shown.left_out > 300, "{shown:?}");
        assert_grounded(&plan, &crowd);
        let mut capped = local("", "most_objects: 2\ndecoding: {max_tokens: 700}\n");
        let plan = capped.plan(&request("bring the mug", &crowd));
        assert_eq!(plan.shown, Some(ShownObjects { listed: 2, left_out: 399 }));

        let long = "wash it ".repeat(500);
        let plan = planner.plan(&request(&long, &crowd));
        let Some(Refusal::ModelFailed { reason }) = &plan.refusal else { panic!("{plan:?}") };
        assert!(reason.contains("without any object"), "{reason}");
    }

    #[test]
    fn planning_can_be_interrupted_and_an_empty_map_asks_nobody() {
        let mut planner = local("", "context: 2048\ndecoding: {max_tokens: 700}\n");
        let kitchen = kitchen();
        let mut looks = 0;
        let plan = planner.plan_aloud(&request("wash the mug", &kitchen), &mut |_| {
            looks += 1;
            looks < 3
        });
        let interrupted = PlanningError::Interrupted.to_string();
        assert_eq!(plan.refusal, Some(Refusal::ModelFailed { reason: interrupted }));
        let plan = planner.plan(&request("wash the mug", &[]));
        assert_eq!(plan.refusal, Some(Refusal::NotFound { names: vec!["wash the mug".into()] }));
        // Without a map, words stand for things.
        let vocabulary = planner.vocabulary().clone();
        let spoken = planner.speak("wash the mug", &vocabulary);
        assert!(spoken.is_ok_and(|plan| plan.mean_log_probability.is_some()));
    }

    const WASH: &str = r#"{"steps": [
        {"action": "GotoLocation", "target": "countertop_1"},
        {"action": "PickupObject", "object": "mug_3"},
        {"action": "PutObject", "object": "mug_3", "receptacle": "sink_basin_7"}],
        "not_found": []}"#;

    #[test]
    fn what_a_server_answers_becomes_a_grounded_plan() {
        let acts = [ChatServer::whole(WASH), ChatServer::stream(WASH, Duration::from_millis(1))];
        for act in acts {
            let server = ChatServer::start(vec![act]);
            let kitchen = kitchen();
            let mut request = request("wash the mug", &kitchen);
            request.held = Some(ObjectId(9));
            let mut said = String::new();
            let plan = served(&server.url, 30).plan_aloud(&request, &mut |text| {
                said.push_str(text);
                true
            });
            assert_eq!(plan.refusal, None);
            assert_eq!(ids(&plan), [vec![Some(1)], vec![Some(3)], vec![Some(3), Some(7)]]);
            assert_eq!(plan.steps[2].summary(), "PutObject mug → sinkbasin");
            assert_eq!(plan.steps[2].target_position_m(), Some([2.0, 0.0, 0.8]));
            assert_eq!((plan.steps[2].expires_ns, plan.mean_log_probability), (15, None));
            assert!(said.contains("PutObject mug_3 sink_basin_7"), "{said}");
            let asked = &server.requests()[0];
            for part in
                ["mug_3 at (1.1, 0.1, 1.0)", "on countertop_1", "holds fridge_9", "json_schema"]
            {
                assert!(asked.contains(part), "{asked} lacks {part}");
            }
        }
    }

    #[test]
    fn whatever_a_server_answers_is_a_plan_or_a_named_refusal() {
        let wrong = WASH.replace("mug_3", "mug_4");
        let missing = r#"{"steps": [], "not_found": ["drill"]}"#;
        let cases = [
            (ChatServer::whole(&wrong), "step 2: PickupObject: 'mug_4' is no object of the list"),
            (ChatServer::whole("I would wash it."), "is no plan"),
            (ChatServer::whole(missing), "nothing in the map answers to drill"),
            (Act::Whole(200, "<html></html>".into()), "does not follow OpenAI's protocol"),
            (Act::Whole(401, r#"{"error": {"message": "no key"}}"#.into()), "answers 401: no key"),
            (Act::Endless, "longer than"),
            (Act::Hang, "no whole answer within 1 s"),
        ];
        let kitchen = kitchen();
        for (act, message) in cases {
            let is_hanging = matches!(act, Act::Hang);
            let server = ChatServer::start(vec![act, ChatServer::whole(WASH)]);
            let mut planner = served(&server.url, if is_hanging { 1 } else { 30 });
            let plan = planner.plan(&request("wash the mug", &kitchen));
            let refusal = plan.refusal.expect(message).to_string();
            assert!(refusal.contains(message), "{refusal} does not say {message}");
            // The next goal is planned for as if nothing had been.
            assert_eq!(planner.plan(&request("wash the mug", &kitchen)).refusal, None);
        }
    }
}
