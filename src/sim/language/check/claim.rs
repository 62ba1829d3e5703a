//! Claims: that there is a thing, so many of it, in such a state, at such a place.

use super::Fault;
use super::nouns::noun;
use crate::sim::household::{is_lamp, opens};
use crate::sim::language::color::COLORS;
use crate::sim::language::facts::{ObjectFact, SceneFacts, Side};
use crate::sim::language::words::number_of;
use crate::tasks::preposition;

const STATES: [&str; 9] = ["open", "closed", "lit", "on", "off", "sliced", "clean", "hot", "cold"];

/// How many there are said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// One or more.
    Some,
    Exactly(usize),
}

/// What is said of a thing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claim {
    pub number: Number,
    pub category: String,
    pub states: Vec<String>,
    pub color: Option<String>,
    /// Preposition and receptacle.
    pub place: Option<(String, String)>,
    pub beside: Option<String>,
    pub side: Option<Side>,
}

impl Claim {
    /// That there is such a thing.
    pub fn of(category: &str) -> Self {
        Self {
            number: Number::Some,
            category: category.to_string(),
            states: vec![],
            color: None,
            place: None,
            beside: None,
            side: None,
        }
    }

    /// Whether it is true.
    pub fn verify(&self, facts: &SceneFacts) -> Result<(), Fault> {
        let name = || self.category.clone();
        let mut left: Vec<&ObjectFact> = facts.named(&self.category).collect();
        if self.number == Number::Exactly(0) && self.place.is_none() {
            return if left.is_empty() { Ok(()) } else { Err(Fault::WrongNumber(name())) };
        }
        if left.is_empty() {
            return Err(Fault::Absent(name()));
        }
        if let Some((how, receptacle)) = &self.place {
            if preposition(receptacle) != how {
                return Err(Fault::WrongPlace(name()));
            }
            left.retain(|fact| facts.holder(fact).is_some_and(|on| on.category == *receptacle));
            if left.is_empty() && self.number != Number::Exactly(0) {
                return Err(Fault::WrongPlace(name()));
            }
        }
        let narrow = |left: &mut Vec<&ObjectFact>, holds: &dyn Fn(&ObjectFact) -> bool| {
            left.retain(|fact| holds(fact));
            left.is_empty()
        };
        for state in &self.states {
            if narrow(&mut left, &|fact| is_in_state(fact, state) == Some(true)) {
                return Err(Fault::WrongState(name()));
            }
        }
        if let Some(color) = &self.color
            && narrow(&mut left, &|fact| fact.color == Some(color.as_str()))
        {
            return Err(Fault::WrongColor(name()));
        }
        if let Some(other) = &self.beside {
            let is_beside = |fact: &ObjectFact| {
                facts.named(other).any(|other| SceneFacts::are_beside(fact, other))
            };
            if narrow(&mut left, &is_beside) {
                return Err(Fault::WrongNeighbour(name()));
            }
        }
        if let Some(side) = self.side {
            let is_there = |fact: &ObjectFact| {
                fact.view.is_some_and(|view| view.side() == side || !view.is_clear())
            };
            if narrow(&mut left, &is_there) {
                return Err(Fault::WrongSide(name()));
            }
        }
        match self.number {
            Number::Exactly(number) if number != left.len() => Err(Fault::WrongNumber(name())),
            _ => Ok(()),
        }
    }
}

/// Whether a thing is in a state; `None` where that is not known or does not apply.
pub(super) fn is_in_state(fact: &ObjectFact, state: &str) -> Option<bool> {
    let now = fact.condition?;
    let category = fact.category.as_str();
    match state {
        "open" if opens(category) => Some(now.is_open),
        "closed" if opens(category) => Some(!now.is_open),
        "lit" | "on" if is_lamp(category) => Some(now.is_on),
        "off" if is_lamp(category) => Some(!now.is_on),
        "sliced" => Some(now.is_sliced),
        "clean" => Some(now.is_clean),
        "hot" => Some(now.is_hot),
        "cold" => Some(now.is_cold),
        _ => None,
    }
}

/// A preposition as it stands in claims.
fn how(word: &str) -> Option<&'static str> {
    match word {
        "on" => Some("on"),
        "in" | "inside" => Some("in"),
        _ => None,
    }
}

/// "on the countertop" at the beginning of `words`, and how many words that is.
pub(super) fn place_of(words: &[&str], facts: &SceneFacts) -> Option<((String, String), usize)> {
    let (first, rest) = words.split_first()?;
    let how = how(first)?;
    let skip = usize::from(matches!(rest.first(), Some(&"the" | &"a" | &"an")));
    let receptacle = noun(rest.get(skip)?, facts)?;
    Some(((how.to_string(), receptacle), 2 + skip))
}

/// A side of the view at the beginning of `words`, and how many words that is.
fn side_of(words: &[&str]) -> Option<(Side, usize)> {
    match words {
        ["on" | "to", "the" | "my" | "your", "left", ..] => Some((Side::Left, 3)),
        ["on" | "to", "the" | "my" | "your", "right", ..] => Some((Side::Right, 3)),
        ["straight", "ahead", ..] => Some((Side::Ahead, 2)),
        ["ahead", ..] => Some((Side::Ahead, 1)),
        _ => None,
    }
}

/// "next to the mug" at the beginning of `words`, and how many words that is.
fn beside_of(words: &[&str], facts: &SceneFacts) -> Option<(String, usize)> {
    let skip = match words {
        ["next", "to", "the" | "a" | "an", ..] => 3,
        ["beside", "the" | "a" | "an", ..] => 2,
        _ => return None,
    };
    Some((noun(words.get(skip)?, facts)?, skip + 1))
}

/// Words that claim nothing by themselves, at the beginning of `words`.
fn opening(words: &[&str]) -> usize {
    match words {
        ["you" | "i", "can", "see", ..] => 3,
        ["the", "room" | "scene" | "view" | "kitchen", "has" | "shows" | "holds", ..] => 3,
        ["i", "saw" | "see", ..]
        | ["there", "is" | "are", ..]
        | ["it" | "this" | "that" | "these", "is" | "are", ..]
        | ["here", "is" | "are", ..] => 2,
        ["," | "and" | "with" | "then", ..] => 1,
        _ => 0,
    }
}

/// All claims of a statement; nothing is passed over that is not understood.
pub(super) fn claims_of(words: &[&str], facts: &SceneFacts) -> Result<Vec<Claim>, Fault> {
    let unread = |words: &[&str]| {
        let shown: Vec<&str> = words.iter().take(4).copied().collect();
        Fault::Unreadable(shown.join(" "))
    };
    let mut claims: Vec<Claim> = Vec::new();
    // Said at the beginning of a clause, a place holds for all that is named up to the next one.
    let mut group: Option<(String, String)> = None;
    let (mut rest, mut begins) = (words, true);
    while let Some((first, behind)) = rest.split_first() {
        let skipped = opening(rest);
        if skipped > 0 {
            begins = true;
            rest = rest.get(skipped..).unwrap_or_default();
        } else if *first == "also" {
            group = None;
            rest = behind;
        } else if *first == "nothing" && claims.is_empty() && behind.is_empty() {
            return match facts.objects.first() {
                None => Ok(claims),
                Some(fact) => Err(Fault::LeavesOut(fact.category.clone())),
            };
        } else if let Some((side, taken)) = side_of(rest) {
            claims.last_mut().ok_or_else(|| unread(rest))?.side = Some(side);
            rest = rest.get(taken..).unwrap_or_default();
        } else if let Some((other, taken)) = beside_of(rest, facts) {
            claims.last_mut().ok_or_else(|| unread(rest))?.beside = Some(other);
            rest = rest.get(taken..).unwrap_or_default();
        } else if let Some((place, taken)) = place_of(rest, facts) {
            if begins {
                group = Some(place);
            } else {
                claims.last_mut().ok_or_else(|| unread(rest))?.place = Some(place);
            }
            begins = false;
            rest = rest.get(taken..).unwrap_or_default();
        } else if ["is", "are"].contains(first) {
            let state = behind.first().filter(|word| STATES.contains(word));
            let (state, claim) = state.zip(claims.last_mut()).ok_or_else(|| unread(rest))?;
            claim.states.push((*state).to_string());
            rest = behind.get(1..).unwrap_or_default();
        } else {
            let (mut claim, taken) = thing_of(rest, facts).ok_or_else(|| unread(rest))?;
            claim.place.clone_from(&group);
            claims.push(claim);
            begins = false;
            rest = rest.get(taken..).unwrap_or_default();
        }
    }
    Ok(claims)
}

/// "two open cabinets" at the beginning of `words`, and how many words that is.
pub(super) fn thing_of(words: &[&str], facts: &SceneFacts) -> Option<(Claim, usize)> {
    let mut at = 0;
    let number = match words.first()? {
        &("a" | "an" | "the" | "any" | "some") => {
            at += 1;
            Number::Some
        }
        word => match number_of(word) {
            Some(number) => {
                at += 1;
                Number::Exactly(number)
            }
            None => Number::Some,
        },
    };
    let (mut states, mut color) = (Vec::new(), None);
    loop {
        let word = *words.get(at)?;
        at += 1;
        if STATES.contains(&word) {
            states.push(word.to_string());
        } else if COLORS.contains(&word) {
            color = Some(word.to_string());
        } else {
            let category = noun(word, facts)?;
            let claim = Claim { number, states, color, ..Claim::of(&category) };
            return Some((claim, at));
        }
    }
}
