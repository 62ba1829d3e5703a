//! One function for each parser of foreign bytes: whatever comes in, nothing panics, and errors say
//! what they are about. The property tests of `hostile_input.rs` and the fuzz targets of `fuzz/`
//! call the same functions.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use candle_core::{DType, Device};
use scenellm::bag::BagReader;
use scenellm::language::{Constraint, GgufFile, SafetensorsFiles, Weights};
use scenellm::model::Manifest;
use scenellm::ros::{self, Message, TopicRole, from_cdr, msg, parse_definition, to_cdr};
use scenellm::scene::SceneMap;
use scenellm::sensing::{self, ImageEvent, ImagePayload, SensorEvent};
use scenellm::tasks::{
    ActionVocabulary, MAX_STEPS, PlanGrammar, TokenTable, parse_plan, plan_text,
};
use scenellm::vision::PickleFile;
use std::path::Path;

const TOPIC: &str = "/camera/image";
/// Encodings that raw images may have, and one that none has.
const ENCODINGS: [&str; 14] = [
    "rgb8",
    "bgr8",
    "rgba8",
    "bgra8",
    "mono8",
    "mono16",
    "yuv422",
    "yuv422_yuy2",
    "bayer_rggb8",
    "bayer_grbg8",
    "16UC1",
    "32FC1",
    "8UC3",
    "vapour8",
];
/// Formats that compressed images may have, and one that none has.
const FORMATS: [&str; 7] = [
    "rgb8; jpeg compressed bgr8",
    "png",
    "16UC1; compressedDepth png",
    "32FC1; compressedDepth png",
    "16UC1; compressedDepth rvl",
    "32FC1; compressedDepth rvl",
    "steam",
];

/// Panics unless `text`, an error, says what it is about.
fn assert_names(text: &str, what: &str) {
    assert!(text.contains(what), "an error that does not name {what}: {text}");
}

/// A temporary file with these bytes.
fn file(bytes: &[u8], suffix: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(suffix).tempfile().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

/// CDR messages of every type: what is understood is written and read back the same.
pub fn cdr(bytes: &[u8]) {
    fn one<T: Message>(bytes: &[u8]) {
        if let Ok(message) = from_cdr::<T>(bytes) {
            let written = to_cdr(&message);
            let again = from_cdr::<T>(&written).expect("what is written is read");
            assert_eq!(to_cdr(&again), written, "{}", T::TYPE);
        }
    }
    one::<msg::Time>(bytes);
    one::<msg::Clock>(bytes);
    one::<msg::Header>(bytes);
    one::<msg::StringMsg>(bytes);
    one::<msg::TFMessage>(bytes);
    one::<msg::PoseWithCovariance>(bytes);
    one::<msg::CameraInfo>(bytes);
    one::<msg::CompressedImage>(bytes);
    one::<msg::Image>(bytes);
    one::<msg::Detection3DArray>(bytes);
    one::<msg::Plan>(bytes);
    for role in TopicRole::ALL {
        for type_name in role.types() {
            if let Err(error) = ros::decode(role, TOPIC, type_name, bytes) {
                assert_names(&error.to_string(), TOPIC);
            }
        }
    }
}

/// The text of a `.msg` definition.
pub fn definition(bytes: &[u8]) {
    let fields = parse_definition("pkg", &String::from_utf8_lossy(bytes)).unwrap_or_default();
    assert!(fields.iter().all(|field| !field.name.is_empty()));
}

/// A bag file; `suffix` tells its form. Damage gives good messages first, then one error.
pub fn bag(bytes: &[u8], suffix: &str) {
    let file = file(bytes, suffix);
    let name = file.path().file_name().unwrap().to_str().unwrap();
    match BagReader::open(file.path()) {
        Err(error) => assert_names(&error.to_string(), name),
        Ok(bag) => {
            let mut messages = bag.messages(&[]);
            while let Some(Ok(_)) = messages.next() {}
            assert!(messages.next().is_none(), "something follows an error");
        }
    }
}

/// `sensor_msgs/Image`: encoding, byte order, width, height and step stand before the pixels.
pub fn raw_image(bytes: &[u8]) {
    let Some((&[encoding, is_bigendian, w0, w1, h0, h1, s0, s1, s2, s3], data)) =
        bytes.split_first_chunk()
    else {
        return;
    };
    image(ImagePayload::Raw {
        width: u16::from_le_bytes([w0, w1]).into(),
        height: u16::from_le_bytes([h0, h1]).into(),
        encoding: ENCODINGS[encoding as usize % ENCODINGS.len()].into(),
        is_bigendian: is_bigendian % 2 == 1,
        step: u32::from_le_bytes([s0, s1, s2, s3]),
        data: data.to_vec(),
    });
}

/// `sensor_msgs/CompressedImage`: the format stands before the stream.
pub fn compressed_image(bytes: &[u8]) {
    let Some((format, data)) = bytes.split_first() else { return };
    let format = FORMATS[*format as usize % FORMATS.len()].into();
    image(ImagePayload::Compressed { format, data: data.to_vec() });
}

fn image(payload: ImagePayload) {
    let topic = TOPIC.to_owned();
    let event = ImageEvent { camera: 0, topic, stamp_ns: 0, frame_id: "camera".into(), payload };
    match sensing::decode_color(&event) {
        Ok(image) => assert!(image.width() > 0 && image.height() > 0),
        Err(error) => assert_names(&error.to_string(), TOPIC),
    }
    match sensing::decode_depth(&event) {
        Ok(depth) => {
            assert_eq!(depth.data_m.len(), depth.width as usize * depth.height as usize);
            assert!(depth.data_m.iter().all(|metres| metres.is_finite() && *metres >= 0.0));
        }
        Err(error) => assert_names(&error.to_string(), TOPIC),
    }
}

/// `sensor_msgs/CameraInfo` as CDR, up to the rays of some pixels.
pub fn camera_info(bytes: &[u8]) {
    let decoded = ros::decode(TopicRole::ColorInfo, TOPIC, msg::CameraInfo::TYPE, bytes);
    let Ok(SensorEvent::ColorInfo(info)) = decoded else { return };
    for rectified in [false, true] {
        match sensing::camera_model(&info, TOPIC, rectified) {
            Err(error) => assert_names(&error.to_string(), TOPIC),
            Ok(camera) => {
                assert!(camera.width > 0 && camera.height > 0, "{camera:?}");
                assert!(camera.fx > 0.0 && camera.fy > 0.0, "{camera:?}");
                for [u, v] in [[0.0, 0.0], [camera.cx, camera.cy], [camera.width.into(), 0.5]] {
                    if let Some([x, y]) = camera.unproject_ray(u, v) {
                        assert!(x.is_finite() && y.is_finite(), "{camera:?}");
                    }
                }
            }
        }
    }
}

/// `scenellm.yaml` of a checkpoint.
pub fn manifest(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Manifest::parse(&text, Path::new("tiny/scenellm.yaml")) {
        Err(error) => assert_names(&error.to_string(), "tiny/scenellm.yaml"),
        Ok(manifest) => assert!(manifest.tokens.context > manifest.tokens.frame),
    }
}

/// A safetensors file: every tensor of its header is read.
pub fn safetensors(bytes: &[u8]) {
    let file = file(bytes, ".safetensors");
    let name = file.path().file_name().unwrap().to_str().unwrap();
    let mut tensors = match SafetensorsFiles::open_file(file.path()) {
        Err(error) => return assert_names(&error.to_string(), name),
        Ok(tensors) => tensors,
    };
    let shapes: Vec<_> =
        tensors.shapes().map(|(name, shape)| (name.to_owned(), shape.to_vec())).collect();
    for (name, shape) in shapes {
        match tensors.tensor_of_any_shape(&name, DType::F32, &Device::Cpu) {
            Err(error) => assert_names(&error.to_string(), &name),
            Ok(tensor) => assert_eq!(tensor.dims(), shape),
        }
    }
    Weights::Safetensors(tensors).loaded_bytes(&Device::Cpu);
}

/// A file of `torch.save`, as it is and as the pickle program in a sound archive.
pub fn pickle(bytes: &[u8]) {
    pickle_file(bytes);
    pickle_file(&torch_archive(&[("a/data.pkl", bytes), ("a/data/0", &[0; 64])]));
}

fn pickle_file(bytes: &[u8]) {
    let file = file(bytes, ".pth");
    let name = file.path().file_name().unwrap().to_str().unwrap();
    let mut tensors = match PickleFile::open(file.path()) {
        Err(error) => return assert_names(&error.to_string(), name),
        Ok(tensors) => tensors,
    };
    let shapes: Vec<_> =
        tensors.shapes().map(|(name, shape)| (name.to_owned(), shape.to_vec())).collect();
    for (name, shape) in shapes {
        match tensors.tensor(&name, &shape) {
            Err(error) => assert_names(&error.to_string(), &name),
            Ok(tensor) => assert_eq!(tensor.dims(), shape),
        }
    }
}

/// A zip archive of these entries, as `torch.save` writes it.
pub fn torch_archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut list) = (Vec::new(), Vec::new());
    for (name, bytes) in entries {
        let place = (file.len() as u32).to_le_bytes();
        let size = (bytes.len() as u32).to_le_bytes();
        let name_size = (name.len() as u16).to_le_bytes();
        let sizes = [&[0; 4], &size[..], &size, &name_size, &[0; 2]].concat();
        file.extend([&b"PK\x03\x04"[..], &[0; 10], &sizes[..], name.as_bytes(), bytes].concat());
        list.extend([&b"PK\x01\x02"[..], &[0; 12], &sizes[..], &[0; 10], &place].concat());
        list.extend(name.as_bytes());
    }
    let (place, size) = ((file.len() as u32).to_le_bytes(), (list.len() as u32).to_le_bytes());
    [&file[..], &list, b"PK\x05\x06", &[0; 8], &size, &place, &[0; 2]].concat()
}

/// A GGUF file: every tensor of its configuration is asked for.
pub fn gguf(bytes: &[u8]) {
    let file = file(bytes, ".gguf");
    let name = file.path().file_name().unwrap().to_str().unwrap();
    let mut gguf = match GgufFile::open(file.path()) {
        Err(error) => return assert_names(&error.to_string(), name),
        Ok(gguf) => gguf,
    };
    let shapes = gguf.config().tensor_shapes().unwrap();
    // Enough for every kind of tensor.
    for (name, shape) in shapes.iter().take(40) {
        if let Err(error) = gguf.tensor(name, shape, &Device::Cpu) {
            assert_names(&error.to_string(), name);
        }
    }
    let weights = Weights::Gguf(Box::new(gguf));
    weights.loaded_bytes(&Device::Cpu);
    weights.faults(&shapes);
}

/// The text of a plan: what is understood is written and read back the same.
pub fn plan(bytes: &[u8]) {
    let vocabulary = ActionVocabulary::alfred();
    match parse_plan(&String::from_utf8_lossy(bytes), &vocabulary) {
        Ok(steps) => {
            assert_eq!(parse_plan(&plan_text(&steps, &vocabulary), &vocabulary), Ok(steps))
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A vocabulary of actions, and a plan drawn from its grammar: whatever the vocabulary, decoding
/// ends in a plan that parses. The YAML ends at the first zero; the numbers behind it draw.
pub fn grammar(bytes: &[u8]) {
    let (yaml, choices) = match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[][..]),
    };
    let text = String::from_utf8_lossy(yaml);
    match ActionVocabulary::parse(&text, "vocabulary.yaml") {
        Err(error) => assert_names(&error.to_string(), "vocabulary.yaml"),
        Ok(vocabulary) => draw(&vocabulary, choices),
    }
}

/// Draws a plan from the grammar of `vocabulary`, with all bytes as tokens.
pub fn draw(vocabulary: &ActionVocabulary, choices: &[u8]) {
    let mut bytes: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    bytes.push(b"\nPickupObject mug".to_vec());
    let end = bytes.len() as u32;
    bytes.resize(bytes.len() + 1 + vocabulary.tasks.len(), Vec::new());
    let tasks = (end + 1..bytes.len() as u32).collect();
    let table = TokenTable { bytes: bytes.clone(), end, tasks };
    let mut grammar = PlanGrammar::new(vocabulary, table).expect("every byte is a token");
    let mut text = Vec::new();
    let mut choices = choices.iter().copied().map(usize::from);
    while !grammar.is_done() {
        let mask = grammar.allowed();
        let allowed: Vec<_> = (0..bytes.len() as u32).filter(|token| mask.allows(*token)).collect();
        assert!(!allowed.is_empty(), "stuck after {:?}", String::from_utf8_lossy(&text));
        let token = allowed[choices.next().unwrap_or(0) % allowed.len()];
        grammar.advance(token);
        text.extend(&bytes[token as usize]);
    }
    let text = String::from_utf8(text).expect("words are UTF-8");
    assert!(parse_plan(&text, vocabulary).expect("a plan").len() <= MAX_STEPS, "{text}");
}

/// A map file, as it is and as the content inside valid framing.
pub fn scene_map(bytes: &[u8]) {
    map_file(bytes);
    map_file(&framed_map(bytes));
}

/// A map file with valid framing around `content`.
pub fn framed_map(content: &[u8]) -> Vec<u8> {
    let packed = zstd::encode_all(content, 1).unwrap();
    [b"SCENEMAP\x05\0\0\0", packed.as_slice()].concat()
}

fn map_file(bytes: &[u8]) {
    let file = file(bytes, ".map");
    let name = file.path().file_name().unwrap().to_str().unwrap();
    match SceneMap::load(file.path()) {
        Err(error) => assert_names(&error.to_string(), name),
        Ok((map, counts)) => assert_eq!(map.counts(), counts),
    }
}
