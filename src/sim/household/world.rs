//! The state of a home and of the robot in it.

use super::failure::Failure;
use super::kinds::{may_hold, opens};
use super::motion::Move;
use super::touch::Touch;
use crate::geometry::Pose;
use crate::scene::{MapObject, ObjectId};
use crate::sim::agent::{Obstacle, obstacles};
use crate::sim::{BASE_RADIUS_M, Entity, Home, SimError, camera_link_T_optical};
use crate::tasks::class_word;
use nalgebra::{Translation3, UnitQuaternion, Vector2, Vector3};
use std::f64::consts::{FRAC_PI_4, PI};
use std::sync::Arc;

/// How far the hand reaches on the floor plan, from the middle of the base, metres: the distance
/// at which ALFRED's agent may touch things.
pub const REACH_M: f64 = 1.5;
/// Tilt of the camera by one look up or down, radians.
pub(super) const LOOK_RAD: f64 = PI / 12.0;
/// Where the camera is on the base, metres ahead and up.
const CAMERA_M: [f64; 2] = [0.08, 1.2];

/// What a thing has gone through, and whether it is open or on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Condition {
    /// Its door is open.
    pub is_open: bool,
    /// It is switched on.
    pub is_on: bool,
    /// It is sliced; it stays one thing, and is taken as one.
    pub is_sliced: bool,
    /// It was heated, and not cooled since.
    pub is_hot: bool,
    /// It was cooled, and not heated since.
    pub is_cold: bool,
    /// It was washed.
    pub is_clean: bool,
    /// It was heated at some time, which is what ALFRED's tasks ask for: what was heated and stands in
    /// the fridge then counts (`heated_objects` and `cooled_objects` of its `thor_env.py` only grow).
    pub was_hot: bool,
    /// It was cooled at some time.
    pub was_cold: bool,
}

impl Condition {
    pub(super) fn heat(&mut self) {
        (self.is_hot, self.is_cold, self.was_hot) = (true, false, true);
    }

    pub(super) fn cool(&mut self) {
        (self.is_cold, self.is_hot, self.was_cold) = (true, false, true);
    }
}

/// Where a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Where it was built: furniture, appliances.
    Fixed,
    /// On the entity with this id, or in it where it cannot be closed.
    On(u32),
    /// Inside the entity with this id, which can be closed.
    In(u32),
    /// In the hand.
    Held,
}

/// Where the robot stands and looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stance {
    /// Middle of the base, world frame, metres.
    pub xy_m: Vector2<f64>,
    /// Heading in eighths of a turn from the world's x axis to the left, 0..8.
    pub heading: u8,
    /// Tilt of the camera in steps of 15°, positive downwards, -2..=4.
    pub look: i8,
}

impl Stance {
    /// Heading from the world's x axis to the left, radians.
    pub fn yaw_rad(&self) -> f64 {
        f64::from(self.heading) * FRAC_PI_4
    }

    /// Maps base coordinates (x ahead, z up, on the floor) to world coordinates.
    pub fn world_T_base(&self) -> Pose {
        Pose::from_parts(
            Translation3::new(self.xy_m.x, self.xy_m.y, 0.0),
            UnitQuaternion::from_euler_angles(0.0, 0.0, self.yaw_rad()),
        )
    }

    /// Maps camera body coordinates (x ahead) to base coordinates.
    pub fn base_T_camera_link(&self) -> Pose {
        Pose::from_parts(
            Translation3::new(CAMERA_M[0], 0.0, CAMERA_M[1]),
            UnitQuaternion::from_euler_angles(0.0, f64::from(self.look) * LOOK_RAD, 0.0),
        )
    }

    /// Maps optical coordinates (x right, y down, z ahead) to world coordinates.
    pub fn world_T_camera(&self) -> Pose {
        self.world_T_base() * self.base_T_camera_link() * camera_link_T_optical()
    }
}

/// What the robot has spent. Failed actions are counted too.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tally {
    /// Moves and touches.
    pub actions: usize,
    /// Way driven, metres.
    pub way_m: f64,
    /// Moves that would have bumped into something.
    pub bumps: usize,
}

/// One low-level action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Low {
    /// The base or the camera moved.
    Move(Move),
    /// A thing was touched.
    Touch(Touch),
}

/// A home, the state of everything in it, and the robot.
#[derive(Debug, Clone)]
pub struct World {
    /// Everything where it is now, all doors shut.
    pub(super) home: Home,
    pub(super) conditions: Vec<Condition>,
    pub(super) places: Vec<Place>,
    pub(super) robot: Stance,
    pub(super) obstacles: Arc<Vec<Obstacle>>,
    /// What the robot went to last.
    pub(super) approached: Option<u32>,
    /// Stands from which a thing of this name could not be reached or seen.
    pub(super) poor_stands: Vec<(String, Vector2<f64>)>,
    pub(super) tally: Tally,
}

impl World {
    /// A world of `home` as it was built, with the robot at `robot`. Fails where it would stand in
    /// something.
    pub fn new(home: Home, robot: Stance) -> Result<Self, SimError> {
        let world = Self::unchecked(home, robot);
        if world.is_free(&robot.xy_m) {
            return Ok(world);
        }
        Err(SimError::Start { x_m: robot.xy_m.x, y_m: robot.xy_m.y, radius_m: BASE_RADIUS_M })
    }

    /// A world in which the robot may stand in something.
    pub(super) fn unchecked(home: Home, robot: Stance) -> Self {
        let place = |entity: &Entity| match entity.parent {
            Some(parent) if super::is_portable(entity.category) => Place::On(parent),
            _ => Place::Fixed,
        };
        Self {
            conditions: vec![Condition::default(); home.entities.len()],
            places: home.entities.iter().map(place).collect(),
            obstacles: Arc::new(obstacles(&home)),
            home,
            robot,
            approached: None,
            poor_stands: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// The home, all doors shut; things are where they are.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Where the robot stands.
    pub fn robot(&self) -> &Stance {
        &self.robot
    }

    /// What was spent so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The state of an entity; that of a new thing if there is none with this id.
    pub fn condition(&self, id: u32) -> Condition {
        self.index(id).and_then(|at| self.conditions.get(at)).copied().unwrap_or_default()
    }

    /// Where an entity is; fixed if there is none with this id.
    pub fn place(&self, id: u32) -> Place {
        self.index(id).and_then(|at| self.places.get(at)).copied().unwrap_or(Place::Fixed)
    }

    /// What the hand holds.
    pub fn held(&self) -> Option<&Entity> {
        let at = self.places.iter().position(|place| *place == Place::Held)?;
        self.home.entities.get(at)
    }

    /// What the entity stands on or in.
    pub fn holder(&self, id: u32) -> Option<u32> {
        match self.place(id) {
            Place::On(holder) | Place::In(holder) => Some(holder),
            Place::Fixed | Place::Held => None,
        }
    }

    /// Ids of what stands on or in an entity.
    pub fn contents(&self, id: u32) -> impl Iterator<Item = u32> + '_ {
        let holds = move |entity: &&Entity| self.holder(entity.id) == Some(id);
        self.home.entities.iter().filter(holds).map(|entity| entity.id)
    }

    /// Whether a closed door hides it.
    pub fn is_hidden(&self, id: u32) -> bool {
        let mut at = id;
        // No chain of holders is longer than there are entities.
        for _ in 0..self.home.entities.len() {
            match self.place(at) {
                Place::In(holder) if !self.condition(holder).is_open => return true,
                Place::In(holder) | Place::On(holder) => at = holder,
                Place::Fixed | Place::Held => return false,
            }
        }
        false
    }

    /// Everything of this class, in order of id. Case, spaces and punctuation do not count.
    pub fn named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Entity> + use<'a> {
        let name = class_word(name);
        self.home.entities.iter().filter(move |entity| class_word(entity.category) == name)
    }

    /// Whether things can be put on or into it.
    pub fn is_receptacle(&self, entity: &Entity) -> bool {
        entity.is_receptacle || may_hold(entity.category)
    }

    /// Distance on the floor plan from a place to the box of an entity, metres.
    pub fn gap_m(&self, entity: &Entity, from_m: &Vector2<f64>) -> f64 {
        let at = entity.world_T_entity.translation.vector;
        let offset = Vector3::new(from_m.x - at.x, from_m.y - at.y, 0.0);
        let local = entity.world_T_entity.rotation.inverse() * offset;
        let gap = |axis: usize| (local[axis].abs() - 0.5 * entity.size_m[axis]).max(0.0);
        gap(0).hypot(gap(1))
    }

    /// An entity as a map that knows it perfectly would have it. The id is the entity's.
    pub fn as_map_object(entity: &Entity) -> MapObject {
        let pose = entity.world_T_entity;
        MapObject {
            id: ObjectId(entity.id),
            label: entity.category.into(),
            position_m: pose.translation.vector.into(),
            orientation_xyzw: pose.rotation.coords.into(),
            size_m: entity.size_m,
            confidence: 1.0,
            observations: 1,
            first_seen_ns: 0,
            last_seen_ns: 0,
        }
    }

    /// Brings a new thing into the home before anything happens: on or into the first of `holders`
    /// that has room. Whether one had.
    pub(super) fn furnish(&mut self, entity: Entity, holders: &[u32]) -> bool {
        self.bring(entity, |world, id| holders.iter().any(|holder| world.lay(id, *holder).is_ok()))
    }

    /// Brings a new thing into the home, unless it finds no place there. Whether it found one.
    pub(super) fn bring(
        &mut self,
        mut entity: Entity,
        settle: impl FnOnce(&mut Self, u32) -> bool,
    ) -> bool {
        let id = self.home.entities.len() as u32 + 1;
        entity.id = id;
        self.home.entities.push(entity);
        self.places.push(Place::Fixed);
        self.conditions.push(Condition::default());
        if settle(self, id) {
            return true;
        }
        self.home.entities.pop();
        self.places.pop();
        self.conditions.pop();
        false
    }

    /// Moves a thing to another place behind the robot's back: on or into `holder`, wherever there
    /// is room.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn displace(&mut self, thing: u32, holder: u32) -> Result<(), Failure> {
        self.lay(thing, holder)
    }

    /// Puts the robot elsewhere before anything happens.
    ///
    /// # Errors
    ///
    /// When it would stand in something; it stays where it was then.
    pub fn stand_at_start(&mut self, robot: Stance) -> Result<(), SimError> {
        if !self.is_free(&robot.xy_m) {
            let [x_m, y_m] = robot.xy_m.into();
            return Err(SimError::Start { x_m, y_m, radius_m: BASE_RADIUS_M });
        }
        self.robot = robot;
        self.carry();
        Ok(())
    }

    /// Opens, slices or washes a thing before anything happens.
    pub fn change_at_start(&mut self, id: u32, change: impl FnOnce(&mut Condition)) {
        if let Some(condition) = self.condition_mut(id) {
            change(condition);
        }
    }

    /// Switches a lamp or an appliance before anything happens.
    pub fn switch_at_start(&mut self, id: u32, is_on: bool) {
        if let Some(condition) = self.condition_mut(id) {
            condition.is_on = is_on;
        }
    }

    /// Puts an entity into a state before anything happens: an open door, a sliced loaf.
    pub fn condition_at_start(&mut self, id: u32, state: Condition) {
        if let Some(condition) = self.condition_mut(id) {
            *condition = state;
        }
    }

    pub(super) fn index(&self, id: u32) -> Option<usize> {
        usize::try_from(id).ok()?.checked_sub(1)
    }

    pub(super) fn condition_mut(&mut self, id: u32) -> Option<&mut Condition> {
        let at = self.index(id)?;
        self.conditions.get_mut(at)
    }

    pub(super) fn set_place(&mut self, id: u32, place: Place) {
        if let Some(at) = self.index(id)
            && let Some(old) = self.places.get_mut(at)
        {
            *old = place;
        }
    }

    /// How a thing that is put there is placed.
    pub(super) fn place_with(&self, holder: &Entity) -> Place {
        if opens(holder.category) { Place::In(holder.id) } else { Place::On(holder.id) }
    }
}
