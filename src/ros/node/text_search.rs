//! Where something is of which the map has no object, by what it looks like. Who asks makes vectors of
//! the words; the thread that keeps the map compares them with what was seen.

use super::configured::Configured;
use super::inbox::Inbox;
use super::map_request::MapRequest;
use crate::planner::facts::{self, Fact};
use crate::scene::{NamedVectors, TextQuery};
use crate::tasks::ArgumentKind;
use crate::vision::TextEncoder;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// Looks in the map for what a text names.
#[derive(Clone)]
pub struct TextSearch {
    encoder: Arc<dyn TextEncoder>,
    /// Names of things that are known.
    names: Vec<String>,
    map: Arc<Inbox<MapRequest>>,
    frame_id: String,
}

impl TextSearch {
    /// In the map of `configured`; `None` where no text can be compared with its features.
    pub fn new(configured: &Configured, map: &Arc<Inbox<MapRequest>>) -> Option<Self> {
        let Configured { planner, session, .. } = configured;
        let encoder = Arc::clone(planner.text_encoder()?);
        // Of few names one fits best by chance: those that plans speak of compete as well.
        let of_plans = planner.vocabulary().words(ArgumentKind::Target);
        let of_eyes = session.names().map(NamedVectors::names).unwrap_or_default();
        let names = of_plans.into_iter().chain(of_eyes.iter().map(String::as_str));
        let names = names.map(str::to_owned).collect();
        let frame_id = session.map().config().frame_id.clone();
        Some(Self { encoder, names, map: Arc::clone(map), frame_id })
    }

    /// Where the map looks like `name`; `None` where it does so nowhere, or is busy for longer than
    /// `patience`.
    pub fn whereabouts(&self, name: &str, patience: Duration) -> Option<Fact> {
        let query = TextQuery::new(self.encoder.as_ref(), name, &self.names);
        let query = query.inspect_err(|error| tracing::warn!("{name} is not looked for: {error}"));
        let (reply, answer) = sync_channel(1);
        self.map.ask(MapRequest::Likeness(query.ok()?, reply)).ok()?;
        let place = answer.recv_timeout(patience).ok()??;
        Some(facts::likeness(name, &place, &self.frame_id))
    }
}

#[cfg(test)]
mod tests {
    use super::super::inbox::Taken;
    use super::super::map_request::Effect;
    use super::*;
    use crate::planner::{PlannerConfig, Session};
    use crate::scene::fixtures::wall;
    use crate::vision::WordHash;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn the_map_is_asked_what_looks_like_a_name_and_not_waited_for_without_end() {
        let words = WordHash::new(64).unwrap();
        let mut session = Session::new(&PlannerConfig::default(), None).unwrap();
        *session.map_mut() = wall(2, |column| words.embed(["kettle", "wall"][column]).unwrap());
        let search = TextSearch {
            encoder: Arc::new(words),
            names: ["kettle", "wall", "mug"].map(str::to_owned).to_vec(),
            map: Arc::default(),
            frame_id: "map".into(),
        };
        let inbox = Arc::clone(&search.map);
        let keeper = std::thread::spawn(move || {
            for _ in 0..2 {
                let Taken::Request(request) = inbox.take(PATIENCE) else { return };
                let Effect::Compared(likeness) = request.answer(&mut session) else {
                    panic!("looking changes nothing, and what came of it can be shown")
                };
                assert_eq!(likeness.scores.len(), session.map().len());
            }
        });
        let kettle = search.whereabouts("kettle", PATIENCE).unwrap();
        assert!(kettle.words.starts_with("no object is called kettle"), "{}", kettle.words);
        assert_eq!(search.whereabouts("mug", PATIENCE), None);
        keeper.join().unwrap();
        assert_eq!(search.whereabouts("kettle", Duration::ZERO), None, "nobody keeps the map");
    }
}
