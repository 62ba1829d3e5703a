//! The planner trained for it: Scene-LLM and its likes.
//!
//! A model that sees plans in the three moves of its paper (arXiv 2403.11401): the frame before the
//! robot becomes words of what matters to the goal, "I saw …"; the 3D tokens of the scene and those
//! words become what is to be done; and that becomes the plan, with where to go for it.

use super::dead_end::DeadEnds;
use super::grammar::PlanGrammar;
use super::ground::ground;
use super::planning::{PlanRequest, PlanningError};
use super::prior::{Draft, Prior, pooled};
use super::scene_mind::{Listener, SceneMind};
use super::source::sources;
use super::text::{parse_plan, plan_text};
use super::token_set::TokenTable;
use super::view::{About, SceneView};
use super::whereabouts::Whereabouts;
use super::writer::{PlanWriter, ShownObjects, Sight, SpokenPlan, WrittenPlan};
use super::{ActionVocabulary, ArgumentKind, SpokenStep};
use crate::model::{PriorSpec, PromptInput, Segment, TokenKind};
use crate::scene::NamedVectors;
use crate::vision::{TextEncoder, WordHash};
use candle_core::Device;
use std::path::Path;
use std::sync::Arc;

/// A Scene-LLM that plans in the words of its vocabulary; they are bound to the map afterwards.
#[derive(Debug)]
pub struct ScenePlanner {
    mind: SceneMind,
    prior: Option<Prior>,
    /// Vectors of the words of its vocabulary, where the features that it is shown can be compared with
    /// them.
    names: Option<NamedVectors>,
}

/// The extractor whose features are compared with hashed words.
const SCENE_VIT: &str = "scene_vit";
/// Drafts that each of two models names; one on a server names its likeliest alone.
const DRAFTS: usize = 6;
/// Plans around a draft among which the map chooses; a server gives no choice.
const WAYS: usize = 12;
/// What a plan that would fail again is worth less than others, as a logarithm.
const LAST_RESORT: f64 = -1e6;

impl ScenePlanner {
    /// Loads the model folder `folder` onto `device`, and the reader that is its prior where it has one.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, PlanningError> {
        let mind = SceneMind::load(folder, device)?;
        let prior = match &mind.model.manifest().prior {
            None => None,
            Some(PriorSpec { folder: inside, weight }) => {
                Some(Prior::load(&folder.join(inside), *weight, mind.vocabulary(), device)?)
            }
        };
        let mut planner = Self { mind, prior, names: None };
        // Hashed words need no weights.
        if let Some(spec) = planner.mind.view_spec().filter(|spec| spec.extractor == SCENE_VIT) {
            planner.names = WordHash::new(spec.width).ok().and_then(|words| planner.named(&words));
        }
        Ok(planner)
    }

    /// The vectors that `encoder` gives the words of the vocabulary; `None` where they are of another
    /// width than what is shown.
    fn named(&self, encoder: &dyn TextEncoder) -> Option<NamedVectors> {
        let spec = self.mind.view_spec()?;
        let fits = spec.tokens == TokenKind::Regions && spec.width == encoder.width();
        let words = self.mind.vocabulary().words(ArgumentKind::Target);
        NamedVectors::new(encoder, words).ok().filter(|_| fits)
    }

    fn speak_aloud(
        &mut self,
        goal: &str,
        view: Option<&SceneView>,
        vocabulary: &ActionVocabulary,
        ends: &DeadEnds,
        on_text: &mut Listener<'_>,
    ) -> Result<SpokenPlan, PlanningError> {
        let saw = self.mind.describe(goal, view, &mut |_| on_text(""))?;
        // The model plans with what it was taught to say of no frame; a person is not told that of it.
        let told = saw.clone().filter(|_| view.is_some_and(SceneView::has_frame));
        let (frame, scene) = self.mind.shown(About::Scene, view);
        let names = self.names.clone();
        let glimpses = view.map_or(&[][..], |view| &view.glimpses);
        let said = sources(goal, vocabulary);
        let seen = names
            .as_ref()
            .zip(scene.as_ref())
            .and_then(|(names, tokens)| Whereabouts::of(tokens, glimpses, names, said.clone()));
        let there = seen.unwrap_or_else(|| Whereabouts::said(said));
        let say = Say { there: &there, ends };
        let input = PromptInput {
            frame,
            scene,
            context: saw,
            goal: goal.to_owned(),
            ..PromptInput::default()
        };
        let mut segments = self.mind.model.prompt(input)?;
        let draft_end = self.mind.model.manifest().prompt.draft_end.clone();
        let table = self.mind.table(&vocabulary.tasks);
        if draft_end.is_empty() {
            let grammar = PlanGrammar::new(vocabulary, table)?;
            let plan = likeliest(&mut self.mind, &segments, grammar, vocabulary, &say, on_text)?;
            return Ok(SpokenPlan { saw: told, ..plan });
        }
        // Where to go depends on the home more than on the goal, so its guesses must not sway what
        // is done: that is decided first. The whole plan says it again.
        let draft = self.draft(&segments, goal, vocabulary, ends, &mut |_| on_text(""))?;
        let task = draft.task.as_ref().map(|task| format!("<{task}>")).unwrap_or_default();
        let said = format!("{task}{}{draft_end}", plan_text(&draft.steps, vocabulary));
        segments.push(Segment::Template(said));
        let table = self.mind.table(&vocabulary.tasks);
        let around = PlanGrammar::around(vocabulary, table, &draft.steps)?;
        let plan = likeliest(&mut self.mind, &segments, around, vocabulary, &say, on_text)?;
        Ok(SpokenPlan {
            task: draft.task,
            mean_log_probability: draft.mean_log_probability,
            saw: told,
            ..plan
        })
    }

    /// What is to be done.
    fn draft(
        &mut self,
        segments: &[Segment],
        goal: &str,
        vocabulary: &ActionVocabulary,
        ends: &DeadEnds,
        on_text: &mut Listener<'_>,
    ) -> Result<SpokenPlan, PlanningError> {
        let table = self.mind.table(&vocabulary.tasks);
        let draft_end = &self.mind.model.manifest().prompt.draft_end;
        let end = self.mind.model.tokenizer().token(draft_end).unwrap_or(table.end);
        let acts = PlanGrammar::new(&vocabulary.without_going(), TokenTable { end, ..table })?;
        let answers = if self.prior.is_some() { DRAFTS } else { 1 };
        let ours: Vec<Draft> =
            search(&mut self.mind, segments, acts, vocabulary, answers, on_text)?
                .into_iter()
                .map(|(draft, _)| draft)
                .collect();
        let (theirs, weight) = match &self.prior {
            None => (Vec::new(), 0.0),
            Some(prior) => (prior.drafts(goal, answers)?, prior.weight),
        };
        let tokens = self.mind.model.manifest().decoding.max_tokens;
        pooled(&ours, &theirs, weight, &|acts| ends.rank(acts))
            .ok_or(PlanningError::Unfinished { tokens })
    }
}

/// What else has a say in where to go, beside the model.
struct Say<'a> {
    /// What the map shows, of a model that sees, and what the goal says.
    there: &'a Whereabouts<'a>,
    /// What was tried in vain.
    ends: &'a DeadEnds,
}

impl Say<'_> {
    fn is_silent(&self) -> bool {
        self.there.is_silent() && self.ends.bar_no_way()
    }

    /// The logarithm of how well the ways of a plan fit that are still to be gone; what would fail again is
    /// the last resort. A model says again what is done, and by which way it would have gone there.
    fn of_ways(&self, steps: &[SpokenStep], vocabulary: &ActionVocabulary) -> f64 {
        let steps = self.ends.left_of(steps, vocabulary);
        let seeks = self.ends.seeks();
        let fit = self.there.of_ways(steps, vocabulary, seeks);
        if self.ends.bar_ways(steps, vocabulary) { fit + LAST_RESORT } else { fit }
    }
}

/// The likeliest answer to `segments` under `grammar`; where others have a say, of the likeliest ones the
/// one that fits best. Words are said that nothing can take back any more.
fn likeliest(
    mind: &mut SceneMind,
    segments: &[Segment],
    grammar: PlanGrammar,
    vocabulary: &ActionVocabulary,
    say: &Say<'_>,
    on_text: &mut Listener<'_>,
) -> Result<SpokenPlan, PlanningError> {
    let tokens = mind.model.manifest().decoding.max_tokens;
    if say.is_silent() {
        let found = search(mind, segments, grammar, vocabulary, 1, on_text)?;
        let plan = found.into_iter().next().map(|(one, _)| one.plan);
        return plan.ok_or(PlanningError::Unfinished { tokens });
    }
    // What comes last is the rest of the model's own choice, which need not be the map's.
    let (mut said, mut newest) = (String::new(), String::new());
    let mut listen = |text: &str| {
        if text.is_empty() {
            return on_text("");
        }
        let agreed = std::mem::replace(&mut newest, text.to_owned());
        said.push_str(&agreed);
        on_text(&agreed)
    };
    let found = search(mind, segments, grammar, vocabulary, WAYS, &mut listen)?;
    let score = |(draft, _): &(Draft, String)| {
        draft.log_probability + say.of_ways(&draft.plan.steps, vocabulary)
    };
    let best = found.into_iter().reduce(|a, b| if score(&b) > score(&a) { b } else { a });
    let (draft, text) = best.ok_or(PlanningError::Unfinished { tokens })?;
    if !on_text(text.strip_prefix(&said).unwrap_or_default()) {
        return Err(PlanningError::Interrupted);
    }
    Ok(draft.plan)
}

/// Answers to `segments` under `grammar`, likeliest first, with their texts.
fn search(
    mind: &mut SceneMind,
    segments: &[Segment],
    grammar: PlanGrammar,
    vocabulary: &ActionVocabulary,
    answers: usize,
    on_text: &mut Listener<'_>,
) -> Result<Vec<(Draft, String)>, PlanningError> {
    let tasks = mind.table(&vocabulary.tasks).tasks;
    let mut wanted = true;
    let mut listen = |text: &str| {
        wanted = wanted && on_text(text);
        wanted
    };
    let replies = mind.model.search(segments, Some(Box::new(grammar)), answers, &mut listen)?;
    if !wanted {
        return Err(PlanningError::Interrupted);
    }
    let spoken = replies.into_iter().filter(|reply| reply.finished).filter_map(|reply| {
        let steps = parse_plan(&reply.text, vocabulary).ok()?;
        let task = tasks.iter().position(|token| Some(token) == reply.tokens.first());
        let plan = SpokenPlan {
            task: task.and_then(|at| vocabulary.tasks.get(at).cloned()),
            steps,
            mean_log_probability: Some(f64::from(reply.mean_log_probability)),
            saw: None,
        };
        let log_probability = f64::from(reply.log_probability);
        Some((Draft { plan, log_probability }, reply.text))
    });
    Ok(spoken.collect())
}

impl PlanWriter for ScenePlanner {
    fn name(&self) -> &str {
        self.mind.name()
    }

    fn sight(&self) -> Sight {
        if self.mind.model.sees() { Sight::VisualTokens } else { Sight::Blind }
    }

    fn vocabulary(&self) -> &ActionVocabulary {
        self.mind.vocabulary()
    }

    fn set_text_encoder(&mut self, encoder: Arc<dyn TextEncoder>) {
        self.names = self.named(&*encoder).or(self.names.take());
    }

    fn mind(&mut self) -> Option<&mut SceneMind> {
        Some(&mut self.mind)
    }

    fn speak(
        &mut self,
        goal: &str,
        view: Option<&SceneView>,
        vocabulary: &ActionVocabulary,
    ) -> Result<SpokenPlan, PlanningError> {
        self.speak_aloud(goal, view, vocabulary, &DeadEnds::default(), &mut |_| true)
    }

    fn write(
        &mut self,
        request: &PlanRequest<'_>,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<WrittenPlan, PlanningError> {
        let labels = request.objects.iter().map(|object| object.label.as_str());
        let vocabulary = self.mind.vocabulary().with_map_labels(labels);
        let ends = DeadEnds::of(request, &vocabulary);
        let spoken = self.speak_aloud(request.goal, request.view, &vocabulary, &ends, on_text)?;
        let steps = request.so_far.left_of(spoken.steps, &vocabulary);
        let bound = ground(&steps, &vocabulary, request);
        let actions = steps.into_iter().map(|step| step.action);
        let shown = self.mind.seen(request.view).and_then(|view| {
            let listed = view.scene.as_ref()?.len();
            Some(ShownObjects { listed, left_out: view.left_out })
        });
        Ok(WrittenPlan {
            task: spoken.task,
            steps: actions.zip(bound).collect(),
            mean_log_probability: spoken.mean_log_probability,
            missing: Vec::new(),
            shown,
            saw: spoken.saw,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene_mind::tests::checkpoint;
    use super::super::whereabouts::tests::{names, scene};
    use super::*;
    use crate::model::MANIFEST_FILE;
    use crate::model::stand_in::{Act, ChatServer};
    use crate::scene::Glimpse;
    use crate::scene::fixtures::object;
    use crate::tasks::fixtures::{bound_step, request};
    use crate::tasks::{SoFar, SpokenStep};
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    /// Where the shipped model is.
    fn shipped() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("models/nano")
    }

    /// Copies the files of a folder, without those in folders of its own.
    fn copy_files(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
            }
        }
    }

    /// The shipped model without its eyes, its prior with this weight.
    fn nano(weight: f64) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for inside in ["", "prior"] {
            copy_files(&shipped().join(inside), &folder.path().join(inside));
        }
        let manifest = folder.path().join("scenellm.yaml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        let (before, after) = text.split_once("weight: 0.5").unwrap();
        std::fs::write(&manifest, format!("{before}weight: {weight}{after}")).unwrap();
        folder
    }

    fn acts(folder: &Path, goal: &str) -> (Option<String>, Vec<SpokenStep>) {
        let mut planner = ScenePlanner::load(folder, &Device::Cpu).unwrap();
        let vocabulary = planner.vocabulary().clone();
        let plan = planner.speak(goal, None, &vocabulary).unwrap();
        let steps = plan.steps.into_iter();
        (plan.task, steps.filter(|step| !vocabulary.only_goes(&step.action)).collect())
    }

    #[test]
    fn a_prior_that_alone_counts_says_alone_what_is_done() {
        let folder = nano(1.0);
        let vocabulary = ActionVocabulary::read(&folder.path().join("vocabulary.yaml")).unwrap();
        let prior =
            Prior::load(&folder.path().join("prior"), 1.0, &vocabulary, &Device::Cpu).unwrap();
        for goal in ["put a chilled tomato in the microwave", "look at a pen under the lamp"] {
            let best = prior.drafts(goal, 1).unwrap().remove(0).plan;
            assert_eq!(acts(folder.path(), goal), (best.task, best.steps), "{goal}");
        }
    }

    #[test]
    fn a_thing_is_gone_for_where_the_map_shows_it_and_what_is_said_is_what_is_planned() {
        let folder = nano(0.5);
        let mut planner = ScenePlanner::load(folder.path(), &Device::Cpu).unwrap();
        for place in ["diningtable", "shelf", "cabinet"] {
            let things = [("mug", Some(place)), (place, None), ("coffeemachine", None)];
            let view = SceneView { scene: Some(scene(&things)), ..SceneView::default() };
            let request =
                PlanRequest { view: Some(&view), ..request("put a mug in the coffee maker") };
            let mut said = String::new();
            let plan = planner
                .write(&request, &mut |text| {
                    said += text;
                    true
                })
                .unwrap();
            let steps = parse_plan(&said, planner.vocabulary()).unwrap();
            assert_eq!(steps[0].arguments, [place], "{said}");
            let actions = plan.steps.iter().map(|(action, _)| action.as_str());
            assert!(actions.eq(steps.iter().map(|step| step.action.as_str())), "{said}");
        }
    }

    #[test]
    fn a_thing_is_gone_for_where_it_was_glimpsed_or_where_the_goal_says_that_it_is() {
        let folder = nano(0.5);
        let mut planner = ScenePlanner::load(folder.path(), &Device::Cpu).unwrap();
        let vocabulary = planner.vocabulary().clone();
        let things = ["sofa", "armchair", "garbagecan", "coffeetable", "floorlamp"];
        let tokens = scene(&things.map(|thing| (thing, None)));
        let mut first = |goal: &str, glimpses: Vec<Glimpse>| {
            let scene = Some(tokens.clone());
            let view = SceneView { scene, glimpses, ..SceneView::default() };
            planner.speak(goal, Some(&view), &vocabulary).unwrap().steps[0].arguments[0].clone()
        };
        for place in ["sofa", "armchair"] {
            let glimpse = Glimpse { name: "keychain".into(), on: place.into(), share: 0.8 };
            let goal = "look at the keychain under the lamp";
            assert_eq!(first(goal, vec![glimpse]), place);
        }
        for (place, goal) in [
            ("garbagecan", "take the pencil out of the trash and put it on the coffee table"),
            ("sofa", "take the pencil off the couch and put it on the coffee table"),
        ] {
            assert_eq!(first(goal, Vec::new()), place, "{goal}");
        }
    }

    #[test]
    fn of_what_is_done_no_way_counts_any_more() {
        let (names, vocabulary) = (names(), ActionVocabulary::alfred());
        let labels = ["countertop", "cabinet", "cabinet", "desk"];
        let objects = (1..).zip(labels).map(|(id, label)| object(id, label, [0.0; 3], 0.5));
        let objects: Vec<_> = objects.collect();
        let mut so_far = SoFar::default();
        so_far.done.push(bound_step(1, "GotoLocation countertop", &[1]));
        so_far.fail(bound_step(2, "PickupObject mug", &[0]), "", None);
        for line in ["PickupObject mug", "PutObject mug bed"] {
            so_far.done.push(bound_step(1, line, &[0, 0]));
        }
        let goal = "put two mugs on the bed";
        let request = PlanRequest { objects: &objects, so_far: &so_far, ..request(goal) };
        let ends = DeadEnds::of(&request, &vocabulary);
        // The second of two mugs that stood on the desk.
        let tokens = scene(&[("mug", Some("desk"))]);
        let there = Whereabouts::of(&tokens, &[], &names, BTreeSet::new()).unwrap();
        let say = Say { there: &there, ends: &ends };
        let worth = |first: &str, second: &str| {
            let text = format!(
                "GotoLocation {first}\nPickupObject mug\nPutObject mug bed\n\
                 GotoLocation {second}\nPickupObject mug\nPutObject mug bed\nNoOp"
            );
            say.of_ways(&parse_plan(&text, &vocabulary).unwrap(), &vocabulary)
        };
        for first in ["desk", "countertop"] {
            assert!(worth(first, "desk") > -0.3, "{first}");
            assert!(worth(first, "countertop") < LAST_RESORT / 2.0, "{first}");
        }
    }

    #[test]
    fn without_a_frame_nothing_is_said_to_be_seen() {
        let folder = nano(0.5);
        let mut planner = ScenePlanner::load(folder.path(), &Device::Cpu).unwrap();
        let vocabulary = planner.vocabulary().clone();
        let spec = planner.mind.view_spec().unwrap();
        let none = SceneView::of_regions(&[], Some(&[]), &spec);
        let empty = SceneView { in_frame: Some(Vec::new()), ..none.clone() };
        let mut saw =
            |view: &SceneView| planner.speak("wash the mug", Some(view), &vocabulary).unwrap().saw;
        assert_eq!(saw(&none), None);
        assert!(saw(&empty).is_some(), "a frame that shows nothing is one");
    }

    /// ALFRED's words without its kinds of task.
    fn words() -> ActionVocabulary {
        ActionVocabulary { tasks: Vec::new(), ..ActionVocabulary::alfred() }
    }

    /// A model that says first what is to be done, on the server at `url`; with a weight, the shipped
    /// reader of goals is its prior.
    fn served(url: &str, weight: Option<f64>) -> tempfile::TempDir {
        let folder = checkpoint();
        let manifest = folder.path().join(MANIFEST_FILE);
        let mut text = std::fs::read_to_string(&manifest).unwrap();
        let (weights, answer) = ("weights: model.safetensors}", "answer: \"Plan:\"");
        assert!(text.contains(weights) && text.contains(answer));
        let there = format!(
            "weights: model.safetensors, endpoint: {{url: '{url}', model: m, timeout_s: 20}}}}"
        );
        text = text.replacen(weights, &there, 1);
        text = text.replacen(answer, "answer: \"Draft:\", draft_end: \"</s>\"", 1);
        if let Some(weight) = weight {
            text += &format!("prior: {{folder: prior, weight: {weight}}}\n");
            copy_files(&shipped().join("prior"), &folder.path().join("prior"));
        }
        std::fs::write(&manifest, text).unwrap();
        let words = serde_yaml::to_string(&words()).unwrap();
        std::fs::write(folder.path().join("words.yaml"), words).unwrap();
        folder
    }

    /// A server's answer of this probability.
    fn completion(text: &str, probability: f64) -> Act {
        let body = serde_json::json!({"choices": [{"text": text, "finish_reason": "stop",
            "logprobs": {"token_logprobs": [probability.ln()]}}]});
        Act::Whole(200, body.to_string())
    }

    #[test]
    fn a_server_is_asked_what_is_to_be_done_and_then_for_the_plan_around_that() {
        let draft = completion("\nPickupObject mug\nNoOp", 0.5);
        let around = "\nGotoLocation desk\nPickupObject mug\nNoOp";
        let server = ChatServer::start(vec![draft.clone(), completion(around, 0.9)]);
        let folder = served(&server.url, None);
        let mut planner = ScenePlanner::load(folder.path(), &Device::Cpu).unwrap();
        let mut said = String::new();
        let plan = planner
            .write(&request("bring the mug"), &mut |text| {
                said += text;
                true
            })
            .unwrap();
        let actions: Vec<&str> = plan.steps.iter().map(|(action, _)| action.as_str()).collect();
        assert_eq!((said.as_str(), actions), (around, vec!["GotoLocation", "PickupObject"]));
        // How sure it is, it is of what is done.
        assert!((plan.mean_log_probability.unwrap() - 0.5f64.ln()).abs() < 1e-6);
        let bodies: Vec<serde_json::Value> = server
            .requests()
            .iter()
            .map(|request| serde_json::from_str(&request[request.find('{').unwrap()..]).unwrap())
            .collect();
        let [first, second] = bodies.as_slice() else { panic!("{} requests", bodies.len()) };
        let regex = first["structured_outputs"]["regex"].as_str().unwrap();
        assert!(regex.contains("PickupObject") && !regex.contains("GotoLocation"), "{regex}");
        let rows = |body: &serde_json::Value| body["prompt_embeds"].as_str().unwrap().len();
        assert!(rows(second) > rows(first), "the draft stands in the second prompt");

        let other = completion("\nPickupObject book\nNoOp", 0.9);
        let server = ChatServer::start(vec![draft, other]);
        let folder = served(&server.url, None);
        let mut planner = ScenePlanner::load(folder.path(), &Device::Cpu).unwrap();
        let error = planner.speak("bring the mug", None, &words()).unwrap_err().to_string();
        assert!(error.contains("leaves the grammar at byte 14"), "{error}");
    }

    #[test]
    fn a_prior_has_its_say_in_what_a_server_drafts() {
        let goal = "put a chilled tomato in the microwave";
        let prior = Prior::load(&shipped().join("prior"), 1.0, &words(), &Device::Cpu).unwrap();
        let best = prior.drafts(goal, 1).unwrap().remove(0).plan;
        assert_eq!(best.task, None, "the vocabulary has no kinds of task");
        let theirs = plan_text(&best.steps, &words());
        let (own, theirs) = ("\nPickupObject mug\nNoOp", theirs.as_str());
        for (weight, sure, done) in
            [(0.0, 0.3, own), (0.5, 0.3, theirs), (0.5, 1.0, own), (1.0, 1.0, theirs)]
        {
            let plan = format!("\nGotoLocation desk{done}");
            let server = ChatServer::start(vec![completion(own, sure), completion(&plan, 0.9)]);
            let folder = served(&server.url, Some(weight));
            let mut planner = ScenePlanner::load(folder.path(), &Device::Cpu).unwrap();
            let spoken = planner.speak(goal, None, &words()).unwrap();
            let steps = parse_plan(&plan, &words()).unwrap();
            assert_eq!((spoken.task, spoken.steps), (None, steps), "{weight}, {sure}");
        }
    }

    #[test]
    fn a_prior_of_other_words_is_refused() {
        let folder = nano(0.5);
        let vocabulary = folder.path().join("vocabulary.yaml");
        let text = std::fs::read_to_string(&vocabulary).unwrap();
        std::fs::write(&vocabulary, text.replacen("alarmclock", "wakeclock", 1)).unwrap();
        let error = ScenePlanner::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("prior") && error.contains("`alarmclock` is no word"), "{error}");
    }
}
