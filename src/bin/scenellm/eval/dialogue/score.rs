//! Who is talked with, and which of its replies are right.

use scenellm::learn::{Interval, answers_match};
use scenellm::sim::language::{TalkTurn, TurnKind};
use scenellm::tasks::SpokenStep;
use serde::Serialize;
use std::collections::BTreeMap;

/// What somebody said to a turn, and what it would do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    /// The words.
    pub words: String,
    /// The acts of its plan, where it made one.
    pub acts: Option<Vec<SpokenStep>>,
}

impl Said {
    /// Words alone.
    pub fn of(words: impl Into<String>) -> Self {
        Self { words: words.into(), acts: None }
    }
}

/// Somebody who is talked with, and has nothing but what was said before.
pub trait Partner {
    /// Its reply to what is `said` next, when so many acts of the plan in hand have succeeded.
    fn reply(&mut self, said: &str, done: usize) -> anyhow::Result<Said>;
}

/// Talks all turns with `partner`. What it said goes on with what it said, right or wrong.
pub fn talk(partner: &mut dyn Partner, turns: &[TalkTurn]) -> anyhow::Result<Vec<Said>> {
    turns.iter().map(|turn| partner.reply(&turn.said, turn.done)).collect()
}

/// Whether a reply is right: of a request the acts of the plan, of all else the words.
pub fn is_right(turn: &TalkTurn, said: &Said) -> bool {
    match turn.kind {
        TurnKind::Request => said.acts.as_ref() == Some(&turn.acts),
        _ => answers_match(&said.words, &turn.reply),
    }
}

/// A share of what was counted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// How many were counted.
    pub n: usize,
    /// The share that is right.
    pub right: f64,
    /// Its 95 % interval, from resampling floor plans.
    pub right_ci95: Interval,
}

impl Share {
    /// That of what was judged, each with its floor plan.
    fn of(judged: &[(&str, bool)]) -> Self {
        let floor_plans = judged.iter().map(|(floor_plan, _)| *floor_plan);
        let right: Vec<f64> = judged.iter().map(|(_, right)| f64::from(u8::from(*right))).collect();
        Self {
            n: judged.len(),
            right: right.iter().sum::<f64>() / right.len().max(1) as f64,
            right_ci95: Interval::of_mean(floor_plans, &right),
        }
    }
}

/// What dialogues come to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DialogueScores {
    /// Of all turns.
    pub turns: Share,
    /// Of the dialogues, those of which every turn is right.
    pub dialogues: Share,
    /// Of the turns of each kind.
    pub per_kind: BTreeMap<TurnKind, Share>,
}

impl DialogueScores {
    /// The scores of dialogues, each with its floor plan and what was said to its turns.
    pub fn of<'a>(talks: impl IntoIterator<Item = (&'a str, &'a [TalkTurn], &'a [Said])>) -> Self {
        let (mut all, mut whole) = (Vec::new(), Vec::new());
        let mut kinds: BTreeMap<TurnKind, Vec<(&str, bool)>> = BTreeMap::new();
        for (floor_plan, turns, said) in talks {
            let mut is_whole = turns.len() == said.len();
            for (turn, said) in turns.iter().zip(said) {
                let right = is_right(turn, said);
                is_whole &= right;
                all.push((floor_plan, right));
                kinds.entry(turn.kind).or_default().push((floor_plan, right));
            }
            whole.push((floor_plan, is_whole));
        }
        let per_kind = kinds.iter().map(|(kind, judged)| (*kind, Share::of(judged))).collect();
        Self { turns: Share::of(&all), dialogues: Share::of(&whole), per_kind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;
    use scenellm::planner::{Command, Dialogue};
    use scenellm::sim::household::household;
    use scenellm::sim::language::{Balance, evaluation_dialogue, varied};
    use scenellm::tasks::ActionVocabulary;

    /// Knows the true reply to whatever is said in full, and what was said before, unless it forgets.
    struct Truthful<'a> {
        turns: &'a [TalkTurn],
        dialogue: Dialogue,
        forgets: bool,
    }

    impl Partner for Truthful<'_> {
        fn reply(&mut self, said: &str, _done: usize) -> anyhow::Result<Said> {
            if self.forgets {
                self.dialogue = Dialogue::default();
            }
            let meant = match self.dialogue.hear(said, &[], &ActionVocabulary::alfred()) {
                Ok(meant) => meant,
                Err(unresolved) => return Ok(Said::of(unresolved.to_string())),
            };
            let asked = match Command::of(&meant) {
                Command::Goal(goal) => goal,
                _ => meant.clone(),
            };
            let Some(turn) = self.turns.iter().find(|turn| turn.meant == asked) else {
                return Ok(Said::of(format!("what is \"{asked}\"")));
            };
            self.dialogue.replied(&meant, &turn.reply, &[]);
            Ok(Said { words: turn.reply.clone(), acts: Some(turn.acts.clone()) })
        }
    }

    fn dialogues() -> Vec<Vec<TalkTurn>> {
        let of_seed = |seed: u64| {
            let mut rng = Pcg64Mcg::seed_from_u64(seed);
            let world = varied(&household(seed).unwrap(), &mut rng);
            let draw = |_| evaluation_dialogue(&world, &Balance::default(), &mut rng);
            (0..4).filter_map(draw).collect::<Vec<_>>()
        };
        (20..26).flat_map(of_seed).collect()
    }

    fn scores(talks: &[Vec<TalkTurn>], forgets: bool) -> DialogueScores {
        let said: Vec<Vec<Said>> = talks
            .iter()
            .map(|turns| {
                let dialogue = Dialogue::default();
                talk(&mut Truthful { turns, dialogue, forgets }, turns).unwrap()
            })
            .collect();
        let talks = talks.iter().zip(&said).map(|(turns, said)| ("a home", &turns[..], &said[..]));
        DialogueScores::of(talks)
    }

    #[test]
    fn who_knows_the_truth_and_what_was_said_is_always_right() {
        let talks = dialogues();
        for turns in &talks {
            let dialogue = Dialogue::default();
            let said = talk(&mut Truthful { turns, dialogue, forgets: false }, turns).unwrap();
            for (turn, said) in turns.iter().zip(&said) {
                assert!(is_right(turn, said), "{turn:?}: {said:?}");
            }
        }
        let scores = scores(&talks, false);
        assert_eq!((scores.turns.right, scores.dialogues.right), (1.0, 1.0));
        assert_eq!(scores.dialogues.n, talks.len());
        assert_eq!(scores.per_kind.len(), TurnKind::ALL.len());
    }

    #[test]
    fn who_forgets_what_was_said_knows_not_what_it_is_asked() {
        let scores = scores(&dialogues(), true);
        for needs_history in
            [TurnKind::FollowUp, TurnKind::OfReply, TurnKind::Another, TurnKind::Request]
        {
            assert_eq!(scores.per_kind[&needs_history].right, 0.0, "{needs_history:?}");
        }
        assert_eq!(scores.per_kind[&TurnKind::Scene].right, 1.0);
        assert_eq!(scores.dialogues.right, 0.0);
        assert!(scores.turns.right > 0.0 && scores.turns.right < 1.0);
    }

    #[test]
    fn a_request_is_judged_by_acts_and_all_else_by_words() {
        let step =
            |action: &str| SpokenStep { action: action.into(), arguments: vec!["mug".into()] };
        let turn = |kind: TurnKind| TalkTurn {
            kind,
            said: "wash it".into(),
            meant: "wash the mug".into(),
            reply: "i wash the mug".into(),
            acts: vec![step("CleanObject")],
            done: 0,
        };
        let words = Said::of("I wash the mug.");
        let acts = Said { acts: Some(vec![step("CleanObject")]), ..Said::default() };
        assert!(is_right(&turn(TurnKind::Plan), &words) && !is_right(&turn(TurnKind::Plan), &acts));
        let request = turn(TurnKind::Request);
        assert!(is_right(&request, &acts) && !is_right(&request, &words));
        // A dialogue that broke off is not right as a whole.
        let turns = [request.clone(), request];
        let scores = DialogueScores::of([("a home", &turns[..], &[acts][..])]);
        assert_eq!((scores.turns.right, scores.dialogues.right), (1.0, 0.0));
        assert_eq!(DialogueScores::of([]).dialogues.n, 0);
    }
}
