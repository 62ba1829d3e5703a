//! Why an instruction is not followed, or no further.

/// Why an instruction is not followed, or no further.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FollowError {
    /// A part of it is no motion and no place.
    #[error(
        "not understood: \"{words}\": I go forward, turn left or right, look up or down, stop, and \
         go to things of the map"
    )]
    NotUnderstood {
        /// The part.
        words: String,
    },
    /// The model that was to understand it failed.
    #[error("not understood: {reason}")]
    Model {
        /// The error.
        reason: String,
    },
    /// Nothing in the map is called so.
    #[error("not in the map: {name}")]
    NotInMap {
        /// The name.
        name: String,
    },
    /// Something is in the way.
    #[error("no way there: {to}")]
    NoWay {
        /// Where to.
        to: String,
    },
    /// The base does not do what is asked.
    #[error("the robot's pose did not show \"{step}\" to be done, after {motions} motions")]
    Stuck {
        /// The step.
        step: String,
        /// Motions published for it.
        motions: u32,
    },
    /// Nobody says where the robot is.
    #[error("the pose of {base_frame} is {}", of_age(.age_s))]
    NoPose {
        /// Frame of the base.
        base_frame: String,
        /// Age of the newest pose, seconds, less than 0 where it is ahead of the clock; `None` when
        /// there was none.
        age_s: Option<f64>,
    },
    /// Time goes back, as when a simulation starts over.
    #[error("the clock was set back: the robot may stand elsewhere now")]
    ClockSetBack,
}

/// What is wrong with a pose of this age, seconds, in words.
fn of_age(age_s: &Option<f64>) -> String {
    match *age_s {
        None => "unknown: does its transform come?".into(),
        Some(age_s) if age_s < 0.0 => format!(
            "{:.1} s ahead of the clock: has its publisher another clock, or another use_sim_time?",
            -age_s
        ),
        Some(age_s) => format!("{age_s:.1} s old: does its transform come in time?"),
    }
}
