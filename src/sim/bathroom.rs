//! How a bathroom is furnished.

use super::builder::Builder;
use super::counter::Below;
use super::furnish::{BEFORE_M, Furnisher, Need, Stand};
use super::furniture::BASE_DEPTH_M;
use super::pieces::Count;
use super::stock::{Stock, stock};
use nalgebra::Vector3;
use rand::Rng;

/// In how many of the 27 bathrooms of ALFRED's training split the experts' plans name one basin, two
/// and so on: counts from below, for no plan names everything.
const BASINS: &[u32] = &[27, 12];
/// The same of worktops, and of cabinets and drawers below.
const WORKTOPS: &[u32] = &[23, 4];
const CABINETS: &[u32] = &[13];
const DRAWERS: &[u32] = &[12];
/// The same of what stands and hangs elsewhere, in the order of placing.
pub(super) const FURNITURE: &[Count] = &[
    ("bathtubbasin", &[19]),
    ("toilet", &[27]),
    ("toiletpaperhanger", &[25]),
    ("dresser", &[2]),
    ("cart", &[2]),
    ("sidetable", &[2]),
    ("garbagecan", &[26]),
    ("shelf", &[4, 3, 1]),
    ("handtowelholder", &[16, 8, 1, 1]),
];

/// Small things, those on the floor first, then from large to small. Counted in the 996 bathrooms of
/// ALFRED's training split: how many of them a room has, and off what its plans take them, or what they
/// are nearest to where no plan takes them. What is rarer than in one room of twenty is left out, and
/// large towels, which no plan touches.
pub(super) const STOCK: &[Stock] = &[
    stock("plunger", [100, 0, 0], &[("floor", 1)]),
    stock("scrubbrush", [100, 0, 0], &[("floor", 1)]),
    stock(
        "cloth",
        [100, 63, 30],
        &[
            ("bathtubbasin", 68),
            ("countertop", 49),
            ("cabinet", 25),
            ("sinkbasin", 23),
            ("toilet", 4),
            ("dresser", 4),
        ],
    ),
    stock("handtowel", [100, 19, 1], &[("handtowelholder", 123), ("countertop", 3)]),
    stock("tissuebox", [27, 15, 7], &[("countertop", 21), ("toilet", 2)]),
    stock("papertowelroll", [16, 0, 0], &[("toilet", 49), ("countertop", 22)]),
    stock(
        "dishsponge",
        [23, 17, 8],
        &[
            ("bathtubbasin", 18),
            ("countertop", 18),
            ("sinkbasin", 14),
            ("toilet", 11),
            ("garbagecan", 5),
            ("cabinet", 4),
            ("cart", 4),
            ("shelf", 2),
        ],
    ),
    stock(
        "soapbar",
        [100, 68, 37],
        &[
            ("countertop", 67),
            ("toilet", 39),
            ("garbagecan", 24),
            ("bathtubbasin", 23),
            ("sinkbasin", 21),
            ("cabinet", 17),
            ("sidetable", 12),
            ("shelf", 8),
        ],
    ),
    stock(
        "toiletpaper",
        [100, 100, 31],
        &[
            ("toilet", 51),
            ("countertop", 48),
            ("toiletpaperhanger", 45),
            ("garbagecan", 19),
            ("cabinet", 7),
            ("dresser", 7),
            ("shelf", 4),
        ],
    ),
    stock(
        "spraybottle",
        [100, 64, 31],
        &[
            ("countertop", 67),
            ("toilet", 56),
            ("garbagecan", 17),
            ("cabinet", 12),
            ("sidetable", 12),
            ("shelf", 8),
            ("cart", 4),
        ],
    ),
    stock(
        "soapbottle",
        [100, 65, 30],
        &[
            ("countertop", 70),
            ("toilet", 38),
            ("cabinet", 20),
            ("garbagecan", 16),
            ("dresser", 4),
            ("shelf", 4),
        ],
    ),
    stock("candle", [100, 67, 34], &[("countertop", 62), ("toilet", 49), ("cabinet", 7)]),
];

/// Width of a basin in a row, and the widths that worktops have, metres.
const BASIN_M: f64 = 0.6;
const WORKTOP_M: std::ops::Range<f64> = 0.45..0.75;
/// Height of the row with its taps, metres.
const ROW_HEIGHT_M: f64 = 1.19;
/// How far the fronts of the row stick out at most, metres.
const ROW_DEPTH_M: f64 = BASE_DEPTH_M + 0.01;
/// Height of the point of a basin that hangs at the wall, metres.
const HUNG_BASIN_M: f64 = 0.8;
/// Height of the point of a bathtub: its bottom is as thick.
const TUB_M: f64 = 0.05;
/// Heights of the points of hangers, metres.
const ROLL_M: f64 = 0.75;
const TOWEL_M: f64 = 1.05;
/// What a towel needs above its holder, metres.
const TOWEL_ROOM_M: f64 = 0.42;
/// Room between the toilet and the roll beside it, metres.
const ROLL_GAP_M: f64 = 0.1;

impl Builder {
    /// Builds and furnishes the room.
    pub fn bathroom(&mut self) {
        self.furnish(&[&["toilet"], &["sinkbasin"]], arrange);
    }
}

fn arrange(room: &mut Furnisher<'_>) {
    room.window();
    wash_place(room);
    let mut toilet: Option<Stand> = None;
    for (category, rooms) in FURNITURE {
        let count = room.count(rooms);
        match *category {
            "toilet" => {
                let piece = room.usual(category, 0.0);
                toilet = piece.and_then(|piece| room.stand(&piece, BEFORE_M));
            }
            "bathtubbasin" => (0..count).for_each(|_| basin(room, category, TUB_M)),
            "toiletpaperhanger" => {
                (0..count).for_each(|_| roll_holder(room, category, toilet.as_ref()));
            }
            "handtowelholder" => (0..count).for_each(|_| towel_holder(room, category)),
            other => room.add(other, count),
        }
    }
    room.stock(STOCK);
}

/// Basins and worktops in a row, by turns; basins that hang at the wall where there is no worktop.
fn wash_place(room: &mut Furnisher<'_>) {
    let (basins, tops) = (room.count(BASINS), room.count(WORKTOPS));
    if tops == 0 {
        return (0..basins).for_each(|_| basin(room, "sinkbasin", HUNG_BASIN_M));
    }
    let below = Below { cabinet: room.count(CABINETS) > 0, drawer: room.count(DRAWERS) > 0 };
    let mut units: Vec<Option<f64>> = Vec::new();
    for turn in 0..basins.max(tops) {
        // `None` is a basin. What there is more of stands at both ends.
        let top = (turn < tops).then(|| Some(room.builder.rng.random_range(WORKTOP_M)));
        let basin = (turn < basins).then_some(None);
        units.extend(if tops > basins { [top, basin] } else { [basin, top] }.into_iter().flatten());
    }
    let width_m = |unit: &Option<f64>| unit.unwrap_or(BASIN_M);
    let size_m = [ROW_DEPTH_M, units.iter().map(width_m).sum::<f64>(), ROW_HEIGHT_M];
    room.at_wall(Need { size_m, z_m: 0.0, before_m: BEFORE_M }, &|builder, spot| {
        let mut from_m = spot.along_m - 0.5 * size_m[1];
        for unit in &units {
            let width_m = width_m(unit);
            let along_m = from_m + 0.5 * width_m;
            match unit {
                None => builder.sink_unit(spot.side, along_m, width_m, below.cabinet),
                Some(_) => {
                    builder.worktop_unit(spot.side, along_m, width_m, below);
                }
            }
            from_m += width_m;
        }
    });
}

/// A basin with its tap.
fn basin(room: &mut Furnisher<'_>, category: &str, point_m: f64) {
    let Some(basin) = room.usual(category, point_m) else { return };
    let need = basin.need(BEFORE_M);
    room.at_wall(need, &|builder, spot| {
        let (id, pose) = (basin.build(builder, spot), basin.pose(builder, spot));
        builder.tap(id, &pose, &Vector3::from(need.size_m));
    });
}

/// A holder with a roll's room on it, beside the toilet.
fn roll_holder(room: &mut Furnisher<'_>, category: &str, toilet: Option<&Stand>) {
    let Some(holder) = room.usual(category, ROLL_M) else { return };
    let [_, _, top_m] = holder.need(0.0).size_m;
    let holder = holder.with_surface([0.02, 0.0, top_m], [0.07, 0.08], 0.3);
    room.stand_beside(toilet, ROLL_GAP_M, &holder, 0.0);
}

/// A holder with a towel's room on it.
fn towel_holder(room: &mut Furnisher<'_>, category: &str) {
    let Some(holder) = room.usual(category, TOWEL_M) else { return };
    let [depth_m, width_m, top_m] = holder.need(0.0).size_m;
    let holder = holder.with_surface([0.02, 0.0, top_m], [0.06, 0.17], TOWEL_ROOM_M);
    let size_m = [depth_m, width_m, top_m + TOWEL_ROOM_M];
    let need = Need { size_m, ..holder.need(0.0) };
    room.at_wall(need, &|builder, spot| {
        holder.build(builder, spot);
    });
}
