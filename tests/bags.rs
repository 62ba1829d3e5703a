//! Bags of every form, written by a third party (`tests/fixtures/make_bags.py`), whole and damaged.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use proptest::prelude::*;
use scenellm::bag::{BagError, BagMessage, BagReader, BagWriter, Events, select};
use scenellm::planner::TopicConfig;
use scenellm::ros::{from_cdr, msg};
use scenellm::sensing::{ImagePayload, SensorEvent};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const START_NS: i64 = 1_700_000_000_000_000_000;
const FRAMES: usize = 4;
/// Four messages a frame, a transform a frame, a static transform, a goal, a detection.
const MESSAGES: usize = 5 * FRAMES + 3;
const FORMS: [&str; 9] = [
    "mcap_none",
    "mcap_zstd",
    "mcap_lz4",
    "mcap_file_zstd",
    "mcap_message_zstd",
    "sqlite",
    "sqlite_file_zstd",
    "sqlite_message_zstd",
    "split",
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bags").join(name)
}

/// The one data file of a fixture.
fn data_file(name: &str) -> PathBuf {
    let mut files = std::fs::read_dir(fixture(name)).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.extension().is_some_and(|suffix| suffix != "yaml")).unwrap()
}

fn all(bag: &BagReader) -> Vec<BagMessage> {
    bag.messages(&[]).collect::<Result<_, _>>().unwrap()
}

/// Good messages, and the errors behind them.
fn drain(bag: &BagReader) -> (Vec<BagMessage>, Vec<BagError>) {
    let (mut messages, mut errors) = (Vec::new(), Vec::new());
    for item in bag.messages(&[]) {
        match item {
            Ok(message) => {
                assert!(errors.is_empty(), "no message follows an error");
                messages.push(message);
            }
            Err(error) => errors.push(error),
        }
    }
    (messages, errors)
}

fn assert_whole(bag: &BagReader, name: &str) {
    let counts: BTreeMap<_, _> = bag
        .topics()
        .iter()
        .map(|topic| {
            assert_eq!(topic.serialization_format, "cdr", "{name}");
            let count = usize::try_from(topic.message_count.unwrap()).unwrap();
            (topic.name.as_str(), (topic.type_name.as_str(), count))
        })
        .collect();
    let wanted = BTreeMap::from([
        ("/camera/color/camera_info", ("sensor_msgs/msg/CameraInfo", FRAMES)),
        ("/camera/color/image_raw", ("sensor_msgs/msg/Image", FRAMES)),
        ("/camera/depth/camera_info", ("sensor_msgs/msg/CameraInfo", FRAMES)),
        ("/camera/depth/image_raw", ("sensor_msgs/msg/Image", FRAMES)),
        ("/detections", ("vision_msgs/msg/Detection3DArray", 1)),
        ("/goal", ("std_msgs/msg/String", 1)),
        ("/tf", ("tf2_msgs/msg/TFMessage", FRAMES)),
        ("/tf_static", ("tf2_msgs/msg/TFMessage", 1)),
    ]);
    assert_eq!(counts, wanted, "{name}");
    assert_eq!(bag.start_ns(), Some(START_NS), "{name}");
    assert_eq!(bag.duration().as_millis(), 100 * (FRAMES as u128 - 1), "{name}");
    let messages = all(bag);
    assert_eq!(messages.len(), MESSAGES, "{name}");
    assert!(messages.is_sorted_by_key(|message| message.log_time_ns), "{name}");
    let depth: Vec<u8> = messages
        .iter()
        .filter(|message| &*message.topic == "/camera/depth/image_raw")
        .map(|message| from_cdr::<msg::Image>(&message.data).unwrap().data[0])
        .collect();
    let wanted: Vec<u8> = (0..FRAMES).map(|i| (1000 + i).to_le_bytes()[0]).collect();
    assert_eq!(depth, wanted, "{name}");
}

#[test]
fn every_form_gives_the_same_messages() {
    let sorted = |bag: &BagReader| {
        let mut messages = all(bag);
        messages.sort_by(|a, b| (a.log_time_ns, &a.topic).cmp(&(b.log_time_ns, &b.topic)));
        messages
    };
    let first = sorted(&BagReader::open(fixture(FORMS[0])).unwrap());
    for name in FORMS {
        let bag = BagReader::open(fixture(name)).unwrap();
        assert_whole(&bag, name);
        assert!(sorted(&bag) == first, "{name}");
        // Twice the same: nothing is used up.
        assert_eq!(all(&bag), all(&bag), "{name}");
        if name != "split" {
            assert_whole(&BagReader::open(data_file(name)).unwrap(), name);
        }
    }
    assert_whole(&BagReader::open(fixture("split").join("metadata.yaml")).unwrap(), "split");
}

#[test]
fn a_split_bag_without_metadata() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in [("split_0.mcap", "b.mcap"), ("split_1.mcap", "a.mcap")] {
        std::fs::copy(fixture("split").join(from), folder.path().join(to)).unwrap();
    }
    assert_whole(&BagReader::open(folder.path()).unwrap(), "split without metadata");
}

#[test]
fn a_filter_gives_only_its_topics() {
    for name in FORMS {
        let bag = BagReader::open(fixture(name)).unwrap();
        let topics: Vec<_> =
            bag.messages(&["/tf", "/goal"]).map(|message| message.unwrap().topic).collect();
        assert_eq!(topics.len(), FRAMES + 1, "{name}");
        assert!(topics.iter().all(|topic| matches!(&**topic, "/tf" | "/goal")), "{name}");
        assert_eq!(bag.messages(&["/nothing"]).count(), 0, "{name}");
    }
}

#[test]
fn events_of_every_form() {
    for name in FORMS {
        let bag = BagReader::open(fixture(name)).unwrap();
        let selection = select(bag.topics(), &TopicConfig::default()).unwrap();
        assert_eq!(selection.depth_info.name, "/camera/depth/camera_info");
        let mut seen = BTreeMap::<&str, usize>::new();
        let mut colors = Vec::new();
        for (log_time_ns, event) in Events::new(&bag, &selection) {
            assert!(log_time_ns >= START_NS);
            let kind = match event.unwrap() {
                SensorEvent::Color(image) => {
                    assert_eq!(image.stamp_ns, log_time_ns);
                    assert_eq!(image.frame_id, "optical");
                    let ImagePayload::Raw { width, height, encoding, step, data, .. } =
                        image.payload
                    else {
                        panic!("{name}: raw images")
                    };
                    assert_eq!((width, height, step, encoding.as_str()), (4, 3, 12, "rgb8"));
                    colors.push(data[0]);
                    "color"
                }
                SensorEvent::Depth(_) => "depth",
                SensorEvent::ColorInfo(info) => {
                    assert_eq!((info.width, info.height, info.k[0]), (4, 3, 5.0));
                    "color_info"
                }
                SensorEvent::DepthInfo(_) => "depth_info",
                SensorEvent::Transforms(transforms) => {
                    assert_eq!(transforms[0].child, "base");
                    let index = (log_time_ns - START_NS) / 100_000_000;
                    assert_eq!(transforms[0].parent_T_child.translation.x, index as f64);
                    "tf"
                }
                SensorEvent::StaticTransforms(_) => "tf_static",
                SensorEvent::Detections(found) => {
                    assert_eq!(found.detections[0].label, "mug");
                    assert_eq!(found.detections[0].size_m, [0.1, 0.2, 0.3]);
                    "detections"
                }
                SensorEvent::Goal(goal) => {
                    assert_eq!(goal, "bring the mug");
                    "goal"
                }
                other => panic!("{name}: {other:?}"),
            };
            *seen.entry(kind).or_default() += 1;
        }
        assert_eq!(colors, (0..FRAMES).map(|i| 10 * i as u8).collect::<Vec<_>>(), "{name}");
        assert_eq!(seen.len(), 8, "{name}: {seen:?}");
        assert_eq!(seen["tf"], FRAMES, "{name}");
    }
}

/// Ends of the message records of an MCAP file without compression.
fn message_ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 8;
    while at + 9 <= bytes.len() {
        let size = u64::from_le_bytes(bytes[at + 1..at + 9].try_into().unwrap()) as usize;
        match bytes[at] {
            // Into the chunk: its header takes 40 bytes and no compression name.
            6 => {
                at += 9 + 40;
                continue;
            }
            5 => ends.push(at + 9 + size),
            2 => break,
            _ => {}
        }
        at += 9 + size;
    }
    ends
}

/// The same messages written by the `mcap` crate, five to a chunk.
fn rewritten(options: mcap::WriteOptions) -> Vec<u8> {
    let bag = BagReader::open(fixture("mcap_none")).unwrap();
    let mut writer = options.create(std::io::Cursor::new(Vec::new())).unwrap();
    for (count, message) in all(&bag).into_iter().enumerate() {
        if count % 5 == 0 {
            writer.flush().unwrap();
        }
        let topic = bag.topics().iter().find(|topic| *topic.name == *message.topic).unwrap();
        let schema = writer.add_schema(&topic.type_name, "ros2msg", b"").unwrap();
        let channel = writer.add_channel(schema, &topic.name, "cdr", &BTreeMap::new()).unwrap();
        let log_time = message.log_time_ns as u64;
        let header = mcap::records::MessageHeader {
            channel_id: channel,
            sequence: 0,
            log_time,
            publish_time: log_time,
        };
        writer.write_to_known_channel(&header, &message.data).unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner().into_inner()
}

fn without_chunks(summary: bool) -> Vec<u8> {
    rewritten(
        mcap::WriteOptions::new()
            .use_chunks(false)
            .emit_statistics(summary)
            .repeat_channels(summary)
            .repeat_schemas(summary),
    )
}

fn written(bytes: &[u8], suffix: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(suffix).tempfile().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

#[test]
fn what_the_summary_does_not_repeat_is_found_in_the_chunks() {
    let options = mcap::WriteOptions::new;
    for options in [options().repeat_schemas(false), options().repeat_channels(false)] {
        let file = written(&rewritten(options), ".mcap");
        assert_whole(&BagReader::open(file.path()).unwrap(), "without descriptions");
    }
}

#[test]
fn without_chunks_and_without_summary() {
    for summary in [true, false] {
        let file = written(&without_chunks(summary), ".mcap");
        assert_whole(&BagReader::open(file.path()).unwrap(), "without chunks");
    }
}

#[test]
fn a_cut_file_gives_every_message_before_the_cut_then_one_error() {
    let plain = std::fs::read(data_file("mcap_none")).unwrap();
    let files = [
        (plain.clone(), true),
        (without_chunks(true), true),
        (std::fs::read(data_file("mcap_zstd")).unwrap(), false),
        (std::fs::read(data_file("mcap_lz4")).unwrap(), false),
    ];
    for (bytes, exact) in files {
        let mut most = 0;
        for cut in (8..bytes.len()).step_by(61).chain([bytes.len() - 1]) {
            let file = written(&bytes[..cut], ".mcap");
            let (messages, errors) = drain(&BagReader::open(file.path()).unwrap());
            assert_eq!(errors.len(), 1, "cut at {cut}");
            let text = errors[0].to_string();
            assert!(text.contains(file.path().to_str().unwrap()), "{text}");
            if exact {
                let before = message_ends(&bytes).iter().filter(|end| **end <= cut).count();
                assert_eq!(messages.len(), before, "cut at {cut}");
            }
            assert!(messages.len() >= most, "a longer file gives no fewer messages");
            assert!(messages.is_sorted_by_key(|message| message.log_time_ns));
            most = messages.len();
        }
        assert_eq!(most, MESSAGES);
    }
    let file = written(&plain[..7], ".mcap");
    assert!(matches!(BagReader::open(file.path()), Err(BagError::NotABag { .. })));
}

/// Starts of the chunk records of an MCAP file.
fn chunk_starts(bytes: &[u8]) -> Vec<usize> {
    let (mut starts, mut at) = (Vec::new(), 8);
    while at + 9 <= bytes.len() && bytes[at] != 2 {
        if bytes[at] == 6 {
            starts.push(at);
        }
        at += 9 + u64::from_le_bytes(bytes[at + 1..at + 9].try_into().unwrap()) as usize;
    }
    starts
}

#[test]
fn a_broken_chunk_ends_the_messages_there() {
    for compression in [None, Some(mcap::Compression::Zstd), Some(mcap::Compression::Lz4)] {
        let options = mcap::WriteOptions::new().compression(compression);
        let whole = rewritten(options);
        let chunks = chunk_starts(&whole);
        assert!(chunks.len() > 3);
        let before = |chunk: usize| {
            let file = written(&whole[..chunks[chunk]], ".mcap");
            drain(&BagReader::open(file.path()).unwrap()).0
        };
        let (least, most) = (before(2), before(3));
        assert!(!least.is_empty() && least.len() < most.len());
        let length = u64::from_le_bytes(whole[chunks[2] + 1..chunks[2] + 9].try_into().unwrap());
        for at in (chunks[2] + 60..chunks[2] + 9 + length as usize).step_by(37) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            let file = written(&bytes, ".mcap");
            let (messages, errors) = drain(&BagReader::open(file.path()).unwrap());
            assert_eq!(errors.len(), 1, "{compression:?} broken at {at}");
            assert!(matches!(errors[0], BagError::Damaged { .. }));
            assert!(messages.len() <= most.len());
            assert!(least.iter().all(|message| messages.contains(message)));
        }
    }
}

#[test]
fn a_cut_split_bag_keeps_the_earlier_file() {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture("split")).unwrap() {
        let from = entry.unwrap().path();
        std::fs::copy(&from, folder.path().join(from.file_name().unwrap())).unwrap();
    }
    let second = folder.path().join("split_1.mcap");
    let bytes = std::fs::read(&second).unwrap();
    std::fs::write(&second, &bytes[..bytes.len() / 4]).unwrap();
    let (messages, errors) = drain(&BagReader::open(folder.path()).unwrap());
    assert_eq!(errors.len(), 1);
    assert!(messages.len() >= MESSAGES / 2 && messages.len() < MESSAGES);

    std::fs::remove_file(second).unwrap();
    let missing = BagReader::open(folder.path()).err().unwrap().to_string();
    assert!(missing.contains("metadata.yaml: names the file \"split_1.mcap\""), "{missing}");
}

#[test]
fn metadata_does_not_reach_outside_the_bag() {
    let folder = tempfile::tempdir().unwrap();
    let (bag, outside) = (folder.path().join("bag"), folder.path().join("secret.mcap"));
    std::fs::create_dir(&bag).unwrap();
    std::fs::copy(data_file("mcap_none"), &outside).unwrap();
    let yaml = std::fs::read_to_string(fixture("mcap_none").join("metadata.yaml")).unwrap();
    for name in ["../secret.mcap", outside.to_str().unwrap()] {
        let yaml = yaml.replace("mcap_none.mcap", name);
        assert!(yaml.contains(name));
        std::fs::write(bag.join("metadata.yaml"), yaml).unwrap();
        let refused = BagReader::open(&bag).err().unwrap().to_string();
        assert!(refused.contains("not inside the bag's folder"), "{refused}");
        // The name alone may be right: some recorders wrote where the bag once was.
        std::fs::copy(&outside, bag.join("secret.mcap")).unwrap();
        assert_eq!(all(&BagReader::open(&bag).unwrap()).len(), MESSAGES);
        std::fs::remove_file(bag.join("secret.mcap")).unwrap();
    }
}

#[test]
fn a_database_left_in_wal_mode_is_read_and_nothing_is_put_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("50% #1?.db3");
    std::fs::copy(data_file("sqlite"), &path).unwrap();
    let open = || rusqlite::Connection::open(&path).unwrap();
    let set = |database: &rusqlite::Connection| -> String {
        database.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(set(&open()), "wal");
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files(), 1);
    // Where nothing may be written SQLite could not read it otherwise.
    assert_whole(&BagReader::open(&path).unwrap(), "in WAL mode");
    assert_eq!(files(), 1);

    // What a recorder has written last stands in the log alone.
    let recorder = open();
    let last = "INSERT INTO messages SELECT id + 1, topic_id, timestamp, data FROM messages \
                ORDER BY id DESC LIMIT 1";
    assert_eq!(recorder.execute(last, []).unwrap(), 1);
    assert_eq!(all(&BagReader::open(&path).unwrap()).len(), MESSAGES + 1);
}

/// A database whose table of messages is six levels of pages, each leading a hundred times to the
/// next: a million million rows in some ten kilobytes.
fn knotted_database() -> tempfile::NamedTempFile {
    const PAGE: usize = 1024;
    let file = tempfile::NamedTempFile::with_suffix(".db3").unwrap();
    let database = rusqlite::Connection::open(file.path()).unwrap();
    database
        .execute_batch(
            "PRAGMA page_size = 1024;
             CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT,
                 serialization_format TEXT, offered_qos_profiles TEXT);
             CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER,
                 data BLOB);
             CREATE TABLE filler(data BLOB);
             INSERT INTO topics VALUES (1, '/goal', 'std_msgs/msg/String', 'cdr', '');
             INSERT INTO messages VALUES (1, 1, 7, x'00');
             INSERT INTO filler VALUES (zeroblob(9000));",
        )
        .unwrap();
    let root: u32 = database
        .query_row("SELECT rootpage FROM sqlite_master WHERE name = 'messages'", [], |row| {
            row.get(0)
        })
        .unwrap();
    let root = root as usize;
    drop(database);
    let mut bytes = std::fs::read(file.path()).unwrap();
    let (pages, place) = (bytes.len() / PAGE, |page: usize| (page - 1) * PAGE);
    let leaf = bytes[place(root)..place(root + 1)].to_vec();
    let chain: Vec<usize> = std::iter::once(root).chain(pages - 6..pages).collect();
    for hop in chain.windows(2) {
        let child = (hop[1] as u32).to_be_bytes();
        let page = &mut bytes[place(hop[0])..place(hop[0] + 1)];
        page.fill(0);
        // An interior page of 100 cells of 5 bytes: where the child is, and a row id.
        page[..12]
            .copy_from_slice(&[5, 0, 0, 0, 100, 1, 0, 0, child[0], child[1], child[2], child[3]]);
        for cell in 0..100 {
            let at = 256 + 5 * cell;
            page[12 + 2 * cell..14 + 2 * cell].copy_from_slice(&(at as u16).to_be_bytes());
            page[at..at + 4].copy_from_slice(&child);
            page[at + 4] = cell as u8;
        }
    }
    let end = place(chain[chain.len() - 1]);
    bytes[end..end + PAGE].copy_from_slice(&leaf);
    std::fs::write(file.path(), bytes).unwrap();
    file
}

#[test]
fn a_knotted_database_is_given_up_soon() {
    let database = knotted_database();
    let begin = std::time::Instant::now();
    let refused = BagReader::open(database.path()).err().unwrap().to_string();
    assert!(refused.contains("lead to one another without end"), "{refused}");
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
}

#[test]
fn what_is_no_bag_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |path: &Path| BagReader::open(path).err().unwrap().to_string();
    assert!(refused(folder.path()).contains("holds no metadata.yaml and no .mcap"));
    assert!(refused(&folder.path().join("nothing")).contains("nothing: No such file"));
    let text = written(b"hello", ".txt");
    assert!(refused(text.path()).contains("is no .mcap, .db3"));
    assert!(refused(written(b"hello", ".mcap").path()).contains("does not start like an MCAP"));
    assert!(
        refused(written(b"hello, this is no database at all", ".db3").path())
            .contains("not a database")
    );
    assert!(refused(written(b"hello", ".mcap.zstd").path()).contains("is damaged: zstd"));
    std::fs::write(folder.path().join("metadata.yaml"), "a: [").unwrap();
    assert!(refused(folder.path()).contains("`ros2 bag reindex`"));
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let image = msg::Image {
        header: msg::Header::new(START_NS, "optical"),
        height: 480,
        width: 640,
        encoding: "rgb8".into(),
        step: 1920,
        data: vec![9; 480 * 1920].into(),
        ..Default::default()
    };
    let text = msg::StringMsg { data: "bring the mug".into() };
    let tf = msg::TFMessage { transforms: vec![Default::default()] };
    for path in [folder.path().join("bag"), folder.path().join("bare.mcap")] {
        let mut writer = BagWriter::create(&path).unwrap();
        writer.write("/tf_static", START_NS, &tf).unwrap();
        for i in 0..5 {
            writer.write("/image", START_NS + i, &image).unwrap();
            writer.write("/goal", START_NS + 10 - i, &text).unwrap();
        }
        let wrong = writer.write("/goal", START_NS, &tf).unwrap_err().to_string();
        assert!(wrong.starts_with("/goal: holds std_msgs/msg/String"), "{wrong}");
        assert!(writer.write("/goal", -1, &text).unwrap_err().to_string().contains("epoch"));
        writer.finish().unwrap();
        assert!(matches!(BagWriter::create(&path), Err(BagError::Exists { .. })));

        let bag = BagReader::open(&path).unwrap();
        let topics: Vec<_> = bag
            .topics()
            .iter()
            .map(|topic| (topic.name.as_str(), topic.type_name.as_str(), topic.message_count))
            .collect();
        assert_eq!(
            topics,
            [
                ("/goal", "std_msgs/msg/String", Some(5)),
                ("/image", "sensor_msgs/msg/Image", Some(5)),
                ("/tf_static", "tf2_msgs/msg/TFMessage", Some(1)),
            ]
        );
        assert_eq!(bag.duration().as_nanos(), 10);
        let messages = all(&bag);
        assert_eq!(messages.len(), 11);
        assert!(messages.is_sorted_by_key(|message| message.log_time_ns));
        for message in messages {
            match &*message.topic {
                "/image" => assert_eq!(from_cdr::<msg::Image>(&message.data).unwrap(), image),
                "/goal" => assert_eq!(from_cdr::<msg::StringMsg>(&message.data).unwrap(), text),
                _ => assert_eq!(from_cdr::<msg::TFMessage>(&message.data).unwrap(), tf),
            }
        }
    }
}

/// A bag shared beside the repository, when it is there.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/bags").join(name);
    if !path.exists() {
        println!("skipped: {} does not exist", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn real_bags() {
    for (name, frames, static_transforms) in
        [("kitchen_compressed", 100, 1), ("kitchen_raw", 10, 0)]
    {
        let Some(path) = shared(name) else { continue };
        let bag = BagReader::open(&path).unwrap();
        let mut counts = BTreeMap::<String, u64>::new();
        for message in all(&bag) {
            *counts.entry(message.topic.to_string()).or_default() += 1;
        }
        assert_eq!(bag.topics().len(), 5, "{name}");
        for topic in bag.topics() {
            let wanted = match topic.name.as_str() {
                "/tf" => 3 * frames,
                "/tf_static" => static_transforms,
                _ => frames,
            };
            assert_eq!(topic.message_count, Some(wanted), "{name} {}", topic.name);
            assert_eq!(counts.get(&topic.name).copied().unwrap_or(0), wanted, "{}", topic.name);
        }
        let selection = select(bag.topics(), &TopicConfig::default()).unwrap();
        // Depth registered to colour has no calibration of its own here.
        assert_eq!(selection.depth_info, selection.color_info);
        let events: Vec<_> =
            Events::new(&bag, &selection).map(|(_, event)| event.unwrap()).collect();
        let count =
            |is: fn(&SensorEvent) -> bool| events.iter().filter(|event| is(event)).count() as u64;
        assert_eq!(count(|event| matches!(event, SensorEvent::Color(_))), frames);
        assert_eq!(count(|event| matches!(event, SensorEvent::Depth(_))), frames);
        assert_eq!(count(|event| matches!(event, SensorEvent::ColorInfo(_))), frames);
        assert_eq!(count(|event| matches!(event, SensorEvent::DepthInfo(_))), frames);
        assert_eq!(count(|event| matches!(event, SensorEvent::Transforms(_))), 3 * frames);
    }
}

/// Opens whatever stands in the file and reads it to its end; only panics and hangs are failures.
fn survive(bytes: &[u8], suffix: &str) {
    let file = written(bytes, suffix);
    if let Ok(bag) = BagReader::open(file.path()) {
        drain(&bag);
        if let Ok(selection) = select(bag.topics(), &TopicConfig::default()) {
            Events::new(&bag, &selection).for_each(drop);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn mutated_bags_never_panic(
        form in 0..6usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let (bytes, suffix) = match form {
            0 => (std::fs::read(data_file("mcap_none")).unwrap(), ".mcap"),
            1 => (std::fs::read(data_file("mcap_zstd")).unwrap(), ".mcap"),
            2 => (std::fs::read(data_file("mcap_lz4")).unwrap(), ".mcap"),
            3 => (without_chunks(true), ".mcap"),
            4 => (std::fs::read(data_file("sqlite")).unwrap(), ".db3"),
            _ => (std::fs::read(data_file("mcap_file_zstd")).unwrap(), ".mcap.zstd"),
        };
        let mut bytes = bytes;
        for (at, value) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        survive(&bytes, suffix);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        survive(&[mcap::MAGIC, &bytes].concat(), ".mcap");
        survive(&[&b"SQLite format 3\0"[..], &bytes].concat(), ".db3");
        survive(&bytes, ".db3.zstd");
    }

    /// Lengths and counts are where readers break: all records with few sizes.
    #[test]
    fn arbitrary_records_never_panic(
        records in proptest::collection::vec(
            (1u8..0x10, prop_oneof![0u64..80, any::<u64>()], proptest::collection::vec(any::<u8>(), 0..80)),
            0..12,
        ),
    ) {
        let mut bytes = mcap::MAGIC.to_vec();
        for (opcode, claimed, body) in records {
            bytes.push(opcode);
            let honest = claimed < 60;
            let size = if honest { body.len() as u64 } else { claimed };
            bytes.extend(size.to_le_bytes());
            bytes.extend(body);
        }
        survive(&bytes, ".mcap");
    }
}
