//! The self-check: what a sentence claims, read from its words alone, against the facts.
//!
//! It knows nothing of how a pair came about, so that it guards the generators and a chat model
//! alike. What it cannot read counts as false.

mod claim;
mod nouns;
mod plan;
mod question;
mod talk;
mod way;

#[cfg(test)]
mod tests;

use super::facts::SceneFacts;
use super::pair::{Pair, PairKind};
use super::saw::{MOST_ITEMS, is_named};
use super::words::word_count;
use claim::{Claim, claims_of};
pub use nouns::named_classes;
use nouns::{first_noun, split};
use serde::Serialize;
use std::collections::BTreeMap;

/// Why a pair is not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It holds capital letters or punctuation.
    #[error("not in plain words: {0:?}")]
    NotPlain(String),
    /// It is longer than its kind may be.
    #[error("{words} words, at most {most} are kept")]
    TooLong {
        /// Its words.
        words: usize,
        /// Most words.
        most: usize,
    },
    /// What it means cannot be made out.
    #[error("cannot be read: \"{0}\"")]
    Unreadable(String),
    /// It names what does not show.
    #[error("there is no {0}")]
    Absent(String),
    /// It says so many where there are more or less.
    #[error("there are not so many of {0}")]
    WrongNumber(String),
    /// It says that a thing is where it is not.
    #[error("{0} is not there")]
    WrongPlace(String),
    /// It says a state that a thing is not in, or whose state is not known.
    #[error("{0} is not so")]
    WrongState(String),
    /// It says another colour.
    #[error("{0} has another color")]
    WrongColor(String),
    /// It says that a thing is next to what it is not next to.
    #[error("{0} is not next to that")]
    WrongNeighbour(String),
    /// It says that a thing is on another side of the view.
    #[error("{0} is on another side")]
    WrongSide(String),
    /// It answers a question otherwise than the facts do.
    #[error("the answer is {0}")]
    WrongAnswer(String),
    /// The question has more than one answer.
    #[error("asked of more than one thing: {0}")]
    Ambiguous(String),
    /// It does not speak of what was asked.
    #[error("it does not speak of {0}")]
    OffTopic(String),
    /// It leaves out what matters.
    #[error("it leaves out {0}")]
    LeavesOut(String),
    /// A step of a plan cannot be done at its place in the plan.
    #[error("cannot be done: \"{0}\"")]
    NotDoable(String),
    /// A way does not lead where the instruction asks, or the program does not.
    #[error("the way does not lead there: {0}")]
    WrongWay(String),
}

impl Fault {
    /// The kind of fault in a word, for counting.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotPlain(_) => "not_plain",
            Self::TooLong { .. } => "too_long",
            Self::Unreadable(_) => "unreadable",
            Self::Absent(_) => "absent",
            Self::WrongNumber(_) => "wrong_number",
            Self::WrongPlace(_) => "wrong_place",
            Self::WrongState(_) => "wrong_state",
            Self::WrongColor(_) => "wrong_color",
            Self::WrongNeighbour(_) => "wrong_neighbour",
            Self::WrongSide(_) => "wrong_side",
            Self::WrongAnswer(_) => "wrong_answer",
            Self::Ambiguous(_) => "ambiguous",
            Self::OffTopic(_) => "off_topic",
            Self::LeavesOut(_) => "leaves_out",
            Self::NotDoable(_) => "not_doable",
            Self::WrongWay(_) => "wrong_way",
        }
    }
}

/// How many pairs were kept, by kind, and how many not, by kind and reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Kept, by kind.
    pub kept: BTreeMap<PairKind, usize>,
    /// Rejected, by kind and reason.
    pub rejected: BTreeMap<PairKind, BTreeMap<&'static str, usize>>,
    /// Passed over without a check, by reason: not in the form that was asked for, or known already.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub passed_over: BTreeMap<&'static str, usize>,
}

impl CheckReport {
    /// Why a pair is passed over that was kept before.
    pub(in crate::sim::language) const REPEATED: &'static str = "known_already";

    /// Checks a pair and counts it. Whether it is kept.
    pub fn take(&mut self, pair: &Pair, facts: &SceneFacts) -> bool {
        match check(pair, facts) {
            Ok(()) => {
                *self.kept.entry(pair.kind).or_default() += 1;
                true
            }
            Err(fault) => {
                tracing::debug!(kind = pair.kind.name(), pair.prompt, pair.answer, "{fault}");
                let reasons = self.rejected.entry(pair.kind).or_default();
                *reasons.entry(fault.reason()).or_default() += 1;
                false
            }
        }
    }

    /// Counts a pair that is passed over without a check.
    pub fn pass_over(&mut self, reason: &'static str) {
        *self.passed_over.entry(reason).or_default() += 1;
    }

    /// Counts a pair of this kind, which was counted as kept, as one that is known already.
    pub fn count_repeated(&mut self, kind: PairKind) {
        if let Some(kept) = self.kept.get_mut(&kind) {
            *kept = kept.saturating_sub(1);
        }
        self.pass_over(Self::REPEATED);
    }

    /// Adds what another report counted.
    pub fn add(&mut self, other: &Self) {
        for (kind, number) in &other.kept {
            *self.kept.entry(*kind).or_default() += number;
        }
        for (kind, reasons) in &other.rejected {
            for (reason, number) in reasons {
                *self.rejected.entry(*kind).or_default().entry(reason).or_default() += number;
            }
        }
        for (reason, number) in &other.passed_over {
            *self.passed_over.entry(reason).or_default() += number;
        }
    }

    /// All pairs that were kept.
    pub fn kept(&self) -> usize {
        self.kept.values().sum()
    }

    /// All pairs that were checked and not kept.
    pub fn rejected(&self) -> usize {
        self.rejected.values().flat_map(BTreeMap::values).sum()
    }
}

/// Reads what a pair says and holds it against `facts`: those of the scene, or of the view for what
/// is told from one.
///
/// # Errors
///
/// The first thing that is false or cannot be read.
pub fn check(pair: &Pair, facts: &SceneFacts) -> Result<(), Fault> {
    let dots = pair.kind == PairKind::Navigation;
    let spoken = pair.turns.iter().flatten().chain([&pair.prompt, &pair.answer]);
    // Goals are people's words, and steps of a program tenths of metres.
    let goal = pair.kind == PairKind::StateDescription;
    for text in spoken.filter(|text| !(goal && **text == pair.prompt)) {
        let is_plain = |c: char| {
            c.is_lowercase() || c.is_ascii_digit() || " ,\n".contains(c) || dots && c == '.'
        };
        if text.is_empty() || !text.chars().all(is_plain) {
            return Err(Fault::NotPlain(text.clone()));
        }
    }
    let (words, most) = (word_count(&pair.answer), pair.kind.most_words());
    if words > most {
        return Err(Fault::TooLong { words, most });
    }
    match pair.kind {
        PairKind::DenseCaption => claims_hold(&pair.answer, facts).map(|_| ()),
        PairKind::ObjectCaption => object_caption(pair, facts),
        PairKind::TaskDecomposition => plan::decomposition(&pair.prompt, &pair.answer, facts),
        PairKind::Functionality => question::functionality(&pair.prompt, &pair.answer, facts),
        PairKind::Question => question::check(&pair.prompt, &pair.answer, facts),
        PairKind::Dialogue => talk::check(pair, facts),
        PairKind::StateDescription => state_description(pair, facts),
        PairKind::Navigation => way::check(pair, facts),
    }
}

/// The claims of a statement, all of which hold.
fn claims_hold(text: &str, facts: &SceneFacts) -> Result<Vec<Claim>, Fault> {
    let claims = claims_of(&split(text), facts)?;
    if claims.is_empty() && !facts.objects.is_empty() {
        return Err(Fault::Unreadable(text.to_string()));
    }
    claims.iter().try_for_each(|claim| claim.verify(facts))?;
    Ok(claims)
}

fn object_caption(pair: &Pair, facts: &SceneFacts) -> Result<(), Fault> {
    let subject = first_noun(&split(&pair.prompt), facts)
        .ok_or_else(|| Fault::Unreadable(pair.prompt.clone()))?;
    let claims = claims_hold(&pair.answer, facts)?;
    match claims.first() {
        Some(claim) if claim.category == subject => Ok(()),
        _ => Err(Fault::OffTopic(subject)),
    }
}

fn state_description(pair: &Pair, facts: &SceneFacts) -> Result<(), Fault> {
    let Some(seen) = pair.answer.strip_prefix("i saw ") else {
        return Err(Fault::Unreadable(pair.answer.clone()));
    };
    let claims = claims_hold(seen, facts)?;
    let told = |category: &&str| claims.iter().any(|claim| claim.category == **category);
    let present = facts.categories();
    let mut named = present.iter().filter(|category| is_named(&pair.prompt, category));
    match named.find(|category| !told(category)) {
        Some(missing) if claims.len() < MOST_ITEMS => Err(Fault::LeavesOut((*missing).to_string())),
        _ => Ok(()),
    }
}
