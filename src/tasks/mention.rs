//! Things that a text names.

use super::class_word;
use super::wording::IRREGULAR;
use crate::scene::MapObject;
use std::collections::{BTreeSet, HashSet};

/// Most words of a name.
pub(super) const MOST_WORDS: usize = 3;
/// Shortest part of a name by which a thing is called, and shortest rest of the name, bytes.
const LEAST_PART: usize = 3;

/// The classes that a word may stand for: itself, and what it is the plural of.
pub(super) fn singulars(word: &str) -> Vec<String> {
    let word = class_word(word);
    let mut forms = vec![word.clone()];
    forms.extend(["s", "es"].iter().filter_map(|end| word.strip_suffix(end)).map(str::to_owned));
    if let Some(stem) = word.strip_suffix("ves") {
        forms.extend([format!("{stem}fe"), format!("{stem}f")]);
    }
    forms.extend(word.strip_suffix("ies").map(|stem| format!("{stem}y")));
    let irregular = IRREGULAR.iter().filter(|(_, several)| *several == word);
    forms.extend(irregular.map(|(one, _)| (*one).to_owned()));
    forms
}

/// Those of `classes` that `text` names, in the singular or plural, in one word or several ("coffee
/// machine"), in the order of the text, each once. Of names within names the longest counts.
pub fn named_in<'a>(text: &str, classes: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let classes: HashSet<String> = classes.into_iter().map(class_word).collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < words.len() {
        let longest = (1..=MOST_WORDS).rev().find_map(|count| {
            let window = words.get(at..at + count)?;
            let class = singulars(&window.concat()).into_iter().find(|one| classes.contains(one));
            class.map(|class| (count, class))
        });
        let (count, class) = longest.map_or((1, None), |(count, class)| (count, Some(class)));
        at += count;
        found.extend(class.filter(|class| !class.is_empty() && !found.contains(class)));
    }
    found
}

/// The objects a person may mean by `name`: those of the class, in the singular or the plural.
pub fn named<'a>(objects: &'a [MapObject], name: &str) -> Vec<&'a MapObject> {
    let forms = singulars(name);
    objects.iter().filter(|object| forms.contains(&class_word(&object.label))).collect()
}

/// The classes of `objects` that `name`, which is none of them, may be meant for: those that it names among other
/// words ("red mug"), and those of which it is a part ("sink" of "sinkbasin").
pub(crate) fn akin(name: &str, objects: &[MapObject]) -> Vec<String> {
    let labels = || objects.iter().map(|object| object.label.as_str());
    let mut akin = with_part(name, labels());
    akin.extend(named_in(name, labels()));
    akin.into_iter().collect()
}

/// Those of `classes` of which `name` is a part, in the singular or the plural: "sinkbasin" of "sink".
pub(super) fn with_part<'a>(
    name: &str,
    classes: impl IntoIterator<Item = &'a str>,
) -> BTreeSet<String> {
    let forms = singulars(name);
    let is_part = |class: &String| {
        forms.iter().map(String::as_str).any(|part| {
            part.len() >= LEAST_PART
                && class.len() >= part.len() + LEAST_PART
                && (class.starts_with(part) || class.ends_with(part))
        })
    };
    classes.into_iter().map(class_word).filter(is_part).collect()
}

/// The objects of a class.
pub(super) fn of_class<'a>(
    objects: &'a [MapObject],
    class: &str,
) -> impl Iterator<Item = &'a MapObject> + use<'a> {
    let class = class_word(class);
    objects.iter().filter(move |object| class_word(&object.label) == class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::object;

    #[test]
    fn what_comes_near_a_name_names_a_part_of_it_or_is_named_in_part() {
        let labels = ["sinkbasin", "Dining Table", "sidetable", "mug", "mug", "pen", ""];
        let objects = (1..).zip(labels).map(|(id, label)| object(id, label, [0.0; 3], 0.1));
        let objects: Vec<MapObject> = objects.collect();
        for (name, classes) in [
            ("sink", "sinkbasin"),
            ("tables", "diningtable sidetable"),
            ("mug on the table", "mug"),
            ("pens and mugs", "mug pen"),
            // What is left of a name is a word as well.
            ("sidetab", ""),
            ("unicorn", ""),
            ("a", ""),
        ] {
            assert_eq!(akin(name, &objects).join(" "), classes, "{name}");
        }
    }

    #[test]
    fn names_are_found_in_all_their_forms() {
        let classes = [
            "Coffee Machine",
            "mug",
            "shelf",
            "knife",
            "tomato",
            "countertop",
            "person",
            "battery",
        ];
        let named = |text: &str| named_in(text, classes).join(" ");
        assert_eq!(named("How many mugs are on the shelves?"), "mug shelf");
        assert_eq!(
            named("two knives, tomatoes beside the coffee machine."),
            "knife tomato coffeemachine"
        );
        assert_eq!(named("the mug, the Mug and the counter top"), "mug countertop");
        assert_eq!(named("how many people need batteries"), "person battery");
        assert_eq!(named("is it raining"), "");
    }
}
