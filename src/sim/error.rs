//! What can go wrong in the simulator.

/// Errors of the simulator.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum SimError {
    /// The camera cannot be rendered.
    #[error("simulated camera: {0}")]
    Camera(String),
    /// The agent found no loop through the free space of a home.
    #[error("home with seed {seed} has no collision-free loop for a base of radius {radius_m} m")]
    NoLoop {
        /// Seed of the home.
        seed: u64,
        /// Radius of the base, metres.
        radius_m: f64,
    },
    /// The robot would stand in something.
    #[error(
        "a base of radius {radius_m} m cannot stand at ({x_m:.2}, {y_m:.2}): something is there"
    )]
    Start {
        /// World frame, metres.
        x_m: f64,
        /// World frame, metres.
        y_m: f64,
        /// Radius of the base, metres.
        radius_m: f64,
    },
    /// There is no place for the robot in a home.
    #[error("the home with seed {seed} has no free place to start from")]
    NoStart {
        /// Seed of the home.
        seed: u64,
    },
    /// A recording option is out of its range.
    #[error("recording option `{option}`: {value} is outside {range}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// Its value.
        value: f64,
        /// The range it must lie in.
        range: &'static str,
    },
    /// An image could not be compressed.
    #[error("compressing the image of {topic}: {reason}")]
    Compress {
        /// Topic the image was for.
        topic: String,
        /// What the encoder said.
        reason: String,
    },
}
