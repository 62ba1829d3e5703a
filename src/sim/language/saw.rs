//! State descriptions: what of a view matters to a goal, "i saw …" (Scene-LLM's first step).

use super::caption::state_word;
use super::facts::{ObjectFact, SceneFacts};
use super::pair::{Pair, PairFrame, PairKind};
use super::words::{so_many, word_count};
use crate::sim::household::{is_knife, is_lamp, plural, spoken, with_article};
use crate::tasks::class_word;

/// Most things that are told.
pub(super) const MOST_ITEMS: usize = 6;

/// Things that are told together.
struct Item<'a> {
    category: &'a str,
    state: Option<&'static str>,
    place: Option<String>,
    members: Vec<u32>,
}

/// What of `facts`, those of a view, matters to `goal`: first what the goal names, then what it is
/// done with, then the nearest.
pub fn state_description(facts: &SceneFacts, goal: &str) -> Pair {
    let mut ranked: Vec<(u8, f64, &ObjectFact)> = facts
        .objects
        .iter()
        .map(|fact| {
            let rank = match fact.category.as_str() {
                name if is_named(goal, name) => 0,
                name if is_needed(goal, name) => 1,
                _ => 2,
            };
            (rank, fact.view.map_or(0.0, |view| view.distance_m()), fact)
        })
        .collect();
    ranked.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.id().cmp(&b.2.id())));
    // What is alike in all that is told of it is told together.
    let mut items: Vec<Item<'_>> = Vec::new();
    for (_, _, fact) in ranked {
        let (state, place) = (state_word(fact, false), facts.place(fact));
        let same = items.iter_mut().find(|item| {
            item.category == fact.category && item.state == state && item.place == place
        });
        match same {
            Some(item) => item.members.push(fact.id()),
            None => {
                let members = vec![fact.id()];
                items.push(Item { category: &fact.category, state, place, members });
            }
        }
    }
    let (mut answer, mut ids) = ("i saw".to_string(), Vec::new());
    for Item { category, state, place, members } in items.into_iter().take(MOST_ITEMS) {
        // What is alike and told apart, such as burners with pots on them, is not counted.
        let alike = facts.named(category).filter(|fact| {
            (state.is_none() || state_word(fact, false) == state)
                && (place.is_none() || facts.place(fact) == place)
        });
        let number = if alike.count() == members.len() { members.len() } else { 1 };
        let mut told = match state {
            Some(state) if number == 1 => with_article(&format!("{state} {category}")),
            Some(state) => so_many(number, category).replacen(' ', &format!(" {state} "), 1),
            None => so_many(number, category),
        };
        if let Some(place) = place {
            told = format!("{told} {place}");
        }
        if word_count(&answer) + word_count(&told) > PairKind::StateDescription.most_words() {
            break;
        }
        let comma = if ids.is_empty() { "" } else { "," };
        answer = format!("{answer}{comma} {told}");
        ids.extend(members);
    }
    if ids.is_empty() {
        answer.push_str(" nothing");
    }
    Pair::new(PairKind::StateDescription, PairFrame::Ego, goal, answer, ids)
}

/// Whether a goal names a class, as the vocabulary or as people call it.
pub(super) fn is_named(goal: &str, category: &str) -> bool {
    let words: Vec<String> =
        goal.split_whitespace().map(class_word).filter(|word| !word.is_empty()).collect();
    let called = class_word(&spoken(category));
    let forms = [category.to_string(), plural(category), plural(&called), called];
    (1..=3).any(|width| words.windows(width).any(|window| forms.contains(&window.concat())))
}

/// Whether a goal is done with things of a class, though it may not name them.
fn is_needed(goal: &str, category: &str) -> bool {
    let done_with: [(&[&str], bool); 6] = [
        (&["heat", "warm", "microwave", "cook"], category == "microwave"),
        (&["cool", "chill", "cold", "refrigerat"], category == "fridge"),
        (&["wash", "clean", "rins"], ["sinkbasin", "faucet"].contains(&category)),
        (&["slice", "cut", "piece"], is_knife(category)),
        (&["light", "lamp"], is_lamp(category)),
        (&["trash", "garbage", "bin"], category == "garbagecan"),
    ];
    let goal = goal.to_lowercase();
    let says = |sign: &&str| goal.split_whitespace().any(|word| word.starts_with(*sign));
    done_with.iter().any(|(signs, serves)| *serves && signs.iter().any(says))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_name_things_in_their_own_words() {
        assert!(is_named("Put two Salt Shakers on the table.", "saltshaker"));
        assert!(is_named("Put two Salt Shakers on the table.", "diningtable"));
        assert!(is_named("wash the knives", "knife") && !is_named("wash the mug", "knife"));
        assert!(is_needed("Put a chilled apple away", "fridge"));
        assert!(is_needed("put a sliced tomato in the bin", "butterknife"));
        assert!(!is_needed("move the mug", "fridge"));
    }
}
