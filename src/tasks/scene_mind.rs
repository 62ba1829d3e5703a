//! A loaded Scene-LLM with the words of its plans: what all its tasks share.

use super::ActionVocabulary;
use super::grammar::PlanGrammar;
use super::line_grammar::LineGrammar;
use super::listing::Listing;
use super::planning::PlanningError;
use super::token_set::{TokenTable, token_table};
use super::view::{About, SceneView, ViewSpec};
use crate::language::{Constraint, SamplingOptions, StopReason};
use crate::model::{PromptInput, PromptKind, SceneLlm};
use crate::scene::VisualTokens;
use candle_core::Device;
use std::path::Path;

/// What becomes of a listener that is told words as they come: `false` ends the answer.
pub(super) type Listener<'a> = dyn FnMut(&str) -> bool + 'a;

/// One model, many tasks: plans, descriptions, answers, captions, ways, replies. What its manifest
/// was not taught it refuses by name ([`crate::model::ModelError::Untaught`]).
#[derive(Debug)]
pub struct SceneMind {
    pub(super) model: SceneLlm,
    vocabulary: ActionVocabulary,
}

/// What the model said.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    /// The words, trimmed.
    pub text: String,
    /// Mean log-probability of a token.
    pub mean_log_probability: f64,
    /// Whether the model ended them, rather than their greatest length.
    pub finished: bool,
}

impl SceneMind {
    /// Loads the model folder `folder` onto `device`.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, PlanningError> {
        let model = SceneLlm::load(folder, device)?;
        let vocabulary = match &model.manifest().vocabulary {
            Some(file) => ActionVocabulary::read(&folder.join(file))?,
            None => ActionVocabulary::alfred(),
        };
        let mind = Self { model, vocabulary };
        // A tokenizer that cannot write the plans is found now, not at the first goal.
        PlanGrammar::new(&mind.vocabulary, mind.table(&mind.vocabulary.tasks))?;
        Ok(mind)
    }

    /// Name of the model.
    pub fn name(&self) -> &str {
        &self.model.manifest().name
    }

    /// Its actions and words.
    pub fn vocabulary(&self) -> &ActionVocabulary {
        &self.vocabulary
    }

    /// What it takes in; `None` where it is blind.
    pub fn view_spec(&self) -> Option<ViewSpec> {
        ViewSpec::of(self.model.manifest())
    }

    /// Whether it was taught what is asked.
    pub fn can(&self, kind: PromptKind) -> bool {
        self.model.can(kind)
    }

    /// As much of a view as the model can take in: nothing where it is blind.
    pub(super) fn seen<'v>(&self, view: Option<&'v SceneView>) -> Option<&'v SceneView> {
        view.filter(|_| self.model.sees())
    }

    /// The tokens of the frame and of the scene that are shown for something about `about`. Where
    /// only one of them was seen, it is shown.
    pub(super) fn shown(
        &self,
        about: About,
        view: Option<&SceneView>,
    ) -> (Option<VisualTokens>, Option<VisualTokens>) {
        let Some(SceneView { frame, scene, .. }) = self.seen(view) else { return (None, None) };
        match (about, frame, scene) {
            (About::Frame, Some(frame), _) | (About::Scene, Some(frame), None) => {
                (Some(frame.clone()), None)
            }
            (_, _, scene) => (None, scene.clone()),
        }
    }

    /// The model's own words for `input`, likeliest token by likeliest token, at most `most_tokens`.
    /// They go to `on_text` as they come; it ends them by returning `false`. Where there are `choices`,
    /// it is the likeliest of these; of a list no item is said twice.
    pub(super) fn speak_freely(
        &mut self,
        input: PromptInput,
        choices: &[String],
        most_tokens: usize,
        on_text: &mut Listener<'_>,
    ) -> Result<Words, PlanningError> {
        let kind = input.kind;
        let segments = self.model.prompt(input)?;
        let options = SamplingOptions {
            temperature: 0.0,
            top_k: None,
            top_p: None,
            seed: 0,
            max_tokens: most_tokens,
        };
        let is_list = matches!(kind, PromptKind::Describe | PromptKind::Caption);
        let size = self.model.language().vocab_size;
        let list = is_list.then(|| Listing::new(self.model.tokenizer(), size)).flatten();
        let list = list.map(|list| Box::new(list) as Box<dyn Constraint>);
        let mut held = self.one_of(choices).or(list);
        let held = held.as_deref_mut().map(|held| held as &mut dyn Constraint);
        let answer = self.model.generate(&segments, held, &options, on_text)?;
        if answer.stop == StopReason::Cancelled {
            return Err(PlanningError::Interrupted);
        }
        Ok(Words {
            text: self.model.tokenizer().decode(&answer.tokens).trim().to_owned(),
            mean_log_probability: f64::from(answer.mean_log_probability),
            finished: answer.stop == StopReason::EndOfText,
        })
    }

    /// Holds what is said to one of `choices`; `None` where there are none, or the model cannot spell
    /// them.
    fn one_of(&self, choices: &[String]) -> Option<Box<dyn Constraint>> {
        if choices.is_empty() {
            return None;
        }
        let grammar = LineGrammar::new(choices, self.table(&[]).into(), 1).ok()?;
        Some(Box::new(grammar))
    }

    /// What a grammar needs to know of the model's tokenizer, with the tokens of `tasks`.
    pub(super) fn table(&self, tasks: &[String]) -> TokenTable {
        let config = self.model.language();
        let end = config.eos.first().copied().unwrap_or_default();
        token_table(self.model.tokenizer(), config.vocab_size, end, tasks)
    }
}

/// Longest description, tokens; one that is longer has lost its way.
const MOST_DESCRIPTION: usize = 96;

impl SceneMind {
    /// What of the egocentric frame matters to `goal`, in words that begin with "i saw". `None`
    /// where no frame is shown, or the model was not taught to describe one, or finds no end.
    pub fn describe(
        &mut self,
        goal: &str,
        view: Option<&SceneView>,
        on_text: &mut Listener<'_>,
    ) -> Result<Option<String>, PlanningError> {
        let frame = self.seen(view).and_then(|view| view.frame.clone());
        let Some(frame) = frame.filter(|_| self.can(PromptKind::Describe)) else {
            return Ok(None);
        };
        let input = PromptInput {
            frame: Some(frame),
            kind: PromptKind::Describe,
            goal: goal.to_owned(),
            ..PromptInput::default()
        };
        let words = self.speak_freely(input, &[], MOST_DESCRIPTION, on_text)?;
        Ok(Some(words.text).filter(|text| words.finished && !text.is_empty()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::view::tests::regions;
    use super::super::{About, GoalPlanner, Inquiry, PlanRequest};
    use super::*;
    use crate::model::checkpoint_of;
    use crate::model::stand_in::{Act, ChatServer};
    use crate::scene::fixtures::object;
    use crate::scene::{ObjectId, ShownObject};
    use crate::tasks::fixtures::request;

    const MANIFEST: &str = r#"
name: tiny
description: A small model for tests.
license: Apache-2.0
provenance: untrained
language: {kind: llama, format: safetensors, weights: model.safetensors}
tokenizer: tokenizer.json
vision: {extractor: scene_vit, provenance: trained, width: 4, tokens: regions}
projector:
  {weights: projector.safetensors, input: 17, hidden: 12, output: 32, position: {kind: none}}
tokens: {frame: 4, scene: 8, context: 512}
prompt: {begin: "<s>", ego: "Before me: ", scene: "Scene: ", context: "\nKnown:",
  goal_prefix: "\nTask:", goal_suffix: "\n", goal_style: plain, answer: "Plan:", end: ["</s>"],
  others: {describe: {before: "\nLook:", after: "\nSeen:"}, ask: {before: "\nAsk:", after: "\n"},
    say: {before: "\nSay:", after: "\n"}, navigate: {before: "\nWalk:", after: "\n"}}}
vocabulary: words.yaml
decoding: {beams: 2, max_tokens: 400}
"#;
    const WORDS: &str = "{actions: [{name: GotoLocation, arguments: [target]}, \
        {name: PickupObject, arguments: [object]}, {name: NoOp}], end: NoOp, \
        objects: [mug], receptacles: [desk]}";

    /// A model of random weights that sees and was taught everything but captions; its answers are
    /// as random, but what is asked of it and what may come out are not.
    pub(crate) fn checkpoint() -> tempfile::TempDir {
        let folder = checkpoint_of(MANIFEST, 512);
        std::fs::write(folder.path().join("words.yaml"), WORDS).unwrap();
        folder
    }

    fn mind() -> SceneMind {
        SceneMind::load(checkpoint().path(), &Device::Cpu).unwrap()
    }

    fn view(mind: &SceneMind) -> SceneView {
        let seen = regions(6, 4);
        SceneView::of_regions(&seen, Some(&seen[..2]), &mind.view_spec().unwrap())
    }

    #[test]
    fn a_frame_is_shown_for_what_is_now_and_where_there_is_no_scene() {
        let mind = mind();
        let both = view(&mind);
        let sizes = |about, view: &SceneView| {
            let (frame, scene) = mind.shown(about, Some(view));
            (frame.map(|tokens| tokens.len()), scene.map(|tokens| tokens.len()))
        };
        assert_eq!(sizes(About::Scene, &both), (None, Some(6)));
        assert_eq!(sizes(About::Frame, &both), (Some(2), None));
        let frame_only = SceneView { scene: None, ..both.clone() };
        assert_eq!(sizes(About::Scene, &frame_only), (Some(2), None));
        let scene_only = SceneView { frame: None, ..both };
        assert_eq!(sizes(About::Frame, &scene_only), (None, Some(6)));
        assert_eq!(mind.shown(About::Scene, None), (None, None));
    }

    #[test]
    fn programs_are_lines_of_the_list_whatever_the_weights() {
        let mut mind = mind();
        let lines = ["go to the mug", "turn left 90 degrees", "stop"].map(String::from);
        let view = view(&mind);
        for view in [None, Some(&view)] {
            let program = mind.navigate("to the mug", view, (&lines, 4), &mut |_| true).unwrap();
            assert!((1..=4).contains(&program.lines.len()), "{program:?}");
            assert!(program.lines.iter().all(|line| lines.contains(line)), "{program:?}");
            assert!(program.mean_log_probability <= 0.0);
        }
        let none = mind.navigate("to the mug", None, (&lines, 4), &mut |_| false);
        assert!(matches!(none, Err(PlanningError::Interrupted)));
    }

    /// The same, its language model on the server at `url`.
    fn served(url: &str, words: &str) -> tempfile::TempDir {
        let weights = "weights: model.safetensors}";
        let there = format!(
            "weights: model.safetensors, endpoint: {{url: '{url}', model: m, timeout_s: 20}}}}"
        );
        let folder = checkpoint_of(&MANIFEST.replacen(weights, &there, 1), 512);
        std::fs::write(folder.path().join("words.yaml"), words).unwrap();
        folder
    }

    #[test]
    fn a_model_on_a_server_plans_and_its_words_are_bound() {
        let answer = r#"{"choices": [{"text": "\nGotoLocation mug\nPickupObject mug\nNoOp",
            "finish_reason": "stop", "logprobs": {"token_logprobs": [-0.1, -0.3]}}]}"#;
        let server = ChatServer::start(vec![Act::Whole(200, answer.into())]);
        let folder = served(&server.url, WORDS);
        let mut planner = GoalPlanner::load(folder.path(), &Device::Cpu).unwrap();
        let view = view(planner.mind().unwrap());
        let objects = [object(7, "mug", [1.0, 0.0, 0.5], 0.1)];
        let plan = planner.plan(&PlanRequest {
            objects: &objects,
            view: Some(&view),
            require_grounding: true,
            ..request("bring the mug")
        });
        assert_eq!((plan.refusal, plan.steps.len()), (None, 2));
        assert!((plan.mean_log_probability.unwrap() + 0.2).abs() < 1e-6);
        // It was not asked what it saw before: descriptions have no grammar.
        let requests = server.requests();
        assert_eq!(requests.len(), 1);
        assert!(requests[0].contains(r#""regex":"\\n((GotoLocation (desk|mug)"#), "{requests:?}");
    }

    #[test]
    fn a_server_names_the_task_by_its_token() {
        // `<s>` is a special token of the fixture.
        let words = WORDS.replacen("{actions", "{tasks: [s], actions", 1);
        let answer = |text: &str| {
            let body = serde_json::json!({"choices": [{"text": text, "finish_reason": "stop",
                "logprobs": {"token_logprobs": [-0.1]}}]});
            Act::Whole(200, body.to_string())
        };
        let told = "<s>\nPickupObject mug\nNoOp";
        let server = ChatServer::start(vec![answer(told), answer("\nPickupObject mug\nNoOp")]);
        let folder = served(&server.url, &words);
        let mut planner = GoalPlanner::load(folder.path(), &Device::Cpu).unwrap();
        let plan = planner.plan(&request("bring the mug"));
        assert_eq!((plan.refusal, plan.task.as_deref(), plan.steps.len()), (None, Some("s"), 1));
        let sent = &server.requests()[0];
        assert!(sent.contains(r#""regex":"(<s>)\\n((GotoLocation"#), "{sent}");
        assert!(sent.contains(r#""skip_special_tokens":false"#), "{sent}");
        let plan = planner.plan(&request("bring the mug"));
        let why = format!("{:?}", plan.refusal);
        assert!(why.contains("leaves the grammar at byte 0"), "a plan must name its task: {why}");
    }

    #[test]
    fn what_was_not_taught_is_refused_by_name() {
        let mut mind = mind();
        assert!(mind.can(PromptKind::Ask) && !mind.can(PromptKind::Caption));
        let described = PromptInput { kind: PromptKind::Caption, ..PromptInput::default() };
        let error = mind.speak_freely(described, &[], 8, &mut |_| true).unwrap_err();
        let untaught = PlanningError::Model(crate::model::ModelError::Untaught {
            model: "tiny".into(),
            kind: PromptKind::Caption,
        });
        assert_eq!(error.to_string(), untaught.to_string());
    }

    #[test]
    fn answers_without_an_end_are_none() {
        let mut mind = mind();
        let seen = view(&mind);
        let mug = object(3, "mug", [0.0; 3], 0.1);
        let inquiry = Inquiry {
            words: "where is the mug",
            turns: Some(&[["is there a mug".into(), "yes".into()]]),
            about: About::Scene,
            view: Some(&seen),
            objects: &[mug],
        };
        // Random weights hardly ever end a text of 64 tokens.
        let answer = mind.answer(&inquiry, &mut |_| true).unwrap();
        assert_eq!(answer.words, super::super::DO_NOT_KNOW);
        assert!(answer.unknown.unwrap().contains("no end"), "the reason is told");
        assert!(answer.objects.is_empty() && answer.mean_log_probability.unwrap() < 0.0);
        let none = mind.answer(&inquiry, &mut |_| false);
        assert!(matches!(none, Err(PlanningError::Interrupted)));
        // What the list tells needs no model, but where it is not known what the robot sees now.
        let inquiry = Inquiry { words: "how many mugs are there", turns: None, ..inquiry };
        let answer = mind.answer(&inquiry, &mut |_| true).unwrap();
        assert_eq!((answer.words.as_str(), answer.objects.as_slice()), ("one", &[ObjectId(3)][..]));
        assert_eq!((answer.unknown, answer.mean_log_probability), (None, None));
        let of_now = Inquiry { about: About::Frame, ..inquiry };
        let answer = mind.answer(&of_now, &mut |_| true).unwrap();
        assert!(answer.mean_log_probability.is_some());
        let shows = |ids: &[u32]| {
            let shown = ids.iter().map(|id| ShownObject { id: ObjectId(*id), bearing_rad: 0.5 });
            SceneView { in_frame: Some(shown.collect()), ..seen.clone() }
        };
        let mut ask = |words, ids: &[u32]| {
            let (view, about) = (shows(ids), About::of(words));
            let of_now = Inquiry { words, about, view: Some(&view), ..inquiry };
            let answer = mind.answer(&of_now, &mut |_| true).unwrap();
            answer.mean_log_probability.is_none().then_some(answer.words)
        };
        assert_eq!(ask("which way is the mug", &[3]).as_deref(), Some("left"));
        assert_eq!(ask("do you see a mug in front of you", &[3]).as_deref(), Some("yes"));
        assert_eq!(ask("what do you see in front of you", &[3]).as_deref(), Some("a mug"));
        assert_eq!(ask("do you see a mug in front of you", &[9]), None, "it sees nothing known");
    }

    #[test]
    fn a_description_without_an_end_is_left_out() {
        let mut mind = mind();
        let seen = view(&mind);
        assert_eq!(mind.describe("find the mug", Some(&seen), &mut |_| true).unwrap(), None);
        let blind = SceneView { frame: None, ..seen };
        assert_eq!(mind.describe("find the mug", Some(&blind), &mut |_| true).unwrap(), None);
    }
}
