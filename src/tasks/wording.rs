//! How nouns and numbers are worded.

use std::collections::BTreeMap;

/// Numbers in words, from none on.
pub(crate) const NUMBERS: [&str; 13] = [
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
];

/// A number up to twelve as a word.
pub(crate) fn number_word(number: usize) -> String {
    NUMBERS.get(number).map_or_else(|| number.to_string(), |word| (*word).to_string())
}

/// A noun with its indefinite article.
pub(crate) fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// What is one of and what is several of, where no rule makes one of the other.
pub(super) const IRREGULAR: [(&str, &str); 5] = [
    ("person", "people"),
    ("child", "children"),
    ("man", "men"),
    ("woman", "women"),
    ("mouse", "mice"),
];

/// Several of a thing.
pub(crate) fn plural(thing: &str) -> String {
    if let Some((_, several)) = IRREGULAR.iter().find(|(one, _)| *one == thing) {
        return (*several).to_string();
    }
    let stem = thing.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    if let Some(stem) = stem {
        return format!("{stem}ies");
    }
    match thing {
        "boots" | "scissors" | "sheep" => thing.to_string(),
        _ if thing.ends_with("ato") => format!("{thing}es"),
        _ if thing.ends_with("fe") => format!("{}ves", thing.trim_end_matches("fe")),
        "shelf" => "shelves".to_string(),
        _ if thing.ends_with(['x', 's']) || thing.ends_with("sh") || thing.ends_with("ch") => {
            format!("{thing}es")
        }
        _ => format!("{thing}s"),
    }
}

/// So many of a class: "a mug", "two mugs".
pub(crate) fn so_many(number: usize, class: &str) -> String {
    match number {
        1 => with_article(class),
        more => format!("{} {}", number_word(more), plural(class)),
    }
}

/// Things by class, with their numbers: "an egg, two mugs".
pub(crate) fn so_many_of_each(classes: impl IntoIterator<Item = String>) -> String {
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    classes.into_iter().for_each(|class| *numbers.entry(class).or_default() += 1);
    let told: Vec<String> = numbers.iter().map(|(class, number)| so_many(*number, class)).collect();
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_are_worded_as_people_do() {
        for (one, many) in [
            ("knife", "knives"),
            ("tomato", "tomatoes"),
            ("box", "boxes"),
            ("shelf", "shelves"),
            ("scrubbrush", "scrubbrushes"),
            ("watch", "watches"),
            ("mug", "mugs"),
            ("battery", "batteries"),
            ("toy", "toys"),
            ("person", "people"),
            ("scissors", "scissors"),
        ] {
            assert_eq!(plural(one), many);
        }
        let each = so_many_of_each(["mug", "egg", "mug"].map(String::from));
        assert_eq!(each, "an egg, two mugs");
        assert_eq!(
            (so_many(1, "egg"), so_many(2, "knife")),
            ("an egg".into(), "two knives".into())
        );
    }
}
