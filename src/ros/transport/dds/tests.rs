//! Two participants on this machine's loopback.
#![allow(clippy::print_stderr, reason = "a test that cannot run says so")]

use super::*;
use crate::ros::qos;
use crate::ros::transport::{QosPolicy, Reply};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Instant;

const TYPE: &str = "std_msgs/msg/String";
const SERVICE: &str = "scenellm/srv/Ask";
/// Long enough for a small machine that does other work as well.
const PATIENCE: Duration = Duration::from_secs(60);

fn settings(mapping: ServiceMapping) -> DdsSettings {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let chance = std::process::id() as u16 % 20 + NEXT.fetch_add(1, Ordering::Relaxed) * 20;
    DdsSettings { domain_id: 110 + chance % 120, localhost_only: true, mapping, long_ids: false }
}

fn listen(dds: &Dds, topic: &str, qos: Qos) -> (Opened, Receiver<Vec<u8>>) {
    let (heard, hears) = channel();
    let take = Box::new(move |cdr| drop(heard.send(cdr)));
    (dds.subscribe(topic, TYPE, qos, take).unwrap(), hears)
}

fn wait_for(is_true: impl Fn() -> bool) -> bool {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if is_true() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    false
}

/// Publishes until it is heard; whether it was.
fn reaches(topic: &dyn Publication, ear: &Receiver<Vec<u8>>, cdr: &[u8]) -> bool {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        topic.publish(cdr.to_vec()).unwrap();
        if ear.recv_timeout(Duration::from_millis(300)).is_ok_and(|heard| heard == cdr) {
            return true;
        }
    }
    false
}

#[test]
fn messages_and_services_travel_before_and_after_a_revival() {
    for mapping in [ServiceMapping::Enhanced, ServiceMapping::Cyclone] {
        let settings = settings(mapping);
        let (one, other) =
            (Dds::join(settings, "/", "one").unwrap(), Dds::join(settings, "/", "other").unwrap());
        let word = [0, 1, 0, 0, 3, 0, 0, 0, b'h', b'i', 0, 0];
        let spoken = one.advertise("/spoken", TYPE, qos::EVENT).unwrap();
        let (open, ear) = listen(&other, "/spoken", qos::SENSOR);
        if !reaches(&*spoken, &ear, &word) {
            eprintln!("skipped: participants do not hear each other on this machine's loopback");
            return;
        }
        assert_eq!(spoken.subscribers(), 1);
        // Answered from another thread, while the next request could be taken.
        let echo = |request: &[u8], reply: Reply| {
            let response = request.iter().map(|byte| byte ^ 1).collect();
            std::thread::spawn(move || reply.send(response));
        };
        let _echo = one.serve("/echo", SERVICE, Box::new(echo)).unwrap();
        let latched = one.advertise("/latched", TYPE, qos::LATCHED).unwrap();
        latched.publish(word.to_vec()).unwrap();

        for revived in [false, true] {
            if revived {
                one.shared.revive().unwrap();
                assert!(reaches(&*spoken, &ear, &word), "a publisher after the revival");
                while ear.try_recv().is_ok() {}
                other.shared.revive().unwrap();
                assert!(reaches(&*spoken, &ear, &word), "a subscriber after the revival");
            }
            let (_late, late) = listen(&other, "/latched", qos::LATCHED);
            assert_eq!(late.recv_timeout(PATIENCE).as_deref(), Ok(&word[..]));
            // Of the encapsulation header only the byte order travels.
            let request = vec![0, 1, 0, 0, 8, 6, 4, 2];
            let answer = other.call("/echo", SERVICE, request, PATIENCE).unwrap();
            assert_eq!(answer[4..], [9, 7, 5, 3]);
        }
        drop(open);
        let is_gone = || matches!(ear.try_recv(), Err(TryRecvError::Disconnected));
        assert!(wait_for(is_gone), "what took the messages is gone with the subscription");
        assert!(wait_for(|| spoken.subscribers() == 0), "and the publisher knows");
    }
}

#[test]
fn a_response_is_heard_though_its_server_joins_anew() {
    for is_between in [false, true] {
        let settings = settings(ServiceMapping::Enhanced);
        let (one, other) =
            (Dds::join(settings, "/", "one").unwrap(), Dds::join(settings, "/", "other").unwrap());
        // Only this test has them join anew.
        let _busy = [&one, &other].map(|dds| dds.shared.heard.busy());
        let spoken = one.advertise("/spoken", TYPE, qos::EVENT).unwrap();
        let (_open, ear) = listen(&other, "/spoken", qos::SENSOR);
        if !reaches(&*spoken, &ear, &[0, 1, 0, 0, 1, 0, 0, 0]) {
            eprintln!("skipped: participants do not hear each other on this machine's loopback");
            return;
        }
        let (asked, asks) = channel();
        let keep = move |_: &[u8], reply: Reply| drop(asked.send(reply));
        let _ask = one.serve("/ask", SERVICE, Box::new(keep)).unwrap();
        let cdr = [0, 1, 0, 0, 8, 6, 4, 2];
        let heard = std::thread::scope(|scope| {
            let hears = scope.spawn(|| other.call("/ask", SERVICE, cdr.to_vec(), PATIENCE));
            let reply = asks.recv_timeout(PATIENCE).expect("the request is heard");
            if is_between {
                drop(one.shared.leave());
                scope.spawn(move || reply.send(cdr.to_vec()));
                // Time enough to find that there is nothing to send it by.
                std::thread::sleep(Duration::from_millis(300));
            } else {
                reply.send(cdr.to_vec());
            }
            one.shared.revive().unwrap();
            hears.join().unwrap()
        });
        let heard = heard.unwrap_or_else(|error| panic!("between two: {is_between}: {error}"));
        assert_eq!(heard[4..], cdr[4..]);
    }
}

#[test]
fn ends_that_do_not_fit_are_told_with_the_name_of_the_node() {
    let settings = settings(ServiceMapping::Enhanced);
    let (one, other) =
        (Dds::join(settings, "/", "one").unwrap(), Dds::join(settings, "/eyes", "b").unwrap());
    let spoken = one.advertise("/spoken", TYPE, qos::SENSOR).unwrap();
    let (open, _ear) = listen(&other, "/spoken", qos::EVENT);
    let (fits, ear) = listen(&other, "/spoken", qos::SENSOR);
    if !reaches(&*spoken, &ear, &[0, 1, 0, 0, 1, 0, 0, 0]) {
        eprintln!("skipped: participants do not hear each other on this machine's loopback");
        return;
    }
    let told = |we_subscribe, node: &str| QosMismatch {
        topic: "/spoken".into(),
        we_subscribe,
        node: node.into(),
        policy: QosPolicy::Reliability,
    };
    assert!(wait_for(|| one.mismatches() == [told(false, "/eyes/b")]), "{:?}", one.mismatches());
    assert!(wait_for(|| other.mismatches() == [told(true, "/one")]), "{:?}", other.mismatches());
    drop((open, fits));
    assert!(wait_for(|| one.mismatches().is_empty() && other.mismatches().is_empty()));
}

#[test]
fn a_service_that_is_not_there_is_told_after_the_patience() {
    let dds = Dds::join(settings(ServiceMapping::Enhanced), "/", "alone").unwrap();
    let error = dds.call("/echo", SERVICE, vec![0, 1, 0, 0], Duration::from_secs(1)).unwrap_err();
    assert!(error.to_string().contains("/echo: no answer within 1 s: the service was not found"));
}
