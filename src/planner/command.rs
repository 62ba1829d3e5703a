//! What a sentence asks for: one of a few commands, a question to the map, or a goal to plan for.
//!
//! Matching is by words, not by a model: a sentence that is none of these and asks something, or has
//! no word in it, is said not to be understood, rather than answered or planned for with an invention.

use super::PlanQuestion;
use crate::tasks::{About, Asked, spelled_out};

/// What a person wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Give up the goal.
    Stop,
    /// Forget the map and its objects.
    ForgetMap,
    /// Tell what the map holds.
    Describe,
    /// Tell where the things called so are.
    Where(String),
    /// Tell how many things called so there are.
    Count(String),
    /// Tell of the plan in hand.
    Plan(PlanQuestion),
    /// Nothing but these words in return.
    Courtesy(&'static str),
    /// Plan for this.
    Goal(String),
    /// A question of another kind, or nothing in words.
    NotUnderstood,
}

const STOP: [&str; 7] = ["stop", "halt", "cancel", "abort", "stop it", "stop that", "never mind"];
const FORGET: [&str; 3] = ["forget", "reset", "clear"];
const MAP: [&str; 3] = ["map", "the map", "your map"];
/// What is said to an answer: the robot asks nothing, and a plan for "yes" would end the one in hand.
const NOTHING_ASKED: &str = "i asked nothing";
/// What is said to who asks for help.
const HELP: &str = "say a goal in plain words, such as \"put the mug in the sink\"; ask what is \
    there, where something is or how many there are; or say \"what is the plan\", \"describe the \
    room\" or \"stop\"";
/// What people say that wants nothing done, and what is said to it.
const COURTESIES: [(&[&str], &str); 8] = [
    (&["thanks", "thank you", "thanks a lot", "thank you very much"], "you are welcome"),
    (&["hello", "hi", "hey", "good morning", "good afternoon", "good evening"], "hello"),
    (&["bye", "goodbye", "good bye", "good night"], "goodbye"),
    (&["ok", "okay", "all right", "good", "very good", "great", "well done"], "all right"),
    (&["yes", "yeah", "yep", "yes please", "sure", "maybe"], NOTHING_ASKED),
    (&["no", "nope", "nah", "no thanks", "no thank you"], NOTHING_ASKED),
    (&["help", "help me", "what can you do", "what can you do for me"], HELP),
    (&["what can i say", "what can i ask", "what can i ask you", "what can i tell you"], HELP),
];
const QUESTION_WORDS: [&str; 17] = [
    "what", "where", "who", "why", "when", "how", "which", "is", "are", "do", "does", "did", "can",
    "could", "will", "was", "were",
];
/// Requests that begin like questions.
const POLITE: [&str; 4] = ["can you ", "could you ", "would you ", "please "];

impl Command {
    /// What `sentence` asks for.
    pub fn of(sentence: &str) -> Self {
        let is_question = sentence.trim_end().ends_with('?');
        let whole = sentence.trim().trim_end_matches(['.', '!', '?', ' ']);
        let plain = whole.to_lowercase();
        let plain = plain.split_whitespace().map(spelled_out).collect::<Vec<_>>().join(" ");
        let asked = POLITE
            .iter()
            .fold(plain.as_str(), |rest, polite| rest.strip_prefix(polite).unwrap_or(rest));
        let was_polite = asked.len() < plain.len();
        if !has_word(asked) {
            return Self::NotUnderstood;
        }
        if STOP.contains(&asked) {
            return Self::Stop;
        }
        let forgets = |verb: &&str| {
            asked.strip_prefix(*verb).is_some_and(|rest| MAP.contains(&rest.trim_start()))
        };
        if FORGET.iter().any(forgets) {
            return Self::ForgetMap;
        }
        if let Some(question) = PlanQuestion::of(asked) {
            return Self::Plan(question);
        }
        // "Yes, please" is "yes please".
        let bare = asked.replace(',', "");
        let is_said = |words: &[&str]| words.contains(&bare.as_str());
        if let Some(&(_, reply)) = COURTESIES.iter().find(|(words, _)| is_said(words)) {
            return Self::Courtesy(reply);
        }
        match Asked::of(asked) {
            Some(Asked::Place(thing)) => return Self::Where(thing),
            Some(Asked::Number(thing)) => return Self::Count(thing),
            Some(Asked::Everything) if About::of(asked) == About::Scene => return Self::Describe,
            Some(Asked::Everything | Asked::Looks(_)) => return Self::NotUnderstood,
            _ => {}
        }
        let first = asked.split(' ').next().unwrap_or_default();
        if QUESTION_WORDS.contains(&first) || (is_question && !was_polite) {
            return Self::NotUnderstood;
        }
        // In the words of the person: case may mean something to the model.
        Self::Goal(if was_polite { asked.to_owned() } else { whole.to_owned() })
    }

    /// Whether it is a question that is not about the plan in hand.
    pub fn asks_of_scene(&self) -> bool {
        matches!(self, Self::Describe | Self::Where(_) | Self::Count(_) | Self::NotUnderstood)
    }
}

/// Whether there is a word of two letters or more: without one nothing is named that could be done.
fn has_word(sentence: &str) -> bool {
    sentence.split(|c: char| !c.is_alphabetic()).any(|word| word.chars().nth(1).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        for stop in ["Stop!", "please stop", " halt ", "never mind."] {
            assert_eq!(Command::of(stop), Command::Stop, "{stop}");
        }
        assert_eq!(Command::of("Forget the map"), Command::ForgetMap);
        assert_eq!(Command::of("could you clear your map?"), Command::ForgetMap);
        assert_eq!(Command::of("What's here?"), Command::Describe);
        assert_eq!(Command::of("what can you see"), Command::Describe);
        assert_eq!(Command::of("could you describe the room?"), Command::Describe);
        assert_eq!(Command::of("What are you doing?"), Command::Plan(PlanQuestion::Now));
        assert_eq!(Command::of("why?"), Command::Plan(PlanQuestion::Why));
        assert_eq!(Command::of("Thank you!"), Command::Courtesy("you are welcome"));
        assert!(Command::of("why is the mug there").asks_of_scene());
        assert!(!Command::of("what is left?").asks_of_scene());
    }

    #[test]
    fn questions_to_the_map() {
        assert_eq!(Command::of("Where is the red mug?"), Command::Where("red mug".into()));
        assert_eq!(Command::of("find a knife"), Command::Where("knife".into()));
        assert_eq!(Command::of("How many cups are there?"), Command::Count("cups".into()));
        assert_eq!(Command::of("where is"), Command::NotUnderstood);
    }

    #[test]
    fn question_words_need_no_apostrophe() {
        for words in ["wheres the fridge", "Where's the fridge?", "where’s the fridge"] {
            assert_eq!(Command::of(words), Command::Where("fridge".into()), "{words}");
        }
        assert_eq!(Command::of("whats here"), Command::Describe);
        assert_eq!(Command::of("whats the plan"), Command::Plan(PlanQuestion::Whole));
        for words in ["whats on the table", "what’s on the table", "hows the mug", "how's it going"]
        {
            assert_eq!(Command::of(words), Command::NotUnderstood, "{words}");
        }
    }

    #[test]
    fn answers_to_nothing_are_no_goals() {
        let answers =
            ["yes", "No.", "yeah!", "nope", "sure", "maybe", "yes, please", "no thanks", "No?"];
        for words in answers {
            assert_eq!(Command::of(words), Command::Courtesy(NOTHING_ASKED), "{words}");
        }
        let goal = Command::Goal("make sure the fridge is shut".into());
        assert_eq!(Command::of("make sure the fridge is shut"), goal);
    }

    #[test]
    fn help_tells_what_one_can_say() {
        for words in ["help", "Help!", "can you help me?", "What can you do?", "what can i say"] {
            assert_eq!(Command::of(words), Command::Courtesy(HELP), "{words}");
        }
        // What stands in quotes there is understood.
        let quoted: Vec<Command> = HELP.split('"').skip(1).step_by(2).map(Command::of).collect();
        let goal = Command::Goal("put the mug in the sink".into());
        let plan = Command::Plan(PlanQuestion::Whole);
        assert_eq!(quoted, [goal, plan, Command::Describe, Command::Stop]);
        let goal = Command::Goal("help me to wash the mug".into());
        assert_eq!(Command::of("help me to wash the mug"), goal);
    }

    #[test]
    fn what_has_no_word_is_no_goal() {
        for words in ["2+2", "🍎", "x", "1 2 3", "a b", "please 2", "...", "-"] {
            assert_eq!(Command::of(words), Command::NotUnderstood, "{words}");
        }
        // Words that are not known may name things.
        for words in ["asdf qwer", "go", "räum auf", "打扫房间", "take 2 mugs"] {
            assert_eq!(Command::of(words), Command::Goal(words.into()), "{words}");
        }
    }

    #[test]
    fn everything_else_is_a_goal_unless_it_asks() {
        assert_eq!(Command::of("bring me the mug."), Command::Goal("bring me the mug".into()));
        let polite = Command::of("Can you bring me the mug?");
        assert_eq!(polite, Command::Goal("bring me the mug".into()));
        assert_eq!(Command::of("forget the mug"), Command::Goal("forget the mug".into()));
        let no_goals = ["who are you", "Is it raining?", "describe the mug", "the mug?", "", "?!"];
        for other in no_goals {
            assert_eq!(Command::of(other), Command::NotUnderstood, "{other}");
        }
    }
}
