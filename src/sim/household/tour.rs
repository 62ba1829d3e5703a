//! Looking round a home before anything is done in it.

use super::motion::{Move, Node};
use super::survey::Survey;
use super::world::{Low, World};
use nalgebra::{Point3, Vector2};

/// Images taken all round from one place, an eighth of a turn apart.
const VIEWS: usize = 8;
/// Places from which it looks all round.
const ROUNDS: usize = 2;
/// Tilt of the camera when it looks round, in steps of 15°.
const LOOK: i8 = 1;

impl World {
    /// Drives round for `frames` images: all round from where the robot stands and from the place
    /// farthest from there, then along the furniture, to see from near what is on it. `watch` is
    /// called for every image, with `true`, and after every move on the way between, with `false`.
    /// Small things are found by looking, but the plan of the floor is known, as [`Self::perform`]
    /// knows it.
    pub fn tour(&mut self, frames: usize, watch: &mut dyn FnMut(&Self, bool)) {
        let start_m = self.robot.xy_m;
        let mut survey = Survey::new(self);
        for frame in 0..frames {
            if frame >= ROUNDS * VIEWS {
                if !self.go_on(&mut survey, watch) {
                    return;
                }
                continue;
            }
            if frame % VIEWS == 0 {
                if frame > 0 {
                    self.go_farthest(&start_m, watch);
                }
                self.tilt(LOOK);
            } else {
                // Turning on the spot is never refused.
                let _ = self.step(Move::TurnLeft);
            }
            let stance = self.robot;
            survey.looked(self, &stance);
            watch(self, true);
        }
    }

    /// Drives to where it can look steeply into bins and sinks at `pits_m`, world coordinates, for at
    /// most `frames` images; `watch` as in [`Self::tour`].
    pub fn look_into(
        &mut self,
        pits_m: &[Point3<f64>],
        frames: usize,
        watch: &mut dyn FnMut(&Self, bool),
    ) {
        let mut survey = Survey::of_pits(pits_m);
        for _ in 0..frames {
            if !self.go_on(&mut survey, watch) {
                return;
            }
        }
    }

    /// Takes the image that `survey` wants most; `false` where it wants none.
    fn go_on(&mut self, survey: &mut Survey, watch: &mut dyn FnMut(&Self, bool)) -> bool {
        let ways = self.ways();
        let Some((node, look)) = survey.next(self, &ways) else { return false };
        self.drive(&ways.moves_to(node), watch);
        self.tilt(look);
        survey.looked(self, &self.robot);
        watch(self, true);
        true
    }

    /// Turns all round, and calls `watch` after each turn.
    pub fn look_round(&mut self, watch: &mut dyn FnMut(&Self, Low)) {
        for _ in 0..VIEWS {
            let _ = self.step(Move::TurnLeft);
            watch(self, Low::Move(Move::TurnLeft));
        }
    }

    fn go_farthest(&mut self, from_m: &Vector2<f64>, watch: &mut dyn FnMut(&Self, bool)) {
        let ways = self.ways();
        let apart = |node: Node| (ways.stance(node, 0).xy_m - from_m).norm();
        let cells = ways.cells();
        let farthest = cells.iter().max_by(|a, b| apart(a.1).total_cmp(&apart(b.1)).then(b.cmp(a)));
        if let Some((_, node)) = farthest {
            self.drive(&ways.moves_to(*node), watch);
        }
    }

    fn drive(&mut self, moves: &[Move], watch: &mut dyn FnMut(&Self, bool)) {
        for motion in moves {
            if self.step(*motion).is_err() {
                return;
            }
            watch(self, false);
        }
    }

    fn tilt(&mut self, look: i8) {
        while self.robot.look != look {
            let motion = if self.robot.look < look { Move::LookDown } else { Move::LookUp };
            if self.step(motion).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sim::Renderer;
    use crate::sim::household::{World, household, is_portable};
    use nalgebra::Vector3;
    use std::collections::BTreeMap;

    #[test]
    fn a_tour_looks_from_near_at_what_stands_in_the_open() {
        let mut world = household(3).unwrap();
        let things: Vec<(u32, Vector3<f64>)> = world
            .home()
            .entities
            .iter()
            .filter(|entity| is_portable(entity.category) && !world.is_hidden(entity.id))
            .map(|entity| (entity.id, entity.world_T_entity.translation.vector))
            .collect();
        let mut nearest_m: BTreeMap<u32, f64> = BTreeMap::new();
        let (mut images, mut moves) = (0, 0);
        world.tour(48, &mut |world, is_image| {
            images += usize::from(is_image);
            moves += usize::from(!is_image);
            let camera_T_world = world.robot().world_T_camera().inverse();
            for (id, at_m) in things.iter().filter(|_| is_image) {
                let at_m = camera_T_world * nalgebra::Point3::from(*at_m);
                if at_m.x.abs() < 0.55 * at_m.z && at_m.y.abs() < 0.4 * at_m.z {
                    let least = nearest_m.entry(*id).or_insert(f64::INFINITY);
                    *least = least.min(at_m.coords.norm());
                }
            }
        });
        assert_eq!(images, 48);
        assert!((30..600).contains(&moves), "{moves}");
        let near = nearest_m.values().filter(|distance| **distance < 1.5).count();
        assert!(near * 10 >= things.len() * 9, "{near} of {}: {nearest_m:?}", things.len());
    }

    #[test]
    fn it_looks_into_bins_it_knows() {
        let (mut moved, mut found) = (0, 0);
        for seed in 0..6 {
            let mut world = household(seed).unwrap();
            let entities = &world.home().entities;
            let bin = entities.iter().find(|entity| entity.category == "garbagecan").unwrap();
            let (bin, at_m) = (bin.id, bin.world_T_entity.translation.vector.into());
            let small = ["apple", "mug", "cup", "soapbottle"];
            let thing = entities.iter().find(|entity| small.contains(&entity.category)).unwrap().id;
            if world.displace(thing, bin).is_err() {
                continue;
            }
            let renderer = Renderer::new(World::finder()).unwrap();
            let (mut images, mut most) = (0, 0);
            world.look_into(&[at_m], 4, &mut |world, is_image| {
                if is_image {
                    let ids = renderer.instances(&world.shown(), &world.robot().world_T_camera());
                    most = most.max(ids.iter().filter(|id| **id == thing).count());
                    images += 1;
                }
            });
            assert!((1..=4).contains(&images), "seed {seed}: {images}");
            moved += 1;
            found += usize::from(most >= 12);
        }
        // One may lie close behind the rim on the side that the robot comes from.
        assert!(moved >= 4 && found + 1 >= moved, "{found} of {moved}");
    }
}
