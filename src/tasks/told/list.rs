//! The objects of a map by what they are called, and by what they stand on or in.

use crate::scene::MapObject;
use crate::scene::holding::Role;
use crate::tasks::mention::{akin, named, singulars};
use crate::tasks::relation::{role, stands};
use crate::tasks::vocabulary::{ActionVocabulary, ArgumentKind, class_word};

/// Most words of a name; what is longer is another question ("how many legs does a dog have").
const MOST_WORDS: usize = 3;

/// Words for things of all classes.
const COLLECTIVES: [&str; 5] = ["things", "objects", "items", "thing", "object"];

/// Whether nothing among `objects` comes near `name`, though they tell what things are called.
pub(crate) fn lacks(name: &str, objects: &[MapObject]) -> bool {
    let labels = || objects.iter().map(|object| object.label.as_str());
    let is_collective = COLLECTIVES.contains(&&*class_word(name));
    labels().any(|label| !label.is_empty())
        && !is_collective
        && name.split_whitespace().count() <= MOST_WORDS
        && akin(name, objects).is_empty()
}

/// Things that are on or in something, and others of their name.
pub(super) struct At<'a> {
    pub there: Vec<&'a MapObject>,
    pub elsewhere: Vec<&'a MapObject>,
    pub holders: Vec<&'a MapObject>,
    /// Whether it is known of all what they stand on.
    pub is_known: bool,
}

/// The objects, and the classes that are spoken of.
pub(super) struct List<'a> {
    pub objects: &'a [MapObject],
    pub words: &'a ActionVocabulary,
}

impl<'a> List<'a> {
    /// Those that `name` may mean; `None` where it is nothing that is known.
    pub fn things(&self, name: &str) -> Option<Vec<&'a MapObject>> {
        let things = named(self.objects, name);
        let is_known = !things.is_empty() || self.is_class(name);
        (!self.objects.is_empty() && is_known).then_some(things)
    }

    /// Whether `name` is that of a class.
    fn is_class(&self, name: &str) -> bool {
        let forms = singulars(name);
        let classes = self.words.words(ArgumentKind::Target);
        classes.into_iter().any(|class| forms.contains(&class_word(class)))
    }

    /// Whether it holds nothing that `name` may mean, though it tells what things are called. What has the
    /// name of a class is not meant by a part of it: a knife is no butterknife.
    pub fn lacks(&self, name: &str) -> bool {
        let is_labelled = self.objects.iter().any(|object| !object.label.is_empty());
        let is_missing = || is_labelled && named(self.objects, name).is_empty();
        lacks(name, self.objects) || (self.is_class(name) && is_missing())
    }

    /// The only one that `name` may mean.
    pub fn only(&self, name: &str) -> Option<&'a MapObject> {
        let things = self.things(name)?;
        things.first().copied().filter(|_| things.len() == 1)
    }

    /// Whether things of its class hold others.
    pub fn is_receptacle(&self, object: &MapObject) -> bool {
        self.words.words(ArgumentKind::Receptacle).contains(&&*class_word(&object.label))
    }

    /// The receptacles that `name` may mean; `None` where there are none.
    pub fn receptacles(&self, name: &str) -> Option<Vec<&'a MapObject>> {
        let all = named(self.objects, name);
        (!all.is_empty() && all.iter().all(|object| self.is_receptacle(object))).then_some(all)
    }

    /// The receptacle that an object stands on or in.
    pub fn holder(&self, object: &MapObject) -> Option<&'a MapObject> {
        // A stove leads to its burners.
        let is_asked =
            |other: &&MapObject| self.is_receptacle(other) || role(other) == Role::HasPlaces;
        let (_, id) = stands(object, self.objects.iter().filter(is_asked))?;
        self.objects.iter().find(|other| other.id == id && self.is_receptacle(other))
    }

    /// What stands on or in those of the receptacles that `is_asked` picks.
    pub fn held_by(&self, is_asked: impl Fn(&MapObject) -> bool) -> Vec<&'a MapObject> {
        let holds = |object: &&MapObject| self.holder(object).is_some_and(&is_asked);
        self.objects.iter().filter(holds).collect()
    }

    /// Where the things called so are, as for what is called so. `None` where that is nothing known, or
    /// where none is there and what one of them stands on is not known: the list cannot tell that it is not
    /// there.
    pub fn at(&self, thing: &str, holder: &str) -> Option<At<'a>> {
        let (things, holders) = (self.things(thing)?, self.receptacles(holder)?);
        let is_there = |thing: &&MapObject| {
            let on = self.holder(thing);
            on.is_some_and(|on| holders.iter().any(|holder| holder.id == on.id))
        };
        let (there, elsewhere): (Vec<_>, Vec<_>) = things.into_iter().partition(is_there);
        let is_known = elsewhere.iter().all(|thing| self.holder(thing).is_some());
        (is_known || !there.is_empty()).then_some(At { there, elsewhere, holders, is_known })
    }
}
