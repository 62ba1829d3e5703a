//! A map in one file.
//!
//! Layout, all numbers little-endian: magic `SCENEMAP`, `u32` version, then a zstd stream with
//!
//! * settings: `u32` length, JSON;
//! * blocks: `u64` number, then each: 3 × `i32` key, `i64` last seen, 8 × `u64` mask, `u8` whether
//!   features follow, the voxels (48 bytes each), the features (`u16` halves);
//! * objects: see [`objects`];
//! * what is remembered of them: see [`memory`];
//! * names and their numbers: see [`names`].
//!
//! Nothing is allocated on the word of the file alone: lists grow as their content is read.

mod memory;
mod names;
mod objects;

use super::voxel::{Block, Voxel};
use super::{MapConfig, MapCounts, SceneError, SceneMap};
use memory::{read_memory, write_memory};
use names::{read_names, write_names};
use objects::{read_objects, write_objects};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

const MAGIC: &[u8; 8] = b"SCENEMAP";
const VERSION: u32 = 5;
/// Oldest version that is read.
const OLDEST_VERSION: u32 = 1;
/// Fast, and within a few percent of what higher levels reach on this data.
const ZSTD_LEVEL: i32 = 3;
/// A file may unpack to this many times its size, and 64 MiB: more is no map but a bomb.
const MAX_GROWTH: u64 = 1000;
/// Longest text in a map file, bytes.
const MAX_TEXT: usize = 1 << 20;

impl SceneMap {
    /// Writes the map. The file at `path` is replaced only when the new one is complete.
    pub fn save(&self, path: &Path) -> Result<MapCounts, SceneError> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut file = tempfile::Builder::new();
        // As any other file a program writes: the user's mask decides who may read it.
        #[cfg(unix)]
        file.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let written = file.tempfile_in(folder).and_then(|file| {
            self.write_to(BufWriter::new(file.as_file()))?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|failed| failed.error)
        });
        written.map_err(|source| SceneError::File { path: path.to_owned(), source })?;
        Ok(self.counts())
    }

    /// Reads a map that [`SceneMap::save`] wrote.
    pub fn load(path: &Path) -> Result<(Self, MapCounts), SceneError> {
        let file = File::open(path)
            .map_err(|source| SceneError::File { path: path.to_owned(), source })?;
        let length = file
            .metadata()
            .map_err(|source| SceneError::File { path: path.to_owned(), source })?
            .len();
        let map = Self::read_from(BufReader::new(file), length).map_err(|source| {
            SceneError::BadMapFile { path: path.to_owned(), reason: source.to_string() }
        })?;
        let counts = map.counts();
        Ok((map, counts))
    }

    fn write_to(&self, mut out: impl Write) -> io::Result<()> {
        out.write_all(MAGIC)?;
        out.write_all(&VERSION.to_le_bytes())?;
        let mut out = zstd::Encoder::new(out, ZSTD_LEVEL)?;
        out.include_checksum(true)?;
        write_text(&mut out, &serde_json::to_string(&self.config)?)?;
        let blocks = self.store.sorted();
        out.write_all(&(blocks.len() as u64).to_le_bytes())?;
        for block in blocks {
            write_block(&mut out, block)?;
        }
        write_objects(&mut out, &self.objects)?;
        write_memory(&mut out, self)?;
        write_names(&mut out, self.objects.label_numbers())?;
        out.finish()?.flush()
    }

    /// Reads a file of `length` bytes.
    fn read_from(mut input: impl BufRead, length: u64) -> io::Result<Self> {
        let head: [u8; 8] = bytes(&mut input)?;
        if &head != MAGIC {
            return Err(bad("it does not begin with SCENEMAP"));
        }
        let version = u32::from_le_bytes(bytes(&mut input)?);
        if !(OLDEST_VERSION..=VERSION).contains(&version) {
            return Err(bad(&format!(
                "version {version}; this program reads {OLDEST_VERSION} to {VERSION}"
            )));
        }
        let most = length.saturating_mul(MAX_GROWTH).saturating_add(64 << 20);
        let mut input = BufReader::new(zstd::Decoder::with_buffer(input)?.take(most));
        let map = Self::read_content(&mut input, version);
        if input.get_ref().limit() == 0 {
            return Err(bad(&format!("it unpacks to more than {most} bytes")));
        }
        map
    }

    /// Reads what stands in the zstd stream.
    fn read_content(input: &mut impl Read, version: u32) -> io::Result<Self> {
        let config: MapConfig = serde_json::from_str(&read_text(input)?)?;
        let mut map = Self::new(config).map_err(|wrong| bad(&wrong.to_string()))?;
        let blocks = u64::from_le_bytes(bytes(input)?);
        for _ in 0..blocks {
            let block = read_block(input, map.config.feature_width)?;
            if !map.store.insert(block) {
                return Err(bad("a block is empty or stands twice"));
            }
            if map.bytes() > map.config.max_bytes {
                return Err(bad("it holds more than its own byte cap"));
            }
        }
        map.objects = read_objects(input, version)?;
        if version >= 4 {
            read_memory(input, &mut map)?;
        }
        if version >= 5 {
            map.objects.set_label_numbers(read_names(input)?);
        }
        map.objects.number_names();
        if input.read(&mut [0])? != 0 {
            return Err(bad("bytes follow its end"));
        }
        Ok(map)
    }
}

fn bad(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.to_owned())
}

fn bytes<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut buffer = [0; N];
    input.read_exact(&mut buffer)?;
    Ok(buffer)
}

/// Little-endian numbers of one fixed-size record, taken one after the other.
struct Record<'a>(&'a [u8]);

impl Record<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self.0.split_at(N);
        self.0 = rest;
        head.try_into().expect("split at N")
    }
}

const VOXEL_BYTES: usize = 48;

fn write_block(out: &mut impl Write, block: &Block) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(88 + block.voxels.len() * VOXEL_BYTES);
    buffer.extend(block.key.iter().flat_map(|v| v.to_le_bytes()));
    buffer.extend(block.last_seen_ns.to_le_bytes());
    buffer.extend(block.mask.iter().flat_map(|v| v.to_le_bytes()));
    buffer.push(u8::from(!block.features.is_empty()));
    for voxel in &block.voxels {
        buffer.extend(voxel.offset.iter().chain(&voxel.rgb).flat_map(|v| v.to_le_bytes()));
        buffer.extend(voxel.count.to_le_bytes());
        buffer.extend(voxel.feature_pixels.to_le_bytes());
        buffer.extend(voxel.evidence.to_le_bytes());
        buffer.extend(voxel.first_seen_ns.to_le_bytes());
        buffer.extend(voxel.last_seen_ns.to_le_bytes());
    }
    buffer.extend(block.features.iter().flat_map(|v| v.to_le_bytes()));
    out.write_all(&buffer)
}

fn read_block(input: &mut impl Read, width: usize) -> io::Result<Block> {
    let head: [u8; 85] = bytes(input)?;
    let mut head = Record(&head);
    let mut block = Block::empty([0; 3].map(|_: i32| i32::from_le_bytes(head.take())));
    block.last_seen_ns = i64::from_le_bytes(head.take());
    block.mask = [0; 8].map(|_: u64| u64::from_le_bytes(head.take()));
    let has_features = match head.take() {
        [0] => false,
        [1] if width > 0 => true,
        _ => return Err(bad("a block's feature flag makes no sense")),
    };
    // The key leaves room for voxel coordinates in 32 bits.
    if block.key.iter().any(|v| v.unsigned_abs() >= 1 << 28) {
        return Err(bad("a block lies too far away"));
    }
    let count: usize = block.mask.iter().map(|bits| bits.count_ones() as usize).sum();
    let mut data = vec![0; count * VOXEL_BYTES];
    input.read_exact(&mut data)?;
    block.voxels = data.chunks_exact(VOXEL_BYTES).map(read_voxel).collect::<io::Result<_>>()?;
    if has_features {
        let mut data = vec![0; count * width * 2];
        input.read_exact(&mut data)?;
        block.features =
            data.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    } else if block.voxels.iter().any(|voxel| voxel.feature_pixels > 0) {
        return Err(bad("a voxel's feature is missing"));
    }
    if block.features.iter().any(|bits| bits & 0x7c00 == 0x7c00) {
        return Err(bad("a feature is not finite"));
    }
    Ok(block)
}

fn read_voxel(data: &[u8]) -> io::Result<Voxel> {
    let mut record = Record(data);
    let mut floats = || [0.0; 3].map(|_: f32| f32::from_le_bytes(record.take()));
    let (offset, rgb) = (floats(), floats());
    let voxel = Voxel {
        offset,
        rgb,
        count: u32::from_le_bytes(record.take()),
        feature_pixels: u16::from_le_bytes(record.take()),
        evidence: i16::from_le_bytes(record.take()),
        first_seen_ns: i64::from_le_bytes(record.take()),
        last_seen_ns: i64::from_le_bytes(record.take()),
    };
    let inside = offset.iter().all(|v| (-0.5..=1.5).contains(v));
    if !inside || !rgb.iter().all(|v| (-0.5..=255.5).contains(v)) || voxel.count == 0 {
        return Err(bad("a voxel's numbers make no sense"));
    }
    Ok(voxel)
}

fn write_text(out: &mut impl Write, text: &str) -> io::Result<()> {
    if text.len() > MAX_TEXT {
        return Err(bad("a name has more than a million bytes"));
    }
    out.write_all(&(text.len() as u32).to_le_bytes())?;
    out.write_all(text.as_bytes())
}

fn read_text(input: &mut impl Read) -> io::Result<String> {
    let length = u32::from_le_bytes(bytes(input)?) as usize;
    if length > MAX_TEXT {
        return Err(bad("a text has more than a million bytes"));
    }
    let mut text = vec![0; length];
    input.read_exact(&mut text)?;
    String::from_utf8(text).map_err(|_| bad("a text is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::memory::tests::{LOOK, remembering_map};
    use super::*;
    use crate::scene::ObjectStore;
    use crate::scene::objects::tests::object;
    use crate::scene::tests::furnished_map;
    use proptest::prelude::*;

    fn saved() -> Vec<u8> {
        let mut file = Vec::new();
        remembering_map().write_to(&mut file).unwrap();
        file
    }

    fn read(file: &[u8]) -> io::Result<SceneMap> {
        SceneMap::read_from(file, file.len() as u64)
    }

    /// A file with valid framing around arbitrary content.
    fn framed(content: &[u8]) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        file.extend(VERSION.to_le_bytes());
        file.extend(zstd::encode_all(content, 1).unwrap());
        file
    }

    #[test]
    fn a_map_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("home.map");
        let map = furnished_map();
        let written = map.save(&path).unwrap();
        let (back, read) = SceneMap::load(&path).unwrap();
        assert!(back == map);
        assert_eq!(written, read);
        assert_eq!(back.bytes(), map.bytes());
        assert_eq!(back.objects.label_numbers().names(), ["crate", "mug"]);
        assert!(written.voxels > 100 && written.objects == 2, "{written:?}");
    }

    #[test]
    fn files_of_earlier_versions_are_read() {
        let mut map = furnished_map();
        map.objects = ObjectStore::default();
        let shelf = object("shelf", [1.0, 2.0, 0.5], [0.4; 3]);
        map.objects.add_own(shelf, None).unwrap();
        let mut file = Vec::new();
        map.write_to(&mut file).unwrap();
        let content = zstd::decode_all(&file[12..]).unwrap();
        // Version 4 ended before the numbers of names, version 3 also before what is remembered, version 2
        // also before the objects that became others, and the names: none of any here.
        for (version, without) in [(4, 4), (3, 16), (2, 24)] {
            let (content, added) = content.split_at(content.len() - without);
            assert!(added.iter().all(|byte| *byte == 0));
            let mut file = framed(content);
            assert!(read(&file).is_err());
            file[8] = version;
            let back = read(&file).unwrap();
            assert!(back == map);
            assert_eq!(back.objects.label_numbers().of("shelf"), 1);
        }
    }

    #[test]
    fn errors_name_the_file_and_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("home.map");
        let missing = SceneMap::load(&path).unwrap_err().to_string();
        assert!(missing.contains("home.map"), "{missing}");
        let mut file = saved();
        file[8] = 9;
        std::fs::write(&path, &file).unwrap();
        let newer = SceneMap::load(&path).unwrap_err().to_string();
        assert!(newer.contains("home.map") && newer.contains("version 9"), "{newer}");
        file.truncate(file.len() / 2);
        file[8] = 1;
        assert!(read(&file).is_err());
        let mut content = zstd::decode_all(&saved()[12..]).unwrap();
        let look: Vec<u8> = LOOK.iter().flat_map(|value| value.to_le_bytes()).collect();
        let at = content.windows(look.len()).position(|part| part == look.as_slice()).unwrap();
        content[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        std::fs::write(&path, framed(&content)).unwrap();
        let wrong = SceneMap::load(&path).unwrap_err().to_string();
        assert!(wrong.contains("home.map") && wrong.contains("look of object 0 is not"), "{wrong}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(content in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&content);
            let _ = read(&framed(&content));
        }

        #[test]
        fn mutated_maps_never_panic(
            places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            thread_local!(static CONTENT: Vec<u8> = zstd::decode_all(&saved()[12..]).unwrap());
            let mut content = CONTENT.with(Vec::clone);
            for (place, value) in places {
                let place = place.index(content.len());
                content[place] = value;
            }
            if let Ok(mut map) = read(&framed(&content)) {
                let mut again = Vec::new();
                map.write_to(&mut again).unwrap();
                prop_assert!(read(&again).unwrap() == map);
                map.clear();
            }
        }
    }
}
