//! What is to be done, by the word of two models: the one that sees, and one that only reads, but has read
//! far more. A small model that learns to see forgets some of the words it could read.
//!
//! Each names its likeliest drafts. A draft counts as the weighted mean of its log-probabilities (a
//! log-linear pool; Hinton, 2002, calls it a product of experts); one that a model does not name is
//! worth no more to it than the least of those it names. A model on a server names a single one: the others
//! are worth no more to it than that leaves of a whole.

use super::planning::PlanningError;
use super::text::parse_plan;
use super::writer::SpokenPlan;
use super::{ActionVocabulary, ArgumentKind, SpokenStep};
use crate::model::GoalReader;
use candle_core::Device;
use std::path::Path;

/// What is to be done as one model has it, and its log-probability.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    pub plan: SpokenPlan,
    pub log_probability: f64,
}

/// A reader of goals that has a say in what is done.
#[derive(Debug)]
pub(super) struct Prior {
    reader: GoalReader,
    /// Its meanings as plans.
    plans: Vec<SpokenPlan>,
    /// How much its judgement counts, 0..=1.
    pub weight: f64,
}

impl Prior {
    /// Loads the reader in `folder`, whose meanings must be told in the words of `vocabulary`.
    pub fn load(
        folder: &Path,
        weight: f64,
        vocabulary: &ActionVocabulary,
        device: &Device,
    ) -> Result<Self, PlanningError> {
        let reader = GoalReader::load(folder, device)?;
        let foreign = |acts: &str, reason: String| PlanningError::Prior {
            folder: folder.into(),
            acts: acts.into(),
            reason,
        };
        let words = vocabulary.words(ArgumentKind::Target);
        let plan = |acts: &str, task: &str| {
            let text = format!("{acts}\n{}", vocabulary.end);
            let steps =
                parse_plan(&text, vocabulary).map_err(|error| foreign(acts, error.to_string()))?;
            let mut spoken = steps.iter().flat_map(|step| &step.arguments);
            if let Some(word) = spoken.find(|word| !words.contains(&word.as_str())) {
                return Err(foreign(acts, format!("`{word}` is no word of the vocabulary")));
            }
            // Where the vocabulary has no kinds of task, both must name none to mean the same.
            let task = (!vocabulary.tasks.is_empty()).then(|| task.to_owned());
            Ok(SpokenPlan { task, steps, mean_log_probability: None, saw: None })
        };
        let meanings = reader.meanings().iter();
        let plans = meanings.map(|one| plan(&one.acts, &one.task)).collect::<Result<_, _>>()?;
        Ok(Self { reader, plans, weight })
    }

    /// What it finds likely to be done, likeliest first, `most` at most.
    pub fn drafts(&self, goal: &str, most: usize) -> Result<Vec<Draft>, PlanningError> {
        let judged = self.reader.read(goal)?;
        let mut order: Vec<usize> = (0..judged.len()).collect();
        order.sort_by(|a, b| judged[*b].total_cmp(&judged[*a]));
        order.truncate(most);
        let draft = |at: usize| Draft { plan: self.plans[at].clone(), log_probability: judged[at] };
        Ok(order.into_iter().map(draft).collect())
    }
}

/// The draft that both judge best, `weight` being that of `theirs`; `None` where there is none. Of equal
/// ones the first, ours before theirs. What has a higher `rank` comes first whatever they say.
pub(super) fn pooled(
    ours: &[Draft],
    theirs: &[Draft],
    weight: f64,
    rank: &dyn Fn(&[SpokenStep]) -> u8,
) -> Option<SpokenPlan> {
    let judged = |drafts: &[Draft], plan: &SpokenPlan| {
        let same = |one: &&Draft| one.plan.task == plan.task && one.plan.steps == plan.steps;
        drafts.iter().find(same).map_or_else(|| unnamed(drafts), |one| one.log_probability)
    };
    let score =
        |plan: &SpokenPlan| (1.0 - weight) * judged(ours, plan) + weight * judged(theirs, plan);
    let mut best: Option<((u8, f64), &SpokenPlan)> = None;
    for Draft { plan, .. } in ours.iter().chain(theirs) {
        let worth = (rank(&plan.steps), score(plan));
        if best.is_none_or(|(most, _)| worth > most) {
            best = Some((worth, plan));
        }
    }
    best.map(|(_, plan)| plan.clone())
}

/// The most that a draft can be worth to a model that names `drafts` and not it.
fn unnamed(drafts: &[Draft]) -> f64 {
    let least = drafts.iter().map(|one| one.log_probability).fold(0.0, f64::min);
    match drafts {
        [one] => {
            let left = 1.0 - one.log_probability.exp();
            least.min(left.max(f64::MIN_POSITIVE).ln())
        }
        _ => least,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drafts(of: &[(&str, f64)]) -> Vec<Draft> {
        let draft = |(task, probability): &(&str, f64)| Draft {
            plan: SpokenPlan {
                task: Some((*task).into()),
                steps: Vec::new(),
                mean_log_probability: None,
                saw: None,
            },
            log_probability: probability.ln(),
        };
        of.iter().map(draft).collect()
    }

    fn best(ours: &[(&str, f64)], theirs: &[(&str, f64)], weight: f64) -> String {
        pooled(&drafts(ours), &drafts(theirs), weight, &|_| 0).unwrap().task.unwrap()
    }

    #[test]
    fn what_both_find_likely_beats_what_one_is_sure_of() {
        let ours = [("wash", 0.6), ("heat", 0.3), ("cut", 0.05)];
        let theirs = [("cool", 0.5), ("heat", 0.4), ("wash", 0.02)];
        assert_eq!(best(&ours, &theirs, 0.5), "heat");
        assert_eq!(best(&ours, &theirs, 0.0), "wash");
        assert_eq!(best(&ours, &theirs, 1.0), "cool");
        assert_eq!(best(&ours, &[], 0.5), "wash");
        assert_eq!(best(&[], &theirs, 0.5), "cool");
        assert_eq!(pooled(&[], &[], 0.5, &|_| 0), None);
        let short = |acts: &[SpokenStep]| u8::from(acts.is_empty());
        let mut long = drafts(&ours);
        long[0].plan.steps.push(SpokenStep { action: "Wait".into(), arguments: Vec::new() });
        let best = pooled(&long, &[], 0.0, &short).unwrap();
        assert_eq!(best.task.as_deref(), Some("heat"), "a higher rank comes first");
    }

    #[test]
    fn who_names_one_draft_says_how_much_is_left_to_all_others() {
        let theirs = [("cool", 0.6), ("heat", 0.2)];
        assert_eq!(best(&[("wash", 0.95)], &theirs, 0.5), "wash");
        assert_eq!(best(&[("wash", 0.6)], &theirs, 0.5), "cool");
        assert_eq!(best(&[("heat", 1.0)], &theirs, 0.5), "heat");
        assert_eq!(best(&[("heat", 1.0)], &theirs, 1.0), "cool");
        assert_eq!(best(&[("wash", 0.6)], &theirs, 0.0), "wash");
    }
}
