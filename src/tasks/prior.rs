//! What is to be done, by the word of two models: the one that sees, and one that was taught language
//! alone and for longer. A small model that learns to see forgets some of the words it could read.
//!
//! Each names its likeliest drafts. A draft counts as the weighted mean of its log-probabilities (a
//! log-linear pool; Hinton, 2002, calls it a product of experts); one that a model does not name is
//! worth no more to it than the least of those it names.

use super::writer::SpokenPlan;

/// What is to be done as one model has it, and its log-probability.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    pub plan: SpokenPlan,
    pub log_probability: f64,
}

/// The draft that both judge best, `weight` being that of `theirs`; `None` where there is none. Of equal
/// ones the first, ours before theirs.
pub(super) fn pooled(ours: Vec<Draft>, theirs: Vec<Draft>, weight: f64) -> Option<SpokenPlan> {
    let judged = |drafts: &[Draft], plan: &SpokenPlan| {
        let same = |one: &&Draft| one.plan.task == plan.task && one.plan.steps == plan.steps;
        let least = || drafts.iter().map(|one| one.log_probability).fold(0.0, f64::min);
        drafts.iter().find(same).map_or_else(least, |one| one.log_probability)
    };
    let score =
        |plan: &SpokenPlan| (1.0 - weight) * judged(&ours, plan) + weight * judged(&theirs, plan);
    let mut best: Option<(f64, &SpokenPlan)> = None;
    for Draft { plan, .. } in ours.iter().chain(&theirs) {
        let score = score(plan);
        if best.is_none_or(|(most, _)| score > most) {
            best = Some((score, plan));
        }
    }
    best.map(|(_, plan)| plan.clone())
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
        pooled(drafts(ours), drafts(theirs), weight).unwrap().task.unwrap()
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
        assert_eq!(pooled(Vec::new(), Vec::new(), 0.5), None);
    }
}
