//! Quality of service, named once.

/// What a publisher offers, or a subscriber asks for.
///
/// A subscriber gets nothing from a publisher that offers less than it asks for: best effort is
/// less than reliable, and unlatched is less than latched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Qos {
    /// Whether lost samples are sent again.
    pub reliable: bool,
    /// Whether those who come late get the newest samples (`transient_local`).
    pub latched: bool,
    /// Samples kept (`keep_last`).
    pub depth: u16,
}

/// Images and calibrations: the newest counts, from any publisher.
pub const SENSOR: Qos = Qos { reliable: false, latched: false, depth: 2 };
/// Moving transforms, as many as come between two images; from any publisher.
pub const TF: Qos = Qos { reliable: false, latched: false, depth: 100 };
/// Fixed transforms.
pub const TF_STATIC: Qos = Qos { reliable: true, latched: true, depth: 100 };
/// Simulated time: the newest counts.
pub const CLOCK: Qos = Qos { reliable: false, latched: false, depth: 1 };
/// Words, feedback, detections, diagnostics: none should be lost.
pub const EVENT: Qos = Qos { reliable: true, latched: false, depth: 10 };
/// Texts in parts, as many as a fast model says while a slow link recovers.
pub const STREAM: Qos = Qos { reliable: true, latched: false, depth: 100 };
/// The plan, the map: reliable, and there for those who come late.
pub const LATCHED: Qos = Qos { reliable: true, latched: true, depth: 1 };
/// The points of the newest frame: large, and soon replaced.
pub const CLOUD: Qos = Qos { reliable: false, latched: false, depth: 1 };
/// The log, with its past for those who come late.
pub const ROSOUT: Qos = Qos { reliable: true, latched: true, depth: 1000 };
/// Changes of parameters.
pub const PARAMETER_EVENTS: Qos = Qos { reliable: true, latched: false, depth: 1000 };
/// Requests and responses of services.
pub const SERVICE: Qos = Qos { reliable: true, latched: false, depth: 10 };
