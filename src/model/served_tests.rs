//! A served Scene-LLM against a stand-in server.

use candle_core::Device;

use super::super::chat::stand_in::{Act, ChatServer};
use super::super::manifest::tests::EXAMPLE;
use super::super::prompt::PromptInput;
use super::super::scene_llm::tests::{checkpoint_of, input};
use super::super::template::PromptKind;
use super::*;
use crate::language::TokenMask;
use crate::model::SceneLlm;

/// Allows one text and then the end, in tokens of one byte.
#[derive(Clone)]
struct Only {
    /// Tokens of the bytes that are left.
    left: Vec<u32>,
}

impl Only {
    fn of(text: &str, tokenizer: &Tokenizer) -> Self {
        let token = |byte: u8| (0..263).find(|id| tokenizer.token_bytes(*id) == [byte]).unwrap();
        Self { left: text.bytes().map(token).collect() }
    }
}

impl Constraint for Only {
    fn allowed(&mut self) -> TokenMask {
        let mut mask = TokenMask::none(264);
        mask.allow(self.left.first().copied().unwrap_or(1));
        mask
    }

    fn advance(&mut self, token: u32) {
        assert_eq!(self.left.remove(0), token);
    }

    fn regex(&self) -> Option<String> {
        Some("\\nNoOp".into())
    }

    fn fork(&self) -> Box<dyn Constraint> {
        Box::new(self.clone())
    }
}

fn served(url: &str, settings: &str) -> tempfile::TempDir {
    let endpoint = format!("endpoint: {{url: '{url}', model: mine, timeout_s: 3{settings}}}");
    let weights = "weights: model.safetensors}";
    let with = format!("weights: model.safetensors, {endpoint}}}");
    checkpoint_of(&EXAMPLE.replacen(weights, &with, 1), 96)
}

fn completion(text: &str) -> Act {
    let body = json!({"id": "1", "object": "text_completion", "choices": [{"index": 0, "text": text,
        "finish_reason": "stop", "logprobs": {"tokens": ["a", "b"], "token_logprobs": [-0.5, -0.25]}}]});
    Act::Whole(200, body.to_string())
}

/// Asks for the only answer its grammar has; what comes back, and the body of the request.
fn ask(server: &ChatServer, settings: &str) -> (Result<Vec<Reply>, String>, Value) {
    ask_model(server, &served(&server.url, settings))
}

/// The same of the model in `folder`, which would take several answers.
fn ask_model(
    server: &ChatServer,
    folder: &tempfile::TempDir,
) -> (Result<Vec<Reply>, String>, Value) {
    let mut model = SceneLlm::load(folder.path(), &Device::Cpu).unwrap();
    let segments = model.prompt(input("open it")).unwrap();
    let only: Box<dyn Constraint> = Box::new(Only::of("\nNoOp", model.tokenizer()));
    let replies = model.search(&segments, Some(only), 6, &mut |_| true);
    let requests = server.requests();
    let request = requests.last().unwrap();
    assert!(request.starts_with("POST /v1/completions HTTP/1.1"), "{request}");
    let body = serde_json::from_str(&request[request.find('{').unwrap()..]).unwrap();
    (replies.map_err(|error| error.to_string()), body)
}

#[test]
fn the_server_gets_the_rows_that_a_model_here_would_take() {
    let server = ChatServer::start(vec![completion("\nNoOp")]);
    let (replies, body) = ask(&server, "");
    let [reply] = replies.unwrap().try_into().unwrap();
    assert_eq!((reply.text.as_str(), reply.finished), ("\nNoOp", true));
    assert_eq!((reply.log_probability, reply.mean_log_probability), (-0.75, -0.375));

    let folder = checkpoint_of(EXAMPLE, 96);
    let here = SceneLlm::load(folder.path(), &Device::Cpu).unwrap();
    let segments = here.prompt(input("open it")).unwrap();
    let projector = crate::model::Projector::load(
        here.manifest().projector.as_ref().unwrap(),
        here.manifest().coordinates,
        &folder.path().join("projector.safetensors"),
        &Device::Cpu,
    )
    .unwrap();
    let spliced =
        super::super::splice(&segments, here.tokenizer(), here.embedder(), Some(&projector));
    let rows: Vec<Vec<f32>> = spliced.unwrap().embeds.squeeze(0).unwrap().to_vec2().unwrap();
    let file = STANDARD.decode(body["prompt_embeds"].as_str().unwrap()).unwrap();
    // Shape and strides as the pickle says them, and just the numbers of the rows.
    let int = |number: i32| [b"J".as_slice(), &number.to_le_bytes()].concat();
    let count = rows.len() as i32;
    let shape = [int(count), int(32), vec![0x86], int(32), int(1), vec![0x86]].concat();
    assert!(file.windows(shape.len()).any(|some| some == shape), "{count} rows of 32");
    let at = file.windows(14).position(|some| some == b"archive/data/0").unwrap() + 14;
    let (sent, behind) = file[at..].split_at(rows.len() * 32 * 4);
    let numbers = rows.iter().flatten();
    let expected: Vec<u8> = numbers.flat_map(|number| number.to_le_bytes()).collect();
    assert!(sent == expected, "{count} rows differ from those of a model here");
    assert!(behind.starts_with(b"PK\x03\x04"));

    assert_eq!(body.get("prompt"), None);
    assert_eq!((&body["model"], &body["max_tokens"]), (&json!("mine"), &json!(8)));
    assert_eq!(body["structured_outputs"], json!({"regex": "\\nNoOp"}));
    assert_eq!(body["stop_token_ids"].as_array().unwrap().last(), Some(&json!(1)));
    let (_, body) = ask(&server, ", response_format: none");
    assert_eq!(body.get("structured_outputs"), None);
}

#[test]
fn bad_answers_are_named() {
    for (text, at) in [("\nNoOp at all", 5), ("\nNo", 3), ("I think", 0), ("", 0)] {
        let server = ChatServer::start(vec![completion(text)]);
        let error = ask(&server, "").0.unwrap_err();
        assert!(error.contains(&format!("leaves the grammar at byte {at}")), "{text}: {error}");
    }
    let unsure = r#"{"choices": [{"text": "\nNoOp", "finish_reason": "stop"}]}"#;
    let server = ChatServer::start(vec![Act::Whole(200, unsure.into())]);
    let error = ask(&server, "").0.unwrap_err();
    assert!(error.contains("no choices[0].logprobs.token_logprobs"), "{error}");
    let refusal = r#"{"error": {"message": "You must set `--enable-prompt-embeds`"}}"#;
    let server = ChatServer::start(vec![Act::Whole(400, refusal.into())]);
    let error = ask(&server, "").0.unwrap_err();
    assert!(error.contains("400: You must set `--enable-prompt-embeds`"), "{error}");
    let server = ChatServer::start(vec![Act::Bytes(b"SSH-2.0\r\n".to_vec())]);
    assert!(ask(&server, ", retries: 0").0.is_err());
    let server = ChatServer::start(vec![Act::Hang]);
    let error = ask(&server, "").0;
    assert!(error.unwrap_err().contains("no whole answer within 3 s"));
}

#[test]
fn only_plans_and_ways_are_asked_for() {
    let folder = served("http://localhost:9/v1", "");
    let model = SceneLlm::load(folder.path(), &Device::Cpu).unwrap();
    assert!(model.is_served() && model.llama().is_none() && model.sees());
    assert!(model.can(PromptKind::Plan) && !model.can(PromptKind::Describe));
    let described = PromptInput { kind: PromptKind::Describe, ..input("look") };
    let error = model.prompt(described).unwrap_err().to_string();
    assert!(error.contains("'tiny' runs on a server") && error.contains("describe"), "{error}");
}

#[test]
fn the_server_stops_at_the_end_of_a_draft_too() {
    let server = ChatServer::start(vec![completion("\nNoOp")]);
    let folder = served(&server.url, "");
    let path = folder.path().join("scenellm.yaml");
    let manifest = std::fs::read_to_string(&path).unwrap();
    let ends = "end: [\"</s>\", \"<s>\"], draft_end: \"<s>\",";
    let drafting = manifest.replacen("end: [\"</s>\"],", ends, 1);
    assert_ne!(drafting, manifest);
    std::fs::write(&path, drafting).unwrap();
    let (replies, body) = ask_model(&server, &folder);
    assert_eq!(replies.unwrap().len(), 1);
    let stops = body["stop_token_ids"].as_array().unwrap();
    assert!(stops.contains(&json!(0)) && stops.contains(&json!(1)), "{stops:?}");
}
