//! Every parser of foreign bytes against arbitrary bytes, changed valid input, and sizes that lie.
//! `PROPTEST_CASES=5000 cargo test --test hostile_input` tries more.

#![allow(clippy::unwrap_used, reason = "tests stop where they fail")]

mod parsers;

use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_core::{Device, Tensor};
use proptest::prelude::*;
use proptest::sample::Index;
use scenellm::bag::BagReader;
use scenellm::geometry::{CameraModel, Pose};
use scenellm::language::{GgufFile, SafetensorsFiles};
use scenellm::scene::{MapConfig, SceneMap};
use scenellm::sensing::{DepthImage, Detection, RgbdFrame};
use scenellm::vision::PickleFile;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

/// The messages of a bag, each topic's first.
static MESSAGES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let bag = BagReader::open(fixture("bags/mcap_none")).unwrap();
    let topics = bag.topics().iter().map(|topic| topic.name.as_str());
    topics.map(|topic| bag.messages(&[topic]).next().unwrap().unwrap().data).collect()
});

/// Images as the targets take them: raw ones first.
static RAW: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let image = |encoding: u8| {
        let mut bytes = vec![encoding, 0, 4, 0, 4, 0, 0, 0, 0, 0];
        bytes.extend(0..64);
        bytes
    };
    (0..14).map(image).collect()
});

static COMPRESSED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let encoded = |image: image::DynamicImage, format| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    let grey = image::ImageBuffer::from_fn(5, 4, |x, y| image::Luma([(900 * x + y) as u16]));
    let png = encoded(grey.into(), image::ImageFormat::Png);
    let color = image::ImageBuffer::from_fn(9, 8, |x, y| image::Rgb([x as u8, 90, y as u8]));
    let jpeg = encoded(color.into(), image::ImageFormat::Jpeg);
    let header = [[0; 4], 100.0_f32.to_le_bytes(), (-1.0_f32).to_le_bytes()].concat();
    // Two pixels: no zeros, two readings, 5 and one less; see `rvl.rs` for the groups.
    let rvl = [[2, 0, 0, 0], [1, 0, 0, 0], 0x0291_1000_u32.to_le_bytes()].concat();
    vec![
        [&[0], &jpeg[..]].concat(),
        [&[1], &png[..]].concat(),
        [&[2], &header[..], &png].concat(),
        [&[3], &header[..], &png].concat(),
        [&[4], &header[..], &rvl].concat(),
        [&[5], &header[..], &rvl].concat(),
    ]
});

/// A Llama of one block, its tensors alternately dense and quantised.
static GGUF: LazyLock<Vec<u8>> = LazyLock::new(|| {
    use gguf_file::Value;
    let value = |name, value| (name, value);
    let metadata = [
        value("general.architecture", Value::String("llama".into())),
        value("general.alignment", Value::U32(32)),
        value("llama.attention.head_count", Value::U32(2)),
        value("llama.embedding_length", Value::U32(32)),
        value("llama.feed_forward_length", Value::U32(32)),
        value("llama.block_count", Value::U32(1)),
        value("llama.context_length", Value::U32(64)),
        value("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        value("tokenizer.ggml.tokens", Value::Array(vec![Value::String("a".into()); 3])),
    ];
    let tensor = |name, shape: &[usize], dtype| {
        let zeros = Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu).unwrap();
        (name, QTensor::quantize(&zeros, dtype).unwrap())
    };
    let tensors = [
        tensor("token_embd.weight", &[3, 32], GgmlDType::Q8_0),
        tensor("output_norm.weight", &[32], GgmlDType::F32),
        tensor("blk.0.attn_q.weight", &[32, 32], GgmlDType::Q4_0),
        tensor("blk.0.attn_k.weight", &[32, 32], GgmlDType::F16),
    ];
    let metadata: Vec<_> = metadata.iter().map(|(name, value)| (*name, value)).collect();
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let mut file = std::io::Cursor::new(Vec::new());
    gguf_file::write(&mut file, &metadata, &tensors).unwrap();
    file.into_inner()
});

/// The content of a map file, without its framing.
static MAP: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut map = SceneMap::new(MapConfig::default()).unwrap();
    let depth_m = DepthImage { width: 8, height: 6, data_m: vec![2.0; 48] };
    let frame = RgbdFrame {
        stamp_ns: 7,
        color: image::RgbImage::new(8, 6),
        depth_m,
        camera: CameraModel::pinhole(8, 6, 8.0, 8.0, 3.5, 2.5),
        world_T_camera: Pose::identity(),
    };
    map.integrate(&frame, None).unwrap();
    let mug = Detection {
        label: "mug".into(),
        score: 0.7,
        frame_T_box: Pose::translation(0.0, 0.1, 2.0),
        size_m: [0.1; 3],
        track_id: "mug-1".into(),
    };
    map.objects_mut().observe(&[mug], &Pose::identity(), 9);
    let folder = tempfile::tempdir().unwrap();
    map.save(&folder.path().join("home.map")).unwrap();
    let file = std::fs::read(folder.path().join("home.map")).unwrap();
    zstd::decode_all(&file[12..]).unwrap()
});

const MANIFEST: &str = "
name: tiny
description: A small model.
license: Apache-2.0
provenance: untrained
language: {kind: llama, format: safetensors, weights: model.safetensors}
tokenizer: tokenizer.json
vision: {extractor: analytic, provenance: analytic, width: 10}
projector: {weights: projector.safetensors, input: 16, hidden: 12, output: 32}
tokens: {frame: 4, scene: 8, context: 96}
prompt: {begin: '<s>', end: ['</s>']}
decoding: {max_tokens: 32}
";

const VOCABULARY: &str = "
actions:
- {name: GotoLocation, arguments: [target]}
- {name: PutObject, arguments: [object, receptacle]}
- {name: NoOp}
end: NoOp
tasks: [pick_and_place]
objects: [mug, pan]
receptacles: [desk, pan]
\0\u{1}\u{2}\u{3}\u{7f}abc";

/// One of the seeds with some bytes or numbers changed, perhaps cut.
fn changed(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let edge = prop::sample::select(vec![
        0,
        1,
        0x7f,
        0xffff,
        0x7fff_ffff,
        0xffff_ffff,
        1 << 32,
        1 << 60,
        i64::MAX as u64,
        u64::MAX - 7,
        u64::MAX,
    ]);
    let number = (edge, prop::sample::select(vec![4, 8]))
        .prop_map(|(number, size): (u64, usize)| number.to_le_bytes()[..size].to_vec());
    let value = prop_oneof![3 => any::<u8>().prop_map(|byte| vec![byte]), 1 => number];
    let changes = prop::collection::vec((any::<Index>(), value), 0..6);
    let cut = prop::option::weighted(0.2, any::<Index>());
    (prop::sample::select(seeds), changes, cut).prop_map(|(mut bytes, changes, cut)| {
        for (at, value) in changes {
            let at = at.index(bytes.len());
            let end = bytes.len().min(at + value.len());
            bytes[at..end].copy_from_slice(&value[..end - at]);
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes
    })
}

fn arbitrary() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..300)
}

macro_rules! survives {
    ($($name:ident, $body:expr, $seeds:expr;)*) => {
        proptest! {
            $(#[test]
            fn $name(arbitrary in arbitrary(), changed in changed($seeds)) {
                $body(&arbitrary);
                $body(&changed);
            })*
        }

        #[test]
        fn seeds_are_sound() {
            $($seeds.iter().for_each(|seed| $body(seed));)*
        }
    };
}

survives! {
    cdr, parsers::cdr, MESSAGES.clone();
    definition, parsers::definition, vec![b"int32[<=3] a # b\nstring<=4 c\nuint8 D=1\nTime t\n".to_vec()];
    bag_mcap, |bytes: &[u8]| parsers::bag(bytes, ".mcap"),
        vec![read("bags/mcap_none/mcap_none.mcap"), read("bags/mcap_lz4/mcap_lz4.mcap")];
    bag_sqlite, |bytes: &[u8]| parsers::bag(bytes, ".db3"), vec![read("bags/sqlite/sqlite.db3")];
    raw_image, parsers::raw_image, RAW.clone();
    compressed_image, parsers::compressed_image, COMPRESSED.clone();
    camera_info, parsers::camera_info,
        MESSAGES.iter().filter(|message| message.len() < 600).cloned().collect::<Vec<_>>();
    manifest, parsers::manifest, vec![MANIFEST.as_bytes().to_vec()];
    safetensors, parsers::safetensors, vec![safetensors_file(
        r#"{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"BF16","shape":[0,4],"data_offsets":[24,24]}}"#,
        24,
    )];
    gguf, parsers::gguf, vec![GGUF.clone()];
    pickle, parsers::pickle, vec![
        read("vision/pickle/plain.pth"),
        read("vision/pickle/nested.pt"),
        read("vision/pickle/module.bin"),
        torch_program([2, 2], [2, 1], 4),
    ];
    plan, parsers::plan, vec![b"\nGotoLocation mug\nPutObject mug desk\nNoOp".to_vec()];
    grammar, parsers::grammar, vec![VOCABULARY.as_bytes().to_vec()];
    scene_map, parsers::scene_map, vec![MAP.clone()];
}

fn safetensors_file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

/// A pickle program of one tensor of floats `a` of a storage of sixteen, `shape` and `strides` of which
/// stand in it as 32-bit numbers.
fn torch_program(shape: [i32; 2], strides: [i32; 2], start: i32) -> Vec<u8> {
    let number = |number: i32| [&b"J"[..], &number.to_le_bytes()].concat();
    let pair = |pair: [i32; 2]| [number(pair[0]), number(pair[1]), vec![0x86]].concat();
    let text =
        |text: &str| [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    [
        &b"\x80\x02}q\x00("[..],
        &text("a"),
        b"ctorch._utils\n_rebuild_tensor_v2\n((",
        &text("storage"),
        b"ctorch\nFloatStorage\n",
        &text("0"),
        &text("cpu"),
        b"K\x10tQ",
        &number(start),
        &pair(shape),
        &pair(strides),
        b"\x89ccollections\nOrderedDict\n)RtRu.",
    ]
    .concat()
}

fn torch_file(program: &[u8]) -> Vec<u8> {
    parsers::torch_archive(&[("a/data.pkl", program), ("a/data/0", &[0; 64])])
}

fn open_pickle(path: &Path) -> Result<PickleFile, String> {
    PickleFile::open(path).map_err(|error| error.to_string())
}

#[test]
fn pickle_sizes_that_lie_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sound.pth");
    std::fs::write(&path, torch_file(&torch_program([2, 2], [2, 1], 12))).unwrap();
    open_pickle(&path).unwrap().tensor("a", &[2, 2]).unwrap();
    for (shape, strides, start) in [
        ([2, 2], [2, 1], 13),
        ([i32::MAX, i32::MAX], [2, 1], 0),
        ([i32::MAX, 2], [0, 0], 0),
        ([2, 2], [i32::MAX, i32::MAX], 0),
        ([2, 2], [-2, 1], 4),
        ([-1, 0], [1, 1], 0),
        ([2, 2], [2, 1], -1),
        ([i32::MAX, 1], [1, 1], i32::MAX),
    ] {
        let error = refused(&torch_file(&torch_program(shape, strides, start)), open_pickle);
        assert!(error.contains("`a`"), "{error}");
    }
    let archive = torch_file(&torch_program([2, 2], [2, 1], 0));
    // Cut anywhere, it is no file of torch.save's.
    for end in 0..archive.len() {
        refused(&archive[..end], open_pickle);
    }
    // A list of entries of 4 GiB, and one that stands behind the end.
    for at in [10, 6] {
        let mut bytes = archive.clone();
        let at = bytes.len() - at;
        bytes[at..at + 4].fill(0xff);
        refused(&bytes, open_pickle);
    }
    // A program of 4 GiB.
    let mut bytes = archive.clone();
    let listed = bytes.windows(4).position(|part| part == b"PK\x01\x02").unwrap();
    bytes[listed + 20..listed + 28].fill(0xf0);
    assert!(refused(&bytes, open_pickle).contains("a/data.pkl"));
}

/// A kilobyte of program that would make 2⁶⁴ objects; more are in `vision::pickle`.
#[test]
fn pickle_bombs_are_refused_before_they_go_off() {
    let bomb: Vec<u8> = (0..64).flat_map(|slot| [b'q', slot, b'h', slot, 0x86]).collect();
    let error = refused(&torch_file(&[b"\x80\x02)", &bomb[..], b"."].concat()), open_pickle);
    assert!(error.contains("data.pkl"), "{error}");
}

/// Seeds must reach behind the first check, or the tests above test little.
#[test]
fn seeds_are_understood() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seed");
    std::fs::write(&path, &*GGUF).unwrap();
    let mut gguf = GgufFile::open(&path).unwrap();
    gguf.tensor("model.layers.0.self_attn.q_proj.weight", &[32, 32], &Device::Cpu).unwrap();
    std::fs::write(&path, parsers::framed_map(&MAP)).unwrap();
    let (map, counts) = SceneMap::load(&path).unwrap();
    assert!(counts.voxels > 0 && counts.objects == 1 && map.bytes() > 0);
    scenellm::model::Manifest::parse(MANIFEST, Path::new("seed")).unwrap();
    let yaml = VOCABULARY.split_once('\0').unwrap().0;
    scenellm::tasks::ActionVocabulary::parse(yaml, "seed").unwrap();
}

/// The error of a file whose bytes are at odds with what they claim.
fn refused<T>(bytes: &[u8], open: impl Fn(&Path) -> Result<T, String>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lies.bin");
    std::fs::write(&path, bytes).unwrap();
    let error = open(&path).err().expect("a lie is refused");
    assert!(error.contains("lies.bin"), "{error}");
    error
}

fn open_gguf(path: &Path) -> Result<GgufFile, String> {
    GgufFile::open(path).map_err(|error| error.to_string())
}

fn open_safetensors(path: &Path) -> Result<SafetensorsFiles, String> {
    SafetensorsFiles::open_file(path).map_err(|error| error.to_string())
}

fn open_map(path: &Path) -> Result<SceneMap, String> {
    SceneMap::load(path).map(|(map, _)| map).map_err(|error| error.to_string())
}

const HUGE: [u8; 8] = (1u64 << 60).to_le_bytes();

#[test]
fn gguf_sizes_that_lie_are_refused_at_once() {
    let head = b"GGUF\x03\0\0\0";
    refused(&[head, &HUGE[..], &[0; 8]].concat(), open_gguf);
    refused(&[head, &[0; 8][..], &HUGE].concat(), open_gguf);
    // A key of 2^60 bytes.
    refused(&[head, &[0; 8][..], &1u64.to_le_bytes(), &HUGE, &[0; 64]].concat(), open_gguf);
    // A matrix with dimensions whose product does not fit 64 bits.
    let name = b"blk.0.attn_q.weight";
    let at = GGUF.windows(name.len()).position(|part| part == name).unwrap() + name.len() + 4;
    let mut bytes = GGUF.clone();
    for dimension in 0..2 {
        bytes[at + 8 * dimension..][..8].copy_from_slice(&HUGE);
    }
    assert!(refused(&bytes, open_gguf).contains("blk.0.attn_q.weight"));
}

#[test]
fn safetensors_sizes_that_lie_are_refused_at_once() {
    refused(&HUGE, open_safetensors);
    refused(&[&HUGE[..], &[b' '; 64]].concat(), open_safetensors);
    let huge = r#"{"a":{"dtype":"F32","shape":[1152921504606846976],"data_offsets":[0,4611686018427387904]}}"#;
    assert!(refused(&safetensors_file(huge, 24), open_safetensors).contains("'a'"));
    // No bytes, but strides that do not fit 64 bits.
    let empty =
        huge.replace("[1152921504606846976]", "[0,1152921504606846976,1152921504606846976]");
    let empty = empty.replace("4611686018427387904", "0");
    assert!(refused(&safetensors_file(&empty, 24), open_safetensors).contains("'a'"));
}

#[test]
fn map_sizes_that_lie_are_refused_at_once() {
    let settings = serde_json::to_string(&MapConfig::default()).unwrap();
    let settings = [&(settings.len() as u32).to_le_bytes()[..], settings.as_bytes()].concat();
    let lies = [
        u32::MAX.to_le_bytes().to_vec(),
        [&settings[..], &HUGE].concat(),
        [&settings[..], &[0; 8], &[255; 8]].concat(),
        [&settings[..], &[0; 8], &[1, 0, 0, 0], &[1, 0, 0, 0], &[255; 4]].concat(),
    ];
    for content in lies {
        refused(&parsers::framed_map(&content), open_map);
    }
}

/// A small file must not fill the memory before it is refused.
#[test]
fn a_map_file_that_unpacks_to_endless_objects_is_refused_at_the_second() {
    let settings = serde_json::to_string(&MapConfig::default()).unwrap();
    let mut content = (settings.len() as u32).to_le_bytes().to_vec();
    content.extend(settings.as_bytes());
    content.extend([0; 8]);
    content.extend([[255; 4], [255; 4]].concat());
    content.resize(content.len() + (16 << 20), 0);
    let error = refused(&parsers::framed_map(&content), open_map);
    assert!(error.contains("ids"), "{error}");
}

/// Names of a megabyte each, in a file of kilobytes.
#[test]
fn a_map_file_that_unpacks_to_gigabytes_is_refused() {
    let settings = serde_json::to_string(&MapConfig::default()).unwrap();
    let mut content = (settings.len() as u32).to_le_bytes().to_vec();
    content.extend(settings.as_bytes());
    content.extend([0; 8]);
    content.extend([[255; 4], [255; 4]].concat());
    for id in 0..100u32 {
        content.extend((1u32 << 20).to_le_bytes());
        content.resize(content.len() + (1 << 20), b'a');
        content.extend(id.to_le_bytes());
        content.resize(content.len() + 104, 0);
    }
    let error = refused(&parsers::framed_map(&content), open_map);
    assert!(error.contains("unpacks to more than"), "{error}");
}

/// Were the index believed, messages would come twice and back in time.
#[test]
fn an_sqlite_index_out_of_order_ends_the_messages() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.db3");
    let times: [i64; 3] = [0x2111_1111_1111_1111, 0x2222_2222_2222_2222, 0x2333_3333_3333_3333];
    let database = rusqlite::Connection::open(&path).unwrap();
    database
        .execute_batch(
            "CREATE TABLE topics(id INTEGER PRIMARY KEY, name, type, serialization_format);
             CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id, timestamp INTEGER, data BLOB);
             CREATE INDEX timestamp_idx ON messages (timestamp ASC);
             INSERT INTO topics VALUES (1, '/goal', 'std_msgs/msg/String', 'cdr');",
        )
        .unwrap();
    for time_ns in times {
        let insert = "INSERT INTO messages (topic_id, timestamp, data) VALUES (1, ?1, x'00')";
        database.execute(insert, [time_ns]).unwrap();
    }
    drop(database);
    // The index is the last of the pages.
    let mut bytes = std::fs::read(&path).unwrap();
    let place = bytes.windows(8).rposition(|part| part == times[2].to_be_bytes()).unwrap();
    bytes[place] = 1;
    std::fs::write(&path, bytes).unwrap();
    let bag = BagReader::open(&path).unwrap();
    let messages: Vec<_> = bag.messages(&[]).collect();
    let good: Vec<_> = messages.iter().flatten().map(|message| message.log_time_ns).collect();
    assert_eq!(good, times[..2]);
    let errors: Vec<_> = messages.iter().filter_map(|message| message.as_ref().err()).collect();
    assert_eq!(errors.len(), 1);
    let error = errors[0].to_string();
    assert!(error.contains("broken.db3") && error.contains("out of order"), "{error}");
}

/// A PNG of a kilobyte must not become an image of gigabytes.
#[test]
fn images_too_large_to_be_true_are_refused_before_they_are_decoded() {
    use scenellm::sensing::{ImageEvent, ImagePayload, decode_color, decode_depth};
    let mut png = vec![0x89, b'P', b'N', b'G', 13, 10, 26, 10];
    for (kind, body) in [
        (b"IHDR", [16_384u32.to_be_bytes(), 16_384u32.to_be_bytes(), [8, 0, 0, 0]].concat()),
        (b"IDAT", vec![0; 20]),
    ] {
        let body = if kind == b"IHDR" { [&body[..], &[0]].concat() } else { body };
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(&body);
        png.extend((body.len() as u32).to_be_bytes());
        png.extend(kind);
        png.extend(&body);
        png.extend(crc.sum().to_be_bytes());
    }
    let event = |format: &str, data: Vec<u8>| ImageEvent {
        camera: 0,
        topic: "/camera/image".into(),
        stamp_ns: 0,
        frame_id: "camera".into(),
        payload: ImagePayload::Compressed { format: format.into(), data },
    };
    let packed = event("16UC1; compressedDepth png", [&[0; 12], &png[..]].concat());
    let errors = [
        decode_color(&event("png", png.clone())).unwrap_err(),
        decode_depth(&event("png", png)).unwrap_err(),
        decode_depth(&packed).unwrap_err(),
    ];
    for error in errors.map(|error| error.to_string()) {
        assert!(error.contains("/camera/image") && error.contains("16384x16384"), "{error}");
    }
}

/// Whatever the words of a vocabulary, its grammar has no dead end.
#[test]
fn a_vocabulary_without_words_for_an_argument_is_refused() {
    let yaml = VOCABULARY.split_once('\0').unwrap().0.replace("[mug, pan]", "[]");
    let error = scenellm::tasks::ActionVocabulary::parse(&yaml, "home.yaml").unwrap_err();
    assert!(error.to_string().contains("home.yaml") && error.to_string().contains("PutObject"));
}
