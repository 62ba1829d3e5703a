//! Objects made of the map's regions: by which names, when, and what is known of them.

use super::Session;
use crate::scene::{NamedVectors, ObjectState, RegionConfig, Relation, SceneError, SeenObjects};
use crate::tasks::map_relations;
use crate::vision::{FeatureExtractor, WordHash};

impl Session {
    /// Lets objects be made of what looks like `names`, which replace those there were.
    ///
    /// # Errors
    ///
    /// When they do not stand in the space of the map's features.
    pub fn name_things(&mut self, names: NamedVectors) -> Result<(), SceneError> {
        self.map.check_names(&names)?;
        self.names = Some(names);
        Ok(())
    }

    /// Names of the things that are looked for, if any are.
    pub fn names(&self) -> Option<&NamedVectors> {
        self.names.as_ref()
    }

    /// Lets the objects follow the regions when it is the frame's turn.
    pub(super) fn look(&mut self) -> Result<(), SceneError> {
        self.frames_since_look = self.frames_since_look.saturating_add(1);
        let every = self.regions.every_frames;
        if every > 0 && self.frames_since_look >= every {
            self.refresh_objects()?;
        }
        Ok(())
    }

    /// Lets the objects of the map follow its regions now, and not only with the next frame whose
    /// turn it is. Without names nothing changes.
    ///
    /// # Errors
    ///
    /// When the map was replaced by one whose features do not stand in the space of the names.
    pub fn refresh_objects(&mut self) -> Result<&SeenObjects, SceneError> {
        if let Some(names) = &self.names {
            self.seen = self.map.see_objects(names, &self.regions)?;
            self.frames_since_look = 0;
        }
        Ok(&self.seen)
    }

    /// The regions of the map when its objects last followed them, and which object each is.
    pub fn seen(&self) -> &SeenObjects {
        &self.seen
    }

    /// How the objects of the map stand to each other, and which are nearest to which, as the robot sees them
    /// from where it was last.
    pub fn relations(&self) -> Vec<Relation> {
        map_relations(self.map.objects().iter(), self.robot_m)
    }

    /// The states that objects of the map were seen in, or seen not to be in, where names have states.
    pub fn states(&self) -> Vec<ObjectState> {
        self.names.as_ref().map(|names| self.map.states(names)).unwrap_or_default()
    }
}

/// The names that features of `extractor` are compared with, where words have hashed vectors in
/// their space.
pub(super) fn names_of(
    extractor: &dyn FeatureExtractor,
    config: &RegionConfig,
) -> Result<Option<NamedVectors>, SceneError> {
    let Some(words) = extractor.text_space().and_then(WordHash::of_space) else { return Ok(None) };
    let names = match config.names.is_empty() {
        true => extractor.names().to_vec(),
        false => config.names_and_structure(),
    };
    if names.is_empty() {
        return Ok(None);
    }
    NamedVectors::new(&words, names)?.with_states(&words, extractor.states()).map(Some)
}
