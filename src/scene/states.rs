//! The states that objects are seen in.

use super::{NamedVectors, ObjectId, SceneMap};

/// A state that an object of the map is in, or is seen not to be in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectState {
    /// The object.
    pub id: ObjectId,
    /// The word for the state: `open`.
    pub state: String,
    /// Whether it is in it.
    pub holds: bool,
}

impl SceneMap {
    /// The states in which objects were when they were seen last, as far as `names` have states for
    /// theirs, and those in which they were not. Of an object whose look is not known nothing is told.
    pub fn states(&self, names: &NamedVectors) -> Vec<ObjectState> {
        let of = self.objects.iter().filter_map(|object| {
            let look = self.objects.look(object.id)?;
            let states = names.states_of(&object.label, look);
            Some(states.map(|(state, holds)| ObjectState {
                id: object.id,
                state: state.to_owned(),
                holds,
            }))
        });
        of.flatten().collect()
    }
}
