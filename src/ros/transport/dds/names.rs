//! How ROS 2 names and types are called in DDS, and its qualities of service.

use crate::ros::qos::Qos;
use rustdds::policy::{Durability, History, Reliability, ResourceLimits};
use rustdds::{Duration, QosPolicies, QosPolicyBuilder};

/// How long a reliable publisher may wait for slow subscribers.
const MAX_BLOCKING: Duration = Duration::from_millis(100);
/// Samples on their way that a publisher holds at least, so that one slow acknowledgement does not
/// stop it.
const MIN_WINDOW: u16 = 4;

/// The DDS topic of a ROS 2 topic.
pub(super) fn topic(name: &str) -> String {
    format!("rt{name}")
}

/// The DDS type of `package/msg/Name`, with `suffix` behind `Name`.
pub(super) fn dds_type(type_name: &str, suffix: &str) -> String {
    let (package, name) = type_name.rsplit_once('/').unwrap_or(("", type_name));
    format!("{}::dds_::{name}{suffix}_", package.replace('/', "::"))
}

/// For readers. Limits on samples are what makes the middleware drop old ones: it does not heed
/// `keep_last`.
pub(super) fn reader_qos(qos: Qos) -> QosPolicies {
    policies(qos, qos.depth)
}

/// For writers.
pub(super) fn writer_qos(qos: Qos) -> QosPolicies {
    policies(qos, qos.depth.max(MIN_WINDOW))
}

fn policies(qos: Qos, max_samples: u16) -> QosPolicies {
    let max_samples = i32::from(max_samples);
    QosPolicyBuilder::new()
        .reliability(match qos.reliable {
            true => Reliability::Reliable { max_blocking_time: MAX_BLOCKING },
            false => Reliability::BestEffort,
        })
        .durability(if qos.latched { Durability::TransientLocal } else { Durability::Volatile })
        .history(History::KeepLast { depth: i32::from(qos.depth) })
        .resource_limits(ResourceLimits {
            max_samples,
            max_instances: 1,
            max_samples_per_instance: max_samples,
        })
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_other_vendors_write_them() {
        assert_eq!(topic("/robot/tf"), "rt/robot/tf");
        assert_eq!(dds_type("sensor_msgs/msg/Image", ""), "sensor_msgs::msg::dds_::Image_");
        assert_eq!(dds_type("scenellm/srv/Ask", "_Request"), "scenellm::srv::dds_::Ask_Request_");
    }
}
