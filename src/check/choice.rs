//! Which topic serves which role, as far as that can be said.

use super::RoleCheck;
use crate::bag::{BagError, SelectedTopic, TopicInfo, TopicSelection, select};
use crate::planner::TopicConfig;
use crate::ros::TopicRole;
use std::collections::BTreeMap;

/// Starts the names of the empty topics that stand in for missing ones; ROS allows no such name.
const STAND_IN: &str = "no topic for ";

fn is_stand_in(name: &str) -> bool {
    name.starts_with(STAND_IN)
}

/// The topics chosen by [`select`], where a role that cannot be served does not keep the others
/// from it.
pub(super) struct Choice {
    selection: Option<TopicSelection>,
    /// Roles that no topic could be chosen for, and why.
    pub(super) unserved: BTreeMap<TopicRole, BagError>,
    /// Topics that nothing here can read, and why.
    pub(super) foreign: Vec<BagError>,
}

impl Choice {
    /// Chooses among `topics`.
    pub(super) fn new(topics: &[TopicInfo], overrides: &TopicConfig) -> Self {
        let (mut topics, mut overrides) = (topics.to_vec(), overrides.clone());
        let mut choice = Self { selection: None, unserved: BTreeMap::new(), foreign: Vec::new() };
        loop {
            let (role, error) = match select(&topics, &overrides) {
                Ok(selection) => {
                    choice.selection = Some(selection);
                    return choice;
                }
                Err(BagError::Serialization { topic, found }) => {
                    topics.retain(|info| info.name != topic);
                    choice.foreign.push(BagError::Serialization { topic, found });
                    continue;
                }
                Err(error) => match &error {
                    BagError::NoTopic { role, .. }
                    | BagError::Ambiguous { role, .. }
                    | BagError::WrongType { role, .. }
                        if !choice.unserved.contains_key(role) =>
                    {
                        (*role, error)
                    }
                    _ => {
                        choice.foreign.push(error);
                        return choice;
                    }
                },
            };
            let stand_in = TopicInfo {
                name: format!("{STAND_IN}{role}"),
                type_name: role.types()[0].to_owned(),
                message_count: None,
                serialization_format: "cdr".to_owned(),
            };
            *named(&mut overrides, role) = Some(stand_in.name.clone());
            topics.push(stand_in);
            choice.unserved.insert(role, error);
        }
    }

    /// The roles that are served, with their topics.
    pub(super) fn served(&self) -> impl Iterator<Item = (TopicRole, &SelectedTopic)> {
        let all = self.selection.iter().flat_map(TopicSelection::iter);
        // The stand-in for a colour info may have been chosen for depth, too.
        all.filter(|(_, topic)| !is_stand_in(&topic.name))
    }

    /// What is wrong, without the topics of the bag: a check tells these once, at its start, and a
    /// search for the roles that are left knows stand-ins among them.
    pub(super) fn told(&self, error: &BagError) -> String {
        let BagError::NoTopic { role, wanted, .. } = error else { return error.to_string() };
        // What a calibration that was not named might be called rests on the name of its image.
        let image = match role {
            TopicRole::ColorInfo => Some(TopicRole::Color),
            TopicRole::DepthInfo => Some(TopicRole::Depth),
            _ => None,
        };
        let is_guess = wanted.contains(", such as ");
        if is_guess && image.is_some_and(|image| self.unserved.contains_key(&image)) {
            return format!(
                "no topic for {role}: wanted one of type {}",
                role.types().join(" or ")
            );
        }
        format!("no topic for {role}: wanted one of type {wanted}")
    }

    /// The topic that serves `role`.
    pub(super) fn topic(&self, role: TopicRole) -> Option<&str> {
        self.served().find(|(served, _)| *served == role).map(|(_, topic)| topic.name.as_str())
    }

    /// All roles, for the report.
    pub(super) fn checks(&self) -> Vec<RoleCheck> {
        let check = |role: TopicRole| {
            let topic = self.topic(role).map(str::to_owned);
            let reason = match (&topic, self.unserved.get(&role)) {
                (Some(_), _) => None,
                (None, Some(error)) => Some(self.told(error)),
                (None, None) => Some(format!("no topic fits; type {}", role.types().join(" or "))),
            };
            RoleCheck { role: role.to_string(), topic, reason }
        };
        TopicRole::ALL.into_iter().map(check).collect()
    }
}

fn named(overrides: &mut TopicConfig, role: TopicRole) -> &mut Option<String> {
    match role {
        TopicRole::Color => &mut overrides.color,
        TopicRole::ColorInfo => &mut overrides.color_info,
        TopicRole::Depth => &mut overrides.depth,
        TopicRole::DepthInfo => &mut overrides.depth_info,
        TopicRole::Tf => &mut overrides.tf,
        TopicRole::TfStatic => &mut overrides.tf_static,
        TopicRole::Detections => &mut overrides.detections,
        TopicRole::Goal => &mut overrides.goal,
        TopicRole::Utterance => &mut overrides.utterance,
        TopicRole::Clock => &mut overrides.clock,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_without_stand_ins_and_without_all_topics() {
        let topic = |name: &str, type_name: &str| TopicInfo {
            name: name.into(),
            type_name: type_name.into(),
            message_count: Some(3),
            serialization_format: "cdr".into(),
        };
        let topics = [
            topic("/camera/color/image_raw", "sensor_msgs/msg/Image"),
            topic("/camera/color/camera_info", "sensor_msgs/msg/CameraInfo"),
        ];
        let choice = Choice::new(&topics, &TopicConfig::default());
        assert_eq!(choice.topic(TopicRole::Color), Some("/camera/color/image_raw"));
        let told: Vec<_> = choice.unserved.values().map(|error| choice.told(error)).collect();
        assert_eq!(told.len(), 3, "depth, its calibration, transforms: {told:?}");
        for told in &told {
            assert_eq!(told.matches(STAND_IN).count(), 1, "{told}");
            assert!(!told.contains("/camera"), "{told}");
        }
        let checks = choice.checks();
        let reasons: Vec<_> = checks.iter().filter_map(|check| check.reason.as_ref()).collect();
        assert!(told.iter().all(|told| reasons.contains(&told)), "{reasons:?}");
    }
}
