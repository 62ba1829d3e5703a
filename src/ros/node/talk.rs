//! What a person says, in its turn: while the model thinks of a reply, what is said next waits for it. So
//! replies come in the order of what was said, and "it" may mean what a reply names.
//!
//! Some things wait for nothing: stop, questions about the plan, and goals that rest on nothing said before.

use crate::planner::{Command, Dialogue};
use crate::scene::MapObject;
use crate::tasks::ActionVocabulary;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Sentences that wait at most.
const MAX_WAITING: usize = 8;
/// How long a reply is waited for: it comes behind a plan that is being made, and may be lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// A dialogue, and what of it is still to be heard.
#[derive(Debug, Default)]
pub struct Talk {
    /// What was heard and replied.
    pub dialogue: Dialogue,
    waiting: VecDeque<String>,
    /// When the model was asked for the reply that is waited for.
    asked: Option<Instant>,
}

impl Talk {
    /// The model is asked for a reply.
    pub fn ask(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    /// The model has replied, or says why it does not.
    pub fn answered(&mut self) {
        self.asked = None;
    }

    /// Whether `words` are to wait for the model's reply to what was said before.
    pub fn must_wait(
        &self,
        words: &str,
        objects: &[MapObject],
        vocabulary: &ActionVocabulary,
        now: Instant,
    ) -> bool {
        self.is_open(now)
            && match Command::of(words) {
                Command::Stop | Command::Plan(_) => false,
                Command::Goal(_) => self.dialogue.rests_on_talk(words, objects, vocabulary),
                _ => true,
            }
    }

    /// Lets `words` wait; `false` where too many do.
    pub fn wait(&mut self, words: String) -> bool {
        let has_room = self.waiting.len() < MAX_WAITING;
        if has_room {
            self.waiting.push_back(words);
        }
        has_room
    }

    /// What has waited long enough, in the order in which it was said.
    pub fn due(&mut self, now: Instant) -> Option<String> {
        if self.is_open(now) { None } else { self.waiting.pop_front() }
    }

    /// A goal is set: those that were said before it, and wait, are wanted no more.
    pub fn drop_goals(&mut self) {
        self.waiting.retain(|words| !matches!(Command::of(words), Command::Goal(_)));
    }

    /// Somebody says stop: nothing that was said before it is wanted any more.
    pub fn drop_all(&mut self) {
        self.waiting.clear();
    }

    fn is_open(&self, now: Instant) -> bool {
        self.asked.is_some_and(|asked| now.saturating_duration_since(asked) < PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One whose model was asked what is on the table.
    fn asked(now: Instant) -> Talk {
        let mut talk = Talk::default();
        talk.dialogue.hear("what is on the table", &[], &ActionVocabulary::alfred()).unwrap();
        talk.ask(now);
        talk
    }

    #[test]
    fn what_is_said_waits_for_the_reply_before_it() {
        let (now, vocabulary) = (Instant::now(), ActionVocabulary::alfred());
        let mut talk = asked(now);
        for words in ["where is the mug", "thanks", "put it in the sink", "what can you see"] {
            assert!(talk.must_wait(words, &[], &vocabulary, now), "{words}");
            assert!(talk.wait(words.into()));
        }
        for words in ["stop", "what are you doing?", "bring me the egg"] {
            assert!(!talk.must_wait(words, &[], &vocabulary, now), "{words}");
        }
        assert_eq!(talk.due(now), None);
        talk.answered();
        assert!(!talk.must_wait("where is the mug", &[], &vocabulary, now));
        assert_eq!(talk.due(now).as_deref(), Some("where is the mug"));
        talk.ask(now);
        assert_eq!(talk.due(now), None, "one that asks the model again holds the others up");
        talk.answered();
        let rest = [(); 4].map(|()| talk.due(now).unwrap_or_default());
        assert_eq!(rest, ["thanks", "put it in the sink", "what can you see", ""]);
    }

    #[test]
    fn nothing_waits_without_end_nor_for_what_is_wanted_no_more() {
        let now = Instant::now();
        let mut talk = asked(now);
        let waits = (0..20).filter(|at| talk.wait(format!("where is mug {at}"))).count();
        assert_eq!(waits, MAX_WAITING);
        assert_eq!(talk.due(now + PATIENCE).as_deref(), Some("where is mug 0"));
        talk.drop_all();
        assert_eq!(talk.due(now + PATIENCE), None);
        assert!(talk.wait("put it in the sink".into()) && talk.wait("is it clean".into()));
        talk.drop_goals();
        assert_eq!(talk.due(now + PATIENCE).as_deref(), Some("is it clean"));
    }
}
