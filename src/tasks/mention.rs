//! Things that a text names.

use super::class_word;
use crate::scene::MapObject;
use std::collections::HashSet;

/// Most words of a name.
const MOST_WORDS: usize = 3;

/// The classes that a word may stand for: itself, and what it is the plural of.
pub(super) fn singulars(word: &str) -> Vec<String> {
    let word = class_word(word);
    let mut forms = vec![word.clone()];
    forms.extend(["s", "es"].iter().filter_map(|end| word.strip_suffix(end)).map(str::to_owned));
    if let Some(stem) = word.strip_suffix("ves") {
        forms.extend([format!("{stem}fe"), format!("{stem}f")]);
    }
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

    #[test]
    fn names_are_found_in_all_their_forms() {
        let classes = ["Coffee Machine", "mug", "shelf", "knife", "tomato", "countertop"];
        let named = |text: &str| named_in(text, classes).join(" ");
        assert_eq!(named("How many mugs are on the shelves?"), "mug shelf");
        assert_eq!(
            named("two knives, tomatoes beside the coffee machine."),
            "knife tomato coffeemachine"
        );
        assert_eq!(named("the mug, the Mug and the counter top"), "mug countertop");
        assert_eq!(named("is it raining"), "");
    }
}
