//! Inputs that stop, peers that go and come back, a node that was stopped: all is told once, and
//! heals by itself.

use crate::graph::{Node, Peer, settings};
use crate::robot::{Robot, alone, now_ns, number, part, until};
use scenellm::ros::msg::{DiagnosticArray, DiagnosticStatus, Log};
use scenellm::ros::qos;
use std::time::{Duration, Instant};

const DEPTH: &str = "/depth/image_rect_raw";

#[test]
fn what_stops_is_told_once_and_heals_by_itself() {
    let Some(_alone) = alone() else { return };
    let settings = settings();
    let peer = Peer::join(settings);
    let health = &peer.hear::<DiagnosticArray>("/diagnostics", qos::EVENT);
    let log = peer.hear::<Log>("/rosout", qos::ROSOUT);
    let _node = Node::start(settings, &["-p", "publish.stale_after_s:=1.5"]);
    let robot = Robot { peer: &peer };
    let see = || robot.see(now_ns());
    let frames = || number(health, "map", "frames");
    let level = |topic: &str| part(health, topic).map(|part| part.level);
    let all_well = |topic: &'static str| {
        let (before, level) = (frames(), &level);
        move || {
            level(topic) == Some(DiagnosticStatus::OK) && number(health, "map", "frames") > before
        }
    };
    let warned = |topic: &str| {
        let warns = |log: &Log| log.level == Log::WARN && log.msg.contains(topic);
        log.all::<Log>().iter().filter(|log| warns(log) && log.msg.contains("nothing for")).count()
    };
    // On a loaded machine what goes on may seem to stop as well: what counts is told from here on.
    let is_told_once = |topic: &str, before: usize, meanwhile: &dyn Fn()| {
        let is_told = until(meanwhile, || warned(topic) > before);
        let since = Instant::now();
        until(meanwhile, || since.elapsed() > Duration::from_secs(3));
        is_told && warned(topic) <= before + 2
    };
    assert!(until(see, || frames() >= 3), "{:?}", part(health, "map"));

    // Depth stops.
    let before = warned(DEPTH);
    let blind = || {
        let stamp_ns = now_ns();
        robot.stand(stamp_ns, &["eye"]);
        robot.color("", "eye", stamp_ns, qos::SENSOR);
    };
    assert!(until(blind, || level(DEPTH) == Some(DiagnosticStatus::STALE)));
    let told = part(health, DEPTH).unwrap().message;
    for word in ["nothing for", "Hz", "last stamp", "skew", "best effort"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert!(is_told_once(DEPTH, before, &blind), "told, and not at every look");
    assert!(until(see, all_well(DEPTH)));

    // Transforms stop: the newest image waits, and says for what.
    let before = warned("/tf: ");
    let lost = || {
        let stamp_ns = now_ns();
        robot.color("", "eye", stamp_ns, qos::SENSOR);
        robot.depth("", "eye", stamp_ns);
    };
    assert!(until(lost, || level("/tf") == Some(DiagnosticStatus::STALE)));
    let is_waiting = || {
        part(health, "map")
            .is_some_and(|map| map.level == DiagnosticStatus::WARN && map.message.contains("map"))
    };
    assert!(until(lost, is_waiting), "{:?}", part(health, "map"));
    assert!(is_told_once("/tf: ", before, &lost), "told, and not at every look");
    assert!(until(see, all_well("/tf")));

    // The camera stops: several topics, one event.
    let stand = || robot.stand(now_ns(), &["eye"]);
    let color = "/color/image_raw";
    assert!(until(stand, || level(color) == Some(DiagnosticStatus::STALE)));
    assert!(until(see, all_well(color)));
}

#[test]
fn a_peer_that_starts_again_and_an_outage_are_survived() {
    let Some(_alone) = alone() else { return };
    let settings = settings();
    let node = Node::start(settings, &[]);
    let frames_of_a_new_peer = || {
        let peer = Peer::join(settings);
        let health = peer.hear::<DiagnosticArray>("/diagnostics", qos::EVENT);
        let robot = Robot { peer: &peer };
        let first = std::cell::Cell::new(None);
        let more = || {
            let frames = number(&health, "map", "frames");
            if frames > 0 && first.get().is_none() {
                first.set(Some(frames));
            }
            first.get().is_some_and(|first| frames > first + 1)
        };
        until(|| robot.see(now_ns()), more)
    };
    assert!(frames_of_a_new_peer());
    assert!(frames_of_a_new_peer(), "the peer was started again");
    // Longer than any lease: the node is stopped, and its peer is gone meanwhile.
    node.signal("STOP");
    std::thread::sleep(Duration::from_secs(15));
    node.signal("CONT");
    assert!(frames_of_a_new_peer(), "after an outage of 15 s");
}
