//! What a sentence asks for: one of a few commands, a question to the map, or a goal to plan for.
//!
//! Matching is by words, not by a model: a sentence that is none of these and asks something, or has
//! no word in it, is said not to be understood, rather than answered or planned for with an invention.

use super::PlanQuestion;
use crate::tasks::{About, Asked, plain_words, uncalled};

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

/// What is said to have everything stopped ...
const STOP: [&str; 20] = [
    "stop",
    "halt",
    "cancel",
    "abort",
    "quit",
    "freeze",
    "pause",
    "wait",
    "hold on",
    "enough",
    "that is enough",
    "never mind",
    "nevermind",
    "forget it",
    "forget that",
    "forget about it",
    "forget the plan",
    "forget the goal",
    "stand still",
    "do not move",
];
/// ... and what may stand behind it.
const STOPPED: [&str; 15] = [
    "it",
    "that",
    "this",
    "everything",
    "moving",
    "driving",
    "the robot",
    "the plan",
    "your plan",
    "the task",
    "the goal",
    "mission",
    "doing that",
    "doing this",
    "what you are doing",
];
/// Words around it that change nothing.
const AROUND_STOP: [&str; 13] = [
    "please",
    "now",
    "no",
    "robot",
    "hey",
    "ok",
    "okay",
    "just",
    "right",
    "immediately",
    "there",
    "already",
    "thanks",
];
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
    (&["thanks", "thank you"], "you are welcome"),
    (&["hello", "hi", "hey", "good morning", "good afternoon", "good evening"], "hello"),
    (&["bye", "goodbye", "good bye", "good night"], "goodbye"),
    (&["ok", "okay", "all right", "good", "great", "nice", "fine", "perfect"], "all right"),
    (&["well done", "good job", "sorry", "that is all"], "all right"),
    (
        &["yes", "yeah", "yep", "sure", "maybe", "no", "nope", "nah", "no thanks", "no thank you"],
        NOTHING_ASKED,
    ),
    (&["help", "help me", "what can you do", "what can you do for me"], HELP),
    (&["what can i say", "what can i ask", "what can i ask you", "what can i tell you"], HELP),
];
/// Words around these that change nothing.
const AROUND_COURTESY: [&str; 7] = ["robot", "there", "so", "very", "much", "a", "lot"];
/// How a sentence begins that says what is not to be done, and what is said to it: a plan would do it.
const FORBIDS: [&str; 2] = ["do not", "never"];
const NOT_TO_DO: &str = "i plan for what is to be done only; \"stop\" ends what i do";
/// How a sentence begins that puts another right, and what is said to it: which word is meant by a part of a
/// sentence is a guess.
const CORRECTS: [&str; 9] = [
    "i meant",
    "i mean",
    "no i meant",
    "no i mean",
    "no the",
    "no not",
    "not the",
    "not that",
    "the other",
];
const SAY_AGAIN: &str = "say the whole again, with the name of the thing that you mean";
const QUESTION_WORDS: [&str; 17] = [
    "what", "where", "who", "why", "when", "how", "which", "is", "are", "do", "does", "did", "can",
    "could", "will", "was", "were",
];
/// How sentences begin that ask without such a word.
const ASKS: [&str; 3] = ["tell me", "i want to know", "have you"];

impl Command {
    /// What `sentence` asks for.
    pub fn of(sentence: &str) -> Self {
        let is_question = sentence.trim_end().ends_with('?');
        let whole = sentence.trim().trim_end_matches(['.', '!', '?', ' ']);
        let plain = plain_words(sentence);
        let (asked, is_request) = uncalled(&plain);
        if !has_word(asked) {
            return Self::NotUnderstood;
        }
        // Who cries stop may say why behind it.
        let cry = asked.split('!').next().unwrap_or_default();
        if stops(cry) || stops(asked) {
            return Self::Stop;
        }
        let forgets = |verb: &&str| {
            asked.strip_prefix(*verb).is_some_and(|rest| MAP.contains(&rest.trim_start()))
        };
        if FORGET.iter().any(forgets) {
            return Self::ForgetMap;
        }
        if let Some(question) = PlanQuestion::of(&plain).or_else(|| PlanQuestion::of(asked)) {
            return Self::Plan(question);
        }
        if let Some(reply) = courtesy(&plain).or_else(|| courtesy(asked)) {
            return Self::Courtesy(reply);
        }
        let unmarked = without_marks(asked);
        if behind(&unmarked, &FORBIDS).is_some() {
            return Self::Courtesy(NOT_TO_DO);
        }
        if behind(&unmarked, &CORRECTS).is_some() {
            return Self::Courtesy(SAY_AGAIN);
        }
        match Asked::of(sentence) {
            Some(Asked::Place(thing)) => return Self::Where(thing),
            Some(Asked::Number(thing)) => return Self::Count(thing),
            Some(Asked::Everything) if About::of(asked) == About::Scene => return Self::Describe,
            Some(_) => return Self::NotUnderstood,
            None => {}
        }
        let first = asked.split(' ').next().unwrap_or_default();
        let asks = QUESTION_WORDS.contains(&first) || behind(asked, &ASKS).is_some();
        if asks || (is_question && !is_request) {
            return Self::NotUnderstood;
        }
        // In the words of the person: case may mean something to the model.
        Self::Goal(if asked.len() < plain.len() { asked.to_owned() } else { whole.to_owned() })
    }

    /// Whether it is a question that is not about the plan in hand.
    pub fn asks_of_scene(&self) -> bool {
        matches!(self, Self::Describe | Self::Where(_) | Self::Count(_) | Self::NotUnderstood)
    }
}

/// What is left of `sentence` behind the longest of `openings` that it begins with, word by word.
fn behind<'a>(sentence: &'a str, openings: &[&str]) -> Option<&'a str> {
    let rests = openings.iter().filter_map(|opening| {
        let rest = sentence.strip_prefix(opening)?;
        (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim_start())
    });
    rests.min_by_key(|rest| rest.len())
}

/// The words of a sentence without marks, single spaces between them.
fn without_marks(sentence: &str) -> String {
    let words = sentence.split(|c: char| [',', '.', '!'].contains(&c) || c.is_whitespace());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The words of a sentence without marks and without those of `left_out`.
fn without(sentence: &str, left_out: &[&str]) -> String {
    let unmarked = without_marks(sentence);
    unmarked.split(' ').filter(|word| !left_out.contains(word)).collect::<Vec<_>>().join(" ")
}

/// Whether all that is said is to stop, once or several times.
fn stops(sentence: &str) -> bool {
    let said = without(sentence, &AROUND_STOP);
    let mut rest = said.as_str();
    while let Some(object) = behind(rest, &STOP) {
        rest = behind(object, &STOPPED).unwrap_or(object);
    }
    // "Do not!" is said of what is done; "do not stop" is not.
    said == "do not" || (rest.is_empty() && !said.is_empty())
}

/// What is said to a sentence that is made of courtesies alone, of several to the last.
fn courtesy(sentence: &str) -> Option<&'static str> {
    let said = without(sentence, &AROUND_COURTESY);
    let (mut rest, mut reply) = (said.as_str(), None);
    while !rest.is_empty() {
        let lefts = COURTESIES.iter().filter_map(|(words, reply)| {
            let left = behind(rest, words)?;
            Some((left, *reply))
        });
        let (left, newest) = lefts.min_by_key(|(left, _)| left.len())?;
        (rest, reply) = (left, Some(newest));
    }
    reply
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
    fn stop_is_heard_in_many_words() {
        for stop in [
            "stop now",
            "Stop, please!",
            "no, stop",
            "stop stop stop",
            "ok robot, stop moving right now",
            "could you please stop that",
            "stop! You will break it",
            "cancel it",
            "cancel the plan",
            "forget it",
            "Never mind that.",
            "wait!",
            "don't",
            "Don’t move!",
        ] {
            assert_eq!(Command::of(stop), Command::Stop, "{stop}");
        }
        for other in ["stop the coffee machine", "wait for me", "stop at the table"] {
            assert_eq!(Command::of(other), Command::Goal(other.into()));
        }
    }

    #[test]
    fn what_is_not_to_be_done_is_not_planned_for() {
        for words in ["don't put the mug in the sink", "Please do not touch it", "don't stop"] {
            assert_eq!(Command::of(words), Command::Courtesy(NOT_TO_DO), "{words}");
        }
        let goal = Command::Goal("wash the mug".into());
        assert_eq!(Command::of("don't forget to wash the mug"), goal);
    }

    #[test]
    fn a_part_of_a_sentence_does_not_put_another_right() {
        for words in ["I meant the plate", "no, the other one", "Not that one!", "no the plate"] {
            assert_eq!(Command::of(words), Command::Courtesy(SAY_AGAIN), "{words}");
        }
    }

    #[test]
    fn what_people_say_around_what_they_want_changes_nothing() {
        for (words, reply) in [
            ("great, thanks!", "you are welcome"),
            ("Thank you very much, robot", "you are welcome"),
            ("hello there", "hello"),
            ("no no", NOTHING_ASKED),
        ] {
            assert_eq!(Command::of(words), Command::Courtesy(reply), "{words}");
        }
        let mug = Command::Where("mug".into());
        for words in ["hey robot, where is the mug, please?", "can you tell me where the mug is"] {
            assert_eq!(Command::of(words), mug, "{words}");
        }
        let goal = Command::Goal("bring me the mug".into());
        for words in ["Please can you bring me the mug?", "Hey, could you bring me the mug?"] {
            assert_eq!(Command::of(words), goal, "{words}");
        }
    }

    #[test]
    fn questions_are_no_goals_however_they_are_asked() {
        for words in [
            "Can you see a mug?",
            "tell me what is on the table",
            "tell me a story",
            "have you seen my mug",
            "isn't the mug on the table",
            "how many mugs are on the table?",
        ] {
            assert_eq!(Command::of(words), Command::NotUnderstood, "{words}");
        }
        assert_eq!(Command::of("and where is the plate"), Command::Where("plate".into()));
        let errand = "find a mug and put it in the sink";
        assert_eq!(Command::of(errand), Command::Goal(errand.into()));
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
