//! Plans as JSON: the schema a server is held to, and the check of what it sends.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value, json};

use super::choices::Choices;
use crate::tasks::{ActionSpec, ArgumentKind, MAX_STEPS, SpokenStep};

/// Most things an answer may say to be missing.
const MOST_MISSING: usize = 8;
/// Longest word for a missing thing, bytes.
const MOST_WORD_BYTES: usize = 64;

/// What is wrong with an answer that should be a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It is no JSON object of the form asked for.
    #[error("it is not the JSON that was asked for: {0}")]
    NotJson(String),
    /// It has too many steps.
    #[error("it has {0} steps, fewer than {MAX_STEPS} are taken")]
    TooLong(usize),
    /// A step is not of the vocabulary.
    #[error("step {step}: {reason}")]
    Step {
        /// Position, from 1.
        step: usize,
        /// Action, field or name at fault.
        reason: String,
    },
}

/// Names of the arguments of `action`: their kinds, numbered where a kind comes twice.
pub fn fields(action: &ActionSpec) -> Vec<(String, ArgumentKind)> {
    let name = |kind| match kind {
        ArgumentKind::Target => "target",
        ArgumentKind::Object => "object",
        ArgumentKind::Receptacle => "receptacle",
    };
    let mut seen = BTreeMap::new();
    action
        .arguments
        .iter()
        .map(|&kind| {
            let count = seen.entry(name(kind)).or_insert(0);
            *count += 1;
            let field = match *count {
                1 => name(kind).to_owned(),
                again => format!("{}_{again}", name(kind)),
            };
            (field, kind)
        })
        .collect()
}

/// The JSON schema of all answers that are possible among `choices`.
pub fn schema(choices: &Choices<'_>) -> Value {
    let vocabulary = choices.vocabulary();
    let mut names = Map::new();
    for (field, kind) in [
        ("target", ArgumentKind::Target),
        ("object", ArgumentKind::Object),
        ("receptacle", ArgumentKind::Receptacle),
    ] {
        let words = vocabulary.words(kind);
        if !words.is_empty() {
            names.insert(field.into(), json!({"type": "string", "enum": words}));
        }
    }
    let step = |action: &ActionSpec| {
        let mut properties = Map::new();
        properties.insert("action".into(), json!({"type": "string", "enum": [action.name]}));
        for (field, _) in fields(action) {
            let kind = field.split('_').next().unwrap_or_default();
            properties.insert(field.clone(), json!({"$ref": format!("#/$defs/{kind}")}));
        }
        let required: Vec<_> = properties.keys().cloned().collect();
        json!({
            "type": "object", "properties": properties, "required": required,
            "additionalProperties": false,
        })
    };
    let steps: Vec<_> =
        choices.actions().filter(|action| action.name != vocabulary.end).map(step).collect();
    // No step is possible with an empty list.
    let steps = match steps.is_empty() {
        true => json!({"type": "array", "items": {"type": "string"}, "maxItems": 0}),
        false => json!({"type": "array", "items": {"anyOf": steps}, "maxItems": MAX_STEPS}),
    };
    json!({
        "type": "object",
        "properties": {
            "steps": steps,
            "not_found": {"type": "array", "items": {"type": "string"}, "maxItems": MOST_MISSING},
        },
        "required": ["steps", "not_found"],
        "additionalProperties": false,
        "$defs": names,
    })
}

#[derive(Deserialize)]
struct Answer {
    steps: Vec<Map<String, Value>>,
    #[serde(default)]
    not_found: Vec<String>,
}

/// Reads an answer: its steps in the names of `choices`, and what it says is missing. What stands
/// around the JSON, such as a fence or thoughts, is passed over.
pub fn parse_answer(
    text: &str,
    choices: &Choices<'_>,
) -> Result<(Vec<SpokenStep>, Vec<String>), AnswerError> {
    let said = text.rsplit("</think>").next().unwrap_or(text);
    let begin = said.find('{').ok_or_else(|| AnswerError::NotJson("it has no {".into()))?;
    let end = said.rfind('}').map_or(said.len(), |at| at + 1).max(begin);
    let answer: Answer = serde_json::from_str(&said[begin..end])
        .map_err(|error| AnswerError::NotJson(error.to_string()))?;
    if answer.steps.len() > MAX_STEPS {
        return Err(AnswerError::TooLong(answer.steps.len()));
    }
    let mut steps = Vec::with_capacity(answer.steps.len());
    for (at, step) in (1..).zip(&answer.steps) {
        let read = read_step(step, choices);
        let Some(step) = read.map_err(|reason| AnswerError::Step { step: at, reason })? else {
            break;
        };
        steps.push(step);
    }
    let words = answer.not_found.into_iter().filter(|word| !word.trim().is_empty());
    let short = |mut word: String| {
        while word.len() > MOST_WORD_BYTES {
            word.pop();
        }
        word.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    Ok((steps, words.take(MOST_MISSING).map(short).collect()))
}

/// The steps that are whole in an answer of which `so_far` has come: those with which the plan begins
/// where [`parse_answer`] finds one in the end. None before the JSON begins.
pub fn steps_so_far(so_far: &str, choices: &Choices<'_>) -> Vec<SpokenStep> {
    let mut steps = Vec::new();
    let mut rest = behind_steps(so_far);
    while let Some((step, behind)) = rest.and_then(first_value::<Map<String, Value>>)
        && let Ok(Some(step)) = read_step(&step, choices)
        && steps.len() < MAX_STEPS
    {
        steps.push(step);
        rest = behind.trim_start().strip_prefix(',');
    }
    steps
}

/// What stands behind the bracket that opens the list of steps. Nothing may stand before the JSON but
/// thoughts that have ended, and a fence.
fn behind_steps(so_far: &str) -> Option<&str> {
    let said = so_far.rsplit("</think>").next().unwrap_or(so_far).trim_start();
    let said = said.strip_prefix("```").map_or(said, |fenced| fenced.trim_start_matches("json"));
    let mut rest = said.trim_start().strip_prefix('{')?;
    loop {
        let (key, behind): (String, _) = first_value(rest)?;
        rest = behind.trim_start().strip_prefix(':')?;
        if key == "steps" {
            return rest.trim_start().strip_prefix('[');
        }
        let (_, behind): (IgnoredAny, _) = first_value(rest)?;
        rest = behind.trim_start().strip_prefix(',')?;
    }
}

/// The JSON value that `text` begins with, and what follows it; `None` where it is not whole.
fn first_value<T: DeserializeOwned>(text: &str) -> Option<(T, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<T>();
    let value = values.next()?.ok()?;
    Some((value, text.get(values.byte_offset()..)?))
}

/// A step in the names of `choices`; `None` where it ends the plan.
fn read_step(
    step: &Map<String, Value>,
    choices: &Choices<'_>,
) -> Result<Option<SpokenStep>, String> {
    let vocabulary = choices.vocabulary();
    let text = |field: &str| {
        let value = step.get(field).and_then(Value::as_str);
        value.ok_or_else(|| format!("'{field}' is missing or no text"))
    };
    let name = text("action")?;
    if name == vocabulary.end {
        return Ok(None);
    }
    let action = choices.actions().find(|action| action.name == name);
    let action = action.ok_or_else(|| format!("there is no action '{name}'"))?;
    let mut arguments = Vec::new();
    for (field, kind) in fields(action) {
        let word = text(&field)?;
        if !vocabulary.has_word(kind, word) {
            return Err(format!("{name}: '{word}' is no {field} of the list"));
        }
        arguments.push(word.to_owned());
    }
    Ok(Some(SpokenStep { action: name.to_owned(), arguments }))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::super::list::ObjectList;
    use super::*;
    use crate::scene::fixtures::object;
    use crate::tasks::ActionVocabulary;

    fn with_choices<T>(test: impl FnOnce(&Choices<'_>) -> T) -> T {
        let objects = [object(1, "mug", [0.0; 3], 0.1), object(2, "sink basin", [1.0; 3], 0.4)];
        let list = ObjectList::new(&objects, "", [0.0; 3], None);
        test(&Choices::new(&ActionVocabulary::alfred(), &list.first(2), "wash the mug"))
    }

    #[test]
    fn answers_are_read_with_what_stands_around_them() {
        let text = "<think>a { b</think>Here:\n```json\n{\"steps\": [
            {\"action\": \"GotoLocation\", \"target\": \"sink_basin_2\"},
            {\"action\": \"PutObject\", \"object\": \"mug_1\", \"receptacle\": \"sink_basin_2\"},
            {\"action\": \"NoOp\"}], \"not_found\": [\"red  soap\", \" \"]}\n```";
        let (steps, missing) = with_choices(|choices| parse_answer(text, choices)).unwrap();
        assert_eq!(steps.len(), 2);
        assert_eq!(steps[1].arguments, ["mug_1", "sink_basin_2"]);
        assert_eq!(missing, ["red soap"]);
    }

    #[test]
    fn what_is_wrong_with_an_answer_is_named() {
        let put = |object: &str, receptacle: &str| {
            format!(
                "{{\"steps\": [{{\"action\": \"PutObject\", \"object\": {object}, \
                 \"receptacle\": {receptacle}}}], \"not_found\": []}}"
            )
        };
        let cases = [
            ("I cannot do that.".to_owned(), "no {"),
            ("{\"steps\": 3}".to_owned(), "invalid type"),
            ("{\"steps\": [{\"action\": \"Fly\"}]}".to_owned(), "no action 'Fly'"),
            ("{\"steps\": [{\"action\": \"NotFound:mug\"}]}".to_owned(), "no action"),
            ("{\"steps\": [{\"action\": \"PickupObject\"}]}".to_owned(), "'object' is missing"),
            (put("\"mug_9\"", "\"sink_basin_2\""), "PutObject: 'mug_9' is no object"),
            (put("\"sink_basin_2\"", "\"sink_basin_2\""), "'sink_basin_2' is no object"),
            (put("\"mug_1\"", "7"), "'receptacle' is missing or no text"),
            (
                format!("{{\"steps\": [{}]}}", vec!["{\"action\": \"NoOp\"}"; 40].join(",")),
                "40 steps",
            ),
            ("}{".to_owned(), "not the JSON"),
        ];
        for (text, message) in cases {
            let error = with_choices(|choices| parse_answer(&text, choices)).unwrap_err();
            assert!(error.to_string().contains(message), "{error} does not say {message}");
        }
    }

    #[test]
    fn steps_are_read_as_soon_as_they_are_whole() {
        let goto = "{\"action\": \"GotoLocation\", \"target\": \"sink_basin_2\"}";
        let take = "{\"action\": \"PickupObject\", \"object\": \"mug_1\"}";
        let answers = [
            format!("{{\"steps\": [{goto}, {take}], \"not_found\": []}}"),
            format!("<think>{{\"steps\": [{take}]}}</think>\n{{\"steps\":[{goto},{take}]}}"),
            format!("```json\n{{\"not_found\": [], \"steps\": [\n{goto}\n,{take}\n]}}\n```"),
            format!("{{\"steps\": [{goto}, {take}, {{\"action\": \"NoOp\"}}, {goto}]}}"),
        ];
        for answer in answers {
            let (steps, _) = with_choices(|choices| parse_answer(&answer, choices)).unwrap();
            let mut counts = Vec::new();
            for (at, _) in answer.char_indices().chain([(answer.len(), ' ')]) {
                let found = with_choices(|choices| steps_so_far(&answer[..at], choices));
                assert!(steps.starts_with(&found), "{found:?} of {}", &answer[..at]);
                counts.push(found.len());
            }
            counts.dedup();
            assert_eq!(counts, [0, 1, 2], "{answer}");
        }
        let of = |text: &str| with_choices(|choices| steps_so_far(text, choices)).len();
        assert_eq!(of(&format!("I think {{\"steps\": [{goto}]}}")), 0, "it may think aloud");
        assert_eq!(of(&format!("{{\"steps\": [{goto}, {{\"action\": \"Fly\"}}, {take}")), 1);
    }

    #[test]
    fn the_schema_names_every_choice_once() {
        let schema = with_choices(schema);
        // In the order of the prompt: a server must write them so.
        let fields = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(fields(&schema["properties"]), ["steps", "not_found"]);
        assert_eq!(schema["$defs"]["object"]["enum"], json!(["mug_1"]));
        assert_eq!(schema["$defs"]["receptacle"]["enum"], json!(["mug_1", "sink_basin_2"]));
        let steps = schema["properties"]["steps"]["items"]["anyOf"].as_array().unwrap();
        assert_eq!(steps.len(), 9, "all of ALFRED's actions but NoOp, and no knife to slice with");
        let put = steps.iter().find(|step| step["properties"]["receptacle"].is_object()).unwrap();
        assert!(put["required"].as_array().unwrap().contains(&json!("action")));
        assert_eq!(put["additionalProperties"], json!(false));
    }

    #[test]
    fn thousands_of_words_stand_in_the_schema_once_for_each_kind_of_argument() {
        let words: Vec<String> = (0..5000).map(|number| format!("thing{number}")).collect();
        let (objects, receptacles) = (words.clone(), words);
        let vocabulary =
            ActionVocabulary { objects, receptacles, closed: vec![], ..ActionVocabulary::alfred() };
        let start = Instant::now();
        let choices = Choices::words(&vocabulary, "tidy up");
        let bytes = schema(&choices).to_string().len();
        assert!(bytes < 3 * 5000 * "\"thing4999\",".len() + 10_000, "{bytes} bytes");
        let step = r#"{"action": "PutObject", "object": "thing4999", "receptacle": "thing0"}"#;
        let answer = format!("{{\"steps\": [{}]}}", vec![step; MAX_STEPS].join(","));
        for end in answer.match_indices('}').map(|(at, brace)| at + brace.len()) {
            steps_so_far(&answer[..end], &choices);
        }
        let (steps, _) = parse_answer(&answer, &choices).unwrap();
        assert_eq!((steps.len(), &*steps[31].arguments[0]), (MAX_STEPS, "thing4999"));
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    }

    proptest! {
        #[test]
        fn arbitrary_answers_never_panic(
            text in "(\\{|\\}|\"steps\"|\"action\"|\"PickupObject\"|:|,|\\[|\\]|</think>|.){0,40}",
        ) {
            let _ = with_choices(|choices| parse_answer(&text, choices));
            let _ = with_choices(|choices| steps_so_far(&text, choices));
        }
    }
}
