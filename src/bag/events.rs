//! A bag as a source of [`SensorEvent`]s.

use super::error::BagError;
use super::merge::Messages;
use super::reader::BagReader;
use super::topics::TopicSelection;
use crate::ros::{ConvertError, TopicRole, decode};
use crate::sensing::SensorEvent;
use std::collections::{BTreeMap, VecDeque};

/// Why an event is missing.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The bag is damaged; nothing follows.
    #[error(transparent)]
    Bag(#[from] BagError),
    /// One message could not be used; others follow.
    #[error(transparent)]
    Message(#[from] ConvertError),
}

/// Iterator over the events of a bag: log time (nanoseconds) and event, in log-time order.
pub struct Events {
    messages: Messages,
    /// Type, and cameras and roles, by topic.
    roles: BTreeMap<String, (String, Vec<(usize, TopicRole)>)>,
    ready: VecDeque<(i64, Result<SensorEvent, EventError>)>,
    /// Log time of the last message.
    log_time_ns: i64,
}

impl Events {
    /// The events of the selected topics. A topic with two roles (one calibration for colour and
    /// registered depth) gives two events a message.
    pub fn new(bag: &BagReader, selection: &TopicSelection) -> Self {
        Self::of_cameras(bag, std::slice::from_ref(selection))
    }

    /// The events of several cameras; those of no camera as the first selection has them.
    pub fn of_cameras(bag: &BagReader, selections: &[TopicSelection]) -> Self {
        let mut roles = BTreeMap::<String, (String, Vec<(usize, TopicRole)>)>::new();
        for (camera, selection) in selections.iter().enumerate() {
            for (role, topic) in selection.iter() {
                if camera > 0 && !role.is_of_camera() {
                    continue;
                }
                let (name, type_name) = (topic.name.clone(), topic.type_name.clone());
                roles.entry(name).or_insert((type_name, Vec::new())).1.push((camera, role));
            }
        }
        let names: Vec<&str> = roles.keys().map(String::as_str).collect();
        Self {
            messages: bag.messages(&names),
            ready: VecDeque::new(),
            log_time_ns: bag.start_ns().unwrap_or_default(),
            roles,
        }
    }
}

impl Iterator for Events {
    type Item = (i64, Result<SensorEvent, EventError>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            let message = match self.messages.next()? {
                Ok(message) => message,
                Err(error) => return Some((self.log_time_ns, Err(error.into()))),
            };
            self.log_time_ns = message.log_time_ns;
            if let Some((type_name, roles)) = self.roles.get(&*message.topic) {
                for (camera, role) in roles {
                    let event = decode(*role, &message.topic, type_name, &message.data)
                        .map(|event| event.of_camera(*camera))
                        .map_err(EventError::from);
                    self.ready.push_back((message.log_time_ns, event));
                }
            }
        }
        self.ready.pop_front()
    }
}
