//! Touching one thing once: AI2-THOR's interactions, strict about what must hold before.

use super::failure::Failure;
use super::kinds::{has_switch, is_knife, is_portable, is_sink, may_be_sliced, opens};
use super::world::{Condition, Low, Place, World};
use crate::sim::Entity;

/// One touch. Ids are those of entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// Takes a thing into the empty hand.
    Pick(u32),
    /// Puts what is held on or into an entity.
    Put(u32),
    /// Opens a door or a drawer.
    Open(u32),
    /// Closes it.
    Close(u32),
    /// Switches a lamp or an appliance on.
    SwitchOn(u32),
    /// Switches it off.
    SwitchOff(u32),
    /// Slices a thing with the knife in the hand.
    Slice(u32),
}

impl Touch {
    /// The entity that is touched.
    pub fn id(self) -> u32 {
        match self {
            Self::Pick(id)
            | Self::Put(id)
            | Self::Open(id)
            | Self::Close(id)
            | Self::SwitchOn(id)
            | Self::SwitchOff(id)
            | Self::Slice(id) => id,
        }
    }
}

impl World {
    /// Touches a thing that is within reach and in sight.
    ///
    /// # Errors
    ///
    /// When it is not, or something else that must hold does not; nothing changes then.
    pub fn touch(&mut self, touch: Touch) -> Result<(), Failure> {
        self.tally.actions += 1;
        let entity = self.touchable(touch.id())?;
        let (id, name, now) = (entity.id, entity.category, self.condition(entity.id));
        match touch {
            Touch::Pick(_) => {
                self.may_pick(entity)?;
                self.take(id);
            }
            Touch::Put(_) => {
                let held = self.may_put(entity, now)?;
                self.lay(held, id)?;
            }
            Touch::Open(_) => {
                openable(entity)?;
                if now.is_open {
                    return Err(Failure::Open { name: name.into() });
                }
                if now.is_on {
                    return Err(Failure::On { name: name.into() });
                }
                self.change(id, |condition| condition.is_open = true);
            }
            Touch::Close(_) => {
                openable(entity)?;
                if !now.is_open {
                    return Err(Failure::Closed { name: name.into() });
                }
                self.change(id, |condition| condition.is_open = false);
                if name == "fridge" {
                    self.change_contents(id, Condition::cool);
                }
            }
            Touch::SwitchOn(_) => {
                self.may_switch(entity, now, true)?;
                self.change(id, |condition| condition.is_on = true);
                self.run(id, name);
            }
            Touch::SwitchOff(_) => {
                self.may_switch(entity, now, false)?;
                self.change(id, |condition| condition.is_on = false);
            }
            Touch::Slice(_) => {
                self.may_slice(entity, now)?;
                self.change(id, |condition| condition.is_sliced = true);
            }
        }
        Ok(())
    }

    /// Touches, having turned and looked at the thing.
    pub(super) fn face_and_touch(
        &mut self,
        touch: Touch,
        watch: &mut dyn FnMut(&Self, Low),
    ) -> Result<(), Failure> {
        if let Some(entity) = self.home.entity(touch.id()) {
            let point = entity.world_T_entity.translation.vector.into();
            self.face(&point, watch)?;
        }
        self.touch(touch)?;
        watch(self, Low::Touch(touch));
        Ok(())
    }

    /// Takes up what was laid down just before. The hand finds it again, even where the rim of the sink
    /// hides it.
    pub(super) fn take_back(
        &mut self,
        id: u32,
        watch: &mut dyn FnMut(&Self, Low),
    ) -> Result<(), Failure> {
        let none = || Failure::NotSeen { name: "thing".into() };
        let point = self.home.entity(id).ok_or_else(none)?.world_T_entity.translation.vector;
        self.face(&point.into(), watch)?;
        self.tally.actions += 1;
        let entity = self.home.entity(id).ok_or_else(none)?;
        self.near(entity)?;
        self.may_pick(entity)?;
        self.take(id);
        watch(self, Low::Touch(Touch::Pick(id)));
        Ok(())
    }

    fn may_pick(&self, entity: &Entity) -> Result<(), Failure> {
        if let Some(held) = self.held() {
            return Err(Failure::HandFull { held: held.category.into() });
        }
        if !is_portable(entity.category) {
            return Err(Failure::Cannot { name: entity.category.into(), done: "picked up" });
        }
        Ok(())
    }

    /// The id of what is held, if it may be put there.
    fn may_put(&self, receptacle: &Entity, now: Condition) -> Result<u32, Failure> {
        let name = || receptacle.category.to_string();
        let held = self.held().ok_or_else(|| Failure::NotHeld { name: "thing to put".into() })?;
        if !self.is_receptacle(receptacle) || held.id == receptacle.id {
            return Err(Failure::Cannot { name: name(), done: "filled" });
        }
        if opens(receptacle.category) && !now.is_open {
            return Err(Failure::Closed { name: name() });
        }
        Ok(held.id)
    }

    fn may_switch(&self, entity: &Entity, now: Condition, on: bool) -> Result<(), Failure> {
        let name = || entity.category.to_string();
        match () {
            () if !has_switch(entity.category) => {
                Err(Failure::Cannot { name: name(), done: "switched" })
            }
            () if on && now.is_on => Err(Failure::On { name: name() }),
            () if !on && !now.is_on => Err(Failure::Off { name: name() }),
            () if on && now.is_open => Err(Failure::Open { name: name() }),
            () => Ok(()),
        }
    }

    fn may_slice(&self, entity: &Entity, now: Condition) -> Result<(), Failure> {
        let name = || entity.category.to_string();
        if !self.held().is_some_and(|held| is_knife(held.category)) {
            return Err(Failure::NoKnife { name: name() });
        }
        if !may_be_sliced(entity.category) {
            return Err(Failure::Cannot { name: name(), done: "sliced" });
        }
        if now.is_sliced { Err(Failure::Sliced { name: name() }) } else { Ok(()) }
    }

    /// What an appliance that was switched on does: a microwave heats what is in it, a tap washes
    /// what is under it.
    fn run(&mut self, id: u32, name: &str) {
        match name {
            "microwave" => {
                self.change_contents(id, Condition::heat);
            }
            "faucet" => {
                if let Some(sink) = self.sink_of(id) {
                    self.change_contents(sink, |thing| thing.is_clean = true);
                }
            }
            _ => {}
        }
    }

    /// The sink under a tap: the nearest one.
    pub(super) fn sink_of(&self, faucet: u32) -> Option<u32> {
        let at = self.home.entity(faucet)?.world_T_entity.translation.vector.xy();
        let sinks = self.home.entities.iter().filter(|entity| is_sink(entity.category));
        let nearest = sinks.min_by(|a, b| self.gap_m(a, &at).total_cmp(&self.gap_m(b, &at)));
        nearest.map(|sink| sink.id)
    }

    fn change(&mut self, id: u32, change: impl Fn(&mut Condition)) {
        if let Some(condition) = self.condition_mut(id) {
            change(condition);
        }
    }

    /// Changes all that is inside an entity, whatever it stands in there.
    fn change_contents(&mut self, id: u32, change: fn(&mut Condition)) {
        let inside: Vec<u32> = self.contents(id).collect();
        for thing in inside {
            self.change(thing, change);
            self.change_contents(thing, change);
        }
    }
}

fn openable(entity: &Entity) -> Result<(), Failure> {
    if opens(entity.category) {
        return Ok(());
    }
    Err(Failure::Cannot { name: entity.category.into(), done: "opened or closed" })
}

impl Place {
    /// Whether it is on or in something.
    pub fn is_held_by(self, holder: u32) -> bool {
        matches!(self, Self::On(id) | Self::In(id) if id == holder)
    }
}
