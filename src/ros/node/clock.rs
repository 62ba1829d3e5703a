//! The node's time: that of the system, or that of `/clock`.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time.
#[derive(Debug)]
pub struct NodeClock {
    /// Newest time of `/clock`, nanoseconds; `None`: the system's time holds.
    simulated_ns: Option<AtomicI64>,
}

impl NodeClock {
    /// A clock; `use_sim_time` makes it wait for `/clock`.
    pub fn new(use_sim_time: bool) -> Self {
        Self { simulated_ns: use_sim_time.then(AtomicI64::default) }
    }

    /// Sets simulated time; no effect on the system's.
    pub fn set_ns(&self, now_ns: i64) {
        if let Some(simulated_ns) = &self.simulated_ns {
            simulated_ns.store(now_ns, Ordering::Relaxed);
        }
    }

    /// The time, nanoseconds; 0 before the first message of `/clock`.
    pub fn now_ns(&self) -> i64 {
        match &self.simulated_ns {
            Some(simulated_ns) => simulated_ns.load(Ordering::Relaxed),
            None => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulated_time_stands_until_it_is_set() {
        let clock = NodeClock::new(true);
        assert_eq!(clock.now_ns(), 0);
        clock.set_ns(5);
        assert_eq!(clock.now_ns(), 5);
        let system = NodeClock::new(false);
        system.set_ns(5);
        assert!(system.now_ns() > 1_600_000_000_000_000_000);
    }
}
