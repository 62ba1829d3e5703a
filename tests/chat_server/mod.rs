//! A stand-in for a server of chat models: it answers each connection by the next of its acts.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How a connection is answered.
#[derive(Debug, Clone)]
pub enum Act {
    /// A whole answer of this status and body, JSON.
    Whole(u16, String),
    /// Pieces of an answer, one event each, with a pause before each of them.
    Stream(Vec<String>, Duration),
    /// These bytes, and the end of the connection.
    Bytes(Vec<u8>),
    /// Nothing, for as long as the client waits.
    Hang,
    /// A stream that goes on and on without a pause.
    Endless,
}

/// The server. Its thread ends with the test.
pub struct ChatServer {
    /// Where its API begins.
    pub url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl ChatServer {
    /// Answers the first connections by `acts` and all later ones by the last of them.
    pub fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&requests);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (Ok(stream), Some(last)) = (stream, acts.len().checked_sub(1)) else { return };
                let (act, heard) = (acts[number.min(last)].clone(), Arc::clone(&heard));
                std::thread::spawn(move || answer(stream, act, &heard));
            }
        });
        Self { url, requests }
    }

    /// Heads and bodies of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// A whole answer that says `content`.
    pub fn whole(content: &str) -> Act {
        let body = serde_json::json!({
            "id": "1", "object": "chat.completion",
            "choices": [{"index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": content}}],
        });
        Act::Whole(200, body.to_string())
    }

    /// A stream that says `content` a few letters at a time.
    pub fn stream(content: &str, pause: Duration) -> Act {
        let letters: Vec<char> = content.chars().collect();
        let chunk = |content: &str, finish: Option<&str>| {
            serde_json::json!({"choices": [{"index": 0, "finish_reason": finish,
                "delta": {"content": content}}]})
            .to_string()
        };
        let parts = letters.chunks(7).map(|part| chunk(&part.iter().collect::<String>(), None));
        let ends = [chunk("", Some("stop")), "[DONE]".to_owned()];
        Act::Stream(parts.chain(ends).collect(), pause)
    }
}

/// A client may go away at any time, so failed writes end the answer.
fn answer(mut stream: TcpStream, act: Act, heard: &Mutex<Vec<String>>) {
    let Some(request) = read_request(&stream) else { return };
    heard.lock().unwrap().push(request);
    let head = |status: u16, kind: &str, length: &str| {
        format!("HTTP/1.1 {status} S\r\ncontent-type: {kind}\r\n{length}connection: close\r\n\r\n")
    };
    match act {
        Act::Whole(status, body) => {
            let length = format!("content-length: {}\r\n", body.len());
            let text = head(status, "application/json", &length) + &body;
            let _ = stream.write_all(text.as_bytes());
        }
        Act::Stream(events, pause) => {
            let _ = stream.write_all(head(200, "text/event-stream", "").as_bytes());
            for event in events {
                std::thread::sleep(pause);
                if stream.write_all(format!("data: {event}\r\n\r\n").as_bytes()).is_err() {
                    return;
                }
            }
        }
        Act::Bytes(bytes) => {
            let _ = stream.write_all(&bytes);
        }
        Act::Hang => {
            // Ends when the client closes its end.
            let _ = stream.read(&mut [0]);
        }
        Act::Endless => {
            let _ = stream.write_all(head(200, "text/event-stream", "").as_bytes());
            let event = r#"data: {"choices":[{"index":0,"delta":{"content":"and on and on "}}]}"#;
            let events = format!("{event}\n\n").repeat(64);
            while stream.write_all(events.as_bytes()).is_ok() {}
        }
    }
}

fn read_request(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
        let lower = line.to_ascii_lowercase();
        if let Some(bytes) = lower.strip_prefix("content-length:") {
            length = bytes.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8_lossy(&body))
}
