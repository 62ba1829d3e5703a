//! What a map file remembers of its objects beside the list, since version 4: by it a thing that moved
//! while the robot was off is known again.
//!
//! `u32` number of looks, then of each its object's id and the look; `u32` number of objects that went,
//! the latest last, then of each the object, `u8` whether its look follows, and the look; `u32` number of
//! objects that were said to be none, then each. A look has one `f32` for each of the map's features.

use super::objects::{read_id, read_object, read_u32, write_object, write_u32};
use super::{bad, bytes};
use crate::scene::objects::{Found, MOST_LOOKS};
use crate::scene::regions::{ObjectMemory, REMEMBERED};
use crate::scene::{ObjectId, SceneMap};
use std::io::{self, Read, Write};

/// The square of a look's length is 1, give or take this much.
const ROUNDING: f32 = 0.01;

/// Writes what is remembered, as far as [`read_memory`] would believe it.
pub(super) fn write_memory(out: &mut impl Write, map: &SceneMap) -> io::Result<()> {
    let is_sound = |look: &[f32]| look.len() == map.config.feature_width && is_unit(look);
    let looks = map.objects.looks().filter(|(_, look)| is_sound(look));
    let looks: Vec<(ObjectId, &[f32])> = looks.collect();
    write_u32(out, looks.len() as u32)?;
    for (id, look) in looks {
        write_u32(out, id.0)?;
        write_look(out, look)?;
    }
    let gone = map.memory.gone().filter(|(object, _)| map.objects.is_past(object.id));
    let gone: Vec<Found<'_>> = gone.collect();
    write_u32(out, gone.len() as u32)?;
    for (object, look) in gone {
        write_object(out, object)?;
        let look = look.filter(|look| is_sound(look));
        out.write_all(&[u8::from(look.is_some())])?;
        if let Some(look) = look {
            write_look(out, look)?;
        }
    }
    let refuted = map.memory.refuted();
    write_u32(out, refuted.len() as u32)?;
    refuted.iter().try_for_each(|object| write_object(out, object))
}

/// Reads what is remembered into a map that has its settings and objects.
pub(super) fn read_memory(input: &mut impl Read, map: &mut SceneMap) -> io::Result<()> {
    let width = map.config.feature_width;
    for _ in 0..read_number(input, "looks", MOST_LOOKS)? {
        let id = read_id(input)?;
        if !map.objects.has(id) || map.objects.look(id).is_some() {
            return Err(bad(&format!("the look of object {} stands twice, or for nothing", id.0)));
        }
        let look = read_look(input, width, id)?;
        map.objects.set_look(id, Some(look));
    }
    let mut memory = ObjectMemory::default();
    for _ in 0..read_number(input, "objects that went", REMEMBERED)? {
        let object = read_object(input)?;
        let id = object.id;
        if !map.objects.is_past(id) || memory.gone().any(|(gone, _)| gone.id == id) {
            return Err(bad(&format!("object {} cannot be one that went", id.0)));
        }
        let has_look: [u8; 1] = bytes(input)?;
        let look = match has_look {
            [0] => None,
            [1] => Some(read_look(input, width, id)?),
            _ => return Err(bad(&format!("the look flag of object {} makes no sense", id.0))),
        };
        memory.went(object, look, None);
    }
    for _ in 0..read_number(input, "objects that are none", REMEMBERED)? {
        memory.refute(read_object(input)?);
    }
    map.memory = memory;
    Ok(())
}

fn write_look(out: &mut impl Write, look: &[f32]) -> io::Result<()> {
    let data: Vec<u8> = look.iter().flat_map(|value| value.to_le_bytes()).collect();
    out.write_all(&data)
}

/// The look of an object: `width` numbers, which the map's settings bound.
fn read_look(input: &mut impl Read, width: usize, id: ObjectId) -> io::Result<Vec<f32>> {
    let mut data = vec![0; 4 * width];
    input.read_exact(&mut data)?;
    let numbers = data.chunks_exact(4).map(|of| f32::from_le_bytes([of[0], of[1], of[2], of[3]]));
    let look: Vec<f32> = numbers.collect();
    if !look.iter().all(|value| value.is_finite()) {
        return Err(bad(&format!("the look of object {} is not finite", id.0)));
    }
    if !is_unit(&look) {
        return Err(bad(&format!("the look of object {} does not have length 1", id.0)));
    }
    Ok(look)
}

/// Whether a vector has length 1.
fn is_unit(look: &[f32]) -> bool {
    (look.iter().map(|value| value * value).sum::<f32>() - 1.0).abs() <= ROUNDING
}

/// How many of something follow, `most` at most.
fn read_number(input: &mut impl Read, what: &str, most: usize) -> io::Result<u32> {
    let number = read_u32(input)?;
    if number as usize > most {
        return Err(bad(&format!("it tells of {number} {what}; {most} are the most")));
    }
    Ok(number)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::scene::ObjectStore;
    use crate::scene::objects::tests::object;
    use crate::scene::tests::furnished_map;

    /// How object 0 of [`remembering_map`] looks.
    pub const LOOK: [f32; 3] = [0.6, 0.0, 0.8];
    /// A cup that went from it.
    const CUP: ObjectId = ObjectId(2);
    const LOOK_OF_CUP: [f32; 3] = [0.0, -1.0, 0.0];

    /// A map with two objects, one of known look, that remembers a cup and what was no ghost.
    pub fn remembering_map() -> SceneMap {
        let mut map = furnished_map();
        map.objects.set_look(ObjectId(0), Some(LOOK.to_vec()));
        assert_eq!(map.objects.add_own(object("cup", [0.0; 3], [0.1; 3]), None), Some(CUP));
        map.objects.set_look(CUP, Some(LOOK_OF_CUP.to_vec()));
        let (cup, look) = map.objects.take(CUP).unwrap();
        map.memory.went(cup, look, None);
        map.memory.refute(object("ghost", [1.0; 3], [0.2; 3]));
        map
    }

    fn written(map: &SceneMap) -> Vec<u8> {
        let mut out = Vec::new();
        write_memory(&mut out, map).unwrap();
        out
    }

    /// Reads into a map with the same objects of which nothing else is known.
    fn read(mut memory: &[u8]) -> io::Result<SceneMap> {
        let mut map = remembering_map();
        map.objects = ObjectStore::try_from(map.objects.parts().clone()).unwrap();
        map.memory = ObjectMemory::default();
        read_memory(&mut memory, &mut map)?;
        Ok(map)
    }

    #[test]
    fn what_is_remembered_comes_back_as_it_was() {
        let map = remembering_map();
        let mut back = read(&written(&map)).unwrap();
        assert_eq!(written(&back), written(&map));
        assert_eq!(back.objects.looks().collect::<Vec<_>>(), [(ObjectId(0), &LOOK[..])]);
        assert_eq!(back.memory.refuted(), map.memory.refuted());
        let gone: Vec<Found<'_>> = back.memory.gone().collect();
        assert_eq!(gone, map.memory.gone().collect::<Vec<_>>());
        assert_eq!(gone[0].1, Some(&LOOK_OF_CUP[..]));
        let seen = object("cup", [9.0; 3], [0.1; 3]);
        assert_eq!(back.memory.return_to(&[(&seen, None)]), [Some(CUP)]);
    }

    #[test]
    fn only_what_can_be_read_is_written() {
        let mut map = remembering_map();
        map.objects.set_look(ObjectId(0), Some(vec![1.0; 2]));
        map.objects.set_look(ObjectId(1), Some(vec![f32::NAN; 3]));
        // An object that is there has not gone.
        let there = map.objects.get(ObjectId(1)).unwrap().clone();
        map.memory.went(there, None, None);
        let back = read(&written(&map)).unwrap();
        assert_eq!((back.objects.looks().count(), back.memory.gone().count()), (0, 1));
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_name() {
        let good = written(&remembering_map());
        let refused = |at: usize, value: &[u8]| {
            let mut bytes = good.clone();
            bytes[at..at + value.len()].copy_from_slice(value);
            read(&bytes).unwrap_err().to_string()
        };
        // A number and an id before the first look; a number, a name of 3 letters with its length and
        // the numbers of the object before the flag and the second look.
        let (first, gone) = (8, 20);
        let (cup, second) = (gone + 4 + 7, gone + 4 + 7 + 108 + 1);
        for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let number = number.to_le_bytes();
            assert_eq!(refused(first + 4, &number), "the look of object 0 is not finite");
            assert_eq!(refused(second + 8, &number), "the look of object 2 is not finite");
        }
        let long = 9f32.to_le_bytes();
        assert_eq!(refused(first, &long), "the look of object 0 does not have length 1");
        for (at, what) in [(0, "looks"), (gone, "went"), (second + 12, "none")] {
            let said = refused(at, &[255; 4]);
            assert!(said.contains("4294967295") && said.contains(what), "{said}");
        }
        assert!(refused(4, &[7, 0, 0, 0]).contains("object 7 "));
        assert!(refused(cup, &[1, 0, 0, 0]).contains("object 1 "), "it is there");
        assert!(refused(cup, &[9, 0, 0, 0]).contains("object 9 "), "it never was");
        assert!(refused(second - 1, &[2]).contains("flag of object 2"));
        let look = &good[4..20];
        let twice = [&[2, 0, 0, 0][..], look, look, &good[20..]].concat();
        assert!(read(&twice).unwrap_err().to_string().contains("object 0 "));
        for end in 0..good.len() {
            assert!(read(&good[..end]).is_err(), "cut off at {end}");
        }
    }
}
