//! Progress of long work: bars on a terminal. Where nobody watches one, measurements and trainings
//! tell it in lines, and all else is silent.

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Parts of a measurement; at the end of each a log is told.
const PARTS: u64 = 10;
/// After so long it is told within a part as well.
const SILENCE: Duration = Duration::from_secs(60);

/// A bar over `length` units of `what`, with rate and time left.
pub fn bar(length: u64, what: &str) -> ProgressBar {
    let template = "{prefix} {wide_bar} {percent:>3} % · {elapsed} gone, {eta} left · {msg}";
    let style = ProgressStyle::with_template(template).expect("the template is fixed and valid");
    ProgressBar::new(length).with_style(style).with_prefix(what.to_string())
}

/// Tells `line` above a bar, or in the log where nobody watches one.
pub fn tell(bar: &ProgressBar, line: &str) {
    if bar.is_hidden() {
        // Whoever closed stderr does not want to know.
        let _ = writeln!(std::io::stderr(), "{line}");
    } else {
        bar.println(line);
    }
}

/// A bar over `length` bytes of `what`.
pub fn bytes(length: u64, what: &str) -> ProgressBar {
    let template = "{prefix} {wide_bar} {bytes} of {total_bytes} · {bytes_per_sec} · {eta} left";
    let style = ProgressStyle::with_template(template).expect("the template is fixed and valid");
    ProgressBar::new(length).with_style(style).with_prefix(what.to_string())
}

/// How many of many homes, goals or episodes are done: a bar, or a line now and then where stderr
/// is no terminal, so that the log of a long measurement tells how far it has come.
pub struct Count {
    bar: ProgressBar,
    log: Mutex<Log>,
}

impl Count {
    /// None of `length` is done; `what` is going on.
    pub fn new(length: usize, what: &str) -> Self {
        Self { bar: bar(length as u64, what), log: Mutex::new(Log::new(Instant::now())) }
    }

    /// One more is done.
    pub fn add(&self) {
        self.bar.inc(1);
        if !self.bar.is_hidden() {
            return;
        }
        // Read under the lock, so that the lines count upwards whichever worker is first.
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let (done, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
        if log.is_due(done, all, Instant::now()) {
            let (what, gone) = (self.bar.prefix(), HumanDuration(self.bar.elapsed()));
            // Whoever closed stderr does not want to know.
            let _ = writeln!(std::io::stderr(), "{what}: {done} of {all}, {gone} gone");
        }
    }

    /// All are done.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// When a log was told last, and which part of the work was done by then.
struct Log {
    part: u64,
    at: Instant,
}

impl Log {
    fn new(now: Instant) -> Self {
        Self { part: 0, at: now }
    }

    /// Whether it is time for a line; if so, that is the last one from now on.
    fn is_due(&mut self, done: u64, all: u64, now: Instant) -> bool {
        let part = done * PARTS / all.max(1);
        let is_due = part > self.part || now.duration_since(self.at) >= SILENCE;
        if is_due {
            *self = Self { part, at: now };
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_told_every_tenth_and_every_minute() {
        let start = Instant::now();
        let told = |all: u64, each: Duration| -> Vec<u64> {
            let mut log = Log::new(start);
            let mut is_due = |done: &u64| log.is_due(*done, all, start + each * *done as u32);
            (1..=all).filter(|done| is_due(done)).collect()
        };
        let (second, half_minute) = (Duration::from_secs(1), Duration::from_secs(30));
        assert_eq!(told(30, second), [3, 6, 9, 12, 15, 18, 21, 24, 27, 30]);
        assert_eq!(told(4, second), [1, 2, 3, 4]);
        // Minutes begin anew with each line.
        assert_eq!(told(50, half_minute)[..6], [2, 4, 5, 7, 9, 10]);
        assert!(!Log::new(start).is_due(0, 0, start), "there is nothing to tell of nothing");
    }
}
