//! `scenellm sim publish`: the simulated robot on a ROS 2 graph, in real time.

use super::{Drive, Sink, write};
use crate::Outcome;
use clap::Args;
use scenellm::ros::msg::{Clock, Message, Time};
use scenellm::ros::qos::{self, Qos};
use scenellm::ros::to_cdr;
use scenellm::ros::transport::{self, Publication, Transport};
use scenellm::sensing::SensorEvent;
use scenellm::sim::record;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{SignalKind, signal};

/// Transforms, for those who want all of them.
const TF: Qos = Qos { reliable: true, latched: false, depth: 100 };
/// How far publishing may fall behind the clock before it is said.
const MAX_LAG: Duration = Duration::from_millis(500);

/// Publish a robot that drives through a furnished home, in real time.
///
/// Colour, depth, camera info, TF, and the true boxes of what is in sight as a detector's output. It
/// drives by itself: it carries out no plan and reports no step.
///
/// The graph is that of ROS_DOMAIN_ID and ROS_LOCALHOST_ONLY.
#[derive(Args)]
pub struct Publish {
    #[command(flatten)]
    drive: Drive,
    /// Publish /clock too: time then waits for a machine too slow to draw in real time.
    #[arg(long)]
    clock: bool,
}

impl Publish {
    /// Drives until the end, or until it is interrupted.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut terminate = signal(SignalKind::terminate())?;
            let transport = transport::join("/", "scenellm_sim")?;
            // Only lent: the graph is left when this function ends, whether or not the drive goes on.
            let lent = Arc::downgrade(&transport);
            tokio::select! {
                done = tokio::task::spawn_blocking(move || self.drive(lent)) => done?,
                _ = interrupt.recv() => Ok(()),
                _ = terminate.recv() => Ok(()),
            }
        })?;
        // A drive that was interrupted draws on; nobody waits for it.
        runtime.shutdown_background();
        Ok(Outcome::Done)
    }

    fn drive(self, transport: Weak<dyn Transport>) -> anyhow::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let options = self.drive.options(i64::try_from(now.as_nanos())?);
        let mut robot = Robot {
            graph: Graph { transport, topics: BTreeMap::new() },
            begin: Instant::now(),
            start_ns: options.start_ns,
            clock: self.clock,
            late: false,
        };
        // The recorder cannot stop half-way, so the first failure is kept and what follows skipped.
        let mut published = Ok(());
        record(&self.drive.home(), &options, &mut |time_ns, event| {
            if published.is_ok() {
                robot.wait_until(time_ns);
                published = robot.tell(time_ns, &event);
            }
        })?;
        published
    }
}

/// The robot on the graph.
struct Robot {
    graph: Graph,
    begin: Instant,
    start_ns: i64,
    clock: bool,
    late: bool,
}

impl Robot {
    fn wait_until(&mut self, time_ns: i64) {
        let due = Duration::from_nanos(u64::try_from(time_ns - self.start_ns).unwrap_or(0));
        let now = self.begin.elapsed();
        if let Some(wait) = due.checked_sub(now) {
            std::thread::sleep(wait);
        } else if now - due > MAX_LAG && self.clock {
            // Simulated time waits: what follows is due later.
            self.begin += now - due;
        } else if now - due > MAX_LAG && !self.late {
            self.late = true;
            tracing::warn!(
                "drawing is slower than real time: stamps are late; take fewer --fps, a smaller \
                 --width, or --clock"
            );
        }
    }

    fn tell(&mut self, time_ns: i64, event: &SensorEvent) -> anyhow::Result<()> {
        if self.clock {
            self.graph.put("/clock", time_ns, &Clock { clock: Time::from_ns(time_ns) })?;
        }
        write(&mut self.graph, time_ns, event)
    }
}

/// The topics that were published on.
struct Graph {
    transport: Weak<dyn Transport>,
    topics: BTreeMap<String, Arc<dyn Publication>>,
}

impl Sink for Graph {
    fn put<M: Message>(&mut self, topic: &str, _: i64, message: &M) -> anyhow::Result<()> {
        if !self.topics.contains_key(topic) {
            let Some(transport) = self.transport.upgrade() else { return Ok(()) };
            let opened = transport.advertise(topic, M::TYPE, qos_of(topic))?;
            self.topics.insert(topic.to_owned(), opened);
        }
        // A subscriber that is slow is no reason to stop.
        if let Err(error) = self.topics[topic].publish(to_cdr(message)) {
            tracing::debug!("{error}");
        }
        Ok(())
    }
}

/// What drivers of cameras and robots offer.
fn qos_of(topic: &str) -> Qos {
    match topic {
        "/clock" => qos::CLOCK,
        "/tf" => TF,
        "/tf_static" => qos::LATCHED,
        topic if topic.starts_with("/camera/") => qos::SENSOR,
        _ => qos::EVENT,
    }
}
