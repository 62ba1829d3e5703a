//! Why an action is refused.

/// Why an action is refused. A refused action changes nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The action is not one of ALFRED's.
    #[error("`{action}` is not an action that the robot has")]
    UnknownAction {
        /// The name found.
        action: String,
    },
    /// The action has too few or too many arguments.
    #[error("{action} takes {expected} arguments, found {found}")]
    WrongArguments {
        /// The action.
        action: String,
        /// Number it takes.
        expected: usize,
        /// Number found.
        found: usize,
    },
    /// There is no object to go to.
    #[error("nowhere to go: the map has no {name}")]
    NotInMap {
        /// Its class name.
        name: String,
    },
    /// No free way leads there.
    #[error("no free way leads to the {name}")]
    NoWay {
        /// Its class name.
        name: String,
    },
    /// The base would bump into something.
    #[error("the way ahead is blocked")]
    Blocked,
    /// The camera does not tilt that far.
    #[error("the camera tilts no farther")]
    TiltLimit,
    /// It cannot be seen from here, or not where the map says.
    #[error("no {name} is to be seen here")]
    NotSeen {
        /// Its class name.
        name: String,
    },
    /// It is too far away.
    #[error("the {name} is out of reach: {distance_m:.2} m away")]
    OutOfReach {
        /// Its class name.
        name: String,
        /// Distance to it on the floor plan, metres.
        distance_m: f64,
    },
    /// The hand already holds something.
    #[error("the hand is full: it holds the {held}")]
    HandFull {
        /// Class name of what is held.
        held: String,
    },
    /// The hand does not hold what is acted on.
    #[error("the {name} is not in the hand")]
    NotHeld {
        /// Its class name.
        name: String,
    },
    /// The receptacle is closed.
    #[error("the {name} is closed")]
    Closed {
        /// Its class name.
        name: String,
    },
    /// The receptacle is open.
    #[error("the {name} is open")]
    Open {
        /// Its class name.
        name: String,
    },
    /// The appliance is on.
    #[error("the {name} is on")]
    On {
        /// Its class name.
        name: String,
    },
    /// The appliance is off.
    #[error("the {name} is off")]
    Off {
        /// Its class name.
        name: String,
    },
    /// Things of this category do not allow it.
    #[error("a {name} cannot be {done}")]
    Cannot {
        /// Class name.
        name: String,
        /// What was tried, such as `opened`.
        done: &'static str,
    },
    /// Slicing needs a knife in the hand.
    #[error("no knife in the hand to slice the {name}")]
    NoKnife {
        /// What was to be sliced.
        name: String,
    },
    /// It is sliced already.
    #[error("the {name} is sliced already")]
    Sliced {
        /// Its class name.
        name: String,
    },
    /// No free spot is large enough.
    #[error("there is no room for the {name} on or in the {receptacle}")]
    NoRoom {
        /// What was to be put there.
        name: String,
        /// Where.
        receptacle: String,
    },
    /// The appliance that the action needs is not within reach.
    #[error("no {appliance} is within reach")]
    NoAppliance {
        /// What is needed.
        appliance: &'static str,
    },
}
