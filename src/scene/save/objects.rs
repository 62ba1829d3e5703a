//! The objects in a map file: `u32` next id, `u32` number, then each; `u32` number of tracks, then
//! each; since version 2 `u32` number of objects made of regions, then their ids; since version 3
//! `u32` number of objects that became others, then both ids of each, and `u32` number of objects
//! whose names are known, then of each its id, `u32` number of names, and each name and its score.

use super::{Record, bad, bytes, read_text, write_text};
use crate::scene::objects::{LabelScores, StoreParts};
use crate::scene::{MapObject, ObjectId, ObjectStore};
use std::io::{self, Read, Write};

const OBJECT_BYTES: usize = 108;

pub(super) fn write_objects(out: &mut impl Write, objects: &ObjectStore) -> io::Result<()> {
    let StoreParts { next_id, objects, tracks, own, labels, merged } = objects.parts();
    write_u32(out, *next_id)?;
    write_u32(out, objects.len() as u32)?;
    objects.iter().try_for_each(|object| write_object(out, object))?;
    write_u32(out, tracks.len() as u32)?;
    for (track, id) in tracks {
        write_text(out, track)?;
        write_u32(out, id.0)?;
    }
    write_u32(out, own.len() as u32)?;
    own.iter().try_for_each(|id| write_u32(out, id.0))?;
    write_u32(out, merged.len() as u32)?;
    for (gone, kept) in merged {
        write_u32(out, gone.0)?;
        write_u32(out, kept.0)?;
    }
    write_u32(out, labels.len() as u32)?;
    for (id, said) in labels {
        write_u32(out, id.0)?;
        write_u32(out, said.iter().count() as u32)?;
        for (label, score) in said.iter() {
            write_text(out, label)?;
            out.write_all(&score.to_le_bytes())?;
        }
    }
    Ok(())
}

pub(super) fn read_objects(input: &mut impl Read, version: u32) -> io::Result<ObjectStore> {
    let mut parts = StoreParts { next_id: read_u32(input)?, ..StoreParts::default() };
    for _ in 0..read_u32(input)? {
        let object = read_object(input)?;
        // Checked here as well: a file must not claim the same object over and over.
        if parts.objects.last().is_some_and(|last| last.id >= object.id) {
            return Err(bad("objects are not in order of their ids"));
        }
        parts.objects.push(object);
    }
    for _ in 0..read_u32(input)? {
        let track = read_text(input)?;
        parts.tracks.insert(track, read_id(input)?);
    }
    if version >= 2 {
        for _ in 0..read_u32(input)? {
            parts.own.insert(read_id(input)?);
        }
    }
    if version >= 3 {
        for _ in 0..read_u32(input)? {
            let gone = read_id(input)?;
            parts.merged.insert(gone, read_id(input)?);
        }
        for _ in 0..read_u32(input)? {
            let (id, mut said) = (read_id(input)?, LabelScores::default());
            for _ in 0..read_u32(input)? {
                let label = read_text(input)?;
                said.add(&label, f32::from_le_bytes(bytes(input)?));
            }
            parts.labels.insert(id, said);
        }
    }
    ObjectStore::try_from(parts).map_err(|reason| bad(&reason))
}

pub(super) fn write_object(out: &mut impl Write, object: &MapObject) -> io::Result<()> {
    write_text(out, &object.label)?;
    let mut buffer = Vec::with_capacity(OBJECT_BYTES);
    buffer.extend(object.id.0.to_le_bytes());
    let floats = object.position_m.iter().chain(&object.orientation_xyzw);
    buffer.extend(floats.chain(&object.size_m).flat_map(|v| v.to_le_bytes()));
    buffer.extend(object.confidence.to_le_bytes());
    buffer.extend(object.observations.to_le_bytes());
    buffer.extend(object.first_seen_ns.to_le_bytes());
    buffer.extend(object.last_seen_ns.to_le_bytes());
    out.write_all(&buffer)
}

pub(super) fn read_object(input: &mut impl Read) -> io::Result<MapObject> {
    let label = read_text(input)?;
    let data: [u8; OBJECT_BYTES] = bytes(input)?;
    let mut record = Record(&data);
    let id = ObjectId(u32::from_le_bytes(record.take()));
    let mut number = || f64::from_le_bytes(record.take());
    let object = MapObject {
        id,
        label,
        position_m: [0.0; 3].map(|_: f64| number()),
        orientation_xyzw: [0.0; 4].map(|_: f64| number()),
        size_m: [0.0; 3].map(|_: f64| number()),
        confidence: f32::from_le_bytes(record.take()),
        observations: u32::from_le_bytes(record.take()),
        first_seen_ns: i64::from_le_bytes(record.take()),
        last_seen_ns: i64::from_le_bytes(record.take()),
    };
    let mut numbers =
        object.position_m.iter().chain(&object.orientation_xyzw).chain(&object.size_m);
    if !numbers.all(|v| v.is_finite()) || !(0.0..=1.0).contains(&object.confidence) {
        return Err(bad("an object's numbers make no sense"));
    }
    Ok(object)
}

pub(super) fn write_u32(out: &mut impl Write, number: u32) -> io::Result<()> {
    out.write_all(&number.to_le_bytes())
}

pub(super) fn read_u32(input: &mut impl Read) -> io::Result<u32> {
    Ok(u32::from_le_bytes(bytes(input)?))
}

pub(super) fn read_id(input: &mut impl Read) -> io::Result<ObjectId> {
    read_u32(input).map(ObjectId)
}
