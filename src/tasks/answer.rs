//! Questions and what a person says, answered by a model that sees, with the objects that the answer
//! rests on.
//!
//! What the list of objects tells of the scene, or of what the newest frame shows of it, it tells: which
//! things there are, how many, where, in what colour and state, beside what, to which side, and all of it.
//! Else the words are the model's; what something can be done with it chooses among what is there. What it cannot
//! know is not passed on: an answer that names a thing which is not in the map is none, and so is the
//! place of such a thing.

use super::mention::{named, named_in, of_class};
use super::planning::PlanningError;
use super::question::Asked;
use super::relation::stands;
use super::scene_mind::{Listener, SceneMind};
use super::told::{Told, side, sight, told};
use super::view::{About, SceneView};
use super::vocabulary::class_word;
use super::{ActionVocabulary, ArgumentKind, gap_m};
use crate::model::{PromptInput, PromptKind};
use crate::scene::{MapObject, ObjectId};
use nalgebra::Point3;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a model says where the scene does not tell.
pub const DO_NOT_KNOW: &str = "i do not know";
/// What a model says where nothing serves.
const NOTHING: &str = "nothing";
/// How questions begin that ask for the place of what they name.
const OF_PLACES: [&str; 3] = ["where ", "which way ", "on which side "];
/// Longest answer to a question, tokens.
const MOST_ANSWER: usize = 32;
/// Longest reply in a dialogue, tokens.
const MOST_REPLY: usize = 64;
/// Longest description, tokens.
const MOST_CAPTION: usize = 160;
/// Earlier turns that a model is told.
const MOST_TURNS: usize = 4;

/// A question, or what a person says.
#[derive(Debug, Clone, Copy)]
pub struct Inquiry<'a> {
    /// The words.
    pub words: &'a str,
    /// What was said before and the replies, oldest first; `None` for a question that stands alone.
    pub turns: Option<&'a [[String; 2]]>,
    /// What it is about.
    pub about: About,
    /// What the robot sees and has seen.
    pub view: Option<&'a SceneView>,
    /// Objects of the map.
    pub objects: &'a [MapObject],
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The question.
    pub question: String,
    /// The answer; [`DO_NOT_KNOW`] where there is none.
    pub words: String,
    /// Why there is none; `None` where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// Objects of the map that it rests on.
    pub objects: Vec<ObjectId>,
    /// Mean log-probability of a token of the model's words; `None` where the words are those of the
    /// list of objects.
    pub mean_log_probability: Option<f64>,
    /// Name of the model.
    pub model: String,
}

impl SceneMind {
    /// Answers a question ([`PromptKind::Ask`]), describes ([`PromptKind::Caption`]), or answers a person in
    /// a dialogue ([`PromptKind::Say`]).
    ///
    /// # Errors
    ///
    /// When the model was not taught to, or fails.
    pub fn answer(
        &mut self,
        inquiry: &Inquiry<'_>,
        on_text: &mut Listener<'_>,
    ) -> Result<Answer, PlanningError> {
        if let Some(answer) = self.tell(inquiry) {
            return if on_text(&answer.words) {
                Ok(answer)
            } else {
                Err(PlanningError::Interrupted)
            };
        }
        let describes = describes(inquiry);
        let (frame, scene) = self.shown(inquiry.about, inquiry.view);
        let turns = inquiry.turns.unwrap_or_default();
        let (kind, most_tokens) = match inquiry.turns {
            None if describes && self.can(PromptKind::Caption) => {
                (PromptKind::Caption, MOST_CAPTION)
            }
            None => (PromptKind::Ask, MOST_ANSWER),
            Some(_) => (PromptKind::Say, MOST_REPLY),
        };
        let input = PromptInput {
            frame,
            scene,
            kind,
            turns: turns.iter().skip(turns.len().saturating_sub(MOST_TURNS)).cloned().collect(),
            goal: inquiry.words.to_owned(),
            ..PromptInput::default()
        };
        let said = self.speak_freely(input, &tools(inquiry), most_tokens, on_text)?;
        let unknown = match () {
            () if !said.finished => Some("the model found no end of its answer".to_owned()),
            () if said.text.is_empty() => Some("the model said nothing".to_owned()),
            () if said.text == DO_NOT_KNOW => Some("the scene does not tell".to_owned()),
            () => invented([inquiry.words, &said.text], inquiry.objects, self.vocabulary()),
        };
        let objects = match unknown {
            None => basis(inquiry.words, &said.text, inquiry.objects),
            Some(_) => Vec::new(),
        };
        Ok(Answer {
            question: inquiry.words.to_owned(),
            words: if unknown.is_some() { DO_NOT_KNOW.to_owned() } else { said.text },
            unknown,
            objects,
            mean_log_probability: Some(said.mean_log_probability),
            model: self.name().to_owned(),
        })
    }

    /// What is answered without the model's words: from the list of objects, or that nothing can be known.
    /// `None` where only the model can tell.
    pub fn tell(&self, inquiry: &Inquiry<'_>) -> Option<Answer> {
        let Told { words, unknown, objects } = match self.told(inquiry) {
            Some(told) => told,
            // All that is before the robot can be told of nothing else.
            None if describes(inquiry) && is_unseen(inquiry) => Told {
                words: DO_NOT_KNOW.to_owned(),
                unknown: Some("there is no image of what is before the robot".to_owned()),
                objects: Vec::new(),
            },
            None => return None,
        };
        Some(Answer {
            question: inquiry.words.to_owned(),
            words,
            unknown,
            objects,
            mean_log_probability: None,
            model: self.name().to_owned(),
        })
    }

    /// What the list of objects tells, or that of those which the newest frame shows.
    fn told(&self, inquiry: &Inquiry<'_>) -> Option<Told> {
        let asked = Asked::of(inquiry.words)?;
        if inquiry.about == About::Scene {
            return told(&asked, inquiry.objects, self.vocabulary(), inquiry.view);
        }
        let shown = inquiry.view?.in_frame.as_ref()?;
        let is_shown = |object: &&MapObject| shown.iter().any(|one| one.id == object.id);
        let before: Vec<MapObject> = inquiry.objects.iter().filter(is_shown).cloned().collect();
        match &asked {
            Asked::Side(thing) => side(thing, &before, shown),
            Asked::Sight => sight(&before),
            // What is not in view may still be in the map.
            Asked::Color(thing) if !named(inquiry.objects, thing).is_empty() => {
                let told = told(&asked, &before, self.vocabulary(), inquiry.view);
                told.filter(|told| told.unknown.is_none())
            }
            _ => told(&asked, &before, self.vocabulary(), inquiry.view),
        }
    }
}

/// Whether a description is asked for.
fn describes(inquiry: &Inquiry<'_>) -> bool {
    let asked = Asked::of(inquiry.words);
    matches!(asked, Some(Asked::Sight | Asked::Everything | Asked::Looks(_)))
}

/// Whether it is asked about the frame before the robot where there is a view, but no frame.
fn is_unseen(inquiry: &Inquiry<'_>) -> bool {
    let lacks_frame = |view: &SceneView| view.frame.is_none() && view.in_frame.is_none();
    inquiry.about == About::Frame && inquiry.view.is_some_and(lacks_frame)
}

/// What may be answered where it is asked what something can be done with: a class of the objects that
/// the question is about, or nothing. None for other questions, and where there is no object.
fn tools(inquiry: &Inquiry<'_>) -> Vec<String> {
    if Asked::of(inquiry.words) != Some(Asked::Tool) || inquiry.objects.is_empty() {
        return Vec::new();
    }
    let shown = inquiry.view.filter(|_| inquiry.about == About::Frame);
    let shown = shown.and_then(|view| view.in_frame.as_ref());
    let is_there =
        |object: &&MapObject| shown.is_none_or(|shown| shown.iter().any(|one| one.id == object.id));
    let classes: BTreeSet<String> =
        inquiry.objects.iter().filter(is_there).map(|object| class_word(&object.label)).collect();
    classes.into_iter().chain([NOTHING.to_owned()]).collect()
}

/// Why `answer` is an invention; `None` where it may be true. A "no" may name what is not there, and
/// where nothing is labelled nothing can be said against it. Who says where something is knows it.
fn invented(
    [question, answer]: [&str; 2],
    objects: &[MapObject],
    vocabulary: &ActionVocabulary,
) -> Option<String> {
    let first = answer.split_whitespace().next().unwrap_or_default();
    if first.trim_end_matches(',') == "no" || objects.is_empty() {
        return None;
    }
    let asks_where = OF_PLACES.iter().any(|start| question.to_lowercase().starts_with(start));
    let of_place = if asks_where { question } else { "" };
    let named = [answer, of_place]
        .into_iter()
        .flat_map(|text| named_in(text, vocabulary.words(ArgumentKind::Target)));
    let missing = { named }.find(|name| of_class(objects, name).next().is_none())?;
    Some(format!("the model says \"{answer}\", and there is no {missing} in the map"))
}

/// The objects that an answer rests on: of those that question and answer name, the ones that stand
/// on one another; else those of the question, with the nearest ones of the answer.
fn basis(question: &str, answer: &str, objects: &[MapObject]) -> Vec<ObjectId> {
    let labels = || objects.iter().map(|object| object.label.as_str());
    let of = |text: &str| -> Vec<&MapObject> {
        let classes = named_in(text, labels());
        classes.iter().flat_map(|class| of_class(objects, class)).collect()
    };
    let (asked, told) = (of(question), of(answer));
    let holder = |object: &MapObject| stands(object, objects.iter()).map(|(_, id)| id);
    let mut ids: Vec<ObjectId> = Vec::new();
    for a in &asked {
        for b in &told {
            if holder(a) == Some(b.id) || holder(b) == Some(a.id) {
                ids.extend([a.id, b.id]);
            }
        }
    }
    if ids.is_empty() {
        let middle = asked.first().map(|object| Point3::from(object.position_m));
        let apart = |object: &MapObject| middle.map_or(0.0, |middle| gap_m(object, &middle));
        let nearest = told.iter().min_by(|a, b| apart(a).total_cmp(&apart(b)));
        match (asked.is_empty(), nearest) {
            (false, Some(nearest)) => {
                ids.extend(asked.iter().map(|one| one.id).chain([nearest.id]))
            }
            _ => ids.extend(asked.iter().chain(&told).map(|one| one.id)),
        }
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::ShownObject;
    use crate::scene::fixtures::object;
    use crate::tasks::scene_mind::tests::checkpoint;
    use candle_core::Device;

    fn kitchen() -> [MapObject; 5] {
        [
            object(1, "countertop", [0.0, 0.0, 0.5], 1.0),
            object(2, "fridge", [5.0, 0.0, 1.0], 2.0),
            object(3, "mug", [0.1, 0.2, 1.05], 0.1),
            object(4, "mug", [3.0, 0.0, 0.05], 0.1),
            object(5, "countertop", [3.5, 2.0, 0.5], 1.0),
        ]
    }

    #[test]
    fn a_tool_is_one_of_what_is_there() {
        let objects = kitchen();
        let shown = ShownObject { id: ObjectId(2), bearing_rad: 0.0 };
        let view = SceneView { in_frame: Some(vec![shown]), ..SceneView::default() };
        let of = |words, about| {
            let view = Some(&view);
            tools(&Inquiry { words, turns: None, about, view, objects: &objects })
        };
        let use_to = "what can i use to cool the mug";
        assert!(of(use_to, About::Scene).contains(&"countertop".to_owned()));
        assert_eq!(of(use_to, About::Frame), ["fridge", "nothing"]);
        assert!(of("is it cold", About::Scene).is_empty());
    }

    #[test]
    fn of_what_is_before_a_robot_that_sees_nothing_nothing_is_told() {
        let mut mind = SceneMind::load(checkpoint().path(), &Device::Cpu).unwrap();
        let view = SceneView::default();
        let mut ask = |words| {
            let (about, view) = (About::of(words), Some(&view));
            let inquiry = Inquiry { words, turns: None, about, view, objects: &kitchen() };
            mind.answer(&inquiry, &mut |_| true).unwrap()
        };
        let before = ask("tell me what is before you");
        assert_eq!((before.words.as_str(), before.objects.len()), (DO_NOT_KNOW, 0));
        assert!(before.unknown.unwrap().contains("no image"));
        assert_eq!(ask("describe the room").objects.len(), kitchen().len());
    }

    #[test]
    fn the_colour_of_what_is_not_there_is_not_known() {
        let mut mind = SceneMind::load(checkpoint().path(), &Device::Cpu).unwrap();
        let objects = kitchen();
        let shown = ShownObject { id: ObjectId(1), bearing_rad: 0.0 };
        let view = SceneView { in_frame: Some(vec![shown]), ..SceneView::default() };
        let of = |words, about| {
            let view = Some(&view);
            Inquiry { words, turns: None, about, view, objects: &objects }
        };
        let plate =
            mind.answer(&of("what color is the plate", About::Scene), &mut |_| true).unwrap();
        assert_eq!(plate.words, DO_NOT_KNOW);
        assert!(plate.unknown.unwrap().contains("no plate"));
        assert!(mind.tell(&of("what color is the plate", About::Frame)).is_some());
        // It is in the map, if not in view.
        assert_eq!(mind.tell(&of("what color is the fridge", About::Frame)), None);
    }

    #[test]
    fn an_answer_rests_on_what_stands_as_it_says() {
        let objects = kitchen();
        let ids = |question: &str, answer: &str| -> Vec<u32> {
            basis(question, answer, &objects).into_iter().map(|id| id.0).collect()
        };
        assert_eq!(ids("where is the mug", "on the countertop"), [1, 3]);
        assert_eq!(ids("how many mugs are there", "two"), [3, 4]);
        assert_eq!(ids("what keeps food cold", "the fridge"), [2]);
        // Neither stands on the other: what was asked for, and the nearest that was named.
        assert_eq!(ids("what is next to the fridge", "a countertop"), [2, 5]);
        assert!(ids("is it raining", "yes").is_empty());
    }

    #[test]
    fn what_is_not_in_the_map_is_no_answer() {
        let (objects, words) = (kitchen(), ActionVocabulary::alfred());
        let asked = ["where is the mug", "in the microwave"];
        let reason = invented(asked, &objects, &words).unwrap();
        assert!(reason.contains("no microwave in the map"), "{reason}");
        let asked = ["Where is the plate?", "on the countertop"];
        let reason = invented(asked, &objects, &words).unwrap();
        assert!(reason.contains("no plate in the map"), "{reason}");
        for [question, answer] in [
            ["where is the mug", "on the countertop"],
            ["is there a microwave", "no, i see no microwave"],
            ["how many plates are there", "two"],
            ["is there a plate", "yes"],
        ] {
            assert_eq!(invented([question, answer], &objects, &words), None, "{question}");
        }
        assert_eq!(invented(["where is the mug", "in the microwave"], &[], &words), None);
    }
}
