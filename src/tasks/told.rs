//! What the list of objects tells of a question: which things there are, how many, what they stand on
//! or in, what stands there beside them, their colour and state.
//!
//! The list keeps up with the home, and of what it holds it tells the same as a plan does. A model
//! that reads 3D tokens counts badly, and of what was moved it says where such things usually are.

mod list;

pub(crate) use list::lacks;

use super::answer::DO_NOT_KNOW;
use super::color::color_of;
use super::inventory::inventory;
use super::mention::named;
use super::question::Asked;
use super::relation::{largest, nearest, preposition};
use super::view::{AHEAD_RAD, SceneView};
use super::vocabulary::{ActionVocabulary, class_word};
use super::wording::{number_word, so_many_of_each, with_article};
use crate::scene::{MapObject, ObjectId, ShownObject};
use list::{At, List};

/// Words, and the objects they rest on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub words: String,
    /// Why nothing can be known of it; `None` where the words tell something.
    pub unknown: Option<String>,
    pub objects: Vec<ObjectId>,
}

impl Told {
    fn new<'a>(words: impl Into<String>, on: impl IntoIterator<Item = &'a MapObject>) -> Self {
        let mut objects: Vec<ObjectId> = on.into_iter().map(|object| object.id).collect();
        objects.sort_unstable();
        objects.dedup();
        Self { words: words.into(), unknown: None, objects }
    }

    /// That nothing can be known, which nobody else knows better.
    fn unknown(reason: String) -> Self {
        Self { unknown: Some(reason), ..Self::new(DO_NOT_KNOW, []) }
    }
}

/// What `objects` tell of `asked`; `None` where they do not: of an empty list, of a thing that is
/// neither on it nor a class of `words`, of the place and the neighbours of things that stand on no
/// receptacle or on several, of what is as near or as large as another, of the colour of what is
/// not the only one or has no token in the scene of `view`, and of states that it does not tell of
/// every one. Of what the list lacks there are none and no colour is known, whatever it is called: a
/// model would say what such things usually are. What is in a closed thing is not known either, nor whether
/// what is nowhere else is in there.
pub(super) fn told(
    asked: &Asked,
    objects: &[MapObject],
    words: &ActionVocabulary,
    view: Option<&SceneView>,
) -> Option<Told> {
    let list = List { objects, words };
    match asked {
        Asked::Presence(thing) => {
            let things = list.things(thing)?;
            Some(Told::new(if things.is_empty() { "no" } else { "yes" }, things))
        }
        Asked::PresenceAt { thing, holder, every } => list.presence_at(thing, holder, *every, view),
        Asked::NumberAt { thing, holder } => list.number_at(thing, holder, view),
        Asked::Number(thing) => {
            let things = match list.lacks(thing) {
                true => Vec::new(),
                false => list.things(thing)?,
            };
            let number =
                if things.is_empty() { "none".to_owned() } else { number_word(things.len()) };
            Some(Told::new(number, things))
        }
        Asked::Place(thing) => list.place(thing),
        Asked::Color(thing) if list.lacks(thing) => {
            Some(Told::unknown(format!("there is no {thing} in the map")))
        }
        Asked::Color(thing) => {
            let thing = list.only(thing)?;
            Some(Told::new(color_of(thing, view?.scene.as_ref()?)?, [thing]))
        }
        Asked::Neighbour(thing) => {
            let thing = list.only(thing)?;
            let holder = list.holder(thing)?;
            let others = list.held_by(|other| other.id == holder.id);
            let nearest = nearest(thing, others.into_iter())?;
            Some(Told::new(class_word(&nearest.label), [thing, nearest]))
        }
        Asked::Contents(holder) => {
            let holders = list.receptacles(holder)?;
            let held = list.held_by(|other| holders.iter().any(|holder| holder.id == other.id));
            if held.is_empty()
                && let Some(closed) = behind_door(&holders, view)
            {
                return Some(closed);
            }
            let classes = held.iter().map(|thing| class_word(&thing.label));
            let words = match held.len() {
                0 => "nothing".to_owned(),
                _ => so_many_of_each(classes),
            };
            Some(Told::new(words, holders.into_iter().chain(held)))
        }
        Asked::State { thing, state, opposite, every } => {
            list.state(thing, state, [*opposite, *every], view?)
        }
        Asked::Everything => {
            let all: Vec<&MapObject> = objects.iter().collect();
            let words = inventory(&all, |object| list.is_receptacle(object))?;
            Some(Told::new(words, all))
        }
        Asked::Looks(thing) => list.looks(thing, view),
        // Of where the robot stands only a view tells: see [`side`] and [`sight`]; what something is
        // good for a model knows.
        Asked::Side(_) | Asked::Sight | Asked::Tool => None,
        Asked::Largest(holder) => {
            let holders = list.receptacles(holder)?;
            let held = list.held_by(|other| holders.iter().any(|holder| holder.id == other.id));
            let largest = largest(held.into_iter())?;
            Some(Told::new(class_word(&largest.label), [largest]))
        }
    }
}

/// What the list of `objects` tells of `asked`, in the words of a model: "on the countertop", "two". `None`
/// where it does not tell.
pub fn list_tells(
    asked: &Asked,
    objects: &[MapObject],
    words: &ActionVocabulary,
) -> Option<String> {
    let told = told(asked, objects, words, None)?;
    told.unknown.is_none().then_some(told.words)
}

/// That it is not known what is in one of `holders`, where one of them is closed.
fn behind_door(holders: &[&MapObject], view: Option<&SceneView>) -> Option<Told> {
    let closed = holders.iter().find(|holder| is_closed(holder, view))?;
    Some(Told::unknown(format!("the {} is closed", class_word(&closed.label))))
}

/// How many of them all it is.
fn share(some: usize, all: usize) -> String {
    format!("{} of {}", number_word(some), number_word(all))
}

/// Whether an object was last seen closed.
fn is_closed(object: &MapObject, view: Option<&SceneView>) -> bool {
    let mut states = view.into_iter().flat_map(|view| &view.states);
    states.any(|of| of.id == object.id && of.state == "open" && !of.holds)
}

/// To which side of the view the only one of `objects` that `thing` may mean is `shown`.
pub(super) fn side(thing: &str, objects: &[MapObject], shown: &[ShownObject]) -> Option<Told> {
    let [thing] = named(objects, thing)[..] else { return None };
    let words = match shown.iter().find(|one| one.id == thing.id)?.bearing_rad {
        rad if rad > AHEAD_RAD => "left",
        rad if rad < -AHEAD_RAD => "right",
        _ => "ahead",
    };
    Some(Told::new(words, [thing]))
}

/// All `objects` that are shown, by class; `None` where there are none.
pub(super) fn sight(objects: &[MapObject]) -> Option<Told> {
    let classes = objects.iter().map(|object| class_word(&object.label));
    (!objects.is_empty()).then(|| Told::new(so_many_of_each(classes), objects))
}

/// That none of what is `elsewhere`, or nowhere, is on or in `holders`, in the word for none. What is nowhere may
/// be behind a door.
fn nowhere(
    none: &str,
    elsewhere: Vec<&MapObject>,
    holders: &[&MapObject],
    view: Option<&SceneView>,
) -> Told {
    let hidden = behind_door(holders, view).filter(|_| elsewhere.is_empty());
    hidden.unwrap_or_else(|| Told::new(none, elsewhere))
}

impl List<'_> {
    fn presence_at(
        &self,
        thing: &str,
        holder: &str,
        every: bool,
        view: Option<&SceneView>,
    ) -> Option<Told> {
        let At { there, elsewhere, holders, is_known } = self.at(thing, holder)?;
        if there.is_empty() {
            return Some(nowhere("no", elsewhere, &holders, view));
        }
        if every && !elsewhere.is_empty() {
            let words = share(there.len(), there.len() + elsewhere.len());
            return is_known.then(|| Told::new(words, there.into_iter().chain(elsewhere)));
        }
        Some(Told::new("yes", there.into_iter().chain(holders)))
    }

    fn number_at(&self, thing: &str, holder: &str, view: Option<&SceneView>) -> Option<Told> {
        let At { there, elsewhere, holders, .. } = self.at(thing, holder)?;
        if there.is_empty() {
            return Some(nowhere("none", elsewhere, &holders, view));
        }
        Some(Told::new(number_word(there.len()), there.into_iter().chain(holders)))
    }

    /// Whether any thing is in a state, or in its opposite; or whether every one is.
    fn state(
        &self,
        thing: &str,
        state: &str,
        [opposite, every]: [bool; 2],
        view: &SceneView,
    ) -> Option<Told> {
        let things = self.things(thing)?;
        let is_so = |thing: &&MapObject| {
            let of = view.states.iter().find(|of| of.id == thing.id && of.state == state);
            of.map(|of| of.holds != opposite)
        };
        let known: Option<Vec<bool>> = things.iter().map(is_so).collect();
        let known = known.filter(|known| !known.is_empty())?;
        let so: Vec<&MapObject> =
            things.iter().zip(known).filter(|(_, so)| *so).map(|(thing, _)| *thing).collect();
        Some(match so.len() {
            0 => Told::new("no", things),
            some if every && some < things.len() => Told::new(share(some, things.len()), so),
            _ => Told::new("yes", so),
        })
    }

    /// State, colour and place of the only thing that `name` may mean, and what is next to it there; `None`
    /// where nothing of that is known.
    fn looks(&self, name: &str, view: Option<&SceneView>) -> Option<Told> {
        let thing = self.only(name)?;
        let states = view.into_iter().flat_map(|view| &view.states);
        let states = states.filter(|of| of.id == thing.id && of.holds).map(|of| of.state.as_str());
        let color = view.and_then(|view| color_of(thing, view.scene.as_ref()?));
        let class = class_word(&thing.label);
        let adjectives: Vec<&str> = states.chain(color).collect();
        let noun = [&adjectives[..], &[&class]].concat().join(" ");
        let (mut words, mut rests_on) = (with_article(&noun), vec![thing]);
        if let Some(holder) = self.holder(thing) {
            let class = class_word(&holder.label);
            words = format!("{words} {} the {class}", preposition(&class));
            rests_on.push(holder);
            let others = self.held_by(|other| other.id == holder.id);
            if let Some(beside) = nearest(thing, others.into_iter()) {
                words = format!("{words}, next to {}", with_article(&class_word(&beside.label)));
                rests_on.push(beside);
            }
        }
        (rests_on.len() > 1 || !adjectives.is_empty()).then(|| Told::new(words, rests_on))
    }

    fn place(&self, thing: &str) -> Option<Told> {
        let things = self.things(thing)?;
        let holders: Option<Vec<&MapObject>> =
            things.iter().map(|thing| self.holder(thing)).collect();
        let holders = holders?;
        let class = class_word(&holders.first()?.label);
        let is_one = holders.iter().all(|holder| class_word(&holder.label) == class);
        let words = format!("{} the {class}", preposition(&class));
        is_one.then(|| Told::new(words, things.into_iter().chain(holders)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::ObjectState;
    use crate::scene::fixtures::object;

    #[test]
    fn a_view_tells_sides() {
        let objects = [
            object(1, "mug", [0.0; 3], 0.1),
            object(2, "egg", [0.0; 3], 0.1),
            object(3, "fork", [0.0; 3], 0.1),
            object(4, "fork", [0.0; 3], 0.1),
        ];
        let shown = [(1, 0.5), (2, -0.01), (3, -0.5), (4, 0.0)]
            .map(|(id, bearing_rad)| ShownObject { id: ObjectId(id), bearing_rad });
        let side = |thing: &str, shown: &[ShownObject]| {
            side(thing, &objects, shown).map(|told| told.words)
        };
        assert_eq!(side("mug", &shown).as_deref(), Some("left"));
        assert_eq!(side("egg", &shown).as_deref(), Some("ahead"));
        assert_eq!(side("forks", &shown), None, "which of them");
        assert_eq!(side("egg", &shown[..1]), None, "not in view");
        assert_eq!(side("spoon", &shown), None);
        let told = sight(&objects).unwrap();
        assert_eq!((told.words.as_str(), told.objects.len()), ("an egg, two forks, a mug", 4));
        assert_eq!(sight(&[]), None);
    }

    #[test]
    fn a_view_tells_states_of_which_every_thing_is_known() {
        let objects = [(1, "drawer"), (2, "drawer"), (3, "fridge"), (4, "fridge"), (5, "mug")]
            .map(|(id, label)| object(id, label, [0.0; 3], 0.5));
        let states = [(1, false), (2, true), (3, false)].map(|(id, holds)| ObjectState {
            id: ObjectId(id),
            state: "open".into(),
            holds,
        });
        let view = SceneView { states: states.into(), ..SceneView::default() };
        let words = ActionVocabulary::alfred();
        let tell = |question: &str| {
            let told = told(&Asked::of(question).unwrap(), &objects, &words, Some(&view))?;
            let ids: Vec<u32> = told.objects.iter().map(|id| id.0).collect();
            Some((told.words, ids))
        };
        assert_eq!(tell("is any drawer open"), Some(("yes".into(), vec![2])));
        assert_eq!(tell("is any drawer closed"), Some(("yes".into(), vec![1])));
        // Who asks of the drawers asks of all.
        assert_eq!(tell("are the drawers closed"), Some(("one of two".into(), vec![1])));
        assert_eq!(tell("are any drawers closed"), Some(("yes".into(), vec![1])));
        for not_known in ["is the fridge open", "is the mug open", "is any drawer on"] {
            assert_eq!(tell(not_known), None, "{not_known}");
        }
        let one = [objects[2].clone()];
        let asked = Asked::of("is the fridge open").unwrap();
        assert_eq!(told(&asked, &one, &words, Some(&view)).unwrap().words, "no");
        assert_eq!(told(&asked, &one, &words, None), None);
    }

    #[test]
    fn of_what_is_not_there_there_are_none_and_no_colour_is_known() {
        let objects = [(1, "countertop"), (2, "egg")]
            .map(|(id, label)| object(id, label, [f64::from(id), 0.0, 0.5], 0.2));
        let words = ActionVocabulary::alfred();
        let tell = |question: &str| told(&Asked::of(question).unwrap(), &objects, &words, None);
        for none in ["how many unicorns are there", "how many mugs are there"] {
            let none = tell(none).unwrap();
            assert_eq!((none.words.as_str(), none.unknown), ("none", None));
        }
        let color = tell("what color is the mug").unwrap();
        assert_eq!(color.words, DO_NOT_KNOW);
        assert_eq!(color.unknown.as_deref(), Some("there is no mug in the map"));
        for of_something_else in [
            "what color is the egg",
            // A countertop may be meant.
            "how many counters are there",
            "what color is the counter",
            "how many white eggs are there",
            "how many things are there",
            "how many legs does a dog have",
        ] {
            assert_eq!(tell(of_something_else), None, "{of_something_else}");
        }
        let unlabelled = [object(1, "", [0.0; 3], 0.2)];
        let asked = Asked::of("how many unicorns are there").unwrap();
        assert_eq!(told(&asked, &unlabelled, &words, None), None);
    }

    #[test]
    fn what_is_in_a_closed_thing_is_not_known() {
        let objects = [
            object(1, "fridge", [5.0, 0.0, 1.0], 2.0),
            object(2, "sinkbasin", [0.0, 0.0, 0.5], 0.5),
            object(3, "egg", [5.1, 0.0, 0.9], 0.05),
        ];
        let state = ObjectState { id: ObjectId(1), state: "open".into(), holds: false };
        let view = SceneView { states: vec![state], ..SceneView::default() };
        let words = ActionVocabulary::alfred();
        let tell = |question: &str, objects: &[MapObject]| {
            told(&Asked::of(question).unwrap(), objects, &words, Some(&view)).unwrap()
        };
        let closed = tell("what is in the fridge", &objects[..2]);
        assert_eq!(closed.words, DO_NOT_KNOW);
        assert_eq!(closed.unknown.as_deref(), Some("the fridge is closed"));
        assert_eq!(tell("what is in the sinkbasin", &objects).words, "nothing");
        for question in ["is there a mug in the fridge", "how many mugs are in the fridge"] {
            assert_eq!(tell(question, &objects).words, DO_NOT_KNOW, "{question}");
        }
        assert_eq!(tell("is there a mug in the sinkbasin", &objects).words, "no");
        // It was looked into before.
        assert_eq!(tell("what is in the fridge", &objects).words, "an egg");
    }

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
        assert_eq!(tell("is there an egg in the fridge"), says("yes", &[2, 5]));
        assert_eq!(tell("do you see a mug on the dining table"), says("yes", &[1, 3]));
        assert_eq!(tell("are there forks in the fridge"), says("no", &[7, 8]));
        assert_eq!(tell("is there a plate in the fridge"), says("no", &[]));
        assert_eq!(tell("how many forks are on the dining table"), says("two", &[1, 7, 8]));
        assert_eq!(tell("how many mugs are in the fridge"), says("one", &[2, 4]));
        assert_eq!(tell("how many eggs are on the dining table"), says("none", &[5]));
        assert_eq!(tell("are the mugs on the dining table"), says("one of two", &[3, 4]));
        assert_eq!(tell("are the forks on the dining table"), says("yes", &[1, 7, 8]));
        assert_eq!(tell("what is in the fridge"), says("an egg, a mug", &[2, 4, 5]));
        assert_eq!(tell("what is next to the egg"), says("mug", &[4, 5]));
        assert_eq!(tell("what is the largest thing in the fridge"), says("mug", &[4]));
        let egg = says("an egg in the fridge, next to a mug", &[2, 4, 5]);
        assert_eq!(tell("describe the egg"), egg);
        let (everything, on) = tell("describe the scene").unwrap();
        assert!(
            everything.starts_with("on the dining table a bread, two forks, a mug;"),
            "{everything}"
        );
        assert_eq!(on, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        for of_something_else in [
            "where are the mugs",
            "where is the plate",
            "where is the ball",
            "is there a red mug",
            "what color is the egg",
            "is there a unicorn",
            "is there a ball in the fridge",
            "what is next to the ball",
            "what is next to the mug",
            "what is on the egg",
            "describe the mug",
            "what is the ball like",
        ] {
            assert_eq!(tell(of_something_else), None, "{of_something_else}");
        }
        assert_eq!(told(&Asked::Presence("mug".into()), &[], &words, None), None);
    }
}
