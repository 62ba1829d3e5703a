//! What a server of chat models sends, whole or as server-sent events.

use std::io::{BufRead, BufReader, Read};

use serde::Deserialize;
use serde_json::Value;

use super::fault::EndpointFault;

/// Longest answer that is read, bytes of its words.
pub(super) const MOST_TEXT_BYTES: usize = 1 << 20;
/// Most bytes that are read for it: in a stream some 400 stand around each word, thoughts included.
const MOST_BODY_BYTES: u64 = 32 << 20;
/// Most letters of an answer that are shown in an error.
const MOST_SHOWN: usize = 200;

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default, alias = "delta")]
    message: Option<Said>,
    /// Of completions, which continue a text and have no message.
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    logprobs: Option<LogProbabilities>,
    #[serde(default)]
    finish_reason: Option<String>,
}

/// Of completions: those of the tokens that were chosen.
#[derive(Deserialize)]
struct LogProbabilities {
    #[serde(default)]
    token_logprobs: Option<Vec<Option<f32>>>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
}

/// What a server answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in super::super) struct Answered {
    /// Its text.
    pub text: String,
    /// Log-probability of the tokens of a completion, as far as it is told.
    pub log_probability: f32,
    /// How many tokens it is told of.
    pub tokens: usize,
}

/// What has come so far.
#[derive(Default)]
struct Gathered {
    answer: Answered,
    refusal: String,
    ended: bool,
}

impl Gathered {
    /// Takes one JSON body: a whole answer, or the data of one event.
    fn take(&mut self, json: &str) -> Result<(), EndpointFault> {
        let not_understood =
            |reason: String| EndpointFault::NotUnderstood { reason, said: excerpt(json) };
        let body: Body =
            serde_json::from_str(json).map_err(|error| not_understood(error.to_string()))?;
        if let Some(error) = body.error.filter(|error| !error.is_null()) {
            return Err(EndpointFault::Said(message_of(&error)));
        }
        // Events without a choice tell of usage and the like.
        let Some(choice) = body.choices.into_iter().next() else { return Ok(()) };
        if let Some(said) = choice.message {
            self.answer.text.push_str(said.content.as_deref().unwrap_or_default());
            self.refusal.push_str(said.refusal.as_deref().unwrap_or_default());
        }
        self.answer.text.push_str(choice.text.as_deref().unwrap_or_default());
        if self.answer.text.len() > MOST_TEXT_BYTES {
            return Err(EndpointFault::TooLong);
        }
        let told =
            choice.logprobs.into_iter().filter_map(|told| told.token_logprobs).flatten().flatten();
        for log_probability in told {
            self.answer.log_probability += log_probability;
            self.answer.tokens += 1;
        }
        match choice.finish_reason.as_deref() {
            Some("length") => {
                Err(EndpointFault::Cut { said: std::mem::take(&mut self.answer.text) })
            }
            Some(_) => {
                self.ended = true;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn finish(self) -> Result<Answered, EndpointFault> {
        if self.answer.text.trim().is_empty() && !self.refusal.is_empty() {
            return Err(EndpointFault::Said(excerpt(&self.refusal)));
        }
        Ok(self.answer)
    }
}

/// Reads a whole answer.
pub(super) fn read_whole(body: impl Read) -> Result<Answered, EndpointFault> {
    let text = read_text(body)?;
    let mut gathered = Gathered::default();
    gathered.take(&text)?;
    if !gathered.ended && gathered.answer.text.is_empty() && gathered.refusal.is_empty() {
        let reason = "it has neither choices[0].message.content nor choices[0].text".into();
        return Err(EndpointFault::NotUnderstood { reason, said: excerpt(&text) });
    }
    gathered.finish()
}

/// Reads server-sent events up to `[DONE]` or the end. `on_event` hears the words of each, which may
/// be none, and ends the reading by returning `false`.
pub(super) fn read_stream(
    body: impl Read,
    on_event: &mut dyn FnMut(&str) -> bool,
) -> Result<Answered, EndpointFault> {
    let mut lines = BufReader::new(body.take(MOST_BODY_BYTES + 1));
    let (mut gathered, mut bytes, mut other) = (Gathered::default(), 0, String::new());
    loop {
        let mut line = Vec::new();
        let length = lines.read_until(b'\n', &mut line).map_err(EndpointFault::of_io)?;
        bytes += length as u64;
        if bytes > MOST_BODY_BYTES {
            return Err(EndpointFault::TooLong);
        }
        let line = String::from_utf8_lossy(&line);
        let before = gathered.answer.text.len();
        match line.trim_end().strip_prefix("data:").map(str::trim) {
            Some("[DONE]") => return gathered.finish(),
            Some(json) => gathered.take(json)?,
            None if other.is_empty() => other = line.trim().to_owned(),
            None => {}
        }
        if length == 0 {
            break;
        }
        if !on_event(&gathered.answer.text[before..]) {
            return Err(EndpointFault::Interrupted);
        }
    }
    if gathered.ended {
        return gathered.finish();
    }
    let nothing = gathered.answer.text.is_empty() && !other.is_empty();
    match nothing {
        true => Err(EndpointFault::NotUnderstood {
            reason: "it is no stream of events".into(),
            said: excerpt(&other),
        }),
        false => Err(EndpointFault::Lost("the stream ended before the answer did".into())),
    }
}

/// What a server says beside a status that is no success.
pub(super) fn read_refusal(body: impl Read) -> String {
    let text = read_text(body).unwrap_or_default();
    match serde_json::from_str::<Value>(&text) {
        Ok(value) => message_of(value.get("error").unwrap_or(&value)),
        Err(_) => excerpt(&text),
    }
}

fn read_text(body: impl Read) -> Result<String, EndpointFault> {
    let mut bytes = Vec::new();
    let length = body.take(MOST_BODY_BYTES + 1).read_to_end(&mut bytes);
    if length.map_err(EndpointFault::of_io)? as u64 > MOST_BODY_BYTES {
        return Err(EndpointFault::TooLong);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Servers do not agree on the form of an error: a text, or an object with a message.
fn message_of(error: &Value) -> String {
    let message = error.get("message").or_else(|| error.get("detail")).unwrap_or(error);
    match message.as_str() {
        Some(text) => excerpt(text),
        None => excerpt(&message.to_string()),
    }
}

/// The beginning of `text` in one line.
pub(in super::super) fn excerpt(text: &str) -> String {
    let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((at, _)) = words.char_indices().nth(MOST_SHOWN) {
        words.truncate(at);
        words.push('…');
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream(text: &str) -> Result<String, String> {
        let answer = read_stream(text.as_bytes(), &mut |_| true);
        answer.map(|answer| answer.text).map_err(|fault| fault.to_string())
    }

    fn whole(text: &str) -> Result<String, String> {
        let answer = read_whole(text.as_bytes());
        answer.map(|answer| answer.text).map_err(|fault| fault.to_string())
    }

    const EVENT: &str = r#"data: {"choices":[{"delta":{"content":"ab"},"finish_reason":null}]}"#;

    #[test]
    fn streams_of_every_server_are_read() {
        let with_comments =
            format!(": ping\r\n\r\nevent: x\r\n{EVENT}\r\n\r\n{EVENT}\n\ndata: [DONE]\n");
        assert_eq!(stream(&with_comments).unwrap(), "abab");
        let usage = format!(
            "{EVENT}\ndata:{{\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\
             data: {{\"choices\":[],\"usage\":{{\"total_tokens\":3}}}}\n"
        );
        assert_eq!(stream(&usage).unwrap(), "ab");
    }

    #[test]
    fn what_is_wrong_with_a_stream_is_said() {
        assert!(stream(&format!("{EVENT}\n")).unwrap_err().contains("ended before the answer"));
        assert!(stream("<html>\nBad gateway</html>").unwrap_err().contains("no stream of events"));
        assert!(stream("data: {broken\n").unwrap_err().contains("{broken"));
        let error = "data: {\"error\":{\"message\":\"out of memory\",\"code\":500}}\n";
        assert!(stream(error).unwrap_err().contains("out of memory"));
        let cut = EVENT.replace("null", "\"length\"");
        assert!(stream(&cut).unwrap_err().contains("decoding.max_tokens"));
        let cut = read_stream(format!("{EVENT}\n{cut}\n").as_bytes(), &mut |_| true);
        assert_eq!(cut.unwrap_err(), EndpointFault::Cut { said: "abab".into() });
        let long = format!("{}\n", EVENT.replace("ab", &"ab".repeat(1000))).repeat(600);
        assert!(stream(&long).unwrap_err().contains("longer than"));
        let interrupted = read_stream(EVENT.as_bytes(), &mut |_| false).unwrap_err();
        assert!(matches!(interrupted, EndpointFault::Interrupted));
    }

    /// Events of vLLM have 230 bytes a token, those of OpenAI 400: what is around words is no answer.
    #[test]
    fn many_tokens_are_no_long_answer() {
        let end = r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
        let thought = r#"data: {"choices":[{"delta":{"reasoning_content":" hm"}}]}"#;
        let padded = EVENT.replacen('{', &format!(r#"{{"id":"{}","#, "x".repeat(160)), 1);
        let events = [thought, &padded].map(|event| format!("{event}\n").repeat(6_000)).concat();
        assert!(events.len() > 1 << 20);
        assert_eq!(stream(&format!("{events}{end}\n")).unwrap(), "ab".repeat(6_000));
    }

    #[test]
    fn whole_answers_and_errors() {
        let answer = r#"{"choices":[{"message":{"role":"assistant","content":"yes"}}]}"#;
        assert_eq!(whole(answer).unwrap(), "yes");
        assert!(whole("{}").unwrap_err().contains("choices[0]"));
        assert!(whole("I am a teapot").unwrap_err().contains("I am a teapot"));
        let refusal = r#"{"choices":[{"message":{"content":null,"refusal":"I cannot help"}}]}"#;
        assert!(whole(refusal).unwrap_err().contains("I cannot help"));
        assert_eq!(read_refusal(r#"{"error":"no such model"}"#.as_bytes()), "no such model");
        assert_eq!(read_refusal(r#"{"detail":"Not Found"}"#.as_bytes()), "Not Found");
        assert_eq!(read_refusal("busy".as_bytes()), "busy");
        assert_eq!(excerpt(&"é".repeat(500)).chars().count(), MOST_SHOWN + 1);
    }

    #[test]
    fn completions_have_a_text_and_tell_how_sure_they_are() {
        let event = |text: &str, of_tokens: &str, finish: &str| {
            format!(
                "data: {{\"choices\":[{{\"text\":\"{text}\",\"finish_reason\":{finish},\
                 \"logprobs\":{{\"token_logprobs\":{of_tokens},\"tokens\":[]}}}}]}}\n\n"
            )
        };
        let parts = [event("a ", "[-0.5,null]", "null"), event("b", "[-0.25]", "\"stop\"")];
        let mut words = Vec::new();
        let mut hear = |text: &str| {
            words.extend((!text.is_empty()).then(|| text.to_owned()));
            true
        };
        let answer = read_stream(parts.concat().as_bytes(), &mut hear).unwrap();
        assert_eq!(words, ["a ", "b"]);
        assert_eq!(answer, Answered { text: "a b".into(), log_probability: -0.75, tokens: 2 });
        let whole = r#"{"choices":[{"text":"a b","finish_reason":"stop","logprobs":null}]}"#;
        let answer = read_whole(whole.as_bytes()).unwrap();
        assert_eq!(answer, Answered { text: "a b".into(), ..Answered::default() });
    }

    proptest! {
        #[test]
        fn arbitrary_answers_never_panic(
            text in "(data: |\\[DONE\\]|\n|\\{|\\}|\"choices\"|:|\\[|\\]|\"delta\"|null|.){0,60}",
        ) {
            let _ = (stream(&text), whole(&text), read_refusal(text.as_bytes()));
        }
    }
}
