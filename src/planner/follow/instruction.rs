//! The words of an instruction → its steps.
//!
//! A small language: motions with a number and a unit, stop, and places, joined by "then", "and"
//! and commas. Without a number a way is a metre, a turn 90° and a look 30°.

use super::FollowError;
use std::f64::consts::PI;

/// One step of an instruction.
#[derive(Debug, Clone, PartialEq)]
pub enum InstructionStep {
    /// Stand still.
    Stop,
    /// Go straight ahead, metres.
    Forward(f64),
    /// Turn on the spot by at most π radians, positive to the left.
    Turn(f64),
    /// Tilt the camera, radians, positive upwards.
    Look(f64),
    /// Go to a thing of the map.
    GoTo(String),
}

impl std::fmt::Display for InstructionStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = |angle_rad: f64, left, right| if angle_rad > 0.0 { left } else { right };
        match self {
            Self::Stop => write!(f, "stop"),
            Self::Forward(forward_m) => write!(f, "go forward {forward_m:.2} m"),
            Self::Turn(rad) => {
                write!(f, "turn {} {:.0}°", side(*rad, "left", "right"), rad.abs().to_degrees())
            }
            Self::Look(rad) => {
                write!(f, "look {} {:.0}°", side(*rad, "up", "down"), rad.abs().to_degrees())
            }
            Self::GoTo(name) => write!(f, "go to the {name}"),
        }
    }
}

const DEFAULT_FORWARD_M: f64 = 1.0;
const DEFAULT_TURN_DEG: f64 = 90.0;
const DEFAULT_LOOK_DEG: f64 = 30.0;
/// Longer ways and wider angles are taken for slips of the tongue.
const MAX_FORWARD_M: f64 = 100.0;
const MAX_TURN_RAD: f64 = 2.0 * PI + 1e-9;
const MAX_LOOK_RAD: f64 = PI / 2.0 + 1e-9;

const GO: [&str; 7] = ["go", "move", "drive", "walk", "roll", "head", "navigate"];
const TURN: [&str; 3] = ["turn", "rotate", "spin"];
const AHEAD: [&str; 5] = ["forward", "forwards", "straight", "ahead", "on"];
const ARTICLES: [&str; 4] = ["the", "a", "an", "my"];
/// Words that change nothing.
const FILLERS: [&str; 5] = ["please", "now", "robot", "finally", "just"];
/// Words that change nothing either, unless they tell which of several things is meant: "the next table".
const ORDERS: [&str; 2] = ["first", "next"];
const NUMBERS: [(&str, u32); 28] = [
    ("one", 1),
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("thirteen", 13),
    ("fourteen", 14),
    ("fifteen", 15),
    ("sixteen", 16),
    ("seventeen", 17),
    ("eighteen", 18),
    ("nineteen", 19),
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fifty", 50),
    ("sixty", 60),
    ("seventy", 70),
    ("eighty", 80),
    ("ninety", 90),
    ("hundred", 100),
];

/// The steps of `instruction`.
///
/// # Errors
///
/// [`FollowError::NotUnderstood`] with the first part that is no step; nothing is guessed.
pub fn parse_instruction(instruction: &str) -> Result<Vec<InstructionStep>, FollowError> {
    let words = words(instruction);
    let parts = words.split(|word| matches!(word.as_str(), "then" | "and" | ","));
    let mut steps = Vec::new();
    for part in parts.filter(|part| !part.is_empty()) {
        let part: Vec<&str> = part.iter().map(String::as_str).collect();
        let step =
            step(&part).ok_or_else(|| FollowError::NotUnderstood { words: part.join(" ") })?;
        match step {
            // Beyond half a turn the shorter way round would lead to the same heading.
            InstructionStep::Turn(rad) if rad.abs() > PI => {
                steps.extend([InstructionStep::Turn(rad / 2.0), InstructionStep::Turn(rad / 2.0)]);
            }
            step => steps.push(step),
        }
    }
    match steps.is_empty() {
        true => Err(FollowError::NotUnderstood { words: instruction.trim().into() }),
        false => Ok(steps),
    }
}

/// Lower-case words; commas and the like are words of their own, and "2m" are two.
fn words(text: &str) -> Vec<String> {
    let mut spaced = String::new();
    let mut before = ' ';
    let mut rest = text.chars().flat_map(char::to_lowercase).peekable();
    while let Some(c) = rest.next() {
        let is_decimal = c == '.' && rest.peek().is_some_and(char::is_ascii_digit);
        match c {
            ',' | ';' | '!' => spaced.push_str(" , "),
            '.' if !is_decimal => spaced.push_str(" , "),
            '°' => spaced.push_str(" degrees "),
            '-' if before.is_alphabetic() => spaced.push(' '),
            c => {
                if before.is_ascii_digit() && c.is_alphabetic() {
                    spaced.push(' ');
                }
                spaced.push(c);
            }
        }
        before = c;
    }
    let mut kept: Vec<String> = Vec::new();
    for word in spaced.split_whitespace() {
        let is_named = kept.last().is_some_and(|before| ARTICLES.contains(&before.as_str()));
        if !FILLERS.contains(&word) && (is_named || !ORDERS.contains(&word)) {
            kept.push(word.to_owned());
        }
    }
    kept
}

/// The step that `words` name.
fn step(words: &[&str]) -> Option<InstructionStep> {
    match words {
        ["stop" | "halt"] | ["stand", "still"] => return Some(InstructionStep::Stop),
        ["look", way @ ("up" | "down"), amount @ ..] => {
            let look_rad = angle_rad(amount, DEFAULT_LOOK_DEG, MAX_LOOK_RAD)?;
            return Some(InstructionStep::Look(if *way == "up" { look_rad } else { -look_rad }));
        }
        ["approach", thing @ ..] => return place(thing),
        [go, "to" | "towards", thing @ ..] if GO.contains(go) => return place(thing),
        _ => {}
    }
    let (verb, rest) = words.split_first()?;
    if TURN.contains(verb) {
        return turn(rest);
    }
    let says_go = GO.contains(verb);
    let rest = if says_go { rest } else { words };
    let (ahead, amount): (Vec<&str>, Vec<&str>) =
        rest.iter().partition(|word| AHEAD.contains(word));
    // "two metres" alone goes nowhere.
    if !says_go && !rest.first().is_some_and(|word| ["forward", "straight"].contains(word)) {
        return None;
    }
    if ahead.is_empty() && amount.is_empty() {
        return None;
    }
    forward_m(&amount).map(InstructionStep::Forward)
}

fn place(words: &[&str]) -> Option<InstructionStep> {
    let name = match words {
        [article, name @ ..] if ARTICLES.contains(article) => name,
        name => name,
    };
    (!name.is_empty()).then(|| InstructionStep::GoTo(name.join(" ")))
}

fn turn(words: &[&str]) -> Option<InstructionStep> {
    if words == ["around"] {
        return Some(InstructionStep::Turn(PI));
    }
    let is_side = |word: &&str| ["left", "right"].contains(word);
    let (sides, amount): (Vec<&str>, Vec<&str>) = words
        .iter()
        .filter(|word| !["to", "the", "by"].contains(word))
        .partition(|word| is_side(word));
    let [side] = sides[..] else { return None };
    let turn_rad = angle_rad(&amount, DEFAULT_TURN_DEG, MAX_TURN_RAD)?;
    Some(InstructionStep::Turn(if side == "left" { turn_rad } else { -turn_rad }))
}

fn forward_m(amount: &[&str]) -> Option<f64> {
    let Some((unit, number_words)) = amount.split_last() else { return Some(DEFAULT_FORWARD_M) };
    let metres = match *unit {
        "m" | "metre" | "metres" | "meter" | "meters" => 1.0,
        "cm" | "centimetre" | "centimetres" | "centimeter" | "centimeters" => 0.01,
        "ft" | "foot" | "feet" => 0.3048,
        _ => return None,
    };
    let forward_m = number(number_words)? * metres;
    (forward_m > 0.0 && forward_m <= MAX_FORWARD_M).then_some(forward_m)
}

fn angle_rad(amount: &[&str], default_deg: f64, max_rad: f64) -> Option<f64> {
    let Some((unit, number_words)) = amount.split_last() else {
        return Some(default_deg.to_radians());
    };
    let angle_rad = match *unit {
        "degree" | "degrees" | "deg" => number(number_words)?.to_radians(),
        "radian" | "radians" | "rad" => number(number_words)?,
        _ => return None,
    };
    (angle_rad > 0.0 && angle_rad <= max_rad).then_some(angle_rad)
}

/// "2.5", "two", "forty five", "one hundred eighty", "one eighty", "half a", "a".
fn number(words: &[&str]) -> Option<f64> {
    match words {
        [] => return None,
        ["a" | "an"] => return Some(1.0),
        [digits] if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            return digits.parse().ok().filter(|value: &f64| value.is_finite());
        }
        _ => {}
    }
    let said: Vec<&str> =
        words.iter().copied().filter(|word| !["a", "an"].contains(word)).collect();
    if said == ["half"] {
        return Some(0.5);
    }
    let value = |word: &&str| NUMBERS.iter().find(|(name, _)| name == word).map(|(_, n)| *n);
    let values: Vec<u32> = said.iter().map(value).collect::<Option<_>>()?;
    let total = match values.as_slice() {
        [100, rest @ ..] => 100 + below_hundred(rest)?,
        [hundreds @ 1..=9, 100, rest @ ..] => 100 * hundreds + below_hundred(rest)?,
        // "One eighty" is no sum.
        [hundreds @ 1..=9, rest @ ..] if rest.first().is_some_and(|next| *next >= 10) => {
            100 * hundreds + below_hundred(rest)?
        }
        all => below_hundred(all)?,
    };
    Some(f64::from(total))
}

/// The number that "eighty five", "eighty" or "five" says; 0 for nothing, `None` for "five eighty".
fn below_hundred(values: &[u32]) -> Option<u32> {
    match values {
        [] => Some(0),
        [one] if *one < 100 => Some(*one),
        [tens @ 20..=90, ones @ 1..=9] => Some(tens + ones),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use InstructionStep::{Forward, GoTo, Look, Stop, Turn};

    fn assert_steps(text: &str, wanted: &[InstructionStep]) {
        let steps = parse_instruction(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(format!("{steps:.3?}"), format!("{wanted:.3?}"), "{text}");
    }

    #[test]
    fn motions_with_and_without_numbers() {
        for text in
            ["go forward two metres", "Forward 2m", "drive 200 cm straight ahead", "walk 2 meters."]
        {
            assert_steps(text, &[Forward(2.0)]);
        }
        assert_steps("go straight", &[Forward(1.0)]);
        assert_steps("move forward half a metre", &[Forward(0.5)]);
        for text in [
            "turn left 90 degrees",
            "turn left",
            "turn to the left by ninety degrees",
            "rotate 90° left",
        ] {
            assert_steps(text, &[Turn(PI / 2.0)]);
        }
        assert_steps("turn right forty-five degrees", &[Turn(-PI / 4.0)]);
        assert_steps("turn right 0.5 rad", &[Turn(-0.5)]);
        assert_steps("turn around", &[Turn(PI)]);
        // "One eighty" is a hundred and eighty.
        assert_steps("turn left one eighty degrees", &[Turn(PI)]);
        assert_steps("turn right one thirty-five degrees", &[Turn(-0.75 * PI)]);
        assert_steps("go forward a hundred fifty cm", &[Forward(1.5)]);
        assert_steps("spin left three hundred sixty degrees", &[Turn(PI), Turn(PI)]);
        assert_steps("look up", &[Look(PI / 6.0)]);
        assert_steps("look down 10 degrees", &[Look(-PI / 18.0)]);
    }

    #[test]
    fn sequences_and_places() {
        assert_steps(
            "Please go to the Coffee Machine, then turn left and go forward 1.5 m. Stop!",
            &[GoTo("coffee machine".into()), Turn(PI / 2.0), Forward(1.5), Stop],
        );
        assert_steps("approach a mug", &[GoTo("mug".into())]);
        // Of several tables not the nearest one, which the robot may stand at.
        assert_steps("next go to the next table", &[GoTo("next table".into())]);
        assert_steps("first turn the robot left", &[Turn(PI / 2.0)]);
    }

    #[test]
    fn everything_else_is_named_and_refused() {
        for (text, part) in [
            ("go forward and sing", "sing"),
            ("go left", "go left"),
            ("go back two metres", "go back two metres"),
            ("go forward -2 metres", "go forward -2 metres"),
            ("go forward 2 bananas", "go forward 2 bananas"),
            ("go forward two three metres", "go forward two three metres"),
            ("go forward one half metre", "go forward one half metre"),
            ("go forward 1e9 metres", "go forward 1 e9 metres"),
            ("turn left right", "turn left right"),
            ("turn left 900 degrees", "turn left 900 degrees"),
            ("two metres", "two metres"),
            ("go", "go"),
            ("go to the", "go to the"),
            ("bring me the mug", "bring me the mug"),
            (" ", ""),
            ("then", "then"),
        ] {
            let words = part.to_string();
            assert_eq!(
                parse_instruction(text),
                Err(FollowError::NotUnderstood { words }),
                "{text}"
            );
        }
    }

    #[test]
    fn steps_are_told_as_they_were_understood() {
        let told = |text| parse_instruction(text).unwrap()[0].to_string();
        assert_eq!(told("forward two metres"), "go forward 2.00 m");
        assert_eq!(told("turn right"), "turn right 90°");
        assert_eq!(told("look up"), "look up 30°");
        assert_eq!(told("drive to the fridge"), "go to the fridge");
    }
}
