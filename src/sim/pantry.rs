//! The small things of a kitchen: how many there are, and on what they stand.

use super::stock::{Stock, stock};

/// Small things, from large to small, of which a kitchen has so many in the open. Counted in the 3436
/// kitchens of ALFRED's training split. A thing is held to stand where the nearest one stands that is as
/// high, of all that plans take up in the same floor plan; numbers of places are of a hundred things. Of a
/// fifth of the things none is near. Two thirds of these are at heights at which nothing stands open, so all
/// of them count as put away. What is open in fewer than one kitchen of twenty is left out.
/// Kitchens from seeds have no side table, and no room on their coffee machine.
pub(super) const STOCK: &[Stock] = &[
    stock(
        "papertowelroll",
        [25, 0, 0],
        &[
            ("countertop", 51),
            ("diningtable", 18),
            ("garbagecan", 13),
            ("sidetable", 2),
            ("coffeemachine", 1),
        ],
    ),
    stock(
        "pot",
        [94, 38, 5],
        &[
            ("stoveburner", 59),
            ("countertop", 23),
            ("diningtable", 5),
            ("fridge", 4),
            ("cabinet", 1),
            ("sinkbasin", 1),
        ],
    ),
    stock(
        "pan",
        [91, 22, 3],
        &[
            ("stoveburner", 46),
            ("countertop", 33),
            ("diningtable", 6),
            ("cabinet", 4),
            ("fridge", 4),
        ],
    ),
    stock(
        "kettle",
        [40, 16, 3],
        &[
            ("countertop", 31),
            ("stoveburner", 31),
            ("cabinet", 11),
            ("diningtable", 7),
            ("sinkbasin", 2),
        ],
    ),
    stock(
        "lettuce",
        [87, 38, 11],
        &[
            ("countertop", 39),
            ("diningtable", 30),
            ("fridge", 13),
            ("sinkbasin", 5),
            ("sidetable", 2),
            ("garbagecan", 1),
        ],
    ),
    stock(
        "bread",
        [94, 34, 8],
        &[("countertop", 54), ("diningtable", 32), ("fridge", 7), ("sidetable", 1)],
    ),
    stock(
        "plate",
        [64, 18, 3],
        &[
            ("countertop", 26),
            ("cabinet", 20),
            ("diningtable", 15),
            ("fridge", 10),
            ("sinkbasin", 2),
            ("shelf", 1),
        ],
    ),
    stock(
        "bowl",
        [59, 18, 3],
        &[
            ("countertop", 20),
            ("cabinet", 18),
            ("diningtable", 15),
            ("fridge", 13),
            ("sinkbasin", 3),
            ("microwave", 2),
            ("shelf", 2),
            ("sidetable", 1),
        ],
    ),
    stock(
        "knife",
        [93, 52, 20],
        &[("countertop", 50), ("diningtable", 26), ("sinkbasin", 6), ("sidetable", 3)],
    ),
    stock(
        "butterknife",
        [94, 56, 20],
        &[("countertop", 57), ("diningtable", 27), ("sinkbasin", 7), ("sidetable", 1)],
    ),
    stock(
        "spatula",
        [90, 49, 17],
        &[("countertop", 43), ("diningtable", 25), ("sinkbasin", 10), ("sidetable", 2)],
    ),
    stock(
        "ladle",
        [28, 12, 3],
        &[("countertop", 43), ("diningtable", 14), ("cabinet", 12), ("sinkbasin", 2)],
    ),
    stock("statue", [11, 5, 1], &[("countertop", 53), ("shelf", 23), ("diningtable", 4)]),
    stock(
        "vase",
        [11, 7, 2],
        &[("countertop", 33), ("shelf", 27), ("cabinet", 23), ("diningtable", 3)],
    ),
    stock(
        "book",
        [5, 1, 0],
        &[("countertop", 33), ("diningtable", 12), ("cabinet", 10), ("shelf", 4)],
    ),
    stock(
        "winebottle",
        [32, 14, 3],
        &[
            ("countertop", 35),
            ("diningtable", 23),
            ("cabinet", 16),
            ("garbagecan", 10),
            ("shelf", 3),
            ("fridge", 2),
        ],
    ),
    stock(
        "glassbottle",
        [17, 6, 1],
        &[
            ("countertop", 27),
            ("diningtable", 14),
            ("cabinet", 14),
            ("sinkbasin", 10),
            ("garbagecan", 6),
            ("fridge", 6),
            ("shelf", 3),
        ],
    ),
    stock(
        "spraybottle",
        [5, 2, 0],
        &[("countertop", 33), ("diningtable", 24), ("cabinet", 11), ("garbagecan", 11)],
    ),
    stock(
        "mug",
        [77, 25, 4],
        &[
            ("countertop", 24),
            ("diningtable", 12),
            ("fridge", 11),
            ("coffeemachine", 10),
            ("cabinet", 10),
            ("microwave", 7),
            ("sinkbasin", 7),
            ("sidetable", 1),
            ("shelf", 1),
        ],
    ),
    stock(
        "cup",
        [69, 23, 4],
        &[
            ("countertop", 21),
            ("diningtable", 15),
            ("fridge", 14),
            ("cabinet", 11),
            ("sinkbasin", 9),
            ("microwave", 6),
            ("sidetable", 2),
            ("shelf", 2),
        ],
    ),
    stock(
        "apple",
        [72, 26, 6],
        &[
            ("countertop", 24),
            ("fridge", 16),
            ("diningtable", 16),
            ("garbagecan", 11),
            ("microwave", 10),
            ("sinkbasin", 9),
            ("sidetable", 2),
        ],
    ),
    stock(
        "tomato",
        [78, 32, 8],
        &[
            ("countertop", 29),
            ("fridge", 22),
            ("diningtable", 20),
            ("garbagecan", 7),
            ("sinkbasin", 7),
            ("sidetable", 2),
        ],
    ),
    stock(
        "potato",
        [76, 31, 8],
        &[
            ("countertop", 29),
            ("fridge", 16),
            ("diningtable", 16),
            ("sinkbasin", 11),
            ("microwave", 8),
            ("garbagecan", 5),
            ("sidetable", 2),
        ],
    ),
    stock(
        "fork",
        [91, 50, 18],
        &[("countertop", 43), ("diningtable", 24), ("sinkbasin", 10), ("sidetable", 2)],
    ),
    stock(
        "spoon",
        [88, 47, 15],
        &[("countertop", 37), ("diningtable", 22), ("sinkbasin", 13), ("sidetable", 3)],
    ),
    stock(
        "egg",
        [71, 25, 5],
        &[
            ("countertop", 24),
            ("fridge", 15),
            ("sinkbasin", 13),
            ("diningtable", 12),
            ("garbagecan", 11),
            ("microwave", 11),
            ("sidetable", 2),
        ],
    ),
    stock(
        "soapbottle",
        [77, 31, 7],
        &[
            ("countertop", 31),
            ("diningtable", 21),
            ("cabinet", 15),
            ("garbagecan", 9),
            ("shelf", 3),
            ("sidetable", 2),
        ],
    ),
    stock(
        "dishsponge",
        [73, 25, 5],
        &[
            ("countertop", 25),
            ("diningtable", 14),
            ("cabinet", 13),
            ("sinkbasin", 8),
            ("garbagecan", 5),
            ("shelf", 2),
            ("sidetable", 1),
        ],
    ),
    stock(
        "peppershaker",
        [73, 28, 6],
        &[("countertop", 30), ("diningtable", 17), ("cabinet", 16), ("shelf", 2), ("sidetable", 2)],
    ),
    stock(
        "saltshaker",
        [73, 28, 6],
        &[("countertop", 31), ("diningtable", 18), ("cabinet", 16), ("shelf", 3), ("sidetable", 3)],
    ),
    stock("cellphone", [8, 3, 1], &[("countertop", 42), ("diningtable", 17)]),
    stock("creditcard", [6, 2, 1], &[("countertop", 43), ("shelf", 14), ("cabinet", 2)]),
    stock(
        "pencil",
        [5, 2, 0],
        &[("countertop", 30), ("diningtable", 21), ("garbagecan", 11), ("sinkbasin", 1)],
    ),
    stock(
        "pen",
        [5, 3, 1],
        &[("diningtable", 39), ("countertop", 30), ("garbagecan", 5), ("sinkbasin", 5)],
    ),
];
