//! Dialogues that a robot is measured by: turns about the scene, of which most need what was said before,
//! then a request, what is asked of the plan for it, and thanks; each turn with its true reply.
//!
//! They are none of those that are taught (`dialogue.rs`), which stay what they are.

use super::balance::Balance;
use super::check::check;
use super::errand::errand;
use super::facts::{ObjectFact, SceneFacts};
use super::pair::{Pair, PairFrame, PairKind, QuestionKind};
use super::question::{Ask, Candidate, candidates, coin, worded};
use super::turn::{TalkTurn, TurnKind};
use super::words::{all_categories, one_of};
use crate::sim::household::{World, is_portable};
use crate::tasks::preposition;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64Mcg;
use std::collections::BTreeMap;

/// Things to speak of that are drawn before there is nothing to speak of.
const DRAWS: usize = 12;

/// A dialogue about `world` as it is; `None` where there is nothing that can be spoken of and moved.
/// What `balance` finds foreseeable is asked rarely. Every turn about the scene and every plan passes the
/// self-check.
pub fn evaluation_dialogue(
    world: &World,
    balance: &Balance,
    rng: &mut Pcg64Mcg,
) -> Option<Vec<TalkTurn>> {
    let facts = SceneFacts::of_world(world);
    let weighted = |candidate: Candidate| {
        let key = candidate.key(facts.room, PairFrame::Scene);
        (balance.weight(&key, &candidate.answer), candidate)
    };
    let stock: Vec<Weighted> =
        candidates(&facts, PairFrame::Scene).into_iter().map(weighted).collect();
    (0..DRAWS).find_map(|_| {
        let mut talk = Talk { facts: &facts, stock: &stock, turns: Vec::new() };
        let thing = talk.about_scene(rng)?;
        let mut turns = talk.turns;
        turns.extend(errand(world, &facts, thing, rng)?);
        Some(turns)
    })
}

/// A question with its weight.
type Weighted = (f64, Candidate);

/// What is asked of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Place,
    PlaceAt,
    Color,
    Neighbour,
    State,
}

impl Sort {
    const ALL: [Self; 5] = [Self::Place, Self::PlaceAt, Self::Color, Self::Neighbour, Self::State];

    /// What `candidate` asks of the only thing of a class; `None` where it asks something else.
    fn of(candidate: &Candidate, class: &str) -> Option<Self> {
        let (sort, category) = match &candidate.ask {
            Ask::Where { category } => (Self::Place, category),
            Ask::ExistsAt { category, .. } => (Self::PlaceAt, category),
            Ask::Color { category } => (Self::Color, category),
            Ask::Beside { category } => (Self::Neighbour, category),
            Ask::State { category, only: true, .. } => (Self::State, category),
            _ => return None,
        };
        (category == class && candidate.kind != QuestionKind::Unknown).then_some(sort)
    }
}

/// A dialogue as far as it has got.
struct Talk<'a> {
    facts: &'a SceneFacts,
    stock: &'a [Weighted],
    turns: Vec<TalkTurn>,
}

impl<'a> Talk<'a> {
    /// Turns about the scene; the thing that is spoken of in the end.
    fn about_scene(&mut self, rng: &mut Pcg64Mcg) -> Option<&'a ObjectFact> {
        if coin(rng) {
            self.turns.push(TalkTurn::new(TurnKind::Courtesy, "hello", "hello", "hello"));
        }
        if coin(rng) {
            self.of_reply(rng);
        }
        if coin(rng) {
            self.absent(rng);
        }
        let mut thing = *self.topics().choose(rng)?;
        let (sort, opening) = self.draw(&thing.category, &[Sort::Place, Sort::PlaceAt], rng)?;
        let words = worded(&opening.ask, rng);
        self.ask(TurnKind::Scene, words.clone(), words, &opening.answer)?;
        // Who knows the place need not be asked whether it is there.
        let mut left: Vec<Sort> =
            Sort::ALL.into_iter().filter(|one| *one != sort && *one != Sort::PlaceAt).collect();
        let mut last = self.follow_up(TurnKind::FollowUp, &thing.category, &mut left, rng)?;
        if let Some(sort) = self.follow_up(TurnKind::FollowUp, &thing.category, &mut left, rng) {
            last = sort;
        }
        if coin(rng)
            && let Some(other) = self.another(thing, last, rng)
        {
            thing = other;
            left = Sort::ALL.into_iter().filter(|one| *one != last).collect();
            self.follow_up(TurnKind::FollowUp, &thing.category, &mut left, rng);
        }
        self.unseen(thing, rng);
        Some(thing)
    }

    /// Things that can be spoken of by their class, and moved.
    fn topics(&self) -> Vec<&'a ObjectFact> {
        let facts = self.facts;
        let is_topic = |fact: &&ObjectFact| {
            let class = fact.category.as_str();
            is_portable(class)
                && all_categories().any(|known| known == class)
                && facts.only(class).is_some()
                && facts.holder(fact).is_some_and(|holder| !is_portable(&holder.category))
        };
        facts.objects.iter().filter(is_topic).collect()
    }

    /// The largest thing somewhere, and a question about what that is.
    fn of_reply(&mut self, rng: &mut Pcg64Mcg) -> Option<()> {
        let is_clear = |one: &&Weighted| {
            matches!(one.1.ask, Ask::Largest { .. }) && self.facts.only(&one.1.answer).is_some()
        };
        let of_largest: Vec<&'a Weighted> = self.stock.iter().filter(is_clear).collect();
        let largest = drawn(&of_largest, rng)?;
        let words = worded(&largest.ask, rng);
        self.ask(TurnKind::Scene, words.clone(), words, &largest.answer)?;
        let mut left = vec![Sort::Color, Sort::Neighbour, Sort::State];
        self.follow_up(TurnKind::OfReply, &largest.answer, &mut left, rng).map(|_| ())
    }

    /// A question about what is not there.
    fn absent(&mut self, rng: &mut Pcg64Mcg) -> Option<()> {
        let is_absent = |one: &&Weighted| {
            let asks = matches!(one.1.ask, Ask::Where { .. } | Ask::Color { .. });
            asks && one.1.kind == QuestionKind::Unknown
        };
        let of_absent: Vec<&'a Weighted> = self.stock.iter().filter(is_absent).collect();
        let absent = drawn(&of_absent, rng)?;
        let words = worded(&absent.ask, rng);
        self.ask(TurnKind::Unknown, words.clone(), words, &absent.answer)
    }

    /// A question about what of the thing is not to be seen.
    fn unseen(&mut self, thing: &ObjectFact, rng: &mut Pcg64Mcg) -> Option<()> {
        let is_unseen = |one: &&Weighted| {
            let of_it =
                matches!(&one.1.ask, Ask::State { category, .. } if *category == thing.category);
            of_it && one.1.kind == QuestionKind::Unknown
        };
        let unseen = self.stock.iter().find(is_unseen)?;
        let meant = worded(&unseen.1.ask, rng);
        self.ask(TurnKind::Unknown, it_for(&thing.category, &meant), meant, &unseen.1.answer)
    }

    /// A question that leaves out the thing that was spoken of, of one of the sorts that are `left`.
    fn follow_up(
        &mut self,
        kind: TurnKind,
        class: &str,
        left: &mut Vec<Sort>,
        rng: &mut Pcg64Mcg,
    ) -> Option<Sort> {
        let (sort, candidate) = self.draw(class, left, rng)?;
        left.retain(|other| *other != sort);
        let [said, meant]: [String; 2] = match (sort, &candidate.ask) {
            (Sort::Place, _) if coin(rng) => ["where".into(), format!("where is the {class}")],
            (Sort::Color, _) if coin(rng) => {
                ["what color".into(), format!("what color is the {class}")]
            }
            (_, Ask::ExistsAt { receptacle, .. }) => {
                let there = format!("{} the {receptacle}", preposition(receptacle));
                [format!("is it {there}"), format!("is the {class} {there}")]
            }
            (_, ask) => {
                let meant = worded(ask, rng);
                [it_for(class, &meant), meant]
            }
        };
        self.ask(kind, said, meant, &candidate.answer)?;
        Some(sort)
    }

    /// The last question, about another thing; that thing.
    fn another(
        &mut self,
        thing: &ObjectFact,
        sort: Sort,
        rng: &mut Pcg64Mcg,
    ) -> Option<&'a ObjectFact> {
        let before = self.turns.last()?.meant.clone();
        if !matches!(sort, Sort::Place | Sort::Color | Sort::Neighbour) {
            return None;
        }
        let others = self.topics().into_iter().filter(|other| other.id() != thing.id());
        let asked = |other: &'a ObjectFact| {
            let same = |one: &&Weighted| Sort::of(&one.1, &other.category) == Some(sort);
            Some((other, self.stock.iter().find(same)?))
        };
        let others: Vec<(&'a ObjectFact, &'a Weighted)> = others.filter_map(asked).collect();
        let (other, (_, candidate)) = *others.choose_weighted(rng, |(_, one)| one.0).ok()?;
        let class = &other.category;
        let meant = before.replacen(&format!("the {}", thing.category), &format!("the {class}"), 1);
        let said = one_of(rng, &["and the {}", "what about the {}"]).replace("{}", class);
        self.ask(TurnKind::Another, said, meant, &candidate.answer)?;
        Some(other)
    }

    /// A question of one of these sorts about the thing of a class.
    fn draw(
        &self,
        class: &str,
        sorts: &[Sort],
        rng: &mut Pcg64Mcg,
    ) -> Option<(Sort, &'a Candidate)> {
        let mut by_sort: BTreeMap<Sort, Vec<&'a Weighted>> = BTreeMap::new();
        for one in self.stock {
            if let Some(sort) = Sort::of(&one.1, class).filter(|sort| sorts.contains(sort)) {
                by_sort.entry(sort).or_default().push(one);
            }
        }
        let worth = |of: &[&Weighted]| of.iter().map(|one| one.0).sum::<f64>().min(1.0);
        let sorts: Vec<(Sort, f64)> = by_sort.iter().map(|(sort, of)| (*sort, worth(of))).collect();
        let (sort, _) = *sorts.choose_weighted(rng, |(_, worth)| *worth).ok()?;
        Some((sort, drawn(by_sort.get(&sort)?, rng)?))
    }

    /// Adds a question, if its answer is the true one.
    fn ask(&mut self, kind: TurnKind, said: String, meant: String, answer: &str) -> Option<()> {
        let pair = Pair::new(PairKind::Question, PairFrame::Scene, &meant, answer, Vec::new());
        check(&pair, self.facts).ok()?;
        self.turns.push(TalkTurn::new(kind, said, meant, answer));
        Some(())
    }
}

/// A question with "it" for the thing of a class.
fn it_for(class: &str, question: &str) -> String {
    question.replacen(&format!("the {class}"), "it", 1)
}

/// One of these questions by weight; yes and no come equally often.
fn drawn<'a>(among: &[&'a Weighted], rng: &mut Pcg64Mcg) -> Option<&'a Candidate> {
    let mut answers: Vec<&str> = among.iter().map(|one| one.1.answer.as_str()).collect();
    answers.sort_unstable();
    answers.dedup();
    let is_yes_no = answers.iter().all(|answer| ["yes", "no"].contains(answer));
    let answer = answers.choose(rng).copied().filter(|_| is_yes_no);
    let fits = |one: &&'a Weighted| answer.is_none_or(|answer| one.1.answer == answer);
    let among: Vec<&'a Weighted> = among.iter().copied().filter(fits).collect();
    let one = *among.choose_weighted(rng, |one| one.0).ok()?;
    Some(&one.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::household::household;
    use crate::sim::language::varied;
    use rand::SeedableRng;
    use std::collections::BTreeSet;

    fn dialogues(seed: u64) -> Vec<Vec<TalkTurn>> {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let world = varied(&household(seed).unwrap(), &mut rng);
        let draw = |_| evaluation_dialogue(&world, &Balance::default(), &mut rng);
        (0..3).filter_map(draw).collect()
    }

    #[test]
    fn dialogues_have_turns_of_all_kinds_and_a_seed_decides_them() {
        let all: Vec<Vec<TalkTurn>> = (0..6).flat_map(dialogues).collect();
        assert!(all.len() > 12, "{}", all.len());
        let kinds: BTreeSet<TurnKind> = all.iter().flatten().map(|turn| turn.kind).collect();
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), TurnKind::ALL);
        assert_eq!(dialogues(2), dialogues(2));
        for turns in &all {
            if std::env::var_os("SHOW_PAIRS").is_some() {
                println!("{turns:#?}");
            }
            let request = turns.iter().position(|turn| turn.kind == TurnKind::Request).unwrap();
            assert_eq!(turns[request].acts[0].action, "PickupObject");
            assert!(turns[request].acts.len() >= 2 && turns[request].said.contains(" it"));
            let is_about_plan = |turn: &&TalkTurn| turn.kind == TurnKind::Plan;
            assert!(turns[request..].iter().filter(is_about_plan).count() >= 2);
            assert_eq!(turns.last().map(|turn| turn.kind), Some(TurnKind::Courtesy));
        }
    }

    #[test]
    fn what_leaves_something_out_says_in_full_what_is_meant() {
        let leaves_out = [TurnKind::FollowUp, TurnKind::OfReply, TurnKind::Another];
        let all: Vec<TalkTurn> = (0..6).flat_map(dialogues).flatten().collect();
        let shortened = all.iter().filter(|turn| leaves_out.contains(&turn.kind));
        for TalkTurn { said, meant, .. } in shortened.clone() {
            assert!(said != meant && !meant.split(' ').any(|word| word == "it"), "{said}: {meant}");
            assert!(said.len() < meant.len() + "what about ".len(), "{said}: {meant}");
        }
        assert!(shortened.count() > 20);
    }
}
