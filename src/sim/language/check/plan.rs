//! Plans in words: whether each step can be done where it stands in the plan.

use super::Fault;
use super::nouns::{noun, split};
use crate::sim::household::{
    is_knife, is_lamp, is_portable, may_be_cleaned, may_be_cooled, may_be_heated, may_be_sliced,
    opens,
};
use crate::sim::language::facts::SceneFacts;
use crate::sim::language::saw::is_named;
use crate::tasks::preposition;

/// A home in which words are acted out.
struct Stage<'a> {
    facts: &'a SceneFacts,
    held: Option<String>,
    /// Things that were put somewhere, and where.
    moved: Vec<(String, String)>,
    /// All classes that steps name.
    named: Vec<String>,
}

/// Whether the steps of `answer` are those of one task, each possible.
pub(super) fn decomposition(prompt: &str, answer: &str, facts: &SceneFacts) -> Result<(), Fault> {
    let named = act_out(answer, facts)?;
    match named.iter().any(|name| is_named(prompt, name)) {
        true => Ok(()),
        false => Err(Fault::OffTopic(prompt.to_string())),
    }
}

/// Acts out steps that are joined by commas and "and". All classes that they name.
pub(super) fn act_out(text: &str, facts: &SceneFacts) -> Result<Vec<String>, Fault> {
    let mut stage = Stage { facts, held: None, moved: vec![], named: vec![] };
    let words = split(text);
    for clause in words.split(|word| [",", "and", "then"].contains(word)) {
        let clause = match clause {
            ["i", rest @ ..] | ["you", rest @ ..] => rest,
            other => other,
        };
        if !clause.is_empty() {
            stage.act(clause)?;
        }
    }
    if stage.named.is_empty() {
        return Err(Fault::Unreadable(text.to_string()));
    }
    Ok(stage.named)
}

impl Stage<'_> {
    fn act(&mut self, clause: &[&str]) -> Result<(), Fault> {
        let refuse = || Fault::NotDoable(clause.join(" "));
        match clause {
            ["take" | "grab" | "get" | "fetch", "the", thing, "from", "the", place]
            | ["pick", "up", "the", thing, "from", "the", place] => {
                self.take(clause, thing, Some(place))
            }
            ["take" | "grab" | "get" | "fetch", "the", thing] | ["pick", "up", "the", thing] => {
                self.take(clause, thing, None)
            }
            ["put" | "place", "the", thing, how, "the", place] => {
                let (thing, place) = (self.thing(thing)?, self.present(place)?);
                if self.held.as_ref() != Some(&thing) {
                    return Err(refuse());
                }
                if preposition(&place) != *how {
                    return Err(Fault::WrongPlace(thing));
                }
                self.held = None;
                self.moved.push((thing, place));
                Ok(())
            }
            [verb, "the", thing, "in", "the", appliance] => {
                let (may, serve): (fn(&str) -> bool, &[&str]) = match *verb {
                    "wash" | "clean" | "rinse" => (may_be_cleaned, &["sinkbasin", "bathtubbasin"]),
                    "heat" | "warm" => (may_be_heated, &["microwave"]),
                    "cool" | "chill" => (may_be_cooled, &["fridge"]),
                    _ => return Err(Fault::Unreadable(clause.join(" "))),
                };
                let (thing, appliance) = (self.thing(thing)?, self.present(appliance)?);
                let fits = serve.contains(&appliance.as_str()) && may(&thing);
                if fits && self.held.as_ref() == Some(&thing) { Ok(()) } else { Err(refuse()) }
            }
            ["slice" | "cut", "the", thing] => {
                let thing = self.present(thing)?;
                let has_knife = self.held.as_deref().is_some_and(is_knife);
                if has_knife && may_be_sliced(&thing) { Ok(()) } else { Err(refuse()) }
            }
            ["slice" | "cut", "the", thing, "with", "the", knife] => {
                let (thing, knife) = (self.present(thing)?, self.present(knife)?);
                if is_knife(&knife) && may_be_sliced(&thing) { Ok(()) } else { Err(refuse()) }
            }
            ["turn" | "switch", "on", "the", lamp] => {
                let lamp = self.present(lamp)?;
                if is_lamp(&lamp) { Ok(()) } else { Err(refuse()) }
            }
            ["open" | "close", "the", door] => {
                let door = self.present(door)?;
                if opens(&door) { Ok(()) } else { Err(refuse()) }
            }
            ["go" | "walk", "to", "the", place] => self.present(place).map(|_| ()),
            _ => Err(Fault::Unreadable(clause.join(" "))),
        }
    }

    fn take(&mut self, clause: &[&str], thing: &str, from: Option<&&str>) -> Result<(), Fault> {
        let thing = self.present(thing)?;
        if self.held.is_some() || !is_portable(&thing) {
            return Err(Fault::NotDoable(clause.join(" ")));
        }
        if let Some(from) = from {
            let from = self.present(from)?;
            let is_there = self
                .facts
                .named(&thing)
                .any(|fact| self.facts.holder(fact).is_some_and(|holder| holder.category == from));
            if !is_there && !self.moved.contains(&(thing.clone(), from)) {
                return Err(Fault::WrongPlace(thing));
            }
        }
        self.held = Some(thing);
        Ok(())
    }

    /// The class that a word names.
    fn thing(&mut self, word: &str) -> Result<String, Fault> {
        let name = noun(word, self.facts).ok_or_else(|| Fault::Unreadable(word.to_string()))?;
        self.named.push(name.clone());
        Ok(name)
    }

    /// The class that a word names, which shows.
    fn present(&mut self, word: &str) -> Result<String, Fault> {
        let name = self.thing(word)?;
        if self.facts.count(&name) > 0 { Ok(name) } else { Err(Fault::Absent(name)) }
    }
}
