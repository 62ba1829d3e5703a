//! What there is, and what one thing is like.

use super::facts::{ObjectFact, SceneFacts, Side};
use super::pair::{Pair, PairFrame, PairKind};
use super::question::coin;
use super::words::{one_of, so_many, word_count, wording};
use crate::sim::household::{may_be_sliced, opens, with_article};
use crate::tasks::preposition;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64Mcg;
use std::collections::BTreeMap;

/// All of a scene or view: "on the countertop a mug and two apples, in the sinkbasin a cup, a
/// fridge". What most things stand on comes first; what no longer fits is left out.
pub fn dense_caption(facts: &SceneFacts, frame: PairFrame, rng: &mut Pcg64Mcg) -> Pair {
    const SCENE: [&str; 5] = [
        "describe the room",
        "what is in this room",
        "describe the scene",
        "tell me what there is and where",
        "what things are here and where are they",
    ];
    const VIEW: [&str; 4] = [
        "describe what you see",
        "what do you see now",
        "what is in view",
        "tell me what is before you",
    ];
    let prompt = one_of(rng, if frame == PairFrame::Ego { &VIEW } else { &SCENE });
    let (mut answer, mut ids) = (String::new(), Vec::new());
    for (receptacle, classes) in groups(facts) {
        let mut opening = receptacle.map(|name| format!("{} the {name}", preposition(name)));
        // What stands on nothing is told last, and begun so that it is heard not to stand there.
        if opening.is_none() && !answer.is_empty() {
            opening = Some("also".to_string());
        }
        for (class, members) in classes {
            // What stands elsewhere, too, is not counted where no place is said.
            let is_all = receptacle.is_some() || facts.count(class) == members.len();
            let item = so_many(if is_all { members.len() } else { 1 }, class);
            let told = match &opening {
                Some(opening) => format!("{opening} {item}"),
                None => item,
            };
            if word_count(&answer) + word_count(&told) > PairKind::DenseCaption.most_words() {
                continue;
            }
            answer = if answer.is_empty() { told } else { format!("{answer}, {told}") };
            // Said once, it holds for all that follows.
            opening = None;
            ids.extend(members);
        }
    }
    if answer.is_empty() {
        answer = "nothing".into();
    }
    Pair::new(PairKind::DenseCaption, frame, prompt, answer, ids)
}

/// Members by class.
type Classes<'a> = BTreeMap<&'a str, Vec<u32>>;

/// Things by what they stand on, the most crowded first; what stands on nothing last.
fn groups(facts: &SceneFacts) -> Vec<(Option<&str>, Classes<'_>)> {
    let mut groups: BTreeMap<Option<&str>, Classes<'_>> = BTreeMap::new();
    for fact in &facts.objects {
        let on = facts.holder(fact).map(|holder| holder.category.as_str());
        let classes = groups.entry(on).or_default();
        classes.entry(&fact.category).or_default().push(fact.id());
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(on, classes)| (on.is_none(), std::cmp::Reverse(classes.len()), *on));
    groups
}

/// One thing: "a red mug on the countertop, next to the knife".
pub fn object_caption(facts: &SceneFacts, frame: PairFrame, rng: &mut Pcg64Mcg) -> Option<Pair> {
    const WORDS: [&str; 4] = [
        "describe the {}",
        "tell me about the {}",
        "what is the {} like",
        "what do you know about the {}",
    ];
    let clear: Vec<&ObjectFact> =
        facts.objects.iter().filter(|fact| facts.only(&fact.category).is_some()).collect();
    let thing = *clear.choose(rng)?;
    let prompt = wording(rng, &WORDS, &thing.category);
    let mut adjectives: Vec<&str> = state_word(thing, true).into_iter().collect();
    adjectives.extend(thing.color);
    adjectives.push(&thing.category);
    let mut answer = with_article(&adjectives.join(" "));
    let mut ids = vec![thing.id()];
    if let Some(place) = facts.place(thing) {
        answer = format!("{answer} {place}");
        ids.extend(thing.holder);
    }
    if let Some(nearest) = facts.nearest(thing).filter(|_| coin(rng)) {
        answer = format!("{answer}, next to the {}", nearest.category);
        ids.push(nearest.id());
    }
    if let Some(view) = thing.view.filter(|view| view.is_clear()) {
        answer = format!(
            "{answer}, {}",
            match view.side() {
                Side::Left => "on the left",
                Side::Ahead => "straight ahead",
                Side::Right => "on the right",
            }
        );
    }
    Some(Pair::new(PairKind::ObjectCaption, frame, prompt, answer, ids))
}

/// The state of a thing that is to be seen; `shut` also tells that a door is closed.
pub(super) fn state_word(fact: &ObjectFact, shut: bool) -> Option<&'static str> {
    let now = fact.condition?;
    match fact.category.as_str() {
        name if opens(name) && now.is_open => Some("open"),
        name if opens(name) && shut => Some("closed"),
        name if may_be_sliced(name) && now.is_sliced => Some("sliced"),
        name if crate::sim::household::is_lamp(name) && now.is_on => Some("lit"),
        _ => None,
    }
}
