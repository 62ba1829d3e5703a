//! From cells that agree to regions: connected components, with what broke off put back.

use super::belief::{Belief, mean_shares};
use super::cells::{Cells, to_unit};
use super::grid::Neighbours;
use super::region::{Details, TurnedBox};
use super::{Region, RegionConfig};
use crate::scene::upright::upright_box;
use nalgebra::Point3;

/// A fragment joins a neighbour that is at least this many times as large …
const LARGER: usize = 2;
/// … when its cells believe in that neighbour's name at least this much, compared with their own.
const DOUBT: f32 = 0.4;
/// Components of one name join where their boxes leave at most this many cells between them …
const GAP: i32 = 2;
/// … and some of their cells are no farther apart than this: the box of a corner worktop holds half
/// the kitchen.
const REACH: i32 = 6;
/// Cells of a component that are compared with those of another.
const COMPARED: usize = 256;
/// Times that all components are gone through.
const JOIN_PASSES: usize = 4;
/// From this many cells on, a box is drawn around all but a few of them.
const TRIMMED_FROM: usize = 60;
/// Share of the cells left out at either end of such a box.
const TRIMMED: f64 = 0.01;
/// A turned box is taken where its floor plan is no larger than this share of that of the box along the
/// axes of the world: what stands along them keeps that one, whatever its noise.
const SMALLER: f64 = 0.85;
/// A region with less of a mass than this share of the greatest one of its name is what the edge of
/// that one threw on something behind it.
const PART: f32 = 0.1;
/// Cell edge for which [`RegionConfig::min_mass`] is meant, metres.
const USUAL_EDGE_M: f64 = 0.05;

/// Cells of one name that touch, and what has joined them.
struct Component {
    name: u16,
    cells: Vec<u32>,
    low: [i32; 3],
    high: [i32; 3],
}

/// What regions are grown of.
pub(super) struct Field<'a> {
    pub cells: &'a Cells,
    pub near: &'a Neighbours,
    /// What each cell believes by its own feature.
    pub own: &'a [Belief],
    /// What it believes after talking to its neighbours.
    pub agreed: &'a [Belief],
    /// For each name whether it is one of the room.
    pub structure: &'a [bool],
    pub config: &'a RegionConfig,
}

impl Field<'_> {
    /// The regions, in order of their first cells, and what else their objects are told. What they stand
    /// on is not said yet.
    pub fn grow(&self) -> (Vec<Region>, Vec<Details>) {
        let mut components = self.components();
        self.absorb(&mut components);
        components.retain(|c| !self.structure.get(usize::from(c.name)).is_some_and(|is| *is));
        self.join(&mut components);
        let mut greatest = vec![0.0f32; self.structure.len()];
        for component in &components {
            if let Some(greatest) = greatest.get_mut(usize::from(component.name)) {
                *greatest = greatest.max(self.mass(component));
            }
        }
        let is_whole = |component: &Component| {
            let greatest = greatest.get(usize::from(component.name)).copied().unwrap_or(0.0);
            self.mass(component) >= PART * greatest
        };
        let whole = components.iter().filter(|one| is_whole(one));
        let regions = whole.filter_map(|one| {
            let region = self.region(one)?;
            let details = Details { turned: self.turned(one, &region), names: self.names(one) };
            Some((region, details))
        });
        regions.unzip()
    }

    /// Sum of the probabilities that its cells give its name.
    fn mass(&self, component: &Component) -> f32 {
        let cells = component.cells.iter().map(|cell| self.agreed[*cell as usize]);
        cells.map(|belief| belief.in_name(component.name)).sum()
    }

    /// Cells of one name that touch.
    fn components(&self) -> Vec<Component> {
        let mut is_taken = vec![false; self.cells.len()];
        let mut components = Vec::new();
        for seed in 0..self.cells.len() {
            if std::mem::replace(&mut is_taken[seed], true) {
                continue;
            }
            let name = self.agreed[seed].name();
            let (mut members, mut next) = (vec![seed as u32], 0);
            while let Some(member) = members.get(next) {
                next += 1;
                for neighbour in self.near.of(*member as usize) {
                    let at = *neighbour as usize;
                    if !is_taken[at] && self.agreed[at].name() == name {
                        is_taken[at] = true;
                        members.push(*neighbour);
                    }
                }
            }
            components.push(self.component(name, members));
        }
        components
    }

    fn component(&self, name: u16, mut cells: Vec<u32>) -> Component {
        cells.sort_unstable();
        let (mut low, mut high) = ([i32::MAX; 3], [i32::MIN; 3]);
        for key in cells.iter().map(|cell| self.cells.keys[*cell as usize]) {
            for axis in 0..3 {
                low[axis] = low[axis].min(key[axis]);
                high[axis] = high[axis].max(key[axis]);
            }
        }
        Component { name, cells, low, high }
    }

    /// Puts fragments back to what they broke off from: the rim of a worktop that looks somewhat
    /// like a cabinet, the shadow of a mug on the wall.
    fn absorb(&self, components: &mut Vec<Component>) {
        let mut owner = vec![0u32; self.cells.len()];
        for (index, component) in (0u32..).zip(components.iter()) {
            component.cells.iter().for_each(|cell| owner[*cell as usize] = index);
        }
        let mut smallest_first: Vec<usize> = (0..components.len()).collect();
        smallest_first.sort_by_key(|index| components[*index].cells.len());
        for index in smallest_first {
            let Some(to) = self.absorber(index, components, &owner) else { continue };
            let cells = std::mem::take(&mut components[index].cells);
            cells.iter().for_each(|cell| owner[*cell as usize] = to as u32);
            components[to].cells.extend(cells);
        }
        let grown = std::mem::take(components).into_iter().filter(|c| !c.cells.is_empty());
        *components = grown.map(|c| self.component(c.name, c.cells)).collect();
    }

    /// Which neighbour a component belongs to, if it is a fragment.
    fn absorber(&self, index: usize, components: &[Component], owner: &[u32]) -> Option<usize> {
        let fragment = &components[index];
        let mut beside: Vec<u32> = Vec::new();
        for cell in &fragment.cells {
            let owners = self.near.of(*cell as usize).iter().map(|cell| owner[*cell as usize]);
            beside.extend(owners.filter(|owner| *owner as usize != index));
        }
        beside.sort_unstable();
        beside.dedup();
        let belief = |name: u16| -> f32 {
            fragment.cells.iter().map(|cell| self.own[*cell as usize].in_name(name)).sum()
        };
        let own = belief(fragment.name);
        let larger = beside.into_iter().map(|at| at as usize).filter(|at| {
            components[*at].cells.len() >= LARGER.saturating_mul(fragment.cells.len())
        });
        let doubts = larger.map(|at| (belief(components[at].name), at));
        let (doubt, at) = doubts.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
        (doubt > 0.0 && doubt >= DOUBT * own).then_some(at)
    }

    /// Joins components of one name that all but touch, or of which one lies in the other's box.
    fn join(&self, components: &mut Vec<Component>) {
        components.sort_by_key(|component| (component.name, component.low, component.cells[0]));
        // A grown box may reach what came before it: another pass.
        for _ in 0..JOIN_PASSES {
            let before = components.len();
            let mut at = 0;
            while at < components.len() {
                while let Some(other) = self.next_to_join(components, at) {
                    let other = components.remove(other);
                    let mut cells = std::mem::take(&mut components[at].cells);
                    cells.extend(other.cells);
                    components[at] = self.component(other.name, cells);
                }
                at += 1;
            }
            if components.len() == before {
                break;
            }
        }
        components.sort_by_key(|component| component.cells[0]);
    }

    /// The first component behind `at` that belongs to it. They are in order of name and lower end.
    fn next_to_join(&self, components: &[Component], at: usize) -> Option<usize> {
        let one = &components[at];
        let behind = components.iter().enumerate().skip(at + 1);
        let mut near = behind
            .take_while(|(_, other)| other.name == one.name && other.low[0] <= one.high[0] + GAP);
        near.find(|(_, other)| self.belong_together(one, other)).map(|(index, _)| index)
    }

    fn belong_together(&self, a: &Component, b: &Component) -> bool {
        let boxes = (0..3)
            .all(|axis| a.low[axis] <= b.high[axis] + GAP && b.low[axis] <= a.high[axis] + GAP);
        if !boxes {
            return false;
        }
        let sample = |component: &Component| -> Vec<[i32; 3]> {
            let step = component.cells.len().div_ceil(COMPARED);
            let cells = component.cells.iter().step_by(step);
            cells.map(|cell| self.cells.keys[*cell as usize]).collect()
        };
        let (a, b) = (sample(a), sample(b));
        let are_near = |a: &[i32; 3], b: &[i32; 3]| {
            (0..3).all(|axis| (a[axis].saturating_sub(b[axis])).abs() <= REACH)
        };
        a.iter().any(|a| b.iter().any(|b| are_near(a, b)))
    }

    /// The region of a component, if it is believed enough.
    fn region(&self, component: &Component) -> Option<Region> {
        let (name, members) = (component.name, &component.cells);
        let count = members.len();
        let cells = || members.iter().map(|cell| *cell as usize);
        let mass = self.mass(component);
        let score = mass / count as f32;
        let scale = ((USUAL_EDGE_M / self.cells.edge_m).powi(2) as f32).max(0.5);
        if score < self.config.min_score || mass < self.config.min_mass * scale {
            return None;
        }
        let mut feature = vec![0.0; self.cells.width];
        let (mut rgb, mut alike) = ([0.0f32; 3], 0.0f32);
        let mut seen_ns = [i64::MAX, i64::MIN];
        for cell in cells() {
            let seen = self.cells.seen_ns[cell];
            seen_ns = [seen_ns[0].min(seen[0]), seen_ns[1].max(seen[1])];
            // Fragments that were put back have another look.
            if self.agreed[cell].name() != name {
                continue;
            }
            alike += 1.0;
            let own = self.cells.feature(cell);
            feature.iter_mut().zip(own).for_each(|(sum, value)| *sum += value);
            for (sum, value) in rgb.iter_mut().zip(self.cells.rgb[cell]) {
                *sum += value;
            }
        }
        if !to_unit(&mut feature) {
            return None;
        }
        let axes = [0, 1, 2].map(|axis| self.extent(component, axis));
        Some(Region {
            name: usize::from(name),
            score: score.clamp(0.0, 1.0),
            feature,
            centre_m: axes.map(|[low, high]| (low + high) / 2.0),
            size_m: axes.map(|[low, high]| high - low),
            rgb: rgb.map(|sum| sum / alike / 255.0),
            voxels: count,
            on: None,
            seen_ns,
        })
    }

    /// What those cells of a component that make its look take themselves for: its name first.
    fn names(&self, component: &Component) -> Vec<(u16, f32)> {
        let cells = component.cells.iter().map(|cell| self.agreed[*cell as usize]);
        mean_shares(cells.filter(|belief| belief.name() == component.name), self.structure.len())
    }

    /// The turned box around the region of a large component: furniture along walls that the map's axes do
    /// not follow.
    fn turned(&self, component: &Component, region: &Region) -> Option<TurnedBox> {
        if component.cells.len() < TRIMMED_FROM {
            return None;
        }
        let point = |cell: &u32| Point3::from(self.cells.xyz_m[*cell as usize].map(f64::from));
        let points: Vec<Point3<f64>> = component.cells.iter().map(point).collect();
        let (world_T_box, size_m) = upright_box(&points)?;
        let size_m = size_m.map(|edge_m| edge_m + 2.0 * self.beyond_m());
        let plan_m2 = |size_m: &[f64; 3]| size_m[0] * size_m[1];
        let is_smaller = plan_m2(&size_m) <= SMALLER * plan_m2(&region.size_m);
        is_smaller.then_some((world_T_box, size_m))
    }

    /// The mean point of the last cell lies in the middle of its share of the thing, which is on average
    /// half of the cell: a quarter of its edge is missing at either end of a box around such points.
    fn beyond_m(&self) -> f64 {
        self.cells.edge_m / 4.0
    }

    /// Lower and upper end of a component along an axis, metres.
    fn extent(&self, component: &Component, axis: usize) -> [f64; 2] {
        let points = component.cells.iter().map(|cell| self.cells.xyz_m[*cell as usize][axis]);
        let mut sorted: Vec<f32> = points.collect();
        sorted.sort_unstable_by(f32::total_cmp);
        let out = if sorted.len() < TRIMMED_FROM { 0.0 } else { TRIMMED * sorted.len() as f64 };
        let out = out as usize;
        let end = |at: usize| sorted.get(at).copied().map_or(0.0, f64::from);
        let beyond_m = self.beyond_m();
        [end(out) - beyond_m, end(sorted.len().saturating_sub(1 + out)) + beyond_m]
    }
}
