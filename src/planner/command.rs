//! What a sentence asks for: one of a few commands, a question to the map, or a goal to plan for.
//!
//! Matching is by words, not by a model: a sentence that is none of these and asks something, or has
//! no word in it, is said not to be understood, rather than answered or planned for with an invention.

use super::phrase::{behind, has_word, without};
use super::stop::{behind_stop, is_stop};
use super::{PlanQuestion, courtesy};
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

/// With what begins who tells why.
const SUBJECTS: [&str; 14] = [
    "i", "i'll", "i’ll", "i'm", "i’m", "it", "it's", "it’s", "that", "there", "you", "we", "he",
    "she",
];
const FORGET: [&str; 3] = ["forget", "reset", "clear"];
const MAP: [&str; 3] = ["map", "the map", "your map"];
const QUESTION_WORDS: [&str; 22] = [
    "what", "where", "who", "whose", "why", "when", "how", "which", "is", "are", "am", "do",
    "does", "did", "can", "could", "will", "would", "should", "was", "were", "has",
];
/// How sentences begin that ask without such a word.
const ASKS: [&str; 3] = ["tell me", "i want to know", "have you"];
/// How questions begin that ask for a thing, as "bring me" does.
const WISHES: [&str; 5] = ["can i have", "could i have", "may i have", "can i get", "could i get"];
/// Words around a question about the plan that change nothing.
const AROUND_PLAN: [&str; 7] = ["now", "right", "there", "currently", "exactly", "yet", "robot"];

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
        if is_stop(asked) {
            return Self::Stop;
        }
        let rest = behind_stop(asked);
        if rest.len() < asked.len() {
            return Self::of(rest).instead(rest);
        }
        let forgets = |verb: &&str| {
            asked.strip_prefix(*verb).is_some_and(|rest| MAP.contains(&rest.trim_start()))
        };
        if FORGET.iter().any(forgets) {
            return Self::ForgetMap;
        }
        let of_plan = || PlanQuestion::of(&without(asked, &AROUND_PLAN));
        if let Some(question) = PlanQuestion::of(&plain).or_else(of_plan) {
            return Self::Plan(question);
        }
        if let Some(reply) = courtesy::reply(&plain, asked) {
            return Self::Courtesy(reply);
        }
        match Asked::of(sentence) {
            Some(Asked::Place(thing)) => return Self::Where(thing),
            Some(Asked::Number(thing)) => return Self::Count(thing),
            Some(Asked::Everything) if About::of(asked) == About::Scene => return Self::Describe,
            Some(_) => return Self::NotUnderstood,
            None => {}
        }
        let first = asked.split(' ').next().unwrap_or_default();
        let wishes = behind(asked, &WISHES).is_some();
        let is_request = is_request || wishes;
        let asks = !wishes && QUESTION_WORDS.contains(&first) || behind(asked, &ASKS).is_some();
        if asks || (is_question && !is_request) {
            return Self::NotUnderstood;
        }
        // In the words of the person: case may mean something to the model.
        Self::Goal(if asked.len() < plain.len() { asked.to_owned() } else { whole.to_owned() })
    }

    /// The same, of what is said by `rest` behind "never mind": what was wanted before no longer is. Who only
    /// tells why wants nothing else.
    fn instead(self, rest: &str) -> Self {
        let first = rest.split(' ').next().unwrap_or_default();
        match self {
            Self::Courtesy(_) => Self::Stop,
            Self::Goal(_) if SUBJECTS.contains(&first) => Self::Stop,
            other => other,
        }
    }

    /// Whether it is a question that is not about the plan in hand.
    pub fn asks_of_scene(&self) -> bool {
        matches!(self, Self::Describe | Self::Where(_) | Self::Count(_) | Self::NotUnderstood)
    }
}

#[cfg(test)]
mod tests {
    use super::super::courtesy::{AS_I_CAN, HELP, NOT_TO_DO, NOTHING_ASKED, SAY_AGAIN};
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
        assert_eq!(Command::of("wher is the fridge"), Command::Where("fridge".into()));
        assert_eq!(Command::of("waht are you doing"), Command::Plan(PlanQuestion::Now));
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
            "stop, that's dangerous",
            "No, stop, you will break it",
            "I said stop!",
            "I want you to stop",
            "you can stop now",
            "that's not it. Stop",
            "stop cleaning the table",
            "quit doing that",
            "emergency stop",
            "stpo pls",
            "stop, thank you",
            "wait a moment",
            "just a second",
            "stop for now",
            "stay where you are",
            "I've changed my mind",
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
        for other in [
            "stop the coffee machine",
            "wait for me",
            "stop at the table",
            "stay in the kitchen",
            "go to the sink, then stop there",
        ] {
            assert_eq!(Command::of(other), Command::Goal(other.into()));
        }
    }

    #[test]
    fn behind_what_is_wanted_no_more_stands_what_is_wanted() {
        let goal = Command::Goal("bring me the plate".into());
        for words in [
            "never mind, bring me the plate",
            "Wait, wait. Could you bring me the plate?",
            "cancel that; bring me the plate",
        ] {
            assert_eq!(Command::of(words), goal, "{words}");
        }
        assert_eq!(Command::of("wait, where is the mug?"), Command::Where("mug".into()));
        for stop in
            ["forget it, I'll do it myself", "hold on, there is a cat", "wait, not that one"]
        {
            assert_eq!(Command::of(stop), Command::Stop, "{stop}");
        }
        let long = "wait, and ".repeat(20_000) + "bring me the plate";
        assert_eq!(Command::of(&long), goal);
    }

    #[test]
    fn what_is_not_to_be_done_is_not_planned_for() {
        for words in [
            "don't put the mug in the sink",
            "Please do not touch it",
            "don't stop",
            "I don't want the mug",
            "you shouldn't open it",
        ] {
            assert_eq!(Command::of(words), Command::Courtesy(NOT_TO_DO), "{words}");
        }
        let goal = Command::Goal("wash the mug".into());
        assert_eq!(Command::of("don't forget to wash the mug"), goal);
    }

    #[test]
    fn a_part_of_a_sentence_does_not_put_another_right() {
        for words in [
            "I meant the plate",
            "no, the other one",
            "Not that one!",
            "no the plate",
            "no, I said the plate",
            "that's wrong",
        ] {
            assert_eq!(Command::of(words), Command::Courtesy(SAY_AGAIN), "{words}");
        }
        let goal = Command::Goal("bring me the plate".into());
        assert_eq!(Command::of("i said bring me the plate"), goal);
    }

    #[test]
    fn what_is_said_of_the_work_does_not_end_it() {
        for words in ["Be careful!", "careful with the mug", "watch out", "hurry up, please"] {
            assert_eq!(Command::of(words), Command::Courtesy(AS_I_CAN), "{words}");
        }
        for words in ["cool", "Great job, robot!", "that's it", "hmm", "oh, I see"] {
            assert_eq!(Command::of(words), Command::Courtesy("all right"), "{words}");
        }
        for words in ["go on", "please continue", "try again", "are you done yet?"] {
            assert_eq!(Command::of(words), Command::Plan(PlanQuestion::Status), "{words}");
        }
        for words in ["what are you doing there?", "What are you doing right now"] {
            assert_eq!(Command::of(words), Command::Plan(PlanQuestion::Now), "{words}");
        }
        assert_eq!(Command::of("what happened?"), Command::Plan(PlanQuestion::Failed));
        for goal in ["hurry up and bring me the mug", "cool the mug", "watch the pot"] {
            assert_eq!(Command::of(goal), Command::Goal(goal.into()));
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
        for words in [
            "Please can you bring me the mug?",
            "Hey, could you bring me the mug?",
            "will you bring me the mug?",
            "Why don't you bring me the mug?",
            "I want you to bring me the mug",
        ] {
            assert_eq!(Command::of(words), goal, "{words}");
        }
        let wish = Command::Goal("Could I have the mug".into());
        assert_eq!(Command::of("Could I have the mug?"), wish);
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
