//! What a search keeps of the cells that stand together in one block of a map, or in a frame.

use super::belief::Belief;
use super::grid::Neighbours;
use std::ops::Range;

/// No piece.
const NOBODY: u32 = u32::MAX;

/// Cells of one block of a map in order, or all of a frame.
#[derive(Debug, Clone)]
pub(super) struct Tile {
    /// Number of the search that found it other than the one before.
    pub since: u64,
    /// What each cell believes by its own feature.
    pub own: Vec<Belief>,
    /// What it believes after talking to its neighbours.
    pub agreed: Vec<Belief>,
    /// Cells that touch within the tile and bear one name, in order of their first cells.
    pub pieces: Vec<Piece>,
    /// For each cell its piece.
    pub piece_of: Vec<u32>,
    /// Pieces that touch others, here or in the tiles around.
    pub links: Vec<Link>,
    /// The cells piece after piece, those of each in order.
    cells: Vec<u32>,
}

/// Cells of one name that touch within a tile.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub name: u16,
    /// Lowest and highest coordinates of its cells.
    pub bounds: Bounds,
    /// Where its cells begin among those of the tile, and how many there are.
    first: u32,
    count: u32,
}

/// A piece that touches another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Link {
    /// On which of the 27 sides the tile of the other one is; this one is in the middle.
    pub side: u8,
    pub own: u32,
    pub other: u32,
}

/// Lowest and highest coordinates.
pub(super) type Bounds = [[i32; 3]; 2];

impl Tile {
    /// Cells that have not talked yet.
    pub fn new(own: Vec<Belief>, since: u64) -> Self {
        let (agreed, pieces, piece_of) = (Vec::new(), Vec::new(), Vec::new());
        Self { since, own, agreed, pieces, piece_of, links: Vec::new(), cells: Vec::new() }
    }

    /// Finds the pieces. The cells stand at `span` among those whose coordinates are `keys`.
    pub fn cut(&mut self, keys: &[[i32; 3]], near: &Neighbours, span: Range<usize>) {
        let (mut pieces, mut cells) = (Vec::new(), Vec::<u32>::with_capacity(span.len()));
        let mut piece_of = vec![NOBODY; span.len()];
        for seed in 0..span.len() {
            if piece_of[seed] != NOBODY {
                continue;
            }
            let (name, piece, first) = (self.agreed[seed].name(), pieces.len() as u32, cells.len());
            piece_of[seed] = piece;
            cells.push(seed as u32);
            let mut next = first;
            while let Some(cell) = cells.get(next).map(|cell| *cell as usize) {
                next += 1;
                let beside = near.of(span.start + cell).iter().map(|other| *other as usize);
                for other in beside.filter(|other| span.contains(other)) {
                    let other = other - span.start;
                    if piece_of[other] == NOBODY && self.agreed[other].name() == name {
                        piece_of[other] = piece;
                        cells.push(other as u32);
                    }
                }
            }
            let members = &mut cells[first..];
            members.sort_unstable();
            let keys = members.iter().map(|cell| keys[span.start + *cell as usize]);
            let bounds = bounds_of(keys.map(|key| [key; 2]));
            pieces.push(Piece { name, bounds, first: first as u32, count: members.len() as u32 });
        }
        pieces.shrink_to_fit();
        (self.pieces, self.piece_of, self.cells) = (pieces, piece_of, cells);
    }

    /// The cells of a piece, in order.
    pub fn cells_of(&self, piece: usize) -> &[u32] {
        let Piece { first, count, .. } = self.pieces[piece];
        &self.cells[first as usize..(first + count) as usize]
    }
}

/// The bounds of what has these.
pub(super) fn bounds_of(all: impl Iterator<Item = Bounds>) -> Bounds {
    all.fold([[i32::MAX; 3], [i32::MIN; 3]], |[low, high], [lower, higher]| {
        let low = std::array::from_fn(|axis| low[axis].min(lower[axis]));
        let high = std::array::from_fn(|axis| high[axis].max(higher[axis]));
        [low, high]
    })
}
