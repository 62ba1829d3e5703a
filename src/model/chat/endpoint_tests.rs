//! The endpoint against a stand-in server.

use super::super::message::Role;
use super::super::stand_in::{Act, ChatServer};
use super::*;

fn endpoint(url: &str, timeout_s: f64) -> ChatEndpoint {
    let spec = EndpointSpec {
        url: url.into(),
        model: "some/model".into(),
        api_key_env: None,
        timeout_s,
        retries: 2,
        stream: true,
        response_format: ResponseFormat::JsonSchema,
        extra_body: serde_json::Map::new(),
    };
    ChatEndpoint::new(spec, Some("secret".into())).unwrap()
}

fn ask(endpoint: &mut ChatEndpoint) -> Result<String, EndpointFault> {
    let chat = [Message::new(Role::User, "hello")];
    let answer = endpoint.answer(&chat, &json!({"type": "object"}), 64, &mut |_| true);
    answer.map_err(|error| match error {
        ModelError::Endpoint { fault, .. } => fault,
        other => panic!("{other}"),
    })
}

#[test]
fn whole_and_streamed_answers_are_the_same() {
    let acts = [ChatServer::whole("a plan"), ChatServer::stream("a plan", Duration::ZERO)];
    for act in acts {
        let server = ChatServer::start(vec![act]);
        assert_eq!(ask(&mut endpoint(&server.url, 10.0)).unwrap(), "a plan");
        let requests = server.requests();
        assert!(requests[0].starts_with("POST /v1/chat/completions HTTP/1.1"), "{requests:?}");
        assert!(requests[0].to_lowercase().contains("authorization: bearer secret"));
        let body: Value =
            serde_json::from_str(&requests[0][requests[0].find('{').unwrap()..]).unwrap();
        assert_eq!(body["messages"][0]["content"], "hello");
        assert_eq!(body["response_format"]["json_schema"]["schema"]["type"], "object");
        assert_eq!((&body["max_tokens"], &body["stream"]), (&json!(64), &json!(true)));
    }
    assert!(!format!("{:?}", endpoint("http://localhost/v1", 1.0)).contains("secret"));
}

/// As models of OpenAI that think take it, and as vLLM is asked for an answer without thoughts.
#[test]
fn further_fields_go_with_the_request_and_take_others_out() {
    let server = ChatServer::start(vec![ChatServer::whole("a plan")]);
    let mut endpoint = endpoint(&server.url, 10.0);
    let kwargs = json!({"enable_thinking": false});
    let extra = json!({"max_tokens": null, "max_completion_tokens": 512, "temperature": null,
        "chat_template_kwargs": kwargs});
    endpoint.spec.extra_body = extra.as_object().unwrap().clone();
    assert_eq!(ask(&mut endpoint).unwrap(), "a plan");
    let request = &server.requests()[0];
    let body: Value = serde_json::from_str(&request[request.find('{').unwrap()..]).unwrap();
    assert_eq!(
        (&body["max_completion_tokens"], &body["chat_template_kwargs"]),
        (&json!(512), &kwargs)
    );
    assert!(body.get("max_tokens").is_none() && body.get("temperature").is_none(), "{body}");
    assert_eq!(body["model"], "some/model");
}

/// A server writes the fields of its answer as they stand in the schema: a reply behind what it is to.
#[test]
fn the_fields_of_a_schema_keep_their_order() {
    let fields = json!({"said": {"type": "string"}, "reply": {"type": "string"}});
    let schema = json!({"type": "object", "properties": fields, "required": ["said", "reply"]});
    let server = ChatServer::start(vec![ChatServer::whole("a plan")]);
    endpoint(&server.url, 10.0).answer(&[], &schema, 64, &mut |_| true).unwrap();
    let request = &server.requests()[0];
    let at = |field: &str| request.find(field).unwrap();
    assert!(at("\"said\":{") < at("\"reply\":{"), "{request}");
}

/// An address without its `/v1` is the commonest mistake, and what was asked for shows it.
#[test]
fn an_error_names_the_whole_address() {
    let wrong = Act::Whole(404, r#"{"detail":"Not Found"}"#.into());
    let server = ChatServer::start(vec![wrong]);
    let base = server.url.trim_end_matches("/v1");
    let error = endpoint(base, 5.0).answer(&[], &json!({}), 64, &mut |_| true).unwrap_err();
    let told = format!("{base}/chat/completions: it answers 404: Not Found");
    assert_eq!(error.to_string(), told);
}

#[test]
fn a_server_that_refuses_for_the_moment_is_asked_again() {
    let busy = Act::Whole(500, r#"{"error":{"message":"loading"}}"#.into());
    let server = ChatServer::start(vec![busy.clone(), busy.clone(), ChatServer::whole("ok")]);
    assert_eq!(ask(&mut endpoint(&server.url, 20.0)).unwrap(), "ok");
    assert_eq!(server.requests().len(), 3);
    let server = ChatServer::start(vec![busy]);
    let fault = ask(&mut endpoint(&server.url, 20.0)).unwrap_err();
    assert!(matches!(&fault, EndpointFault::Status { code: 500, said, .. } if said == "loading"));
    assert_eq!(server.requests().len(), 3, "it is not asked without end");
    let wrong = Act::Whole(404, r#"{"error":"model not found"}"#.into());
    let server = ChatServer::start(vec![wrong]);
    let fault = ask(&mut endpoint(&server.url, 20.0)).unwrap_err().to_string();
    assert_eq!((server.requests().len(), fault.as_str()), (1, "it answers 404: model not found"));
}

#[test]
fn a_server_that_hangs_or_trickles_is_left_in_time() {
    let slow = ChatServer::stream(&"slow ".repeat(100), Duration::from_millis(100));
    for act in [Act::Hang, slow] {
        let server = ChatServer::start(vec![act]);
        let begin = Instant::now();
        let fault = ask(&mut endpoint(&server.url, 0.5)).unwrap_err();
        assert_eq!(fault, EndpointFault::Timeout { seconds: 0.5 });
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    }
}

#[test]
fn a_slow_stream_within_the_time_is_waited_for() {
    let server =
        ChatServer::start(vec![ChatServer::stream("slow but sure", Duration::from_millis(80))]);
    assert_eq!(ask(&mut endpoint(&server.url, 20.0)).unwrap(), "slow but sure");
}

#[test]
fn an_answer_is_heard_while_it_comes() {
    let whole = ChatServer::stream("a plan of three steps", Duration::ZERO);
    let broken = match ChatServer::stream("a plot", Duration::ZERO) {
        Act::Stream(events, pause) => Act::Stream(events[..1].to_vec(), pause),
        other => other,
    };
    let server = ChatServer::start(vec![broken, whole]);
    let mut heard: Vec<String> = Vec::new();
    let mut hear = |so_far: &str| {
        heard.push(so_far.to_owned());
        true
    };
    let mut endpoint = endpoint(&server.url, 20.0);
    endpoint.answer(&[], &json!({}), 64, &mut hear).unwrap();
    heard.dedup();
    let expected = ["", "a plot", "", "a plan ", "a plan of thre", "a plan of three steps"];
    assert_eq!(heard, expected, "asked again, it begins anew");
}

#[test]
fn garbage_and_endless_answers_are_named() {
    let garbage = Act::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec());
    let server = ChatServer::start(vec![garbage]);
    assert!(ask(&mut endpoint(&server.url, 5.0)).is_err());
    let server = ChatServer::start(vec![Act::Whole(200, "<html>".into())]);
    let fault = ask(&mut endpoint(&server.url, 5.0)).unwrap_err();
    assert!(matches!(fault, EndpointFault::NotUnderstood { .. }), "{fault}");
    let server = ChatServer::start(vec![Act::Endless]);
    assert_eq!(ask(&mut endpoint(&server.url, 30.0)).unwrap_err(), EndpointFault::TooLong);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let fault = ask(&mut endpoint(&format!("http://{nobody}/v1"), 5.0)).unwrap_err();
    assert!(matches!(fault, EndpointFault::Unreachable(_)), "{fault}");
}

#[test]
fn an_answer_that_is_not_wanted_is_not_waited_for() {
    let server = ChatServer::start(vec![Act::Hang]);
    let mut endpoint = endpoint(&server.url, 60.0);
    let (mut looks, begin) = (0, Instant::now());
    let mut hear = |_: &str| {
        looks += 1;
        looks < 4
    };
    let error = endpoint.answer(&[], &json!({}), 64, &mut hear).unwrap_err();
    let interrupted = EndpointFault::Interrupted;
    assert!(matches!(error, ModelError::Endpoint { fault, .. } if fault == interrupted));
    assert!(begin.elapsed() < Duration::from_secs(5));
    for _ in 1..MOST_LEFT_BEHIND {
        let _ = endpoint.answer(&[], &json!({}), 64, &mut |_| false);
    }
    assert_eq!(ask(&mut endpoint).unwrap_err(), EndpointFault::LeftBehind(MOST_LEFT_BEHIND));
}
