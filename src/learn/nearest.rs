//! The blind baseline: copy the plan of the nearest training goal.

use super::alfred::{Trajectory, complete_plan};
use super::eval::Prediction;
use super::samples::STYLE;
use std::collections::HashMap;

/// Training goals as TF-IDF vectors over words and pairs of words.
pub struct NearestGoal {
    /// Inverse document frequency of each term, by term.
    terms: HashMap<String, (usize, f64)>,
    /// For each term: the goals it stands in, with its weight there.
    postings: Vec<Vec<(u32, f64)>>,
    plans: Vec<Prediction>,
    /// Index into `plans` of each goal.
    plan_of: Vec<u32>,
}

impl NearestGoal {
    /// Indexes all goals of `trajectories`.
    pub fn new(trajectories: &[Trajectory]) -> Self {
        let mut documents: Vec<HashMap<String, f64>> = Vec::new();
        let (mut plans, mut plan_of) = (Vec::new(), Vec::new());
        for trajectory in trajectories {
            for goal in &trajectory.goals {
                documents.push(counts(&goal.goal));
                plan_of.push(plans.len() as u32);
            }
            plans.push(Prediction {
                task: Some(trajectory.task.clone()),
                steps: complete_plan(&trajectory.plan),
            });
        }
        let mut frequency: HashMap<String, usize> = HashMap::new();
        for term in documents.iter().flat_map(|document| document.keys()) {
            *frequency.entry(term.clone()).or_default() += 1;
        }
        let n = documents.len() as f64;
        let mut sorted: Vec<_> = frequency.into_iter().collect();
        sorted.sort();
        let terms: HashMap<_, _> = sorted
            .into_iter()
            .enumerate()
            .map(|(at, (term, df))| (term, (at, ((1.0 + n) / (1.0 + df as f64)).ln() + 1.0)))
            .collect();
        let mut index = Self { postings: vec![Vec::new(); terms.len()], terms, plans, plan_of };
        for (goal, document) in documents.iter().enumerate() {
            for (term, weight) in index.vector(document) {
                index.postings[term].push((goal as u32, weight));
            }
        }
        index
    }

    /// The plan of the training goal with the largest cosine; the first of equals.
    pub fn predict(&self, goal: &str) -> Prediction {
        let mut cosine = vec![0.0; self.plan_of.len()];
        for (term, weight) in self.vector(&counts(goal)) {
            for &(goal, other) in &self.postings[term] {
                cosine[goal as usize] += weight * other;
            }
        }
        let best =
            (0..cosine.len()).max_by(|&a, &b| cosine[a].total_cmp(&cosine[b]).then(b.cmp(&a)));
        best.map(|at| self.plans[self.plan_of[at] as usize].clone()).unwrap_or_default()
    }

    /// Weights of length one.
    fn vector(&self, counts: &HashMap<String, f64>) -> Vec<(usize, f64)> {
        let mut vector: Vec<_> = counts
            .iter()
            .filter_map(|(term, count)| {
                let &(at, idf) = self.terms.get(term)?;
                Some((at, (1.0 + count.ln()) * idf))
            })
            .collect();
        vector.sort_by_key(|&(at, _)| at);
        let length = vector.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|(_, weight)| *weight /= length.max(1e-12));
        vector
    }
}

fn counts(goal: &str) -> HashMap<String, f64> {
    let goal = STYLE.apply(goal);
    let words: Vec<&str> =
        goal.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let pairs = words.windows(2).map(|pair| pair.join(" "));
    let mut counts = HashMap::new();
    for term in words.iter().map(|word| word.to_string()).chain(pairs) {
        *counts.entry(term).or_default() += 1.0;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::Goal;

    #[test]
    fn rare_words_decide() {
        let of = |task: &str, goal: &str| Trajectory {
            task: task.into(),
            scene: None,
            goals: vec![Goal { goal: goal.into(), steps: vec![] }],
            plan: vec![],
        };
        let index = NearestGoal::new(&[
            of("a", "put the mug on the desk"),
            of("b", "put the pan on the stove"),
            of("c", "put the book on the desk"),
        ]);
        assert_eq!(index.predict("Put a PAN on the desk.").task.as_deref(), Some("b"));
        assert_eq!(index.predict("a book").task.as_deref(), Some("c"));
    }
}
