//! The floor of a room on which a robot gets about.

use super::agent::BASE_RADIUS_M;
use super::home::Entity;
use nalgebra::{Point3, Vector2, Vector3};

/// What is kept free on both sides of the middle of the base, along the walls, metres. A robot that
/// goes in steps of 0.25 m along the walls gets wherever this is free, from wherever it starts.
pub(super) const CLEAR_M: f64 = BASE_RADIUS_M + 0.125;
/// Distance of the places that are looked at, metres.
pub(super) const CELL_M: f64 = 0.05;
/// Boxes that overlap by less only touch, metres.
const TOUCH_M: f64 = 1e-6;

/// An upright box, its edges along the axes of the world.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Block {
    pub low: Vector3<f64>,
    pub high: Vector3<f64>,
}

impl Block {
    /// The box around an entity.
    pub fn of(entity: &Entity) -> Self {
        let (at, half) = (entity.world_T_entity.translation.vector, entity.world_half_m());
        Self { low: at - half, high: at + half }
    }

    /// The box between two of its corners.
    pub fn between(a: &Point3<f64>, b: &Point3<f64>) -> Self {
        Self { low: a.coords.inf(&b.coords), high: a.coords.sup(&b.coords) }
    }

    /// Whether they overlap.
    pub fn meets(&self, other: &Self) -> bool {
        (0..3).all(|axis| {
            self.low[axis] < other.high[axis] - TOUCH_M
                && other.low[axis] < self.high[axis] - TOUCH_M
        })
    }

    /// Distance on the floor plan, metres.
    fn gap_m(&self, at_m: &Vector2<f64>) -> f64 {
        let gap = |axis: usize| (self.low[axis] - at_m[axis]).max(at_m[axis] - self.high[axis]);
        gap(0).max(0.0).hypot(gap(1).max(0.0))
    }
}

/// The largest part of a floor that is free for the base.
pub(super) struct Floor {
    places_m: Vec<Vector2<f64>>,
}

impl Floor {
    /// That of a room with these inner edge lengths, metres, in which `blocks` are in the way.
    pub fn new(size_m: [f64; 3], blocks: &[Block]) -> Self {
        let half_m = [0.5 * size_m[0] - CLEAR_M, 0.5 * size_m[1] - CLEAR_M];
        let cells = half_m.map(|half| (2.0 * half / CELL_M).floor() as usize + 1);
        let [columns, rows] = cells;
        let mut is_free = vec![true; columns * rows];
        for block in blocks {
            let span = |axis: usize| {
                let cell = |at_m: f64| (at_m + half_m[axis]) / CELL_M;
                let from = cell(block.low[axis] - CLEAR_M).ceil().max(0.0) as usize;
                let to = (cell(block.high[axis] + CLEAR_M).floor() + 1.0).max(0.0) as usize;
                from..to.min(cells[axis])
            };
            for column in span(0) {
                for row in span(1) {
                    is_free[column * rows + row] = false;
                }
            }
        }
        let place_m = |at: &usize| {
            let [column, row] = [at / rows, at % rows].map(|cell| cell as f64 * CELL_M);
            Vector2::new(column - half_m[0], row - half_m[1])
        };
        Self { places_m: largest_part(&mut is_free, rows).iter().map(place_m).collect() }
    }

    /// Whether a part of it is so near to a box, metres on the floor plan.
    pub fn is_near(&self, block: &Block, most_m: f64) -> bool {
        self.places_m.iter().any(|at_m| block.gap_m(at_m) <= most_m)
    }
}

/// The cells of the largest part that hangs together; takes all cells away. Cells lie in columns of
/// so many `rows`.
fn largest_part(is_free: &mut [bool], rows: usize) -> Vec<usize> {
    let mut largest = Vec::new();
    while let Some(start) = is_free.iter().position(|is_free| *is_free) {
        is_free[start] = false;
        let (mut part, mut next) = (vec![start], 0);
        while let Some(&at) = part.get(next) {
            next += 1;
            let mut visit = |cell: usize| {
                if is_free.get_mut(cell).is_some_and(std::mem::take) {
                    part.push(cell);
                }
            };
            visit(at + rows);
            if at >= rows {
                visit(at - rows);
            }
            if at % rows > 0 {
                visit(at - 1);
            }
            if at % rows + 1 < rows {
                visit(at + 1);
            }
        }
        if part.len() > largest.len() {
            largest = part;
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(low: [f64; 3], high: [f64; 3]) -> Block {
        Block { low: low.into(), high: high.into() }
    }

    #[test]
    fn boxes_meet_where_they_overlap() {
        let one = block([0.0; 3], [1.0; 3]);
        assert!(one.meets(&block([0.9, 0.9, 0.9], [2.0; 3])));
        assert!(!one.meets(&block([1.0, 0.0, 0.0], [2.0, 1.0, 1.0])), "it only touches");
        assert_eq!(one.gap_m(&Vector2::new(4.0, 5.0)), 5.0);
        assert_eq!(one.gap_m(&Vector2::new(0.5, 0.5)), 0.0);
    }

    #[test]
    fn a_wall_to_wall_row_of_furniture_cuts_the_floor() {
        let size_m = [4.0, 3.0, 2.5];
        let far = block([-2.0, -1.5, 0.0], [-1.9, -1.4, 1.0]);
        assert!(Floor::new(size_m, &[]).is_near(&far, 0.5));
        let row = block([-0.5, -1.5, 0.0], [0.0, 1.5, 1.0]);
        assert!(!Floor::new(size_m, &[row]).is_near(&far, 1.0), "the larger part is the other one");
        let gap = block([-0.5, -1.5 + 2.1 * CLEAR_M, 0.0], [0.0, 1.5, 1.0]);
        assert!(Floor::new(size_m, &[gap]).is_near(&far, 0.5), "a robot gets through");
    }
}
