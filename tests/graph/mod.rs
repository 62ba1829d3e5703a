//! A ROS 2 graph on this machine's loopback: the built node as a process of its own, and a peer in
//! this one that talks to it.
#![allow(dead_code, reason = "each program of tests needs other parts of it")]

pub mod action;
pub mod base;

use scenellm::bag::BagReader;
use scenellm::ros::qos::{self, Qos};
use scenellm::ros::srv::Service;
use scenellm::ros::transport::{Dds, DdsSettings, Opened, Publication, ServiceMapping, Transport};
use scenellm::ros::{Message, from_cdr, to_cdr};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Long enough for a small machine that does other work as well.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// How long one request waits: what met a participant that was replaced meanwhile gets no answer.
const ONE_REQUEST: Duration = Duration::from_secs(30);
/// Domains that one program of tests has for itself, as far as chance allows.
const DOMAINS: u16 = 20;

/// What makes the node listen to `bags/kitchen_sim`.
pub const KITCHEN: [&str; 14] = [
    "-p",
    "image_transport:=compressed",
    "-p",
    "depth_transport:=compressedDepth",
    "-r",
    "color/image_raw:=/camera/color/image_raw",
    "-p",
    "topics.color_info:=/camera/color/camera_info",
    "-p",
    "topics.depth:=/camera/aligned_depth_to_color/image_raw",
    "-p",
    "topics.depth_info:=/camera/aligned_depth_to_color/camera_info",
    "-p",
    "topics.detections:=/scenellm/detections",
];

/// A domain of this test alone, as far as chance allows: nine tests of a program have one each.
pub fn settings() -> DdsSettings {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let before = NEXT.fetch_add(1, Ordering::Relaxed);
    let chance = std::process::id() as u16 % DOMAINS + before * DOMAINS;
    DdsSettings {
        domain_id: 50 + chance % 180,
        localhost_only: true,
        mapping: ServiceMapping::Enhanced,
        long_ids: false,
    }
}

/// Tries `attempt` until it gives something; `None` when it does not in time.
pub fn wait_for<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(found) = attempt() {
            return Some(found);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    None
}

/// When to say something again of which nothing came, later each time. A goal may meet a transport that
/// joins anew; one that is said again interrupts the planning for the one before.
pub struct Again {
    said: Option<Instant>,
    pause: Duration,
}

impl Default for Again {
    fn default() -> Self {
        Self { said: None, pause: Duration::from_secs(4) }
    }
}

impl Again {
    /// Whether it is to be said now.
    pub fn is_due(&mut self) -> bool {
        let is_due = self.said.is_none_or(|said| said.elapsed() > self.pause);
        if is_due {
            self.said = Some(Instant::now());
            self.pause *= 2;
        }
        is_due
    }
}

/// Whether two participants hear each other here: some machines have no multicast on loopback.
pub fn loopback_works() -> bool {
    static WORKS: OnceLock<bool> = OnceLock::new();
    *WORKS.get_or_init(try_loopback)
}

fn try_loopback() -> bool {
    let settings = settings();
    let (Ok(one), Ok(other)) = (Dds::join(settings, "/", "one"), Dds::join(settings, "/", "other"))
    else {
        return false;
    };
    let heard = Arc::new(Mutex::new(false));
    let hears = Arc::clone(&heard);
    let take = Box::new(move |_| *hears.lock().unwrap() = true);
    let _probe = other.subscribe("/probe", "std_msgs/msg/String", qos::EVENT, take).unwrap();
    let probe = one.advertise("/probe", "std_msgs/msg/String", qos::EVENT).unwrap();
    let word = to_cdr(&scenellm::ros::msg::StringMsg { data: "hear".into() });
    wait_for(|| {
        // What is held up is said again.
        let _ = probe.publish(word.clone());
        heard.lock().unwrap().then_some(())
    })
    .is_some()
}

/// The built node.
pub struct Node {
    process: Child,
}

impl Node {
    /// Starts it on the domain of `settings` with ROS arguments.
    pub fn start(settings: DdsSettings, arguments: &[&str]) -> Self {
        let rmw = match settings.mapping {
            ServiceMapping::Enhanced => "rmw_fastrtps_cpp",
            ServiceMapping::Cyclone => "rmw_cyclonedds_cpp",
        };
        let process = Command::new(env!("CARGO_BIN_EXE_planner_node"))
            .arg("--ros-args")
            .args(arguments)
            .current_dir(ROOT)
            .env("ROS_DOMAIN_ID", settings.domain_id.to_string())
            .env("ROS_LOCALHOST_ONLY", "1")
            .env_remove("ROS_AUTOMATIC_DISCOVERY_RANGE")
            .env_remove("ROS_STATIC_PEERS")
            .env_remove("ROS_DISTRO")
            .env("RMW_IMPLEMENTATION", rmw)
            .stdout(Stdio::null())
            .spawn()
            .expect("the node was built with the tests");
        Self { process }
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(sent.unwrap().success());
    }

    /// How it ended, if it did in time.
    pub fn end(&mut self) -> Option<ExitStatus> {
        wait_for(|| self.process.try_wait().unwrap())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Only a test that failed leaves it running.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a subscription heard.
#[derive(Clone)]
pub struct Ear {
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    _open: Arc<Opened>,
}

impl Ear {
    /// The newest message, if any came.
    pub fn newest<M: DeserializeOwned>(&self) -> Option<M> {
        self.heard.lock().unwrap().last().map(|cdr| read(cdr))
    }

    /// All messages that came.
    pub fn all<M: DeserializeOwned>(&self) -> Vec<M> {
        self.heard.lock().unwrap().iter().map(|cdr| read(cdr)).collect()
    }

    /// How many came.
    pub fn count(&self) -> usize {
        self.heard.lock().unwrap().len()
    }
}

fn read<M: DeserializeOwned>(cdr: &[u8]) -> M {
    from_cdr(cdr).expect("the node writes what it promises")
}

/// This process on the graph.
pub struct Peer {
    dds: Dds,
    publications: Mutex<BTreeMap<String, Arc<dyn Publication>>>,
}

impl Peer {
    pub fn join(settings: DdsSettings) -> Self {
        let dds = Dds::join(settings, "/", "peer").expect("loopback works");
        Self { dds, publications: Mutex::default() }
    }

    pub fn hear<M: Message>(&self, topic: &str, qos: Qos) -> Ear {
        self.hear_type(topic, M::TYPE, qos)
    }

    pub fn hear_type(&self, topic: &str, type_name: &str, qos: Qos) -> Ear {
        let heard = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let into = Arc::clone(&heard);
        let take = Box::new(move |cdr| into.lock().unwrap().push(cdr));
        let open = self.dds.subscribe(topic, type_name, qos, take).unwrap();
        Ear { heard, _open: Arc::new(open) }
    }

    pub fn topic(&self, topic: &str, type_name: &str, qos: Qos) -> Arc<dyn Publication> {
        let mut publications = self.publications.lock().unwrap();
        let make = || self.dds.advertise(topic, type_name, qos).unwrap();
        Arc::clone(publications.entry(topic.to_string()).or_insert_with(make))
    }

    /// Withdraws what it published there.
    pub fn forget(&self, topic: &str) {
        self.publications.lock().unwrap().remove(topic);
    }

    pub fn publish<M: Message>(&self, topic: &str, message: &M) {
        let (topic, cdr) = (self.topic(topic, M::TYPE, qos::EVENT), to_cdr(message));
        // A reliable publisher is held up by a slow subscriber, and tries again.
        let sent = wait_for(|| topic.publish(cdr.clone()).ok());
        assert!(sent.is_some(), "{} is not taken", M::TYPE);
    }

    pub fn call<S: Service>(&self, service: &str, request: &S::Request) -> S::Response {
        let mut last = None;
        let answer = wait_for(|| {
            let answer = self.dds.call(service, S::TYPE, to_cdr(request), ONE_REQUEST);
            answer.map_err(|error| last = Some(error)).ok()
        });
        from_cdr(&answer.unwrap_or_else(|| panic!("{service}: {last:?}"))).unwrap()
    }

    /// Publishes a recording as its drivers would, `pause` between two colour images, until it is
    /// over or `enough` says so. Waits for the node to listen.
    pub fn play(&self, bag: &str, pause: Duration, enough: impl Fn() -> bool) {
        let bag = BagReader::open(Path::new(ROOT).join(bag)).unwrap();
        let qos = |name: &str| match name {
            "/tf_static" => qos::LATCHED,
            "/tf" => qos::TF,
            name if name.contains("camera") => qos::SENSOR,
            _ => qos::EVENT,
        };
        let topics: BTreeMap<_, _> = bag
            .topics()
            .iter()
            .map(|topic| {
                let (name, type_name) = (topic.name.clone(), &topic.type_name);
                (name.clone(), self.topic(&name, type_name, qos(&name)))
            })
            .collect();
        for (name, topic) in &topics {
            let heard = wait_for(|| (topic.subscribers() > 0).then_some(()));
            assert!(heard.is_some(), "the node does not listen to {name}");
        }
        for message in bag.messages(&[]) {
            let message = message.unwrap();
            // A reliable publisher is held up by a slow subscriber, and tries again.
            let topic = &topics[&*message.topic];
            let sent = wait_for(|| topic.publish(message.data.clone()).ok());
            assert!(sent.is_some(), "{} takes no more messages", message.topic);
            if message.topic.contains("color/image_raw") {
                std::thread::sleep(pause);
                if enough() {
                    return;
                }
            }
        }
    }
}
