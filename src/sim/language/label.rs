//! Pairs from a chat model, in the manner of Scene-LLM's data (Fu et al., arXiv 2403.11401, section
//! 4): it reads frame captions and the list of objects with their boxes as text, writes the six kinds,
//! and what it writes is held against the same list. So real recordings can be spoken of.

use super::check::{CheckReport, named_classes};
use super::facts::SceneFacts;
use super::pair::{Pair, PairFrame, PairKind, QuestionKind};
use super::words::plain;
use crate::model::{ChatModel, EndpointFault, Message, ModelError, Role};
use crate::tasks::{DO_NOT_KNOW, preposition};
use serde::Deserialize;
use serde_json::{Value, json};

/// The kinds that a chat model writes.
const KINDS: [PairKind; 6] = [
    PairKind::DenseCaption,
    PairKind::ObjectCaption,
    PairKind::TaskDecomposition,
    PairKind::Functionality,
    PairKind::Question,
    PairKind::Dialogue,
];
/// Most pairs that are read of one answer.
const MOST_PAIRS: usize = 200;
/// Most turns of a dialogue.
const MOST_TURNS: usize = 6;

/// Why a chat model gave no pairs.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// The model failed, or its server did.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// What it said is not the JSON that was asked for.
    #[error("the chat model did not answer in the JSON that was asked for: {0}")]
    NotJson(String),
}

const RULES: &str = "You write training data for a household robot. You are told what there is in a \
scene. Write instructions and answers that are true of it, as JSON: {\"pairs\": [{\"kind\": KIND, \
\"turns\": [{\"said\": TEXT, \"reply\": TEXT}]}]}. All kinds have one turn, only a dialogue two to \
four. Name things by their words in the list, letter by letter, without their numbers. Lower case, \
no punctuation but commas. Say of what a thing stands on only what the list says. Answers are short. \
A sentence in any other form than these is thrown away:
dense_caption: \"describe the room\" -> \"on the countertop a mug and two apples, in the sinkbasin a \
cup, also a fridge\"
object_caption: \"describe the mug\" -> \"a mug on the countertop, next to the knife\"
task_decomposition: \"how would you put a clean mug on the shelf\" -> \"take the mug from the \
countertop, wash the mug in the sinkbasin, put the mug on the shelf\"; the verbs are take, put, wash, \
heat, cool, slice, turn on, open, close; the hand holds one thing
functionality: \"what can i use to cut the apple and where is it\" -> \"the knife on the \
countertop\"; \"what can i do with the knife\" -> \"cut the apple\"
question: \"is there a mug\" -> \"yes\"; \"how many apples are there\" -> \"two\"; \"where is the \
mug\" -> \"on the countertop\"; \"what is on the countertop\" -> \"a mug, two apples\"; \"what is next \
to the mug\" -> \"knife\"; \"where is the sofa\", when there is none -> \"i do not know\"
dialogue: \"where is the mug\" -> \"on the countertop\"; \"wash it\" -> \"yes, i take the mug from \
the countertop and wash it in the sinkbasin\"
";

/// The messages by which pairs about a scene are asked for: `captions` are those of its frames,
/// `focus` the classes to speak of above all. The first `most` objects are listed.
fn messages(
    facts: &SceneFacts,
    captions: &[String],
    focus: &[&str],
    number: usize,
    most: usize,
) -> Vec<Message> {
    let mut told = String::from("The objects: word, number, middle and edges in metres, place.\n");
    for fact in facts.objects.iter().take(most) {
        let [x, y, z] = fact.object.position_m;
        let [dx, dy, dz] = fact.object.size_m;
        let place = facts.holder(fact).map_or("on the floor or a wall".to_string(), |holder| {
            format!("{} the {} {}", preposition(&holder.category), holder.category, holder.id())
        });
        told.push_str(&format!(
            "{} {} at ({x:.2}, {y:.2}, {z:.2}), {dx:.2} x {dy:.2} x {dz:.2}, {place}\n",
            fact.category,
            fact.id(),
        ));
    }
    if !captions.is_empty() {
        told.push_str("What frames of it show:\n");
        captions.iter().for_each(|caption| told.push_str(&format!("- {}\n", one_line(caption))));
    }
    let above_all = match focus {
        [] => String::new(),
        names => format!(" Speak of these above all: {}.", names.join(", ")),
    };
    told.push_str(&format!("Write {number} pairs of each of the six kinds.{above_all}"));
    vec![Message::new(Role::System, RULES), Message::new(Role::User, told)]
}

/// A caption cannot pretend to be a line of the list.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The form that a server is held to.
fn schema() -> Value {
    let kinds: Vec<&str> = KINDS.iter().map(|kind| kind.name()).collect();
    let turn = json!({
        "type": "object",
        "properties": {"said": {"type": "string"}, "reply": {"type": "string"}},
        "required": ["said", "reply"],
        "additionalProperties": false,
    });
    let pair = json!({
        "type": "object",
        "properties": {
            "kind": {"type": "string", "enum": kinds},
            "turns": {"type": "array", "items": turn, "minItems": 1, "maxItems": MOST_TURNS},
        },
        "required": ["kind", "turns"],
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "properties": {"pairs": {"type": "array", "items": pair, "maxItems": MOST_PAIRS}},
        "required": ["pairs"],
        "additionalProperties": false,
    })
}

#[derive(Deserialize)]
struct Answer {
    /// Read one by one: a pair of another form does not spoil the others.
    pairs: Vec<Value>,
}

#[derive(Deserialize)]
struct Said {
    kind: PairKind,
    turns: Vec<Turn>,
}

#[derive(Deserialize)]
struct Turn {
    said: String,
    reply: String,
}

/// The pairs of the JSON that begins `said`, and whether they break off: a model has so many tokens and no
/// more, and what it has said until then counts.
fn pairs_of(said: &str) -> Result<(Vec<Value>, bool), LabelError> {
    let end = said.rfind('}').map_or(said.len(), |at| at + 1);
    let error = match serde_json::from_str::<Answer>(&said[..end]) {
        Ok(answer) => return Ok((answer.pairs, false)),
        Err(error) => error,
    };
    if !error.is_eof() {
        return Err(LabelError::NotJson(error.to_string()));
    }
    let mut pairs = Vec::new();
    let list = said.split_once("\"pairs\"").and_then(|(_, list)| list.split_once('['));
    let mut rest = list.map(|(_, rest)| rest);
    while let Some(text) = rest {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        let Some(Ok(pair)) = values.next() else { break };
        pairs.push(pair);
        rest = text[values.byte_offset()..].trim_start().strip_prefix(',');
    }
    match pairs.is_empty() {
        true => {
            Err(LabelError::NotJson(format!("{error}; if it was cut, raise decoding.max_tokens")))
        }
        false => Ok((pairs, true)),
    }
}

/// Reads what a chat model says of a scene and keeps what is true; what is not kept is counted, be it
/// false, of another form, or said before. What stands around the JSON, such as a fence or thoughts,
/// is passed over. Of an answer that breaks off, the pairs that are whole are read.
///
/// # Errors
///
/// When there is no JSON of the form that was asked for.
pub fn read_labels(text: &str, facts: &SceneFacts) -> Result<(Vec<Pair>, CheckReport), LabelError> {
    let said = text.rsplit("</think>").next().unwrap_or(text);
    let begin = said.find('{').ok_or_else(|| LabelError::NotJson("it has no {".into()))?;
    let (pairs, is_cut) = pairs_of(&said[begin..])?;
    let mut report = CheckReport::default();
    if is_cut {
        report.pass_over("cut_off");
    }
    let mut kept: Vec<Pair> = Vec::new();
    for (at, said) in pairs.into_iter().enumerate() {
        let read = if at < MOST_PAIRS { pair_of(said, facts) } else { Err("too_many") };
        match read {
            Ok(pair) if kept.contains(&pair) => report.pass_over(CheckReport::REPEATED),
            Ok(pair) => kept.extend(report.take(&pair, facts).then_some(pair)),
            Err(reason) => report.pass_over(reason),
        }
    }
    Ok((kept, report))
}

/// A pair in plain words, with the objects whose classes it names; or why it is none that was asked
/// for.
fn pair_of(said: Value, facts: &SceneFacts) -> Result<Pair, &'static str> {
    let said: Said = serde_json::from_value(said).map_err(|_| "malformed")?;
    if !KINDS.contains(&said.kind) {
        return Err("not_asked_for");
    }
    let mut turns: Vec<[String; 2]> =
        said.turns.iter().map(|turn| [plain(&turn.said), plain(&turn.reply)]).collect();
    let is_long = turns.len() > MOST_TURNS;
    let [prompt, answer] = turns.pop().ok_or("wrong_turns")?;
    if is_long || (said.kind == PairKind::Dialogue) == turns.is_empty() {
        return Err("wrong_turns");
    }
    let spoken = turns.iter().flatten().chain([&prompt, &answer]);
    let named: Vec<String> = spoken.flat_map(|text| named_classes(text, facts)).collect();
    let of_named = facts.objects.iter().filter(|fact| named.contains(&fact.category));
    let ids = of_named.map(|fact| fact.id()).collect();
    let question =
        (said.kind == PairKind::Question).then(|| kind_of_question(&prompt, &answer, facts));
    let pair = Pair::new(said.kind, PairFrame::Scene, prompt, answer, ids);
    Ok(Pair { question, turns, ..pair })
}

/// What a question asks for, by its words.
fn kind_of_question(question: &str, answer: &str, facts: &SceneFacts) -> QuestionKind {
    let words: Vec<&str> = question.split(' ').collect();
    match words[..] {
        _ if answer == DO_NOT_KNOW => QuestionKind::Unknown,
        ["how", "many", ..] | ["count", ..] => QuestionKind::Count,
        ["where", ..] => QuestionKind::Place,
        ["which", "way", ..] | ["on", "which", "side", ..] => QuestionKind::Direction,
        _ if words.contains(&"color") => QuestionKind::Color,
        ["what", "can" | "could" | "do", "i", ..] => QuestionKind::Affordance,
        ["is" | "are", "there", ..] | ["do" | "can", "you", ..] => {
            match named_classes(question, facts).len() {
                0 | 1 => QuestionKind::Existence,
                _ => QuestionKind::Relation,
            }
        }
        ["is", "the" | "any", _, _] => QuestionKind::State,
        _ => QuestionKind::Relation,
    }
}

/// Asks a chat model for `number` pairs of each of the six kinds about a scene, and keeps what is
/// true of it. `captions` are those of its frames, in words; `focus` are classes to speak of above
/// all. Of a scene that is too large for the prompt, the first objects are told, and all count.
///
/// # Errors
///
/// When the model fails, or does not answer in JSON.
pub fn label(
    model: &mut ChatModel,
    facts: &SceneFacts,
    captions: &[String],
    focus: &[&str],
    number: usize,
) -> Result<(Vec<Pair>, CheckReport), LabelError> {
    let mut most = facts.objects.len().min(model.manifest().most_objects);
    let asked = loop {
        let asked = messages(facts, captions, focus, number, most);
        let (tokens, room) = (model.count_tokens(&asked)?, model.room());
        if tokens <= room {
            break asked;
        }
        if most == 0 {
            return Err(ModelError::PromptTooLong { tokens, room }.into());
        }
        most = 3 * most / 4;
    };
    let said = match model.answer(&asked, &schema(), &mut || true) {
        // As of a model in this process, what is whole of it counts.
        Err(ModelError::Endpoint { fault: EndpointFault::Cut { said }, .. }) => said,
        answer => answer?,
    };
    read_labels(&said, facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stand_in::{Act, ChatServer};
    use crate::scene::fixtures::{object, sized};
    use candle_core::Device;
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn facts() -> SceneFacts {
        SceneFacts::of_objects(&[
            sized(1, "Dining Table", [0.0, 0.0, 0.4], [1.0, 1.0, 0.8]),
            object(2, "mug", [0.1, 0.0, 0.85], 0.1),
            object(3, "apple", [0.3, 0.0, 0.84], 0.08),
            sized(4, "knife", [-0.3, 0.2, 0.81], [0.2, 0.03, 0.02]),
        ])
    }

    fn said() -> String {
        let one = |kind: &str, said: &str, reply: &str| json!({"kind": kind, "turns": [{"said": said, "reply": reply}]});
        let talk = json!({"kind": "dialogue", "turns": [
            {"said": "Where is the mug?", "reply": "On the diningtable."},
            {"said": "Slice it!", "reply": "No, a mug cannot be sliced."},
        ]});
        json!({"pairs": [
            one("dense_caption", "Describe the room.", "On the diningtable a mug, an apple and a knife."),
            one("dense_caption", "Describe the room.", "There is a sofa."),
            one("object_caption", "Describe the mug.", "A mug on the diningtable, next to the apple."),
            one("task_decomposition", "how do i cut the apple", "take the knife from the diningtable, slice the apple"),
            one("functionality", "What can I use to cut the apple and where is it?", "The knife on the diningtable."),
            one("question", "Is there a mug?", "Yes."),
            one("question", "How many apples are there?", "3"),
            one("navigation", "go to the mug", "go to the mug"),
            talk,
        ]})
        .to_string()
    }

    #[test]
    fn what_is_true_is_kept_in_plain_words() {
        let text = format!("<think>{{}}</think>Sure:\n```json\n{}\n```", said());
        let (pairs, report) = read_labels(&text, &facts()).unwrap();
        let kinds: std::collections::BTreeSet<_> = pairs.iter().map(|pair| pair.kind).collect();
        assert_eq!(kinds.len(), 6, "{pairs:?} {report:?}");
        assert_eq!((report.kept(), report.rejected()), (6, 2));
        assert_eq!(report.passed_over, BTreeMap::from([("not_asked_for", 1)]));
        assert_eq!(report.rejected[&PairKind::Question]["wrong_answer"], 1);
        assert_eq!(report.rejected[&PairKind::DenseCaption]["absent"], 1);
        let question = pairs.iter().find(|pair| pair.kind == PairKind::Question).unwrap();
        assert_eq!((question.prompt.as_str(), question.answer.as_str()), ("is there a mug", "yes"));
        assert_eq!(
            (question.question, &question.ids[..]),
            (Some(QuestionKind::Existence), &[2][..])
        );
    }

    #[test]
    fn what_is_passed_over_is_counted_by_reason() {
        let one = |kind: &str, turns: usize| {
            let turn = json!({"said": "Is there a mug?", "reply": "Yes."});
            json!({"kind": kind, "turns": vec![turn; turns]})
        };
        let asked = one("question", 1);
        let mut pairs = vec![asked.clone(), asked, one("poem", 1), json!("mug")];
        pairs.extend([one("question", 0), one("question", 2), one("dialogue", 1)]);
        pairs.extend([one("dialogue", MOST_TURNS + 1), one("state_description", 1)]);
        pairs.resize(MOST_PAIRS + 3, one("question", 1));
        let (kept, report) = read_labels(&json!({"pairs": pairs}).to_string(), &facts()).unwrap();
        assert_eq!((kept.len(), report.kept(), report.rejected()), (1, 1, 0));
        let expected = [
            (CheckReport::REPEATED, MOST_PAIRS - 8),
            ("malformed", 2),
            ("not_asked_for", 1),
            ("too_many", 3),
            ("wrong_turns", 4),
        ];
        assert_eq!(report.passed_over, BTreeMap::from(expected));

        // Said again in another answer.
        let mut both = report.clone();
        both.add(&report);
        both.count_repeated(PairKind::Question);
        assert_eq!((both.kept(), both.passed_over["too_many"]), (1, 6));
        assert_eq!(both.passed_over[CheckReport::REPEATED], 2 * (MOST_PAIRS - 8) + 1);
    }

    /// Where a model comes to the end of its tokens.
    #[test]
    fn what_is_whole_of_a_cut_answer_is_read() {
        let whole = said();
        let begin_of_last = whole.rfind("{\"kind\"").unwrap();
        for end in [begin_of_last, begin_of_last + 20, whole.len() - 1, whole.len() - 2] {
            let text = format!("Sure:\n```json\n{}", &whole[..end]);
            let (pairs, mut report) = read_labels(&text, &facts()).unwrap();
            let lost = usize::from(end < whole.len() - 2);
            assert_eq!((pairs.len(), report.kept()), (6 - lost, 6 - lost), "{end}");
            assert_eq!(report.passed_over.remove("cut_off"), Some(1), "{end}");
        }
        let error = read_labels(&whole[..30], &facts()).unwrap_err().to_string();
        assert!(error.contains("raise decoding.max_tokens"), "{error}");
    }

    #[test]
    fn what_is_no_json_is_told() {
        for (text, why) in [("I would rather not.", "no {"), ("{\"pairs\": 3}", "invalid type")] {
            let error = read_labels(text, &facts()).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    fn served(server: &ChatServer) -> ChatModel {
        let folder = tempfile::tempdir().unwrap();
        let manifest = format!(
            "kind: chat\nname: served\nendpoint: {{url: '{}', model: m, timeout_s: 20}}\n",
            server.url
        );
        std::fs::write(folder.path().join(crate::model::MANIFEST_FILE), manifest).unwrap();
        ChatModel::load(folder.path(), &Device::Cpu).unwrap()
    }

    #[test]
    fn what_is_whole_of_an_answer_that_a_server_cuts_is_read() {
        let whole = said();
        let Act::Stream(mut events, pause) =
            ChatServer::stream(&whole[..whole.len() - 20], Duration::ZERO)
        else {
            unreachable!("a stream was asked for")
        };
        events.iter_mut().for_each(|event| *event = event.replace("\"stop\"", "\"length\""));
        let server = ChatServer::start(vec![Act::Stream(events, pause)]);
        let (pairs, report) = label(&mut served(&server), &facts(), &[], &[], 2).unwrap();
        assert_eq!((pairs.len(), report.passed_over["cut_off"]), (5, 1));
    }

    #[test]
    fn a_server_reads_the_list_and_its_answer_is_checked() {
        let server = ChatServer::start(vec![ChatServer::stream(&said(), Duration::ZERO)]);
        let mut model = served(&server);
        let captions = ["a table\nwith a mug".to_string()];
        let (pairs, report) = label(&mut model, &facts(), &captions, &["mug"], 2).unwrap();
        assert_eq!((pairs.len(), report.rejected()), (6, 2));
        let request = &server.requests()[0];
        for part in ["mug 2 at (0.10, 0.00, 0.85)", "on the diningtable 1", "- a table with a mug"]
        {
            assert!(request.contains(part), "{part} is not in {request}");
        }
    }

    #[test]
    fn a_model_in_this_process_is_asked_and_one_that_babbles_is_told() {
        let weights =
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/chat_planner/model.gguf");
        let folder = tempfile::tempdir().unwrap();
        let manifest = |context: u32| {
            let text = format!(
                "kind: chat\nname: tiny\nlocal: {{weights: '{weights}'}}\ncontext: {context}\n\
                 decoding: {{max_tokens: 40}}\n"
            );
            std::fs::write(folder.path().join(crate::model::MANIFEST_FILE), text).unwrap();
            ChatModel::load(folder.path(), &Device::Cpu).unwrap()
        };
        let babble = label(&mut manifest(4000), &facts(), &[], &[], 1).unwrap_err();
        assert!(matches!(babble, LabelError::NotJson(_)), "{babble}");
        let small = label(&mut manifest(400), &facts(), &[], &[], 1).unwrap_err();
        assert!(matches!(small, LabelError::Model(ModelError::PromptTooLong { .. })), "{small}");
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_answers_never_panic(
            text in "(\\{|\\}|\"pairs\"|\"kind\"|\"question\"|:|,|\\[|\\]|</think>|.){0,40}",
        ) {
            let _ = read_labels(&text, &facts());
        }
    }
}
