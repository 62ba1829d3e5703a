//! How a living room is furnished.

use super::builder::Builder;
use super::furnish::{BEFORE_M, Furnisher, Stand};
use super::pieces::Count;
use super::stock::{Stock, stock};

/// Furniture in the order of placing, and in how many of the 27 living rooms of ALFRED's training
/// split the experts' plans name one, two and so on: counts from below, for no plan names everything.
pub(super) const FURNITURE: &[Count] = &[
    ("sofa", &[27, 6]),
    ("coffeetable", &[23, 4]),
    ("diningtable", &[13, 1]),
    ("armchair", &[24, 9]),
    ("desk", &[1]),
    ("dresser", &[9, 1]),
    ("sidetable", &[21, 10, 5, 1, 1]),
    ("drawer", &[8, 3, 1]),
    ("cabinet", &[2, 1, 1]),
    ("ottoman", &[3]),
    ("safe", &[1]),
    ("floorlamp", &[24]),
    ("garbagecan", &[5]),
    ("shelf", &[10, 7, 4, 3, 2, 2, 1]),
    ("desklamp", &[6]),
];

/// Small things, those on the floor first, then from large to small. Counted in the 1085 living rooms of
/// ALFRED's training split: how many of them a room has, and off what its plans take them. What is rarer
/// than in one room of twenty is left out.
pub(super) const STOCK: &[Stock] = &[
    stock(
        "box",
        [100, 32, 8],
        &[
            ("sofa", 56),
            ("coffeetable", 41),
            ("diningtable", 25),
            ("floor", 15),
            ("sidetable", 11),
            ("shelf", 6),
            ("dresser", 4),
        ],
    ),
    stock("boots", [19, 0, 0], &[("floor", 1)]),
    stock("wateringcan", [50, 3, 1], &[("floor", 21), ("coffeetable", 6), ("shelf", 2)]),
    stock("pillow", [100, 17, 1], &[("sofa", 34), ("armchair", 9)]),
    stock(
        "newspaper",
        [59, 36, 16],
        &[
            ("coffeetable", 25),
            ("sidetable", 24),
            ("sofa", 18),
            ("armchair", 18),
            ("diningtable", 13),
            ("dresser", 12),
            ("shelf", 9),
        ],
    ),
    stock(
        "laptop",
        [100, 39, 10],
        &[("sofa", 17), ("coffeetable", 7), ("diningtable", 5), ("sidetable", 4)],
    ),
    stock(
        "book",
        [25, 12, 5],
        &[
            ("coffeetable", 8),
            ("dresser", 6),
            ("armchair", 6),
            ("diningtable", 3),
            ("sidetable", 2),
        ],
    ),
    stock(
        "tissuebox",
        [30, 21, 10],
        &[
            ("diningtable", 16),
            ("coffeetable", 14),
            ("sidetable", 10),
            ("dresser", 3),
            ("shelf", 2),
            ("garbagecan", 1),
        ],
    ),
    stock(
        "plate",
        [39, 21, 6],
        &[("diningtable", 53), ("coffeetable", 21), ("sidetable", 8), ("shelf", 4)],
    ),
    stock(
        "remotecontrol",
        [100, 67, 35],
        &[
            ("coffeetable", 62),
            ("sofa", 40),
            ("sidetable", 23),
            ("armchair", 18),
            ("diningtable", 17),
            ("dresser", 10),
            ("shelf", 6),
        ],
    ),
    stock(
        "cellphone",
        [25, 17, 10],
        &[
            ("coffeetable", 20),
            ("sidetable", 11),
            ("dresser", 10),
            ("sofa", 7),
            ("diningtable", 7),
            ("desk", 3),
            ("armchair", 2),
        ],
    ),
    stock(
        "pencil",
        [16, 11, 6],
        &[
            ("sidetable", 10),
            ("coffeetable", 8),
            ("diningtable", 2),
            ("dresser", 2),
            ("shelf", 1),
            ("garbagecan", 1),
        ],
    ),
    stock("bowl", [11, 7, 2], &[("diningtable", 13), ("sidetable", 6)]),
    stock("pen", [18, 12, 6], &[("coffeetable", 5), ("sidetable", 4), ("diningtable", 3)]),
    stock(
        "statue",
        [96, 71, 37],
        &[("coffeetable", 23), ("sidetable", 21), ("diningtable", 19), ("shelf", 8)],
    ),
    stock(
        "creditcard",
        [100, 70, 37],
        &[
            ("coffeetable", 45),
            ("sofa", 35),
            ("sidetable", 29),
            ("shelf", 21),
            ("diningtable", 20),
            ("armchair", 16),
            ("dresser", 13),
        ],
    ),
    stock(
        "keychain",
        [100, 67, 34],
        &[
            ("sofa", 36),
            ("coffeetable", 33),
            ("sidetable", 31),
            ("armchair", 22),
            ("diningtable", 15),
            ("dresser", 8),
            ("shelf", 7),
            ("ottoman", 5),
        ],
    ),
    stock(
        "vase",
        [60, 49, 29],
        &[
            ("shelf", 16),
            ("coffeetable", 16),
            ("diningtable", 11),
            ("sidetable", 5),
            ("dresser", 5),
            ("cabinet", 4),
        ],
    ),
    stock(
        "watch",
        [47, 34, 18],
        &[
            ("coffeetable", 25),
            ("sidetable", 20),
            ("diningtable", 18),
            ("dresser", 9),
            ("drawer", 3),
        ],
    ),
    stock("candle", [10, 9, 6], &[("coffeetable", 8), ("sidetable", 5), ("diningtable", 3)]),
];

/// Room between a sofa and its table, metres: a robot gets through.
const TABLE_GAP_M: f64 = BEFORE_M + 0.01;
/// Room between seats and the tables beside them, metres.
const BESIDE_M: f64 = 0.04;

impl Builder {
    /// Builds and furnishes the room.
    pub fn living_room(&mut self) {
        self.furnish(&[&["sofa"], &["floorlamp", "desklamp"]], arrange);
    }
}

fn arrange(room: &mut Furnisher<'_>) {
    room.window();
    let (mut sofas, mut seats): (Vec<Stand>, Vec<Stand>) = Default::default();
    for (category, rooms) in FURNITURE {
        let count = room.count(rooms);
        match *category {
            "sofa" => sofas = seated(room, category, count),
            "armchair" => seats = seated(room, category, count),
            "coffeetable" => tables_before(room, &sofas, count),
            "sidetable" => tables_beside(room, sofas.iter().chain(&seats), count),
            other => room.add(other, count),
        }
    }
    room.picture();
    room.stock(STOCK);
}

/// Sofas and armchairs.
fn seated(room: &mut Furnisher<'_>, category: &str, count: usize) -> Vec<Stand> {
    let mut seats = Vec::new();
    for _ in 0..count {
        if let Some(seat) = room.usual(category, 0.0) {
            seats.extend(room.stand(&seat, BEFORE_M));
        }
    }
    seats
}

/// A table before each sofa, as far as they go.
fn tables_before(room: &mut Furnisher<'_>, sofas: &[Stand], count: usize) {
    for sofa in sofas.iter().take(count) {
        if let Some(table) = room.usual("coffeetable", 0.0) {
            room.before(sofa, TABLE_GAP_M, table.need(0.0), &|builder, spot| {
                table.build(builder, spot);
            });
        }
    }
}

/// Tables beside seats, each beside one of its own as far as these go.
fn tables_beside<'a>(
    room: &mut Furnisher<'_>,
    mut seats: impl Iterator<Item = &'a Stand>,
    count: usize,
) {
    for _ in 0..count {
        if let Some(table) = room.usual("sidetable", 0.0) {
            room.stand_beside(seats.next(), BESIDE_M, &table, BEFORE_M);
        }
    }
}
