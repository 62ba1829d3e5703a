//! What was talked about: so that "it" means the thing that was named last, and "and the plate?" asks what
//! was asked before.
//!
//! By rule, not by a model: a word that stands for a thing is replaced by the thing's name before
//! the sentence is understood, and what a sentence leaves out is put in. A sentence that names a thing
//! itself is left alone. Where "it" is to be held or to hold something, it is the newest thing that can;
//! where none can, it is asked back what is meant, and the thing alone is an answer.

use super::Command;
use super::ellipsis::{Before, completed, named_alone, names_nothing, several};
use super::role::{Role, last_clause};
use super::topic::{
    is_of_no_thing, is_one, is_pronoun, only_thing_in, place_in, plain, pronoun, spoken_of,
    stands_for_thing, thing_in,
};
use crate::scene::MapObject;
use crate::tasks::{ActionVocabulary, Asked};
use std::collections::VecDeque;

/// Sentences that are remembered; what was named before them is forgotten.
const MAX_TURNS: usize = 8;

/// The last sentences, with what they named and what was replied.
#[derive(Debug, Clone, Default)]
pub struct Dialogue {
    turns: VecDeque<Turn>,
    /// What the robot has in its hand, which needs no name.
    held: Option<String>,
    /// What was said last, where it was asked back what that means.
    open: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct Turn {
    /// What was said, by what it means.
    meant: String,
    /// The thing that it names.
    thing: Option<String>,
    /// What "it" means from then on.
    topic: Option<String>,
    /// The place that it or its reply names, which "in it" means from then on.
    place: Option<String>,
    /// What was replied, if anything was yet.
    reply: Option<String>,
}

impl Turn {
    /// Whether it means `meant`, or asks to do that: a goal stands without the words around it.
    fn means(&self, meant: &str) -> bool {
        self.meant == meant
            || matches!(Command::of(&self.meant), Command::Goal(goal) if goal == meant)
    }
}

/// A word that stands for a thing, and nothing was named that it could stand for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// Nothing was named at all, or only what cannot be meant here.
    #[error("what do you mean by \"{0}\"? Nothing was named yet")]
    Unnamed(String),
    /// What was named last is not such a thing.
    #[error("what do you mean by \"{word}\"? The {thing} cannot {ability}")]
    Unfit {
        /// The word.
        word: String,
        /// What was named last.
        thing: String,
        /// What is to be done with it that it does not allow, such as `be held`.
        ability: &'static str,
    },
}

impl Dialogue {
    /// Hears `sentence`: what it means after what was said before, a question in the names that the map has
    /// for what people call otherwise. `objects` are those of the map, whose names are known; the
    /// `vocabulary` of plans tells what can be held and what can hold others.
    ///
    /// # Errors
    ///
    /// When it speaks of a thing that nobody named, or that cannot be what it is taken for. What is heard
    /// next may name the thing and nothing else.
    pub fn hear(
        &mut self,
        sentence: &str,
        objects: &[MapObject],
        vocabulary: &ActionVocabulary,
    ) -> Result<String, Unresolved> {
        let meaning = self.meaning(sentence, objects, vocabulary).map(|meant| {
            // Who plans reads a goal as it was said.
            let is_goal = matches!(Command::of(&meant), Command::Goal(_));
            if is_goal { meant } else { vocabulary.in_names(&meant, objects) }
        });
        match &meaning {
            Ok(meant) => self.note(meant, objects),
            // Who names another thing that does not fit still speaks of what was said before.
            Err(_) if self.answered(sentence, objects).is_some() => {}
            Err(_) => self.open = Some(sentence.to_owned()),
        }
        meaning
    }

    /// The robot has a thing called `name` in its hand. "It" means that as long as nothing was named.
    pub fn hold(&mut self, name: &str) {
        self.held = Some(name.to_owned());
    }

    /// Whether what `sentence` means rests on what was said before.
    pub fn rests_on_talk(
        &self,
        sentence: &str,
        objects: &[MapObject],
        vocabulary: &ActionVocabulary,
    ) -> bool {
        self.meaning(sentence, objects, vocabulary).as_deref() != Ok(sentence)
    }

    /// Remembers what `sentence` names.
    pub fn note(&mut self, sentence: &str, objects: &[MapObject]) {
        let (thing, place) = (spoken_of(sentence, objects), place_in(sentence, objects));
        let (meant, topic) = (sentence.to_owned(), thing.clone());
        self.open = None;
        self.turns.push_back(Turn { meant, thing, topic, place, reply: None });
        if self.turns.len() > MAX_TURNS {
            self.turns.pop_front();
        }
    }

    /// Remembers what was replied to the newest sentence that means `meant`, or asks to do that. What the
    /// reply tells to be somewhere, or to serve a purpose, is spoken of from then on.
    pub fn replied(&mut self, meant: &str, reply: &str, objects: &[MapObject]) {
        let is_open = |turn: &&mut Turn| turn.reply.is_none() && turn.means(meant);
        let Some(turn) = self.turns.iter_mut().rev().find(is_open) else { return };
        let named = || only_thing_in(reply, objects);
        match Asked::of(meant) {
            Some(Asked::Contents(_) | Asked::Largest(_) | Asked::Tool) => {
                turn.topic = named().or(turn.topic.take());
            }
            Some(Asked::Place(_)) => turn.place = named().or(turn.place.take()),
            _ => {}
        }
        turn.reply = Some(reply.to_owned());
    }

    /// What was said, by what it means, with what was replied, oldest first.
    pub fn turns(&self) -> Vec<[String; 2]> {
        let told = |turn: &Turn| Some([turn.meant.clone(), turn.reply.clone()?]);
        self.turns.iter().filter_map(told).collect()
    }

    /// What a model is told of the dialogue beside `meant`; `None` where that names what it is about. Such
    /// a sentence needs nothing that was said before, and what stands alone a model answers best.
    pub fn history(&self, meant: &str, objects: &[MapObject]) -> Option<Vec<[String; 2]>> {
        let stands_alone = Asked::of(meant).is_some() || thing_in(meant, objects).is_some();
        Some(self.turns()).filter(|turns| !stands_alone && !turns.is_empty())
    }

    /// The thing that `sentence` names to who asked what was meant.
    fn answered(&self, sentence: &str, objects: &[MapObject]) -> Option<String> {
        self.open.as_ref().and_then(|_| named_alone(sentence, objects))
    }

    fn meaning(
        &self,
        sentence: &str,
        objects: &[MapObject],
        vocabulary: &ActionVocabulary,
    ) -> Result<String, Unresolved> {
        let Some((open, thing)) = self.open.as_ref().zip(self.answered(sentence, objects)) else {
            return self.understood(sentence, objects, vocabulary);
        };
        // As if the thing had been named before.
        let mut then = self.clone();
        let (thing, topic) = (Some(thing.clone()), Some(thing));
        then.turns.push_back(Turn { thing, topic, ..Turn::default() });
        then.understood(open, objects, vocabulary)
    }

    /// What a sentence that answers nothing means.
    fn understood(
        &self,
        sentence: &str,
        objects: &[MapObject],
        vocabulary: &ActionVocabulary,
    ) -> Result<String, Unresolved> {
        let command = Command::of(sentence);
        match command {
            Command::Goal(_) | Command::Where(_) | Command::Count(_) | Command::NotUnderstood => {
                match self.completed(sentence, objects) {
                    Some(whole) => Ok(whole),
                    // A model would tell the place of anything.
                    None if names_nothing(sentence) => {
                        let words: Vec<String> = sentence.split_whitespace().map(plain).collect();
                        Err(Unresolved::Unnamed(words.join(" ")))
                    }
                    None => self.resolve(sentence, &command, objects, vocabulary),
                }
            }
            _ => Ok(sentence.to_owned()),
        }
    }

    /// What "it" means.
    fn topic(&self) -> Option<&str> {
        let named = self.turns.iter().rev().find_map(|turn| turn.topic.as_deref());
        named.or(self.held.as_deref())
    }

    /// What a word may stand for, newest first; of what was named at once as a place, where that is looked for.
    fn candidates(&self, role: Role) -> Vec<&str> {
        let named = self.turns.iter().rev().flat_map(|turn| {
            let place = turn.place.as_deref().filter(|_| role == Role::Holder);
            place.into_iter().chain(turn.topic.as_deref())
        });
        named.chain(self.held.as_deref()).collect()
    }

    /// The whole of a sentence that says only what is new.
    fn completed(&self, sentence: &str, objects: &[MapObject]) -> Option<String> {
        let newest = |turn: &Turn| Some([turn.meant.clone(), turn.thing.clone()?]);
        let newest = self.turns.iter().rev().find_map(newest);
        // What is held was spoken of in no sentence.
        let [said, thing] = newest.unwrap_or_default();
        let topic = self.topic()?;
        completed(sentence, Before { said: &said, thing: &thing, topic, objects })
    }

    fn resolve(
        &self,
        sentence: &str,
        command: &Command,
        objects: &[MapObject],
        vocabulary: &ActionVocabulary,
    ) -> Result<String, Unresolved> {
        let words: Vec<&str> = sentence.split_whitespace().collect();
        let Some(at) = pronoun(&words) else { return Ok(sentence.to_owned()) };
        let (before, word) = (&words[..at], plain(words[at]));
        let asked = Asked::of(sentence);
        // "What is the color of it" names no other thing.
        let is_asked_of_it = asked.as_ref().and_then(Asked::thing).is_some_and(stands_for_thing);
        // A question of a kind that is not known may be about the weather.
        let is_free = *command == Command::NotUnderstood && asked.is_none();
        let role = Role::behind(before, matches!(command, Command::Goal(_)));
        // "Put the mug in it" names a thing, but not this one.
        let clause: &[&str] = if role == Role::Holder { last_clause(before) } else { &[] };
        let earlier = before[..before.len() - clause.len()].join(" ");
        let names_thing = !is_asked_of_it && thing_in(&earlier, objects).is_some();
        if names_thing || is_free && (is_of_no_thing(&words) || !is_pronoun(&word)) {
            return Ok(sentence.to_owned());
        }
        let other = thing_in(&clause.join(" "), objects);
        let can_be = |thing: &&str| {
            Some(*thing) != other.as_deref() && role.fits(thing, objects, vocabulary)
        };
        let candidates = self.candidates(role);
        let Some(thing) = candidates.iter().copied().find(can_be) else {
            let newest = candidates.first().filter(|one| !role.fits(one, objects, vocabulary));
            return match newest {
                _ if is_free => Ok(sentence.to_owned()),
                None => Err(Unresolved::Unnamed(word)),
                Some(thing) => {
                    let (thing, ability) = ((*thing).to_owned(), role.ability());
                    Err(Unresolved::Unfit { word, thing, ability })
                }
            };
        };
        let end = &words[at][word.len()..];
        let meant = match before {
            _ if is_one(&word) => {
                format!("{} {word} of the {}{end}", before.join(" "), several(thing))
            }
            // "How many of them" asks for the name alone.
            [rest @ .., "of"] if rest.last() == Some(&"many") => {
                format!("{} {thing}{end}", rest.join(" "))
            }
            _ => format!("{} the {thing}{end}", before.join(" ")),
        };
        let rest = words[at + 1..].join(" ");
        Ok(format!("{meant} {rest}").trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::object;

    fn objects() -> Vec<MapObject> {
        let labels = ["mug", "coffee machine", "table"];
        (1..).zip(labels).map(|(id, label)| object(id, label, [0.0; 3], 0.1)).collect()
    }

    fn talk(sentences: &[&str]) -> String {
        let (mut dialogue, objects) = (Dialogue::default(), objects());
        let words = ActionVocabulary::alfred();
        let heard = sentences.iter().map(|sentence| dialogue.hear(sentence, &objects, &words));
        heard.last().unwrap().unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn it_is_the_thing_named_last() {
        for (sentences, meant) in [
            (["where is the mug?", "bring it here"], "bring the mug here"),
            (["put the mug on the table", "Where is it?"], "Where is the mug?"),
            (["clean my coffee machine", "turn that off."], "turn the coffee machine off."),
            (["find the spoon", "how many of them are there?"], "how many spoon are there?"),
            (["bring me a clean fork", "put that in the sink"], "put the clean fork in the sink"),
        ] {
            assert_eq!(talk(&sentences), meant);
        }
        let later = ["where is the mug", "what do you see?", "where is it"];
        assert_eq!(talk(&later), "where is the mug");
    }

    #[test]
    fn sentences_that_need_nothing_are_left_alone() {
        for sentence in [
            "wash the fork and put it on the table",
            "pick up mug and put it away",
            "bring me that mug",
            "stop it",
            "is it raining?",
        ] {
            assert_eq!(talk(&["where is the spoon?", sentence]), sentence);
        }
    }

    #[test]
    fn questions_of_all_kinds_are_about_it() {
        let talks: [(&[&str], &str); 11] = [
            (&["is there a mug", "what color is it?"], "what color is the mug?"),
            (&["is there a mug", "what is the color of it"], "what is the color of the mug"),
            (&["where is the mug", "what is next to it"], "what is next to the mug"),
            (&["where is the mug", "is it on the table"], "is the mug on the table"),
            (&["where is the mug", "is it clean"], "is the mug clean"),
            (&["where is the mug", "what can i use to wash it"], "what can i use to wash the mug"),
            (&["is there a mug", "where?"], "where is the mug"),
            (&["what color is the mug", "and the table?"], "what color is the table"),
            (&["where is the mug", "and the table", "is it open"], "is the table open"),
            (&["put the mug on the table", "and the fork too"], "put the fork on the table"),
            (&["where is the mug", "thanks", "is it sliced"], "is the mug sliced"),
        ];
        for (sentences, meant) in talks {
            assert_eq!(talk(sentences), meant);
        }
        let asked = "what do you mean by \"it\"? Nothing was named yet";
        assert_eq!(talk(&["what color is it"]), asked);
        assert_eq!(talk(&["is it fun"]), "is it fun");
        let asked = "what do you mean by \"where\"? Nothing was named yet";
        assert_eq!(talk(&["Where?"]), asked);
    }

    #[test]
    fn it_is_what_the_robot_holds_as_long_as_nothing_was_named() {
        let (mut dialogue, objects) = (Dialogue::default(), objects());
        let words = ActionVocabulary::alfred();
        dialogue.hold("mug");
        let mut hear = |sentence: &str| dialogue.hear(sentence, &objects, &words).unwrap();
        assert_eq!(hear("what color?"), "what color is the mug");
        assert_eq!(hear("where is the table"), "where is the table");
        assert_eq!(hear("clean it"), "clean the table");
        assert_eq!(hear("put it in the sink"), "put the mug in the sink");
    }

    #[test]
    fn what_a_reply_names_is_spoken_of() {
        let (mut dialogue, objects) = (Dialogue::default(), objects());
        let words = ActionVocabulary::alfred();
        let mut say = |sentence: &str, reply: &str| {
            let meant = dialogue.hear(sentence, &objects, &words).unwrap();
            dialogue.replied(&meant, reply, &objects);
            meant
        };
        say("what is on the table", "a mug");
        assert_eq!(say("what color is it", "red"), "what color is the mug");
        say("what is the largest thing on the table", "vase");
        assert_eq!(say("is it open", "no"), "is the vase open");
        say("what is in the sink", "nothing");
        assert_eq!(say("where is it", "on the table"), "where is the sink");
        // Who is asked what is next to a thing is asked of the thing.
        say("what is next to the mug", "coffeemachine");
        assert_eq!(say("what color is it", "red"), "what color is the mug");
        say("where is the mug", "on the table");
        assert_eq!(say("is there a fork on it", "no"), "is there a fork on the table");
    }

    #[test]
    fn what_is_held_and_what_holds_others_is_what_can() {
        let talks: [(&[&str], &str); 10] = [
            (
                &["where is the mug", "where is the fridge", "put it in there"],
                "put the mug in there",
            ),
            (
                &["where is the mug", "and the table", "please bring me it"],
                "please bring me the mug",
            ),
            (&["where is the mug", "where is the fridge", "open it"], "open the fridge"),
            (&["where is the fridge", "put the mug in it"], "put the mug in the fridge"),
            (&["where is the fridge", "is there an egg in it?"], "is there an egg in the fridge?"),
            (
                &["put the mug on the table", "how many forks are on it"],
                "how many forks are on the table",
            ),
            (
                &["where is the fridge", "open it and put the mug in it"],
                "open the fridge and put the mug in it",
            ),
            (
                &["where is the sink", "wash the pot and put the egg in it"],
                "wash the pot and put the egg in it",
            ),
            (&["are there eggs", "bring me one, please"], "bring me one of the eggs, please"),
            (&["is there a mug", "put another in the sink"], "put another of the mugs in the sink"),
        ];
        for (sentences, meant) in talks {
            assert_eq!(talk(sentences), meant);
        }
        let asked = "what do you mean by \"it\"? The fridge cannot be held";
        assert_eq!(talk(&["where is the fridge?", "put it in the sink"]), asked);
        let asked = "what do you mean by \"it\"? The spoon cannot hold things";
        assert_eq!(talk(&["where is the spoon?", "put the egg in it"]), asked);
        let asked = "what do you mean by \"one\"? Nothing was named yet";
        assert_eq!(talk(&["bring me one"]), asked);
    }

    #[test]
    fn the_thing_alone_answers_who_asks_what_is_meant() {
        let talks: [(&[&str], &str); 6] = [
            (&["put it in the sink", "the mug"], "put the mug in the sink"),
            (
                &["where is the fridge", "put it in the sink", "I meant the fork"],
                "put the fork in the sink",
            ),
            (&["where?", "Mug."], "where is the mug"),
            // Who was not asked says something else.
            (&["where is the fridge", "the mug"], "the mug"),
            (&["put it in the sink", "hello", "the mug"], "the mug"),
            (&["put it in the sink", "bring the fork", "the mug"], "the mug"),
        ];
        for (sentences, meant) in talks {
            assert_eq!(talk(sentences), meant);
        }
        let asked = "what do you mean by \"it\"? The table cannot be held";
        let mut still = vec!["put it in the sink", "the table"];
        assert_eq!(talk(&still), asked);
        still.push("the mug");
        assert_eq!(talk(&still), "put the mug in the sink");
    }

    #[test]
    fn a_goal_is_replied_to_without_the_words_around_it() {
        let (mut dialogue, objects) = (Dialogue::default(), objects());
        let words = ActionVocabulary::alfred();
        dialogue.hear("could you bring me the mug?", &objects, &words).unwrap();
        dialogue.replied("bring me the mug", "i take the mug", &objects);
        let turn = ["could you bring me the mug?", "i take the mug"].map(String::from);
        assert_eq!(dialogue.turns(), [turn]);
        for (sentence, rests) in
            [("put it in the sink", true), ("and the fork too", true), ("bring me the mug", false)]
        {
            let rests_on_talk = dialogue.rests_on_talk(sentence, &objects, &words);
            assert_eq!(rests_on_talk, rests, "{sentence}");
        }
        let nothing_said = Dialogue::default();
        assert!(nothing_said.rests_on_talk("bring it", &objects, &words), "on what is to come");
    }

    #[test]
    fn a_model_is_told_what_was_said_where_that_matters() {
        let (mut dialogue, objects) = (Dialogue::default(), objects());
        assert_eq!(dialogue.history("are you sure", &objects), None, "nothing was said");
        let words = ActionVocabulary::alfred();
        let meant = dialogue.hear("where is the mug", &objects, &words).unwrap();
        assert!(dialogue.turns().is_empty(), "nothing was replied");
        dialogue.replied(&meant, "on the table", &objects);
        dialogue.replied(&meant, "in the sink", &objects);
        let turns = vec![["where is the mug", "on the table"].map(String::from)];
        assert_eq!(dialogue.turns(), turns);
        assert_eq!(dialogue.history("are you sure", &objects), Some(turns));
        for alone in ["is the mug clean", "what is on the desk", "is mug nice"] {
            assert_eq!(dialogue.history(alone, &objects), None, "{alone}");
        }
    }

    #[test]
    fn nothing_is_meant_by_it_before_something_is_named_or_long_after() {
        let asked = "what do you mean by \"it\"? Nothing was named yet";
        assert_eq!(talk(&["where is it?"]), asked);
        let mut long = vec!["where is the mug?"];
        long.extend(["what do you see?"; MAX_TURNS]);
        long.push("bring it");
        assert_eq!(talk(&long), asked);
    }
}
