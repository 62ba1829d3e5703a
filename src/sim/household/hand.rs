//! Taking things up, carrying them, and laying them down where there is room.

use super::failure::Failure;
use super::interior::surfaces;
use super::kinds::may_hold;
use super::world::{Place, World};
use crate::geometry::Pose;
use crate::sim::Entity;
use crate::sim::catalogue::Surface;
use nalgebra::{Translation3, UnitQuaternion, Vector2, Vector3};
use std::f64::consts::FRAC_PI_2;

/// What is held is nearer to the camera than its depth sensor can measure, metres.
const HELD_FAR_M: f64 = 0.38;
/// Nothing is held nearer to the camera, metres.
const HELD_NEAR_M: f64 = 0.16;
/// Where the hand is in the picture: right of and below its middle, metres a metre away; large
/// things are held farther aside, so that they leave the view free.
const HELD_ASIDE: [f64; 2] = [0.30, 0.26];
/// How much farther, as a share of their radius.
const LARGE_ASIDE: f64 = 0.65;
/// Room left between things, metres.
const SPACING_M: f64 = 0.01;
/// Distance of the spots that are tried, metres.
const GRID_M: f64 = 0.03;
/// Things that fit into a bowl or a pan.
const MOST_IN_ONE: usize = 3;
/// Surfaces nearer in height are one, metres.
const SAME_HEIGHT_M: f64 = 0.02;

impl World {
    /// Moves what is held, and what stands in it, with the camera.
    pub(super) fn carry(&mut self) {
        let Some(held) = self.held() else { return };
        let (id, size) = (held.id, Vector3::from(held.size_m));
        let radius = 0.5 * size.xy().norm();
        let ahead = (HELD_FAR_M - radius).max(HELD_NEAR_M);
        let aside = HELD_ASIDE.map(|share| share * ahead + LARGE_ASIDE * radius);
        let in_camera = Translation3::new(aside[0], aside[1], ahead);
        let hand = self.robot.world_T_camera() * in_camera;
        let upright = UnitQuaternion::from_euler_angles(0.0, 0.0, self.robot.yaw_rad());
        self.move_to(id, Pose::from_parts(hand.translation, upright));
    }

    /// Moves an entity, and what stands in it.
    fn move_to(&mut self, id: u32, world_T_entity: Pose) {
        let Some(at) = self.index(id) else { return };
        let Some(entity) = self.home.entities.get_mut(at) else { return };
        let moved = world_T_entity * entity.world_T_entity.inverse();
        entity.world_T_entity = world_T_entity;
        let inside: Vec<u32> = self.contents(id).collect();
        for id in inside {
            if let Some(entity) = self.home.entity(id) {
                self.move_to(id, moved * entity.world_T_entity);
            }
        }
    }

    /// Takes a thing into the hand.
    pub(super) fn take(&mut self, id: u32) {
        self.set_place(id, Place::Held);
        if let Some(entity) = self.entity_mut(id) {
            entity.parent = None;
        }
        self.carry();
    }

    /// Lays a thing on or into `holder`, on the free spot nearest to the robot.
    pub(super) fn lay(&mut self, id: u32, holder: u32) -> Result<(), Failure> {
        let none = || Failure::NotSeen { name: "thing".into() };
        let thing = self.home.entity(id).ok_or_else(none)?;
        let receptacle = self.home.entity(holder).ok_or_else(none)?;
        let pose = self.spot(thing, receptacle).ok_or_else(|| Failure::NoRoom {
            name: thing.category.into(),
            receptacle: receptacle.category.into(),
        })?;
        let place = self.place_with(receptacle);
        self.move_to(id, pose);
        self.set_place(id, place);
        if let Some(entity) = self.entity_mut(id) {
            entity.parent = Some(holder);
        }
        Ok(())
    }

    /// Whether a thing would find room there.
    pub(super) fn has_room(&self, thing: &Entity, receptacle: &Entity) -> bool {
        self.spot(thing, receptacle).is_some()
    }

    /// Where a thing would stand on or in a receptacle.
    fn spot(&self, thing: &Entity, receptacle: &Entity) -> Option<Pose> {
        if thing.id == receptacle.id {
            return None;
        }
        if may_hold(receptacle.category) {
            return self.spot_in_vessel(thing, receptacle);
        }
        let spots = surfaces(receptacle)
            .into_iter()
            .filter(|surface| thing.size_m[2] <= surface.headroom_m)
            .filter_map(|surface| self.spot_on(thing, receptacle, &surface));
        spots.into_iter().next()
    }

    /// In a bowl or a pan things lie as they fall: the room for them is counted, not measured.
    fn spot_in_vessel(&self, thing: &Entity, vessel: &Entity) -> Option<Pose> {
        let within = self.contents(vessel.id).filter(|id| *id != thing.id).count();
        let surface = surfaces(vessel).into_iter().next()?;
        if within >= MOST_IN_ONE || may_hold(thing.category) && within > 0 {
            return None;
        }
        let aside = 0.3 * surface.half_m[1] * within as f64;
        let z = surface.centre_m[2] + 0.5 * thing.size_m[2];
        let world = vessel.world_T_entity * Translation3::new(0.0, aside, z);
        Some(Pose::from_parts(world.translation, vessel.world_T_entity.rotation))
    }

    fn spot_on(&self, thing: &Entity, receptacle: &Entity, surface: &Surface) -> Option<Pose> {
        let world_T_surface =
            receptacle.world_T_entity * Translation3::from(Vector3::from(surface.centre_m));
        let robot = world_T_surface
            .inverse_transform_point(&nalgebra::Point3::from(self.robot.xy_m.push(0.0)));
        let mut best: Option<(f64, Pose)> = None;
        let neighbours = self.footprints(thing.id, &world_T_surface);
        for turned in [false, true] {
            let [x, y, z] = thing.size_m.map(|edge| 0.5 * edge);
            let half = if turned { Vector2::new(y, x) } else { Vector2::new(x, y) };
            let slack = Vector2::from(surface.half_m) - half;
            if slack.min() < 0.0 {
                continue;
            }
            let steps = slack.map(|slack| (slack / GRID_M).floor() as i32);
            for (i, j) in
                (-steps.x..=steps.x).flat_map(|i| (-steps.y..=steps.y).map(move |j| (i, j)))
            {
                let at = Vector2::new(f64::from(i), f64::from(j)) * GRID_M;
                let free = neighbours.iter().all(|(other, reach)| {
                    let apart = (at - other).abs() - reach - half;
                    apart.max() > SPACING_M
                });
                let distance = (at - robot.coords.xy()).norm();
                if free && best.as_ref().is_none_or(|(nearest, _)| distance < *nearest) {
                    let yaw = if turned { FRAC_PI_2 } else { 0.0 };
                    let turn = UnitQuaternion::from_euler_angles(0.0, 0.0, yaw);
                    let on_surface = Pose::from_parts(Translation3::new(at.x, at.y, z), turn);
                    best = Some((distance, world_T_surface * on_surface));
                }
            }
        }
        best.map(|(_, pose)| pose)
    }

    /// Boxes, in the coordinates of a surface, of all that stands on its level but `thing`: centres
    /// and half edges, metres.
    fn footprints(&self, thing: u32, world_T_surface: &Pose) -> Vec<(Vector2<f64>, Vector2<f64>)> {
        let level = world_T_surface.translation.vector.z;
        let on_level = self.home.entities.iter().filter(|other| {
            let low = other.world_T_entity.translation.vector.z - 0.5 * other.size_m[2];
            other.id != thing
                && self.place(other.id) != Place::Held
                && other.parent.is_some()
                && (low - level).abs() < SAME_HEIGHT_M
        });
        on_level
            .map(|other| {
                let surface_T_other = world_T_surface.inverse() * other.world_T_entity;
                let turn = surface_T_other.rotation.to_rotation_matrix();
                let reach = turn.matrix().abs() * (Vector3::from(other.size_m) * 0.5);
                (surface_T_other.translation.vector.xy(), reach.xy())
            })
            .collect()
    }

    fn entity_mut(&mut self, id: u32) -> Option<&mut Entity> {
        let at = self.index(id)?;
        self.home.entities.get_mut(at)
    }
}
