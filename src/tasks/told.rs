//! What the list of objects tells of a question: which things there are, how many, what they stand on
//! or in, and their colour.
//!
//! The list keeps up with the home, and of what it holds it tells the same as a plan does. A model
//! that reads 3D tokens counts badly, and of what was moved it says where such things usually are.

use super::color::color_of;
use super::mention::{named, singulars};
use super::question::Asked;
use super::relation::{preposition, stands};
use super::vocabulary::{ActionVocabulary, ArgumentKind, class_word};
use crate::scene::{MapObject, ObjectId, VisualTokens};

/// Numbers in words, from none on.
pub(crate) const NUMBERS: [&str; 13] = [
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
];

/// Words, and the objects they rest on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub words: String,
    pub objects: Vec<ObjectId>,
}

/// What `objects` tell of `asked`; `None` where they do not: of an empty list, of a thing that is
/// neither on it nor a class of `words`, of the place of things that stand on no receptacle or on
/// several, and of the colour of what is not the only one or has no token in `scene`.
pub(super) fn told(
    asked: &Asked,
    objects: &[MapObject],
    words: &ActionVocabulary,
    scene: Option<&VisualTokens>,
) -> Option<Told> {
    let known = words.words(ArgumentKind::Target);
    let receptacles = words.words(ArgumentKind::Receptacle);
    let things = named(objects, asked.thing());
    let forms = singulars(asked.thing());
    let is_class = || known.iter().any(|class| forms.contains(&class_word(class)));
    if objects.is_empty() || (things.is_empty() && !is_class()) {
        return None;
    }
    let mut ids: Vec<ObjectId> = things.iter().map(|thing| thing.id).collect();
    let words = match asked {
        Asked::Presence(_) => if things.is_empty() { "no" } else { "yes" }.to_owned(),
        Asked::Number(_) if things.is_empty() => "none".to_owned(),
        Asked::Number(_) => number_word(things.len()),
        Asked::Color(_) => {
            let [thing] = things[..] else { return None };
            color_of(thing, scene?)?.to_owned()
        }
        Asked::Place(_) => {
            let is_receptacle = |one: &MapObject| receptacles.contains(&&*class_word(&one.label));
            let mut holders = Vec::new();
            for thing in &things {
                let (_, id) = stands(thing, objects.iter().filter(|one| is_receptacle(one)))?;
                holders.push(objects.iter().find(|object| object.id == id)?);
            }
            ids.extend(holders.iter().map(|holder| holder.id));
            let class = class_word(&holders.first()?.label);
            if holders.iter().any(|holder| class_word(&holder.label) != class) {
                return None;
            }
            format!("{} the {class}", preposition(&class))
        }
    };
    ids.sort_unstable();
    ids.dedup();
    Some(Told { words, objects: ids })
}

/// A number up to twelve as a word.
pub(crate) fn number_word(number: usize) -> String {
    NUMBERS.get(number).map_or_else(|| number.to_string(), |word| (*word).to_string())
}

#[cfg(test)]
mod tests {
    use super::super::chat::tests::object;
    use super::*;

    #[test]
    fn a_list_tells_what_there_is_how_many_and_where() {
        let objects = [
            object(1, "Dining Table", [0.0, 0.0, 0.5], 1.0),
            object(2, "fridge", [5.0, 0.0, 1.0], 2.0),
            object(3, "mug", [0.1, 0.2, 1.05], 0.1),
            object(4, "mug", [5.0, 0.0, 1.0], 0.1),
            object(5, "egg", [5.1, 0.0, 0.9], 0.05),
            object(6, "ball", [2.0, 3.0, 0.1], 0.2),
            object(7, "fork", [0.1, 0.1, 1.02], 0.04),
            object(8, "fork", [-0.1, 0.1, 1.02], 0.04),
            object(9, "bread", [0.1, 0.1, 1.05], 0.12),
        ];
        let words = ActionVocabulary::alfred();
        let tell = |question: &str| {
            let told = told(&Asked::of(question).unwrap(), &objects, &words, None)?;
            let ids: Vec<u32> = told.objects.iter().map(|id| id.0).collect();
            Some((told.words, ids))
        };
        let says = |words: &str, ids: &[u32]| Some((words.to_owned(), ids.to_vec()));
        assert_eq!(tell("is there a mug?"), says("yes", &[3, 4]));
        assert_eq!(tell("is there a plate?"), says("no", &[]));
        assert_eq!(tell("how many mugs are there"), says("two", &[3, 4]));
        assert_eq!(tell("how many plates are there"), says("none", &[]));
        assert_eq!(tell("where is the egg"), says("in the fridge", &[2, 5]));
        assert_eq!(tell("where are the forks"), says("on the diningtable", &[1, 7, 8]), "no bread");
        for of_something_else in [
            "where are the mugs",
            "where is the plate",
            "where is the ball",
            "is there a red mug",
            "what color is the egg",
            "is there a unicorn",
            "do you see a mug on the dining table",
        ] {
            assert_eq!(tell(of_something_else), None, "{of_something_else}");
        }
        assert_eq!(told(&Asked::Presence("mug".into()), &[], &words, None), None);
    }
}
