//! What can be done with things, by category: the affordances of AI2-THOR as ALFRED uses them.

/// What a robot can lift.
const PORTABLE: &[&str] = &[
    "alarmclock",
    "apple",
    "baseballbat",
    "basketball",
    "book",
    "boots",
    "bowl",
    "box",
    "bread",
    "butterknife",
    "candle",
    "cd",
    "cellphone",
    "cloth",
    "creditcard",
    "cup",
    "dishsponge",
    "egg",
    "fork",
    "glassbottle",
    "handtowel",
    "kettle",
    "keychain",
    "knife",
    "ladle",
    "laptop",
    "lettuce",
    "mug",
    "newspaper",
    "pan",
    "papertowelroll",
    "pen",
    "pencil",
    "peppershaker",
    "pillow",
    "plate",
    "plunger",
    "pot",
    "potato",
    "remotecontrol",
    "saltshaker",
    "scrubbrush",
    "soapbar",
    "soapbottle",
    "spatula",
    "spoon",
    "spraybottle",
    "statue",
    "teddybear",
    "tennisracket",
    "tissuebox",
    "toiletpaper",
    "tomato",
    "towel",
    "vase",
    "watch",
    "wateringcan",
    "winebottle",
];
/// Furniture, appliances and what hangs on walls.
const FIXED: &[&str] = &[
    "armchair",
    "bathtubbasin",
    "bed",
    "cabinet",
    "cart",
    "chair",
    "coffeemachine",
    "coffeetable",
    "countertop",
    "desk",
    "desklamp",
    "diningtable",
    "drawer",
    "dresser",
    "faucet",
    "floorlamp",
    "fridge",
    "garbagecan",
    "handtowelholder",
    "hood",
    "microwave",
    "ottoman",
    "painting",
    "safe",
    "shelf",
    "sidetable",
    "sinkbasin",
    "sofa",
    "stove",
    "stoveburner",
    "toaster",
    "toilet",
    "toiletpaperhanger",
];
/// What belongs to the room.
const STRUCTURE: &[&str] = &["backsplash", "ceiling", "floor", "wall", "window"];
const OPENS: &[&str] = &["cabinet", "drawer", "fridge", "microwave", "safe"];
const LAMPS: &[&str] = &["desklamp", "floorlamp"];
const SWITCHED: &[&str] = &["coffeemachine", "faucet", "microwave", "stoveburner", "toaster"];
const KNIVES: &[&str] = &["butterknife", "knife"];
const SLICED: &[&str] = &["apple", "bread", "lettuce", "potato", "tomato"];
const HELD_IN: &[&str] = &["bowl", "box", "cup", "mug", "pan", "plate", "pot"];
const HEATED: &[&str] = &["apple", "bread", "cup", "egg", "mug", "plate", "potato", "tomato"];
const COOLED: &[&str] = &[
    "apple",
    "bowl",
    "bread",
    "cup",
    "egg",
    "lettuce",
    "mug",
    "pan",
    "plate",
    "pot",
    "potato",
    "tomato",
    "winebottle",
];
const CLEANED: &[&str] = &[
    "apple",
    "bowl",
    "butterknife",
    "cloth",
    "cup",
    "dishsponge",
    "egg",
    "fork",
    "glassbottle",
    "kettle",
    "knife",
    "ladle",
    "lettuce",
    "mug",
    "pan",
    "plate",
    "pot",
    "potato",
    "soapbar",
    "spatula",
    "spoon",
    "tomato",
];
const SINKS: &[&str] = &["bathtubbasin", "sinkbasin"];

/// Every category there is in homes: what can be lifted, what stays, and the room itself.
pub fn categories() -> impl Iterator<Item = &'static str> {
    PORTABLE.iter().chain(FIXED).chain(STRUCTURE).copied()
}

/// Whether a robot can lift it.
pub fn is_portable(category: &str) -> bool {
    PORTABLE.contains(&category)
}

/// Whether it has a door or is pulled out.
pub fn opens(category: &str) -> bool {
    OPENS.contains(&category)
}

/// Whether it lights what is looked at.
pub fn is_lamp(category: &str) -> bool {
    LAMPS.contains(&category)
}

/// Whether it is switched on and off.
pub(super) fn has_switch(category: &str) -> bool {
    is_lamp(category) || SWITCHED.contains(&category)
}

/// Whether it slices what can be sliced.
pub fn is_knife(category: &str) -> bool {
    KNIVES.contains(&category)
}

/// Whether a knife slices it.
pub fn may_be_sliced(category: &str) -> bool {
    SLICED.contains(&category)
}

/// Whether it can be lifted and holds other things.
pub fn may_hold(category: &str) -> bool {
    HELD_IN.contains(&category)
}

/// Whether it goes into a microwave.
pub fn may_be_heated(category: &str) -> bool {
    HEATED.contains(&category)
}

/// Whether it is put into a fridge to cool.
pub fn may_be_cooled(category: &str) -> bool {
    COOLED.contains(&category)
}

/// Whether it is washed in a sink.
pub fn may_be_cleaned(category: &str) -> bool {
    CLEANED.contains(&category)
}

/// Whether things are washed in it.
pub(super) fn is_sink(category: &str) -> bool {
    SINKS.contains(&category)
}
