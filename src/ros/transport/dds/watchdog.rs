//! Notices that nothing is heard any more, and has the graph joined anew. It also has others told what
//! is open, once for all that was opened together.
//!
//! Two defects make a participant deaf for good: an interrupted poll (a process stopped and
//! resumed, a suspended machine) ends its threads, and a peer that comes back after its lease ran
//! out is not matched again. Neither is reported, so silence is the only sign.

use super::Shared;
use super::worker::Worker;
use crate::ros::transport::TransportError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Silence of every topic after which the graph is joined anew.
const SILENCE: Duration = Duration::from_secs(4);
/// Where nobody speaks, the wait doubles up to this.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// When something was heard last.
pub(super) struct Heard {
    since: Instant,
    last_ms: AtomicU64,
    /// Calls and answers under way.
    busy: AtomicUsize,
}

/// A call or an answer is under way as long as this lives.
pub(super) struct Busy<'a>(&'a Heard);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.something();
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Heard {
    fn default() -> Self {
        Self { since: Instant::now(), last_ms: AtomicU64::new(0), busy: AtomicUsize::new(0) }
    }
}

impl Heard {
    /// Something came.
    pub fn something(&self) {
        self.last_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// A call or an answer begins, which must not be cut off by joining anew.
    pub fn busy(&self) -> Busy<'_> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy(self)
    }

    fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn last_ms(&self) -> u64 {
        self.last_ms.load(Ordering::Relaxed)
    }
}

/// How long to bear the silence: short after something was heard, longer each time it did not help.
#[derive(Debug, Clone, Copy)]
struct Patience {
    wait: Duration,
    /// Time of the last revival, and what had been heard last by then.
    revived_ms: u64,
    heard_ms: u64,
}

impl Patience {
    fn new() -> Self {
        Self { wait: SILENCE, revived_ms: 0, heard_ms: 0 }
    }

    /// Whether to join anew at `now_ms`, when something was heard last at `heard_ms`.
    fn is_over(&mut self, now_ms: u64, heard_ms: u64) -> bool {
        if heard_ms != self.heard_ms {
            self.wait = SILENCE;
        }
        let silent_ms = now_ms.saturating_sub(heard_ms.max(self.revived_ms));
        if u128::from(silent_ms) < self.wait.as_millis() {
            return false;
        }
        self.wait = (self.wait * 2).min(LONGEST_SILENCE);
        self.revived_ms = now_ms;
        self.heard_ms = heard_ms;
        true
    }
}

/// The thread that watches.
pub(super) fn start(shared: Arc<Shared>) -> Result<Worker, TransportError> {
    let domain_id = shared.settings.domain_id;
    Worker::spawn("dds watchdog", move |end| watch(&shared, end))
        .map_err(|error| TransportError::Join { domain_id, reason: error.to_string() })
}

fn watch(shared: &Shared, end: &AtomicBool) {
    let mut patience = Patience::new();
    while !end.load(Ordering::Acquire) {
        std::thread::park_timeout(LOOK_EVERY);
        shared.tell();
        let heard = &shared.heard;
        if heard.is_busy()
            || !shared.listens()
            || !patience.is_over(heard.now_ms(), heard.last_ms())
        {
            continue;
        }
        tracing::debug!("nothing was heard for {SILENCE:?}: joining the graph anew");
        if let Err(error) = shared.revive() {
            tracing::warn!("{error}; trying again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_after_speech_is_borne_four_seconds() {
        let mut patience = Patience::new();
        assert!(!patience.is_over(103_900, 100_000));
        assert!(patience.is_over(104_000, 100_000));
        assert!(!patience.is_over(111_900, 100_000), "it did not help: twice as long");
        assert!(patience.is_over(112_000, 100_000));
        assert!(!patience.is_over(113_000, 112_500));
        assert!(patience.is_over(116_500, 112_500), "heard in between: four seconds again");
    }

    #[test]
    fn where_nobody_speaks_it_is_tried_less_and_less() {
        let mut patience = Patience::new();
        let tries = (0..600_000).step_by(500).filter(|now_ms| patience.is_over(*now_ms, 0));
        assert_eq!(tries.count(), 4 + 8, "4, 12, 28, 60 s, and then each minute");
    }
}
