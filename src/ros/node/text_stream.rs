//! `~/dialogue/stream`: texts as they come into being.

use super::NodeError;
use super::clock::NodeClock;
use super::outlets::Outlet;
use crate::ros::NodeNames;
use crate::ros::msg::{Header, StreamingText};
use crate::ros::qos;
use crate::ros::transport::Transport;
use std::sync::Arc;

/// Says texts, whole or in parts. Whoever has one may speak; parts and whole texts of several
/// speakers are told apart by `stream`.
#[derive(Clone)]
pub struct TextStream {
    outlet: Outlet,
    clock: Arc<NodeClock>,
    /// What the parts of the present text said.
    said: String,
}

impl TextStream {
    /// Opens the topic.
    pub fn open(
        transport: &dyn Transport,
        names: &NodeNames,
        clock: &Arc<NodeClock>,
    ) -> Result<Self, NodeError> {
        Ok(Self {
            outlet: Outlet::open::<StreamingText>(
                transport,
                names,
                "~/dialogue/stream",
                qos::STREAM,
            )?,
            clock: Arc::clone(clock),
            said: String::new(),
        })
    }

    /// Says a text that came at once.
    pub fn whole(&self, text: &str) {
        self.send(false, true, text);
    }

    /// Says the next part of a text.
    pub fn part(&mut self, text: &str) {
        if !text.is_empty() {
            self.said.push_str(text);
            self.send(true, false, text);
        }
    }

    /// What the parts of the present text said.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// Ends the text of which parts were said, if any were.
    pub fn end(&mut self) {
        let said = std::mem::take(&mut self.said);
        if !said.is_empty() {
            self.send(true, true, &said);
        }
    }

    fn send(&self, stream: bool, done: bool, data: &str) {
        let header = Header::new(self.clock.now_ns(), "");
        self.outlet.send(&StreamingText { header, stream, done, data: data.into() });
    }
}
