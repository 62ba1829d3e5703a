//! What is true of a scene, as far as it shows.

use super::color::color_word;
use super::words::is_told;
use crate::geometry::Pose;
use crate::scene::MapObject;
use crate::sim::household::{Condition, Place, World};
use crate::sim::{Renderer, SimError};
use crate::tasks::{
    AHEAD_RAD, BESIDE_M, apart_m, class_word, largest, nearest, preposition, stands,
};
use nalgebra::Point3;

/// Fewest pixels, in the small image of [`World::finder`], that count as seeing a thing: one patch of
/// a vision transformer with patches of 8 pixels, at 320 × 240.
const MIN_PIXELS: usize = 16;
/// Furniture that is no farther apart is next to each other, metres.
const BESIDE_FURNITURE_M: f64 = 0.6;

/// Where in the view a thing is seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InView {
    /// Its share of the image, 0..=1.
    pub share: f64,
    /// The turn to the middle of what is seen of it, radians, positive to the left.
    pub bearing_rad: f64,
    /// Its middle in camera coordinates (x right, y down, z ahead), metres.
    pub camera_m: [f64; 3],
}

/// A side of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Left of the middle.
    Left,
    /// In the middle.
    Ahead,
    /// Right of the middle.
    Right,
}

impl InView {
    /// The side it is seen on.
    pub fn side(&self) -> Side {
        match self.bearing_rad {
            rad if rad > AHEAD_RAD => Side::Left,
            rad if rad < -AHEAD_RAD => Side::Right,
            _ => Side::Ahead,
        }
    }

    /// How far it is on the floor plan, metres.
    pub fn distance_m(&self) -> f64 {
        let [x, _, z] = self.camera_m;
        x.hypot(z)
    }

    /// Whether its side is beyond doubt.
    pub(super) fn is_clear(&self) -> bool {
        (self.bearing_rad.abs() - AHEAD_RAD).abs() > 0.25 * AHEAD_RAD
    }
}

/// What is true of one thing.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectFact {
    /// Its box, world frame; the id is the entity's, or the map's.
    pub object: MapObject,
    /// Its class in one lower-case word.
    pub category: String,
    /// What it stands on or in.
    pub holder: Option<u32>,
    /// Its state, where that is known.
    pub condition: Option<Condition>,
    /// Its colour, where it has one.
    pub color: Option<&'static str>,
    /// Where it is seen; of the facts of a view only.
    pub view: Option<InView>,
}

impl ObjectFact {
    /// Its id.
    pub fn id(&self) -> u32 {
        self.object.id.0
    }

    /// Volume of its box, cubic metres.
    pub fn volume_m3(&self) -> f64 {
        self.object.size_m.iter().product()
    }
}

/// What is true of a scene or a view.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SceneFacts {
    /// The things that show, in the order of their ids.
    pub objects: Vec<ObjectFact>,
    /// The kind of room, as its furniture tells.
    pub room: &'static str,
}

impl SceneFacts {
    /// What no door hides in `world`. What the hand holds is left out.
    pub fn of_world(world: &World) -> Self {
        let entities = world.home().entities.iter();
        let told = entities.filter(|entity| {
            is_told(entity.category) && !world.is_hidden(entity.id) && !is_carried(world, entity.id)
        });
        let objects = told.map(|entity| {
            let condition = world.condition(entity.id);
            // Slices show their flesh, and a lamp that is on its light.
            let shows_color = !condition.is_sliced && !condition.is_on;
            ObjectFact {
                object: World::as_map_object(entity),
                category: entity.category.to_string(),
                holder: world.holder(entity.id).or(entity.parent),
                condition: Some(condition),
                color: color_word(entity).filter(|_| shows_color),
                view: None,
            }
        });
        Self::new(objects.collect())
    }

    /// What of `world` is in the image of a camera at `world_T_camera`.
    ///
    /// # Errors
    ///
    /// When the camera cannot be rendered.
    pub fn in_view(world: &World, world_T_camera: &Pose) -> Result<Self, SimError> {
        let camera = World::finder();
        let seen = Renderer::new(camera)?.instances(&world.shown(), world_T_camera);
        let width = camera.width as usize;
        let count = world.home().entities.len() + 1;
        let mut pixels = vec![0usize; count];
        let mut columns = vec![0usize; count];
        for (at, id) in seen.iter().enumerate() {
            let id = *id as usize;
            pixels[id] += 1;
            columns[id] += at % width;
        }
        let Self { mut objects, room } = Self::of_world(world);
        let camera_T_world = world_T_camera.inverse();
        objects.retain_mut(|fact| {
            let id = fact.id() as usize;
            if pixels[id] < MIN_PIXELS {
                return false;
            }
            let column = columns[id] as f64 / pixels[id] as f64;
            let at = camera_T_world * Point3::from(fact.object.position_m);
            fact.view = Some(InView {
                share: pixels[id] as f64 / seen.len() as f64,
                bearing_rad: -((column - camera.cx) / camera.fx).atan(),
                camera_m: at.coords.into(),
            });
            true
        });
        Ok(Self { objects, room })
    }

    /// What the labelled objects of a map tell. Nothing is known of their states and colours.
    pub fn of_objects(objects: &[MapObject]) -> Self {
        let named = objects.iter().filter(|object| !class_word(&object.label).is_empty());
        let fact = |object: &MapObject| ObjectFact {
            object: object.clone(),
            category: class_word(&object.label),
            holder: stands(object, objects.iter()).map(|(_, id)| id.0),
            condition: None,
            color: None,
            view: None,
        };
        Self::new(named.map(fact).collect())
    }

    fn new(mut objects: Vec<ObjectFact>) -> Self {
        objects.sort_by_key(ObjectFact::id);
        let room = room_of(&objects);
        Self { objects, room }
    }

    /// The thing with this id, if it shows.
    pub fn get(&self, id: u32) -> Option<&ObjectFact> {
        let at = self.objects.binary_search_by_key(&id, ObjectFact::id).ok()?;
        self.objects.get(at)
    }

    /// The things of a class.
    pub fn named<'a, 'b>(
        &'a self,
        category: &'b str,
    ) -> impl Iterator<Item = &'a ObjectFact> + use<'a, 'b> {
        self.objects.iter().filter(move |fact| fact.category == category)
    }

    /// How many there are of a class.
    pub fn count(&self, category: &str) -> usize {
        self.named(category).count()
    }

    /// The only thing of a class.
    pub fn only<'a>(&'a self, category: &str) -> Option<&'a ObjectFact> {
        let mut named = self.named(category);
        named.next().filter(|_| named.next().is_none())
    }

    /// The classes that show, each once, in alphabetical order.
    pub fn categories(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.objects.iter().map(|f| f.category.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What a thing stands on or in, if that shows too.
    pub fn holder(&self, fact: &ObjectFact) -> Option<&ObjectFact> {
        self.get(fact.holder?)
    }

    /// What stands on or in a thing.
    pub fn held_by(&self, id: u32) -> impl Iterator<Item = &ObjectFact> {
        self.objects.iter().filter(move |fact| fact.holder == Some(id))
    }

    /// The place of a thing in words: "on the countertop".
    pub fn place(&self, fact: &ObjectFact) -> Option<String> {
        let holder = self.holder(fact)?.category.as_str();
        Some(format!("{} the {holder}", preposition(holder)))
    }

    /// Whether two things are next to each other: together on one receptacle, or both on the floor.
    pub fn are_beside(a: &ObjectFact, b: &ObjectFact) -> bool {
        let most_m = if a.holder.is_some() { BESIDE_M } else { BESIDE_FURNITURE_M };
        a.id() != b.id() && a.holder == b.holder && apart_m(&a.object, &b.object) <= most_m
    }

    /// The thing next to another, nearest of all that stand there; `None` where that is not clear.
    pub fn nearest(&self, fact: &ObjectFact) -> Option<&ObjectFact> {
        let holder = self.holder(fact)?;
        let others = self.held_by(holder.id()).map(|other| &other.object);
        self.get(nearest(&fact.object, others)?.id.0)
    }

    /// The largest thing on or in the receptacles of a class; `None` where that is not clear.
    pub fn largest_on(&self, receptacle: &str) -> Option<&ObjectFact> {
        self.get(largest(self.on(receptacle).map(|fact| &fact.object))?.id.0)
    }

    /// What stands on or in any receptacle of a class.
    pub fn on<'a, 'b>(
        &'a self,
        receptacle: &'b str,
    ) -> impl Iterator<Item = &'a ObjectFact> + use<'a, 'b> {
        self.objects
            .iter()
            .filter(move |fact| self.holder(fact).is_some_and(|on| on.category == receptacle))
    }
}

/// Whether a thing is in the hand, or stands in what is.
fn is_carried(world: &World, id: u32) -> bool {
    let mut at = id;
    for _ in 0..world.home().entities.len() {
        match world.place(at) {
            Place::Held => return true,
            Place::On(holder) | Place::In(holder) => at = holder,
            Place::Fixed => return false,
        }
    }
    false
}

fn room_of(objects: &[ObjectFact]) -> &'static str {
    const SIGNS: [(&str, &[&str]); 4] = [
        ("kitchen", &["fridge", "microwave", "stoveburner", "coffeemachine", "toaster"]),
        ("bathroom", &["toilet", "bathtubbasin", "toiletpaperhanger", "handtowelholder"]),
        ("bedroom", &["bed"]),
        ("livingroom", &["sofa", "armchair", "coffeetable", "ottoman"]),
    ];
    let has = |signs: &[&str]| objects.iter().any(|fact| signs.contains(&fact.category.as_str()));
    SIGNS.iter().find(|(_, signs)| has(signs)).map_or("room", |(room, _)| room)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::{object, sized};
    use crate::sim::household::household;

    #[test]
    fn facts_hold_what_shows_and_no_more() {
        let world = household(3).unwrap();
        let facts = SceneFacts::of_world(&world);
        assert_eq!(facts.room, "kitchen");
        for fact in &facts.objects {
            let entity = world.home().entity(fact.id()).unwrap();
            assert!(!entity.is_structure() && !world.is_hidden(fact.id()), "{}", fact.category);
        }
        let mug = facts.named("mug").next().unwrap();
        let place = facts.place(mug).unwrap();
        assert!(place.starts_with("on the ") || place.starts_with("in the "), "{place}");
        let hidden = world.home().entities.iter().find(|e| world.is_hidden(e.id)).unwrap();
        assert!(facts.get(hidden.id).is_none());
    }

    #[test]
    fn a_view_holds_what_its_image_shows_on_its_side() {
        let world = household(3).unwrap();
        let view = SceneFacts::in_view(&world, &world.robot().world_T_camera()).unwrap();
        let whole = SceneFacts::of_world(&world);
        assert!(!view.objects.is_empty() && view.objects.len() < whole.objects.len());
        for fact in &view.objects {
            let seen = fact.view.unwrap();
            assert!(seen.camera_m[2] > 0.0, "{} is behind the camera", fact.category);
            if seen.side() == Side::Left && fact.volume_m3() < 0.01 {
                assert!(seen.camera_m[0] < 0.0, "{} is left", fact.category);
            }
        }
    }

    #[test]
    fn the_objects_of_a_map_stand_on_each_other() {
        let facts = SceneFacts::of_objects(&[
            sized(1, "Dining Table", [0.0, 0.0, 0.4], [1.0, 1.0, 0.8]),
            object(2, "mug", [0.1, 0.0, 0.85], 0.1),
            sized(3, "plate", [0.3, 0.0, 0.82], [0.2, 0.2, 0.03]),
            sized(4, "fork", [-0.4, 0.4, 0.82], [0.2, 0.02, 0.02]),
        ]);
        let mug = facts.only("mug").unwrap();
        assert_eq!(facts.place(mug).as_deref(), Some("on the diningtable"));
        assert_eq!(facts.nearest(mug).map(ObjectFact::id), Some(3));
        assert_eq!(facts.on("diningtable").count(), 3);
        assert_eq!(facts.largest_on("diningtable"), None, "mug and plate are alike in size");
        assert_eq!(facts.count("spoon"), 0);
    }
}
