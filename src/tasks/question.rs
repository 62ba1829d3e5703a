//! What a question asks of the list of objects, read from its words.

use super::plain_words::{plain_words, uncalled};

/// A question that a list of labelled objects can answer. Things stand in the words of the question,
/// without their article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Whether there is one.
    Presence(String),
    /// Whether there is one on or in something.
    PresenceAt {
        /// The thing.
        thing: String,
        /// What it would stand on or in.
        holder: String,
        /// Whether it is asked of all of them: "are the mugs on the table".
        every: bool,
    },
    /// How many there are.
    Number(String),
    /// How many there are on or in something.
    NumberAt {
        /// The thing.
        thing: String,
        /// What they would stand on or in.
        holder: String,
    },
    /// Where it is.
    Place(String),
    /// What colour it has.
    Color(String),
    /// What is next to it.
    Neighbour(String),
    /// What stands on or in it.
    Contents(String),
    /// What the largest thing on or in it is.
    Largest(String),
    /// Which way it is from where the robot stands.
    Side(String),
    /// Whether one is in a state.
    State {
        /// The thing.
        thing: String,
        /// The state that eyes tell: `open`, `lit`, `sliced`.
        state: &'static str,
        /// Whether it is asked for its opposite: closed.
        opposite: bool,
        /// Whether it is asked of all of them: "are the drawers closed".
        every: bool,
    },
    /// What something can be done with: a list tells what there is to choose from.
    Tool,
    /// What is seen at all.
    Sight,
    /// What there is and where.
    Everything,
    /// What it is like.
    Looks(String),
}

const PRESENCE: [&str; 7] = [
    "is there",
    "are there",
    "do you see",
    "can you see",
    "have you seen",
    "do you have",
    "do we have",
];
const NUMBER: [&str; 2] = ["how many", "count"];
const PLACE: [&str; 9] = [
    "where is",
    "where are",
    "where do you see",
    "where did you see",
    "where did you put",
    "where have you put",
    "where can i find",
    "find me",
    FIND,
];
/// What begins an errand as well: "find a mug and wash it".
const FIND: &str = "find";
/// What joins what is to be done next, where no other thing follows.
const NEXT: [&str; 3] = [" and ", ", ", " then "];
const COLOR: [&str; 5] = [
    "what color is",
    "what colour is",
    "which color is",
    "what is the color of",
    "what is the colour of",
];
const NEIGHBOUR: [&str; 5] = [
    "what is next to",
    "what is nearest to",
    "what is beside",
    "what stands next to",
    "what stands beside",
];
const CONTENTS: [&str; 4] = ["what is", "what do you see", "what stands", "what lies"];
const LARGEST: [&str; 2] = ["what is the largest thing", "what is the biggest thing"];
const SIDE: [&str; 3] = ["which way is", "which way to", "on which side is"];
const TOOL: [&str; 4] =
    ["what can i use to", "what could i use to", "what do i need to", "what should i use to"];
const STATE: [&str; 2] = ["is", "are"];
/// Words for a state at the end of a question, the state that eyes tell, and whether they are for its
/// opposite.
const STATES: [(&str, &str, bool); 11] = [
    (" open", "open", false),
    (" closed", "open", true),
    (" shut", "open", true),
    (" sliced", "sliced", false),
    (" lit", "lit", false),
    (" switched on", "lit", false),
    (" switched off", "lit", true),
    (" turned on", "lit", false),
    (" turned off", "lit", true),
    (" on", "lit", false),
    (" off", "lit", true),
];
/// What is left of "what do you see in front of you" and "what is in view" without their ends.
const SIGHT: [&str; 2] = ["what", "what is"];
const EVERYTHING: [&str; 16] = [
    "what do you see",
    "what can you see",
    "what is there",
    "what is here",
    "what is in the map",
    "what is in the room",
    "what is in this room",
    "describe the scene",
    "describe the room",
    "describe what you see",
    "describe what is before you",
    "tell me what you see",
    "tell me what there is",
    "tell me what there is and where",
    "tell me what is before you",
    "what things are here and where are they",
];
const LOOKS: [&str; 4] =
    ["describe", "tell me about", "what do you know about", "what can you tell me about"];
/// "What is the mug like".
const LIKE: (&str, &str) = ("what is", " like");
/// How something stands on or in another.
const PREPOSITIONS: [&str; 2] = ["on", "in"];
/// Other words for these.
const SAME_PREPOSITIONS: [(&str, &str); 3] =
    [(" on top of ", " on "), (" inside of ", " in "), (" inside ", " in ")];
/// Who is asked to tell is asked what stands behind this.
const TELL: [&str; 4] = ["tell me", "show me", "do you know", "i want to know"];
/// Questions that end with their verb behind these: "tell me where the mug is".
const TURNED: [&str; 4] = ["where", "what color", "what colour", "which way"];
/// What may stand behind the thing that is asked for.
const ENDS: [&str; 16] = [
    " in the map",
    " in the room",
    " in front of you",
    " in front of me",
    " before you",
    " in view",
    " right now",
    " now",
    " here",
    " there are",
    " are",
    " are there",
    " do you see",
    " can you see",
    " for me",
    " located",
];
const ARTICLES: [&str; 4] = ["a ", "an ", "any ", "some "];
/// Words before things that are known, of which several are all meant; longer ones first.
const DEFINITE: [&str; 12] = [
    "all of the ",
    "all the ",
    "all my ",
    "all ",
    "both ",
    "these ",
    "those ",
    "this ",
    "that ",
    "the ",
    "my ",
    "your ",
];

impl Asked {
    /// What `question` asks; `None` where it is something else.
    pub fn of(question: &str) -> Option<Self> {
        let plain = plain_words(question);
        let (asked, _) = uncalled(&plain);
        Self::read(asked).or_else(|| Self::read(&direct(asked)?))
    }

    /// What is asked in plain words.
    fn read(plain: &str) -> Option<Self> {
        let plain = &SAME_PREPOSITIONS
            .iter()
            .fold(plain.to_owned(), |words, (other, word)| words.replace(other, word));
        let thing = |openings: &[&str]| rest_behind(plain, openings).and_then(thing_of);
        let holder = |openings: &[&str]| {
            let (preposition, holder) = rest_behind(plain, openings)?.split_once(' ')?;
            thing_of(holder).filter(|_| PREPOSITIONS.contains(&preposition))
        };
        let place = || {
            let found = thing(&PLACE)?;
            (!plain.starts_with(FIND) || !goes_on(&found)).then_some(Self::Place(found))
        };
        let number = || thing(&NUMBER).map(number_of);
        let presence = || thing(&PRESENCE).map(presence_of);
        let color = || thing(&COLOR).map(Self::Color);
        let neighbour = || thing(&NEIGHBOUR).map(Self::Neighbour);
        let contents = || holder(&CONTENTS).map(Self::Contents);
        let largest = || holder(&LARGEST).map(Self::Largest);
        let side = || thing(&SIDE).map(Self::Side);
        let every = rest_behind(plain, &["are"]).is_some_and(|rest| is_behind(&DEFINITE, rest));
        let state = || rest_behind(plain, &STATE).and_then(|words| state_of(words, every));
        let at = || rest_behind(plain, &STATE).and_then(|words| thing_at(words, every));
        let looks = || {
            let like = rest_behind(plain, &[LIKE.0]).and_then(|rest| rest.strip_suffix(LIKE.1));
            like.or_else(|| rest_behind(plain, &LOOKS)).and_then(thing_of).map(Self::Looks)
        };
        if EVERYTHING.contains(&plain.as_str()) {
            return Some(Self::Everything);
        }
        let core = without_ends(plain);
        if core.len() < plain.len() && SIGHT.contains(&core) {
            return Some(Self::Sight);
        }
        place()
            .or_else(number)
            .or_else(presence)
            .or_else(color)
            .or_else(neighbour)
            .or_else(contents)
            .or_else(largest)
            .or_else(side)
            .or_else(state)
            .or_else(at)
            .or_else(|| thing(&TOOL).map(|_| Self::Tool))
            .or_else(looks)
    }

    /// What it is asked of; `None` where that is all there is.
    pub fn thing(&self) -> Option<&str> {
        match self {
            Self::Presence(thing)
            | Self::PresenceAt { thing, .. }
            | Self::Number(thing)
            | Self::NumberAt { thing, .. }
            | Self::Place(thing)
            | Self::Color(thing)
            | Self::Neighbour(thing)
            | Self::Contents(thing)
            | Self::Largest(thing)
            | Self::Side(thing)
            | Self::State { thing, .. }
            | Self::Looks(thing) => Some(thing),
            Self::Tool | Self::Sight | Self::Everything => None,
        }
    }
}

/// What is asked by who wants it told: "where is the mug" by "tell me where the mug is". `None` where nobody is
/// to tell.
fn direct(asked: &str) -> Option<String> {
    let told = rest_behind(asked, &TELL)?;
    let turned = TURNED.iter().find_map(|opening| {
        let (thing, verb) = told.strip_prefix(opening)?.rsplit_once(' ')?;
        STATE.contains(&verb).then(|| format!("{opening} {verb}{thing}"))
    });
    Some(turned.unwrap_or_else(|| told.to_owned()))
}

/// Whether what stands behind "find" goes on with what is to be done with it.
fn goes_on(thing: &str) -> bool {
    let mut further = NEXT.iter().flat_map(|joint| thing.split(joint).skip(1));
    further.any(|more| !is_behind(&ARTICLES, more) && !is_behind(&DEFINITE, more))
}

fn is_behind(words: &[&str], rest: &str) -> bool {
    words.iter().any(|word| rest.starts_with(word))
}

fn state_of(words: &str, every: bool) -> Option<Asked> {
    let words = without_ends(words);
    let (thing, state, opposite) = STATES
        .iter()
        .find_map(|(word, state, opposite)| Some((words.strip_suffix(word)?, *state, *opposite)))?;
    thing_of(thing).map(|thing| Asked::State { thing, state, opposite, every })
}

/// "The mug on the table" behind "is".
fn thing_at(words: &str, every: bool) -> Option<Asked> {
    let (thing, holder) = at_holder(without_ends(words))?;
    Some(Asked::PresenceAt { thing, holder, every })
}

fn presence_of(words: String) -> Asked {
    match at_holder(&words) {
        Some((thing, holder)) => Asked::PresenceAt { thing, holder, every: false },
        None => Asked::Presence(words),
    }
}

fn number_of(words: String) -> Asked {
    match at_holder(&words) {
        Some((thing, holder)) => Asked::NumberAt { thing, holder },
        None => Asked::Number(words),
    }
}

/// A thing and what it stands on or in.
fn at_holder(words: &str) -> Option<(String, String)> {
    let (thing, holder) =
        PREPOSITIONS.iter().find_map(|word| words.split_once(&format!(" {word} ")))?;
    Some((thing_of(thing)?, thing_of(holder)?))
}

/// What stands behind one of `openings`.
fn rest_behind<'a>(sentence: &'a str, openings: &[&str]) -> Option<&'a str> {
    openings.iter().find_map(|opening| sentence.strip_prefix(opening)?.strip_prefix(' '))
}

/// A thing without its article and what may stand behind it.
fn thing_of(rest: &str) -> Option<String> {
    let mut articles = ARTICLES.iter().chain(&DEFINITE);
    let thing = articles.find_map(|article| rest.strip_prefix(article)).unwrap_or(rest);
    let thing = without_ends(thing);
    (!thing.is_empty()).then(|| thing.to_owned())
}

fn without_ends(mut words: &str) -> &str {
    while let Some(shorter) = ENDS.iter().find_map(|end| words.strip_suffix(end)) {
        words = shorter;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thing_is_what_stands_between_opening_and_end() {
        let place = |thing: &str| Some(Asked::Place(thing.into()));
        let number = |thing: &str| Some(Asked::Number(thing.into()));
        let presence = |thing: &str| Some(Asked::Presence(thing.into()));
        let presence_at = |thing: &str, holder: &str| {
            Some(Asked::PresenceAt { thing: thing.into(), holder: holder.into(), every: false })
        };
        let number_at = |thing: &str, holder: &str| {
            Some(Asked::NumberAt { thing: thing.into(), holder: holder.into() })
        };
        let state = |thing: &str, state, opposite| {
            Some(Asked::State { thing: thing.into(), state, opposite, every: false })
        };
        for (question, asked) in [
            ("Where is the red mug?", place("red mug")),
            ("where's my  mug", place("mug")),
            ("wheres the mug?", place("mug")),
            ("Where’re the mugs?", place("mugs")),
            ("find a knife", place("knife")),
            ("where can i find the coffee machine?", place("coffee machine")),
            ("How many cups are there?", number("cups")),
            ("how many cups do you see in the room", number("cups")),
            ("count the forks", number("forks")),
            ("is there an egg here?", presence("egg")),
            ("can you see any mugs", presence("mugs")),
            ("do you see a mug on the table", presence_at("mug", "table")),
            ("are there eggs in the fridge?", presence_at("eggs", "fridge")),
            ("is there a mug in the room", presence("mug")),
            ("is the mug on my desk?", presence_at("mug", "desk")),
            ("where did you see the mug", place("mug")),
            ("Where did you put my mug?", place("mug")),
            ("how many mugs are in front of you now?", number("mugs")),
            ("how many mugs are on the table?", number_at("mugs", "table")),
            ("how many forks are there in my drawer", number_at("forks", "drawer")),
            ("how many eggs do you see inside the fridge", number_at("eggs", "fridge")),
            ("Is the fridge open?", state("fridge", "open", false)),
            ("are any drawers shut right now", state("drawers", "open", true)),
            ("is the desk lamp switched off", state("desk lamp", "lit", true)),
            ("What can I use to cut the bread?", Some(Asked::Tool)),
            ("is any apple sliced", state("apple", "sliced", false)),
            ("What colour is my mug?", Some(Asked::Color("mug".into()))),
            ("what is next to the mug", Some(Asked::Neighbour("mug".into()))),
            ("What's on the dining table?", Some(Asked::Contents("dining table".into()))),
            ("what do you see in the sink", Some(Asked::Contents("sink".into()))),
            ("what is the biggest thing on my desk", Some(Asked::Largest("desk".into()))),
            ("Which way is the fridge?", Some(Asked::Side("fridge".into()))),
            ("What do you see in front of you?", Some(Asked::Sight)),
            ("what is in view now", Some(Asked::Sight)),
            ("Describe the room.", Some(Asked::Everything)),
            ("what's here?", Some(Asked::Everything)),
            ("whats on my desk", Some(Asked::Contents("desk".into()))),
            ("describe the red mug", Some(Asked::Looks("red mug".into()))),
            ("what is the mug like?", Some(Asked::Looks("mug".into()))),
            ("tell me about my desk", Some(Asked::Looks("desk".into()))),
            ("what is the mug", None),
            ("what is", None),
            ("what is on", None),
            ("where is", None),
            ("finding the mug", None),
        ] {
            assert_eq!(Asked::of(question), asked, "{question}");
        }
        for (question, thing) in
            [("are the drawers closed", "drawers"), ("are all lamps off", "lamps")]
        {
            let asked = Asked::of(question);
            let is_of_all =
                matches!(&asked, Some(Asked::State { every: true, thing: of, .. }) if of == thing);
            assert!(is_of_all, "{question}: {asked:?}");
        }
        let (thing, holder) = ("mugs".into(), "table".into());
        let of_both = Some(Asked::PresenceAt { thing, holder, every: true });
        assert_eq!(Asked::of("are both mugs on top of the table"), of_both);
        let thing = |question: &str| Asked::of(question)?.thing().map(str::to_owned);
        assert_eq!(thing("is the fridge open").as_deref(), Some("fridge"));
        assert_eq!(thing("what is on the desk").as_deref(), Some("desk"));
        assert_eq!(thing("describe the room"), None);
    }

    #[test]
    fn what_people_say_around_a_question_changes_nothing() {
        for (question, plain) in [
            ("Where is the mug, please?", "where is the mug"),
            ("Please can you find me a mug?", "where is the mug"),
            ("and where are all my mugs", "where are the mugs"),
            ("Can you tell me where the mug is?", "where is the mug"),
            ("tell me where is the mug", "where is the mug"),
            ("do you know what color the mug is?", "what color is the mug"),
            ("tell me how many mugs there are", "how many mugs are there"),
            ("tell me what is on the desk", "what is on the desk"),
            ("hey robot, have you seen my mug?", "is there a mug"),
            ("please count the mugs", "count the mugs"),
            ("could you describe the room?", "describe the room"),
        ] {
            assert_eq!(Asked::of(question), Asked::of(plain), "{question}");
            assert!(Asked::of(question).is_some(), "{question}");
        }
    }

    #[test]
    fn who_is_to_find_something_and_do_something_with_it_is_asked_nothing() {
        for errand in ["find a mug and put it in the sink", "Find the mug, then wash it"] {
            assert_eq!(Asked::of(errand), None, "{errand}");
        }
        let both = Some(Asked::Place("mug and the plate".into()));
        assert_eq!(Asked::of("find the mug and the plate"), both);
    }
}
