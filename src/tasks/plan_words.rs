//! Plans in plain words, act by act: "take the mug from the countertop, wash the mug in the sinkbasin".

use super::SpokenStep;
use super::relation::preposition;

/// An act of a plan in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActInWords {
    /// Index of the step that does it. Steps before it, down to the act before, go to where it is done.
    pub step: usize,
    /// The words.
    pub words: String,
}

/// The acts of `steps` in words, each with the place that was gone to for it. A way with which the
/// steps end is told as well. Actions are ALFRED's; one of another vocabulary is told by its name.
pub fn acts_in_words(steps: &[SpokenStep]) -> Vec<ActInWords> {
    let (mut acts, mut place) = (Vec::new(), "");
    for (at, step) in steps.iter().enumerate() {
        let words = if step.action == "GotoLocation" {
            place = argument(step, 0);
            (at + 1 == steps.len()).then(|| format!("go to the {place}"))
        } else {
            in_words(step, place)
        };
        acts.extend(words.map(|words| ActInWords { step: at, words }));
    }
    acts
}

/// An act that is done at `place`.
fn in_words(step: &SpokenStep, place: &str) -> Option<String> {
    let thing = argument(step, 0);
    Some(match step.action.as_str() {
        "PickupObject" if place == thing || place.is_empty() => format!("take the {thing}"),
        "PickupObject" => format!("take the {thing} from the {place}"),
        "PutObject" => {
            let receptacle = argument(step, 1);
            format!("put the {thing} {} the {receptacle}", preposition(receptacle))
        }
        "CleanObject" => format!("wash the {thing} in the {place}"),
        "HeatObject" => format!("heat the {thing} in the {place}"),
        "CoolObject" => format!("cool the {thing} in the {place}"),
        "SliceObject" => format!("slice the {thing}"),
        "ToggleObject" => format!("turn on the {thing}"),
        "OpenObject" => format!("open the {thing}"),
        "CloseObject" => format!("close the {thing}"),
        "NoOp" => return None,
        action => format!("{action} {}", step.arguments.join(" ")).trim_end().to_owned(),
    })
}

fn argument(step: &SpokenStep, at: usize) -> &str {
    step.arguments.get(at).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::fixtures::spoken;

    fn told(lines: &[&str]) -> Vec<(usize, String)> {
        let steps: Vec<SpokenStep> = lines.iter().map(|line| spoken(line)).collect();
        acts_in_words(&steps).into_iter().map(|act| (act.step, act.words)).collect()
    }

    #[test]
    fn ways_are_told_with_the_act_that_they_are_for() {
        let plan = [
            "GotoLocation countertop",
            "PickupObject mug",
            "GotoLocation sinkbasin",
            "CleanObject mug",
            "GotoLocation fridge",
            "PutObject mug fridge",
        ];
        let says = |step: usize, words: &str| (step, words.to_owned());
        assert_eq!(
            told(&plan),
            [
                says(1, "take the mug from the countertop"),
                says(3, "wash the mug in the sinkbasin"),
                says(5, "put the mug in the fridge"),
            ]
        );
        assert_eq!(told(&plan[..1]), [says(0, "go to the countertop")]);
        assert_eq!(told(&["GotoLocation book", "PickupObject book"]), [says(1, "take the book")]);
        assert_eq!(told(&["Wave", "Fold towel", "NoOp"]), [says(0, "Wave"), says(1, "Fold towel")]);
    }
}
