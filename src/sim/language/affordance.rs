//! What things are good for.

use super::facts::{ObjectFact, SceneFacts};
use crate::sim::household::{may_be_cleaned, may_be_cooled, may_be_heated, may_be_sliced};

/// A purpose, and the classes that serve it.
#[derive(Debug)]
pub struct Purpose {
    /// Words that end "what can i use to …". `{}` is the thing it is done to.
    pub said: &'static [&'static str],
    /// Classes that serve it, the most usual first.
    pub tools: &'static [&'static str],
    /// What it can be done to; `None` where it needs nothing.
    pub done_to: Option<fn(&str) -> bool>,
}

/// The purposes that are spoken of.
pub const PURPOSES: &[Purpose] = &[
    Purpose {
        said: &["cut the {}", "slice the {}"],
        tools: &["knife", "butterknife"],
        done_to: Some(may_be_sliced),
    },
    Purpose {
        said: &["heat the {}", "warm up the {}"],
        tools: &["microwave"],
        done_to: Some(may_be_heated),
    },
    Purpose {
        said: &["cool the {}", "chill the {}"],
        tools: &["fridge"],
        done_to: Some(may_be_cooled),
    },
    Purpose {
        said: &["wash the {}", "rinse the {}", "clean the {}"],
        tools: &["sinkbasin", "bathtubbasin"],
        done_to: Some(may_be_cleaned),
    },
    Purpose {
        said: &["get more light", "light up the room"],
        tools: &["desklamp", "floorlamp", "candle"],
        done_to: None,
    },
    Purpose { said: &["make coffee"], tools: &["coffeemachine"], done_to: None },
    Purpose { said: &["toast a slice of bread"], tools: &["toaster"], done_to: None },
    Purpose { said: &["fry an egg"], tools: &["pan"], done_to: None },
    Purpose { said: &["boil water"], tools: &["kettle", "pot"], done_to: None },
    Purpose { said: &["drink from"], tools: &["mug", "cup"], done_to: None },
    Purpose { said: &["eat soup"], tools: &["spoon"], done_to: None },
    Purpose { said: &["throw things away"], tools: &["garbagecan"], done_to: None },
    Purpose {
        said: &["sit on", "sit down on"],
        tools: &["chair", "sofa", "armchair", "ottoman", "bed"],
        done_to: None,
    },
    Purpose { said: &["sleep on", "lie down on"], tools: &["bed", "sofa"], done_to: None },
    Purpose { said: &["write a note"], tools: &["pen", "pencil"], done_to: None },
    Purpose { said: &["read"], tools: &["book", "newspaper"], done_to: None },
    Purpose { said: &["tell the time"], tools: &["alarmclock", "watch"], done_to: None },
    Purpose { said: &["make a call"], tools: &["cellphone"], done_to: None },
    Purpose { said: &["water the plants"], tools: &["wateringcan"], done_to: None },
    Purpose {
        said: &["wipe the table", "wipe a spill"],
        tools: &["cloth", "dishsponge", "papertowelroll"],
        done_to: None,
    },
    Purpose { said: &["wash my hands"], tools: &["soapbar", "soapbottle"], done_to: None },
    Purpose { said: &["season the food"], tools: &["saltshaker", "peppershaker"], done_to: None },
    Purpose { said: &["hold flowers"], tools: &["vase"], done_to: None },
];

impl Purpose {
    /// What serves it best of what shows.
    pub fn tool<'a>(&self, facts: &'a SceneFacts) -> Option<&'a ObjectFact> {
        self.tools.iter().find_map(|tool| facts.objects.iter().find(|o| o.category == *tool))
    }
}

/// The purpose that the words after "what can i use to" name, and what it is done to.
pub fn purpose_of(words: &str) -> Option<(&'static Purpose, Option<String>)> {
    PURPOSES.iter().find_map(|purpose| {
        purpose.said.iter().find_map(|said| match said.split_once("{}") {
            None => (*said == words).then_some((purpose, None)),
            Some((before, after)) => {
                let thing = words.strip_prefix(before)?.strip_suffix(after)?;
                (!thing.is_empty()).then(|| (purpose, Some(thing.to_string())))
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::language::words::is_told;

    #[test]
    fn every_purpose_is_understood_in_all_its_words() {
        for purpose in PURPOSES {
            assert!(purpose.tools.iter().all(|tool| is_told(tool)), "{:?}", purpose.tools);
            for said in purpose.said {
                let (found, thing) = purpose_of(&said.replace("{}", "apple")).unwrap();
                assert_eq!(found.tools, purpose.tools);
                assert_eq!(thing.as_deref(), said.contains("{}").then_some("apple"));
            }
        }
        assert!(purpose_of("fly").is_none() && purpose_of("cut the ").is_none());
    }
}
