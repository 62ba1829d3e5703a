//! What ROS 2's environment variables say of the graph.

use super::service::ServiceMapping;
use crate::ros::transport::TransportError;

/// Highest domain whose ports exist on every system.
const MAX_DOMAIN: u16 = 232;

/// How to join the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DdsSettings {
    /// Only nodes of the same domain see each other.
    pub domain_id: u16,
    /// Whether to stay on this machine.
    pub localhost_only: bool,
    /// How services travel.
    pub mapping: ServiceMapping,
    /// Whether ids in the graph have 24 bytes, as before ROS 2 Iron, instead of 16.
    pub long_ids: bool,
}

impl DdsSettings {
    /// From `ROS_DOMAIN_ID`, `ROS_LOCALHOST_ONLY`, `ROS_AUTOMATIC_DISCOVERY_RANGE`,
    /// `RMW_IMPLEMENTATION` and `ROS_DISTRO`, read by `variable`.
    ///
    /// # Errors
    ///
    /// When one has a value that cannot be honoured, or others say that peers are found in a way that
    /// is not known here: the node would hear nobody.
    pub fn from_environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, TransportError> {
        let get = |name: &str| variable(name).filter(|value| !value.is_empty());
        let wrong = |variable, value: String, reason: &str| TransportError::Environment {
            variable,
            value,
            reason: reason.into(),
        };
        let domain_id = match get("ROS_DOMAIN_ID") {
            None => 0,
            Some(value) => match value.trim().parse() {
                Ok(id) if id <= MAX_DOMAIN => id,
                _ => return Err(wrong("ROS_DOMAIN_ID", value, "give a number from 0 to 232")),
            },
        };
        let range = get("ROS_AUTOMATIC_DISCOVERY_RANGE");
        let localhost_only = match range.as_deref() {
            Some("LOCALHOST") => true,
            None | Some("SUBNET" | "SYSTEM_DEFAULT") => {
                get("ROS_LOCALHOST_ONLY").is_some_and(|value| value == "1")
            }
            Some(other) => {
                return Err(wrong(
                    "ROS_AUTOMATIC_DISCOVERY_RANGE",
                    other.into(),
                    "the embedded transport knows LOCALHOST, SUBNET and SYSTEM_DEFAULT",
                ));
            }
        };
        if let Some(peers) = get("ROS_STATIC_PEERS") {
            return Err(wrong(
                "ROS_STATIC_PEERS",
                peers,
                "the embedded transport finds peers by multicast only; unset it",
            ));
        }
        let middleware = get("RMW_IMPLEMENTATION");
        let mapping = match middleware.as_deref() {
            Some("rmw_cyclonedds_cpp") => ServiceMapping::Cyclone,
            Some(zenoh @ "rmw_zenoh_cpp") => {
                let reason = "the embedded transport speaks DDS only; the colcon package speaks \
                              whatever ROS 2 does";
                return Err(wrong("RMW_IMPLEMENTATION", zenoh.into(), reason));
            }
            _ => ServiceMapping::Enhanced,
        };
        // Cyclone knows no such servers.
        if mapping == ServiceMapping::Enhanced
            && let Some(servers) = get("ROS_DISCOVERY_SERVER")
        {
            let reason = "the embedded transport finds peers by multicast only; the colcon package \
                          asks servers";
            return Err(wrong("ROS_DISCOVERY_SERVER", servers, reason));
        }
        Ok(Self {
            domain_id,
            localhost_only,
            mapping,
            long_ids: matches!(get("ROS_DISTRO").as_deref(), Some("foxy" | "galactic" | "humble")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<DdsSettings, String> {
        let find = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string())
        };
        DdsSettings::from_environment(find).map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_environment_is_domain_0_on_the_network() {
        let settings = read(&[("ROS_DOMAIN_ID", "")]).unwrap();
        assert_eq!((settings.domain_id, settings.localhost_only), (0, false));
        assert_eq!((settings.mapping, settings.long_ids), (ServiceMapping::Enhanced, false));
    }

    #[test]
    fn variables_are_honoured() {
        let settings = read(&[
            ("ROS_DOMAIN_ID", "42"),
            ("ROS_LOCALHOST_ONLY", "1"),
            ("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp"),
            ("ROS_DISTRO", "humble"),
        ])
        .unwrap();
        assert_eq!((settings.domain_id, settings.localhost_only), (42, true));
        assert_eq!((settings.mapping, settings.long_ids), (ServiceMapping::Cyclone, true));
        assert!(read(&[("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")]).unwrap().localhost_only);
    }

    #[test]
    fn what_cannot_be_honoured_is_named() {
        assert!(read(&[("ROS_DOMAIN_ID", "300")]).unwrap_err().contains("ROS_DOMAIN_ID=300"));
        assert!(read(&[("ROS_STATIC_PEERS", "10.0.0.2")]).unwrap_err().contains("multicast"));
        let zenoh = read(&[("RMW_IMPLEMENTATION", "rmw_zenoh_cpp")]).unwrap_err();
        assert!(zenoh.contains("=rmw_zenoh_cpp: the embedded transport speaks DDS"), "{zenoh}");
        let server = ("ROS_DISCOVERY_SERVER", "10.0.0.2:11811");
        assert!(read(&[server]).unwrap_err().contains("ROS_DISCOVERY_SERVER=10.0.0.2:11811"));
        assert!(read(&[server, ("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp")]).is_ok());
        let off = read(&[("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")]).unwrap_err();
        assert!(off.contains("LOCALHOST, SUBNET"), "{off}");
    }
}
