//! Qualities of service by topic, under ROS 2's own parameter names:
//! `qos_overrides./topic.subscription.reliability`, and `.publisher.`, `history`, `depth`,
//! `durability`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// By full name of the topic.
pub type QosOverrides = BTreeMap<String, TopicQos>;

/// Deepest queue.
const MAX_DEPTH: u16 = 1000;

/// Both ends of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TopicQos {
    /// Where the node listens.
    pub subscription: QosOverride,
    /// Where it publishes.
    pub publisher: QosOverride,
}

/// What is given for one end; what is not stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QosOverride {
    /// Whether lost samples are sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reliability: Option<Reliability>,
    /// How many samples are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// Samples kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u16>,
    /// Whether those who come late get what was sent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durability: Option<Durability>,
}

/// `reliability`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reliability {
    /// Lost samples are sent again.
    Reliable,
    /// They are not.
    BestEffort,
}

impl Reliability {
    /// Whether lost samples are sent again.
    pub fn is_reliable(self) -> bool {
        self == Self::Reliable
    }
}

/// `history`. Messages wait in queues of a bounded length, so that nothing else is possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum History {
    /// The newest `depth` samples.
    KeepLast,
}

/// `durability`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Those who come late get the newest samples.
    TransientLocal,
    /// They do not.
    Volatile,
}

impl Durability {
    /// Whether those who come late get the newest samples.
    pub fn is_latched(self) -> bool {
        self == Self::TransientLocal
    }
}

/// The first override that cannot be used, and why.
pub(super) fn fault(overrides: &QosOverrides) -> Option<String> {
    overrides.iter().find_map(|(topic, ends)| {
        if !topic.starts_with('/') {
            return Some(format!("qos_overrides.{topic}: give the full name, such as /{topic}"));
        }
        let ends = [("subscription", ends.subscription), ("publisher", ends.publisher)];
        let bad = ends
            .iter()
            .find(|(_, end)| end.depth.is_some_and(|depth| !(1..=MAX_DEPTH).contains(&depth)));
        bad.map(|(end, _)| {
            format!("qos_overrides.{topic}.{end}.depth must lie between 1 and {MAX_DEPTH}")
        })
    })
}
