//! The node's time: that of the system, or that of `/clock`.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time: that of the system, until it is told otherwise.
#[derive(Debug, Default)]
pub struct NodeClock {
    simulated: AtomicBool,
    /// Newest time of `/clock`, nanoseconds.
    simulated_ns: AtomicI64,
}

impl NodeClock {
    /// Whether time is that of `/clock`.
    pub fn use_sim_time(&self, simulated: bool) {
        self.simulated.store(simulated, Ordering::Relaxed);
    }

    /// Sets simulated time.
    pub fn set_ns(&self, now_ns: i64) {
        self.simulated_ns.store(now_ns, Ordering::Relaxed);
    }

    /// The time, nanoseconds; where it is simulated, 0 before the first message of `/clock`.
    pub fn now_ns(&self) -> i64 {
        if self.simulated.load(Ordering::Relaxed) {
            return self.simulated_ns.load(Ordering::Relaxed);
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulated_time_stands_until_it_is_set() {
        let clock = NodeClock::default();
        clock.set_ns(5);
        assert!(clock.now_ns() > 1_600_000_000_000_000_000);
        clock.use_sim_time(true);
        assert_eq!(clock.now_ns(), 5);
    }
}
