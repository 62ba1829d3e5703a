//! A stand-in for a server of chat models that thinks for a while about everything.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What it answers: a plan for the one thing that the robot of the bench sees.
const PLAN: &str = r#"{"steps": [{"action": "PickupObject", "object": "mug_0"}], "not_found": []}"#;

/// The server. Its threads end with the program.
pub struct SlowModel {
    /// Where its API begins.
    pub url: String,
    replies: Arc<AtomicU64>,
}

impl SlowModel {
    /// Answers each request after `pause`.
    pub fn start(pause: Duration) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/v1", listener.local_addr()?);
        let replies = Arc::<AtomicU64>::default();
        let count = Arc::clone(&replies);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let count = Arc::clone(&count);
                std::thread::spawn(move || {
                    // A client that goes away early is not answered.
                    if answer(&stream, pause).is_ok() {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        Ok(Self { url, replies })
    }

    /// How many requests were answered.
    pub fn replies(&self) -> u64 {
        self.replies.load(Ordering::Relaxed)
    }
}

fn answer(mut stream: &TcpStream, pause: Duration) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    std::thread::sleep(pause);
    let body = serde_json::json!({"id": "1", "object": "chat.completion", "choices": [{"index": 0,
        "finish_reason": "stop", "message": {"role": "assistant", "content": PLAN}}]})
    .to_string();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
}
