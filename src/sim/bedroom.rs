//! How a bedroom is furnished.

use super::builder::Builder;
use super::furnish::{BEFORE_M, Furnisher, Stand};
use super::pieces::Count;
use super::stock::{Stock, stock};

/// Furniture in the order of placing, and in how many of the 27 bedrooms of ALFRED's training split
/// the experts' plans name one, two and so on: counts from below, for no plan names everything.
pub(super) const FURNITURE: &[Count] = &[
    ("bed", &[26, 1]),
    ("desk", &[18, 2]),
    ("diningtable", &[4]),
    ("dresser", &[13, 1]),
    ("sidetable", &[18, 5]),
    ("armchair", &[6, 2]),
    ("drawer", &[19, 15, 6, 2, 1]),
    ("cabinet", &[4, 2, 1]),
    ("safe", &[3]),
    ("garbagecan", &[10]),
    ("shelf", &[17, 12, 8, 7, 6, 2]),
    ("desklamp", &[18, 6, 1]),
];

/// Small things, those on the floor first, then from large to small. Counted in the 1057 bedrooms of
/// ALFRED's training split: how many of them a room has, and off what its plans take them, or what they
/// are nearest to where no plan takes them. What is rarer than in one room of twenty is left out.
pub(super) const STOCK: &[Stock] = &[
    stock("baseballbat", [44, 3, 0], &[("floor", 1)]),
    stock("tennisracket", [39, 0, 0], &[("floor", 1)]),
    stock("basketball", [37, 0, 0], &[("floor", 354), ("shelf", 36)]),
    stock("box", [48, 0, 0], &[("floor", 9)]),
    stock("boots", [10, 0, 0], &[("floor", 1)]),
    stock("cloth", [20, 12, 4], &[("floor", 22)]),
    stock("teddybear", [33, 0, 0], &[("bed", 194), ("floor", 84)]),
    stock("pillow", [100, 59, 11], &[("bed", 48)]),
    stock(
        "laptop",
        [100, 48, 13],
        &[("bed", 32), ("desk", 4), ("dresser", 2), ("diningtable", 2), ("armchair", 1)],
    ),
    stock(
        "book",
        [100, 57, 24],
        &[("bed", 76), ("desk", 42), ("dresser", 7), ("sidetable", 6), ("cabinet", 3)],
    ),
    stock(
        "tissuebox",
        [13, 8, 3],
        &[("desk", 8), ("diningtable", 6), ("drawer", 5), ("shelf", 1), ("sidetable", 1)],
    ),
    stock("remotecontrol", [12, 8, 4], &[("diningtable", 2), ("armchair", 1)]),
    stock(
        "cellphone",
        [100, 68, 35],
        &[
            ("bed", 51),
            ("desk", 40),
            ("dresser", 25),
            ("shelf", 18),
            ("sidetable", 16),
            ("armchair", 11),
            ("diningtable", 4),
        ],
    ),
    stock(
        "pencil",
        [100, 67, 33],
        &[
            ("desk", 45),
            ("sidetable", 30),
            ("shelf", 29),
            ("dresser", 25),
            ("diningtable", 8),
            ("garbagecan", 4),
        ],
    ),
    stock(
        "bowl",
        [47, 19, 6],
        &[("desk", 33), ("shelf", 25), ("dresser", 16), ("diningtable", 13), ("sidetable", 9)],
    ),
    stock(
        "pen",
        [100, 71, 38],
        &[
            ("desk", 50),
            ("shelf", 30),
            ("dresser", 29),
            ("sidetable", 23),
            ("diningtable", 21),
            ("garbagecan", 5),
        ],
    ),
    stock(
        "alarmclock",
        [100, 52, 18],
        &[("desk", 38), ("sidetable", 28), ("shelf", 26), ("dresser", 17)],
    ),
    stock(
        "cd",
        [100, 68, 37],
        &[
            ("dresser", 39),
            ("desk", 31),
            ("sidetable", 22),
            ("diningtable", 20),
            ("garbagecan", 9),
            ("shelf", 7),
            ("armchair", 7),
            ("drawer", 6),
        ],
    ),
    stock("statue", [13, 5, 1], &[("shelf", 4), ("desk", 3), ("dresser", 2)]),
    stock(
        "creditcard",
        [100, 67, 35],
        &[
            ("sidetable", 29),
            ("dresser", 16),
            ("desk", 11),
            ("shelf", 7),
            ("armchair", 5),
            ("diningtable", 2),
        ],
    ),
    stock(
        "keychain",
        [100, 67, 33],
        &[
            ("sidetable", 22),
            ("dresser", 18),
            ("shelf", 18),
            ("armchair", 17),
            ("desk", 8),
            ("drawer", 4),
            ("diningtable", 2),
        ],
    ),
    stock(
        "mug",
        [55, 33, 14],
        &[("desk", 28), ("sidetable", 26), ("dresser", 15), ("shelf", 13), ("diningtable", 8)],
    ),
    stock("vase", [7, 6, 2], &[("dresser", 2), ("shelf", 1), ("desk", 1)]),
    stock("watch", [7, 6, 3], &[("diningtable", 8), ("shelf", 5), ("drawer", 3), ("sidetable", 3)]),
];

/// Room between the bed and the table beside it, metres.
const BESIDE_M: f64 = 0.04;

impl Builder {
    /// Builds and furnishes the room.
    pub fn bedroom(&mut self) {
        self.furnish(&[&["bed"], &["desklamp"]], arrange);
    }
}

fn arrange(room: &mut Furnisher<'_>) {
    room.window();
    let mut bed: Option<Stand> = None;
    for (category, rooms) in FURNITURE {
        let count = room.count(rooms);
        match *category {
            "bed" => {
                for _ in 0..count {
                    let piece = room.usual(category, 0.0);
                    let stand = piece.and_then(|piece| room.stand(&piece, BEFORE_M));
                    bed = bed.or(stand);
                }
            }
            "sidetable" => {
                for _ in 0..count {
                    if let Some(table) = room.usual(category, 0.0) {
                        room.stand_beside(bed.as_ref(), BESIDE_M, &table, BEFORE_M);
                    }
                }
            }
            other => room.add(other, count),
        }
    }
    room.picture();
    room.stock(STOCK);
}
