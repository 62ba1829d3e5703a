//! How classes are worded.

/// Class names that people say otherwise.
const SPOKEN: &[(&str, &str)] = &[
    ("alarmclock", "alarm clock"),
    ("baseballbat", "baseball bat"),
    ("bathtubbasin", "bathtub basin"),
    ("butterknife", "butter knife"),
    ("cellphone", "cell phone"),
    ("coffeemachine", "coffee maker"),
    ("coffeetable", "coffee table"),
    ("countertop", "counter"),
    ("creditcard", "credit card"),
    ("desklamp", "desk lamp"),
    ("diningtable", "table"),
    ("dishsponge", "sponge"),
    ("floorlamp", "floor lamp"),
    ("garbagecan", "trash can"),
    ("handtowel", "hand towel"),
    ("handtowelholder", "hand towel holder"),
    ("papertowelroll", "paper towel roll"),
    ("peppershaker", "pepper shaker"),
    ("remotecontrol", "remote control"),
    ("saltshaker", "salt shaker"),
    ("scrubbrush", "scrub brush"),
    ("sidetable", "side table"),
    ("sinkbasin", "sink"),
    ("soapbar", "soap bar"),
    ("soapbottle", "soap bottle"),
    ("spraybottle", "spray bottle"),
    ("stoveburner", "stove"),
    ("teddybear", "teddy bear"),
    ("tennisracket", "tennis racket"),
    ("tissuebox", "tissue box"),
    ("toiletpaper", "toilet paper"),
    ("toiletpaperhanger", "toilet paper hanger"),
    ("wateringcan", "watering can"),
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
