//! Scores of answers in words: exact match of questions, objects in captions.

use super::eval::Interval;
use crate::sim::language::{Pair, QuestionKind, SceneFacts, named_classes, plain};
use crate::tasks::NUMBERS;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

const ARTICLES: [&str; 3] = ["a", "an", "the"];

/// An answer as it is compared: plain words without articles and commas, numbers in words.
pub fn normalized_answer(answer: &str) -> String {
    let plain = plain(answer);
    let words = plain.split([' ', ',', '\n']).filter(|word| !word.is_empty());
    let word = |word: &str| {
        let number = word.parse::<usize>().ok().and_then(|number| NUMBERS.get(number));
        number.map_or_else(|| word.to_string(), |word| (*word).to_string())
    };
    let kept: Vec<String> = words.filter(|word| !ARTICLES.contains(word)).map(word).collect();
    kept.join(" ")
}

/// Whether an answer is the expected one, but for case, articles and punctuation.
pub fn answers_match(said: &str, expected: &str) -> bool {
    normalized_answer(said) == normalized_answer(expected)
}

/// Share of questions with the right answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AnswerScores {
    /// Number of questions.
    pub n: usize,
    /// Share whose answer matches (EM).
    pub exact_match: f64,
    /// Its 95 % interval, from resampling floor plans: answers about one hang together.
    pub exact_match_ci95: Interval,
}

impl AnswerScores {
    /// The scores of answers, each with its floor plan and 1 where it is right.
    fn new(answers: &[(&str, f64)]) -> Self {
        let (floor_plans, right): (Vec<&str>, Vec<f64>) = answers.iter().copied().unzip();
        Self {
            n: answers.len(),
            exact_match: right.iter().sum::<f64>() / right.len().max(1) as f64,
            exact_match_ci95: Interval::of_mean(floor_plans, &right),
        }
    }
}

/// Scores over all questions, and by what they ask for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnswerEvaluation {
    /// Over all questions.
    #[serde(flatten)]
    pub all: AnswerScores,
    /// By kind of question.
    pub per_kind: BTreeMap<QuestionKind, AnswerScores>,
}

impl AnswerEvaluation {
    /// The scores of questions, each with its floor plan and what was said to it; pairs that are no
    /// questions are left out.
    pub fn new<'a>(said: impl IntoIterator<Item = (&'a str, &'a Pair, &'a str)>) -> Self {
        let (mut all, mut kinds) = (Vec::new(), BTreeMap::<QuestionKind, Vec<_>>::new());
        for (floor_plan, pair, said) in said {
            let Some(kind) = pair.question else { continue };
            let right = if answers_match(said, &pair.answer) { 1.0 } else { 0.0 };
            all.push((floor_plan, right));
            kinds.entry(kind).or_default().push((floor_plan, right));
        }
        let per_kind = kinds.into_iter().map(|(kind, of)| (kind, AnswerScores::new(&of))).collect();
        Self { all: AnswerScores::new(&all), per_kind }
    }
}

/// Classes that a caption names against those it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CaptionCount {
    /// Classes of the reference.
    pub wanted: usize,
    /// Those of them that are named.
    pub found: usize,
    /// Classes that are named.
    pub named: usize,
    /// Those of them that the scene does not have.
    pub invented: usize,
}

impl CaptionCount {
    /// Counts the classes of `said` against those of the `reference` caption and of the scene.
    pub fn new(said: &str, reference: &Pair, facts: &SceneFacts) -> Self {
        let said = named_classes(&plain(said), facts);
        let wanted: BTreeSet<String> = named_classes(&reference.answer, facts);
        Self {
            wanted: wanted.len(),
            found: wanted.intersection(&said).count(),
            named: said.len(),
            invented: said.iter().filter(|class| facts.count(class) == 0).count(),
        }
    }
}

/// Scores over captions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CaptionScores {
    /// Number of captions.
    pub n: usize,
    /// Share of the classes of the references that are named.
    pub recall: f64,
    /// Its 95 % interval, from resampling floor plans.
    pub recall_ci95: Interval,
    /// Share of the classes named that the scene does not have.
    pub hallucinated: f64,
    /// Its 95 % interval.
    pub hallucinated_ci95: Interval,
}

impl CaptionScores {
    /// The scores of captions, each with its floor plan.
    pub fn new(captions: &[(&str, CaptionCount)]) -> Self {
        type Part = fn(&CaptionCount) -> usize;
        let share = |part: Part, whole: Part| {
            let of = |drawn: &mut dyn Iterator<Item = &CaptionCount>| {
                let (part, whole) =
                    drawn.fold((0, 0), |(a, b), one| (a + part(one), b + whole(one)));
                part as f64 / whole.max(1) as f64
            };
            let floor_plans = captions.iter().map(|(floor_plan, _)| *floor_plan);
            let interval = Interval::of_clusters(floor_plans, |drawn| {
                of(&mut drawn.iter().filter_map(|at| Some(&captions.get(*at)?.1)))
            });
            (of(&mut captions.iter().map(|(_, count)| count)), interval)
        };
        let (recall, recall_ci95) = share(|count| count.found, |count| count.wanted);
        let (hallucinated, hallucinated_ci95) = share(|count| count.invented, |count| count.named);
        Self { n: captions.len(), recall, recall_ci95, hallucinated, hallucinated_ci95 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures;
    use crate::sim::language::{PairFrame, PairKind};

    fn pair(kind: PairKind, question: Option<QuestionKind>, answer: &str) -> Pair {
        Pair {
            kind,
            question,
            frame: PairFrame::Scene,
            turns: vec![],
            prompt: "?".into(),
            answer: answer.into(),
            ids: vec![],
            route: None,
        }
    }

    #[test]
    fn answers_are_compared_by_what_they_say() {
        assert!(answers_match(" On the Countertop.", "on the countertop"));
        assert!(answers_match("2", "two") && answers_match("the mug", "mug"));
        assert!(!answers_match("on the shelf", "on the countertop"));
        assert!(!answers_match("", "yes") && !answers_match("yes yes", "yes"));
    }

    #[test]
    fn questions_are_scored_by_kind() {
        let count = pair(PairKind::Question, Some(QuestionKind::Count), "two");
        let place = pair(PairKind::Question, Some(QuestionKind::Place), "on the shelf");
        let caption = pair(PairKind::DenseCaption, None, "a mug");
        let said = [(&count, "two"), (&count, "three"), (&place, "on shelf"), (&caption, "")];
        let said = said.map(|(pair, said)| ("a home", pair, said));
        let scores = AnswerEvaluation::new(said);
        assert_eq!((scores.all.n, scores.all.exact_match), (3, 2.0 / 3.0));
        assert_eq!(scores.per_kind[&QuestionKind::Count].exact_match, 0.5);
        let interval = scores.all.exact_match_ci95;
        assert!(interval.low <= 2.0 / 3.0 && interval.high >= 2.0 / 3.0);
        assert_eq!(AnswerEvaluation::new([]).all.exact_match, 0.0);
        let json = serde_json::to_value(&scores).unwrap();
        assert_eq!(json["per_kind"]["place"]["exact_match"], 1.0);
    }

    #[test]
    fn captions_are_scored_by_the_things_they_name() {
        let object = |id: u32, label: &str| {
            let position_m = [f64::from(id), 0.0, 0.0];
            fixtures::object(id, label, position_m, 0.1)
        };
        let facts =
            SceneFacts::of_objects(&[object(1, "mug"), object(2, "knife"), object(3, "bed")]);
        let reference = pair(PairKind::DenseCaption, None, "a mug, two knives, a bed");
        let count = CaptionCount::new("There are knives, a mug and a sofa.", &reference, &facts);
        assert_eq!(count, CaptionCount { wanted: 3, found: 2, named: 3, invented: 1 });
        let nothing = CaptionCount::new("", &reference, &facts);
        let scores = CaptionScores::new(&[("a home", count), ("another", nothing)]);
        assert_eq!((scores.recall, scores.hallucinated), (2.0 / 6.0, 1.0 / 3.0));
        assert_eq!((scores.recall_ci95.low, scores.recall_ci95.high), (0.0, 2.0 / 3.0));
        let together = CaptionScores::new(&[("a home", count), ("a home", nothing)]).recall_ci95;
        assert_eq!((together.low, together.high), (2.0 / 6.0, 2.0 / 6.0), "one floor plan");
        assert_eq!(CaptionScores::new(&[]).n, 0);
    }
}
