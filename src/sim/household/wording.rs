//! How classes are worded.

/// Class names that people say otherwise.
const SPOKEN: &[(&str, &str)] = &[
    ("butterknife", "butter knife"),
    ("coffeemachine", "coffee maker"),
    ("countertop", "counter"),
    ("desklamp", "desk lamp"),
    ("diningtable", "table"),
    ("dishsponge", "sponge"),
    ("floorlamp", "floor lamp"),
    ("garbagecan", "trash can"),
    ("papertowelroll", "paper towel roll"),
    ("peppershaker", "pepper shaker"),
    ("saltshaker", "salt shaker"),
    ("sinkbasin", "sink"),
    ("soapbottle", "soap bottle"),
    ("stoveburner", "stove"),
    ("winebottle", "wine bottle"),
];

/// A class name as people say it.
pub(crate) fn spoken(name: &str) -> String {
    let spoken = SPOKEN.iter().find(|(class, _)| *class == name);
    spoken.map_or_else(|| name.to_string(), |(_, words)| (*words).to_string())
}

/// A noun with its indefinite article.
pub(in crate::sim) fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// Several of a thing.
pub(in crate::sim) fn plural(thing: &str) -> String {
    match thing {
        "boots" => thing.to_string(),
        _ if thing.ends_with("ato") => format!("{thing}es"),
        _ if thing.ends_with("fe") => format!("{}ves", thing.trim_end_matches("fe")),
        "shelf" => "shelves".to_string(),
        _ if thing.ends_with(['x', 's']) || thing.ends_with("sh") || thing.ends_with("ch") => {
            format!("{thing}es")
        }
        _ => format!("{thing}s"),
    }
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
        ] {
            assert_eq!(plural(one), many);
        }
        assert_eq!(with_article("egg"), "an egg");
        assert_eq!(spoken("sinkbasin"), "sink");
    }
}
