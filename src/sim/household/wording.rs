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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_worded_as_people_do() {
        assert_eq!((spoken("sinkbasin"), spoken("mug")), ("sink".into(), "mug".into()));
    }
}
