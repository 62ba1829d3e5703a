//! Two cameras of raw images in simulated time; one is not heard until its quality of service fits.

use crate::graph::{Node, Peer, settings};
use crate::robot::{Robot, SECOND_NS, alone, number, part, until};
use scenellm::ros::msg::{DiagnosticArray, DiagnosticStatus, Path, PointCloud2};
use scenellm::ros::qos;
use scenellm::ros::srv::{ERROR_NONE, FileRequest, LoadMap, SaveMap};
use std::cell::Cell;

const NODE: &str = "/scenellm_planner";
const FRONT: &str = "/front/color/image_raw";

#[test]
fn two_cameras_feed_one_map_in_simulated_time() {
    let Some(_alone) = alone() else { return };
    let settings = settings();
    let peer = Peer::join(settings);
    let health = peer.hear::<DiagnosticArray>("/diagnostics", qos::EVENT);
    let clouds = peer.hear::<PointCloud2>(&format!("{NODE}/frame"), qos::CLOUD);
    let paths = peer.hear::<Path>(&format!("{NODE}/path"), qos::LATCHED);
    let asks_too_much = format!("qos_overrides.{FRONT}.subscription.reliability:=reliable");
    let arguments = ["-p", "cameras:=[front, rear]", "-p", "use_sim_time:=true", "-p"];
    let arguments = [&arguments[..], &[asks_too_much.as_str()]].concat();
    let mut node = Node::start(settings, &arguments);

    let robot = Robot { peer: &peer };
    let time_ns = Cell::new(1000 * SECOND_NS);
    let front_qos = Cell::new(qos::SENSOR);
    let see = || {
        let stamp_ns = time_ns.get();
        time_ns.set(stamp_ns + SECOND_NS / 4);
        robot.clock(stamp_ns);
        robot.stand(stamp_ns, &["front_eye", "rear_eye"]);
        robot.color("/front", "front_eye", stamp_ns, front_qos.get());
        robot.depth("/front", "front_eye", stamp_ns);
        robot.color("/rear", "rear_eye", stamp_ns, qos::SENSOR);
        robot.depth("/rear", "rear_eye", stamp_ns);
    };
    let of_rear = || {
        clouds.newest::<PointCloud2>().is_some_and(|cloud| {
            cloud.header.frame_id == "rear_eye" && cloud.point_step == 16 && cloud.width > 300
        })
    };
    assert!(until(see, of_rear), "raw images become ~/frame: {:?}", part(&health, "map"));
    assert!(until(see, || number(&health, "map", "frames") > 0), "{:?}", part(&health, "map"));

    // The front camera is best effort and reliable was asked for: told by name, with the cure.
    let misfit = format!("quality of service of {FRONT}");
    // Its name is heard a little later than its offer.
    let is_named = || part(&health, &misfit).is_some_and(|told| told.message.contains("/peer"));
    assert!(until(see, is_named), "{:?}", part(&health, &misfit));
    let told = part(&health, &misfit).unwrap();
    assert_eq!(told.level, DiagnosticStatus::WARN);
    assert!(told.message.contains("/peer publishes best_effort"), "{}", told.message);
    let cure = format!("qos_overrides.{FRONT}.subscription.reliability to best_effort");
    assert!(told.message.contains(&cure), "{}", told.message);
    assert_eq!(number(&health, FRONT, "received"), 0);
    peer.forget(FRONT);
    front_qos.set(qos::EVENT);
    let fits = || number(&health, FRONT, "received") > 2 && part(&health, &misfit).is_none();
    assert!(until(see, fits), "{:?}", part(&health, FRONT));
    let named = part(&health, FRONT).unwrap().values;
    assert!(named.iter().any(|pair| pair.key == "camera" && pair.value == "front"), "{named:?}");
    let map = part(&health, "map").unwrap().values;
    assert!(map.iter().any(|pair| pair.key == "rear: skew of depth to colour (ms)"), "{map:?}");

    // Time is that of /clock; set back, it begins a new session, and a loaded map stays.
    let folder = tempfile::tempdir().unwrap();
    let file = FileRequest { path: folder.path().join("a.scenemap").display().to_string() };
    let saved = peer.call::<SaveMap>(&format!("{NODE}/save_map"), &file);
    let loaded = peer.call::<LoadMap>(&format!("{NODE}/load_map"), &file);
    assert_eq!((loaded.error_code, loaded.voxels), (ERROR_NONE, saved.voxels));
    assert!(loaded.voxels > 50, "{loaded:?}");
    let stamp_s = || health.newest::<DiagnosticArray>().map_or(0, |all| all.header.stamp.sec);
    assert!((1000..2000).contains(&stamp_s()), "{}", stamp_s());
    time_ns.set(10 * SECOND_NS);
    let newest = || number(&health, "map", "newest frame (ns)") as i64;
    let is_back = || stamp_s() < 1000 && (1..1000 * SECOND_NS).contains(&newest());
    assert!(until(see, is_back), "{} s: {:?}", stamp_s(), part(&health, "map"));
    assert!(number(&health, "map", "voxels") >= loaded.voxels, "the map was kept");
    let is_new = || {
        let path = paths.newest::<Path>();
        path.is_some_and(|path| path.poses.iter().all(|pose| pose.header.stamp.sec < 1000))
    };
    assert!(until(see, is_new), "the way of another session is forgotten");

    node.signal("INT");
    assert_eq!(node.end().expect("the node ends").code(), Some(0));
}
