//! Where messages wait for the thread that uses them: newest wins, and nothing grows.
//!
//! The transport's threads put messages in and go on; a full queue lets its oldest message go. The
//! thread that uses them takes them in the order in which they came.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Requests that wait at most; more are refused.
const MAX_REQUESTS: usize = 64;

/// What waits for a thread: messages of topics, and requests `R` of other threads.
pub struct Inbox<R> {
    state: Mutex<State<R>>,
    ready: Condvar,
}

struct State<R> {
    topics: Vec<Queue>,
    requests: VecDeque<R>,
    arrivals: u64,
    closed: bool,
}

struct Queue {
    depth: usize,
    /// Number of arrival and CDR bytes.
    waiting: VecDeque<(u64, Vec<u8>)>,
    counts: Counts,
}

/// What came on a topic.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Messages that came.
    pub received: u64,
    /// Messages that gave way to newer ones.
    pub overtaken: u64,
    /// When the last one came.
    pub last: Option<Instant>,
}

/// Index of a topic in its inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicIndex(usize);

/// What was taken out.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken<R> {
    /// A message.
    Message(TopicIndex, Vec<u8>),
    /// A request.
    Request(R),
    /// Nothing came in time.
    Nothing,
    /// The inbox was closed.
    Closed,
}

impl<R> Default for Inbox<R> {
    fn default() -> Self {
        let state =
            State { topics: Vec::new(), requests: VecDeque::new(), arrivals: 0, closed: false };
        Self { state: Mutex::new(state), ready: Condvar::new() }
    }
}

impl<R> Inbox<R> {
    /// Adds a topic of which `depth` messages may wait.
    pub fn add_topic(&self, depth: usize) -> TopicIndex {
        let mut state = self.lock();
        let depth = depth.max(1);
        state.topics.push(Queue { depth, waiting: VecDeque::new(), counts: Counts::default() });
        TopicIndex(state.topics.len() - 1)
    }

    /// Puts a message in; the oldest one of a full queue gives way.
    pub fn put(&self, topic: TopicIndex, cdr: Vec<u8>) {
        let mut state = self.lock();
        state.arrivals += 1;
        let arrival = state.arrivals;
        let queue = &mut state.topics[topic.0];
        queue.counts.received += 1;
        queue.counts.last = Some(Instant::now());
        // Where one message waits, the next one takes its turn: a clock that ticks faster than images
        // are taken in would stand still for ever behind them.
        let turn = match queue.waiting.front() {
            Some((turn, _)) if queue.depth == 1 => *turn,
            _ => arrival,
        };
        queue.waiting.push_back((turn, cdr));
        if queue.waiting.len() > queue.depth {
            queue.waiting.pop_front();
            queue.counts.overtaken += 1;
        }
        drop(state);
        self.ready.notify_one();
    }

    /// Puts a request in; gives it back when too many wait or the inbox is closed.
    pub fn ask(&self, request: R) -> Result<(), R> {
        let mut state = self.lock();
        if state.closed || state.requests.len() >= MAX_REQUESTS {
            return Err(request);
        }
        state.requests.push_back(request);
        drop(state);
        self.ready.notify_one();
        Ok(())
    }

    /// Puts a request in that takes the place of those it makes `stale`, so that few of its kind
    /// wait, and the newest is not lost. It is, as others are, when too many wait.
    pub fn supersede(&self, request: R, stale: impl Fn(&R) -> bool) -> Result<(), R> {
        self.lock().requests.retain(|waiting| !stale(waiting));
        self.ask(request)
    }

    /// Takes the next request, else the message that came first; waits for `patience` at most.
    pub fn take(&self, patience: Duration) -> Taken<R> {
        let end = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            if let Some(request) = state.requests.pop_front() {
                return Taken::Request(request);
            }
            if state.closed {
                return Taken::Closed;
            }
            if let Some((topic, cdr)) = state.oldest() {
                return Taken::Message(topic, cdr);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Taken::Nothing;
            }
            let waited = self.ready.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends the thread that takes, once it has taken the requests that wait. More are refused.
    pub fn finish(&self) {
        self.lock().closed = true;
        self.ready.notify_all();
    }

    /// Ends the thread that takes. Requests are let go, and with them whoever waits for an answer.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let left = std::mem::take(&mut state.requests);
        drop(state);
        drop(left);
        self.ready.notify_all();
    }

    /// What came on a topic.
    pub fn counts(&self, topic: TopicIndex) -> Counts {
        self.lock().topics[topic.0].counts.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State<R>> {
        // No step in here can panic between two states that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> State<R> {
    fn oldest(&mut self) -> Option<(TopicIndex, Vec<u8>)> {
        let arrival = |queue: &Queue| queue.waiting.front().map(|(arrival, _)| *arrival);
        let waiting = self.topics.iter().enumerate();
        let (_, index) = waiting.filter_map(|(i, queue)| Some((arrival(queue)?, i))).min()?;
        let (_, cdr) = self.topics[index].waiting.pop_front()?;
        Some((TopicIndex(index), cdr))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn the_newest_of_one_that_waits_keeps_its_turn() {
        let inbox = Inbox::<()>::default();
        let (clock, images) = (inbox.add_topic(1), inbox.add_topic(4));
        inbox.put(clock, vec![0]);
        // More comes between two turns than is taken.
        let taken = (1..20).map(|tick| {
            (0..3).for_each(|_| inbox.put(images, vec![tick]));
            inbox.put(clock, vec![tick]);
            inbox.take(NOW)
        });
        let ticks =
            taken.filter(|taken| matches!(taken, Taken::Message(topic, _) if *topic == clock));
        let ticks: Vec<_> = ticks.collect();
        assert!(ticks.len() > 3, "{ticks:?}");
        assert_eq!(ticks[0], Taken::Message(clock, vec![1]), "the newest is taken");
    }

    #[test]
    fn messages_come_out_in_order_of_arrival_and_the_newest_stay() {
        let inbox = Inbox::<&str>::default();
        let (images, words) = (inbox.add_topic(1), inbox.add_topic(9));
        inbox.put(words, vec![1]);
        inbox.put(images, vec![2]);
        inbox.put(words, vec![3]);
        inbox.put(images, vec![4]);
        let order = [(words, 1), (images, 4), (words, 3)];
        for (topic, byte) in order {
            assert_eq!(inbox.take(NOW), Taken::Message(topic, vec![byte]));
        }
        assert_eq!(inbox.take(NOW), Taken::Nothing);
        let counts = inbox.counts(images);
        assert_eq!((counts.received, counts.overtaken), (2, 1));
    }

    #[test]
    fn requests_come_first_and_a_closed_inbox_says_so() {
        let inbox = Inbox::default();
        let words = inbox.add_topic(1);
        inbox.put(words, vec![1]);
        inbox.ask("save").unwrap();
        assert_eq!(inbox.take(NOW), Taken::Request("save"));
        inbox.close();
        assert_eq!(inbox.take(Duration::from_secs(9)), Taken::Closed);
        assert_eq!(inbox.ask("late"), Err("late"));
    }

    #[test]
    fn what_was_asked_before_the_end_is_still_taken() {
        let inbox = Inbox::default();
        let words = inbox.add_topic(1);
        inbox.put(words, vec![1]);
        inbox.ask("the result").unwrap();
        inbox.finish();
        assert_eq!(inbox.ask("late"), Err("late"));
        assert_eq!(inbox.take(NOW), Taken::Request("the result"));
        assert_eq!(inbox.take(Duration::from_secs(9)), Taken::Closed);
    }

    #[test]
    fn of_what_is_said_the_newest_waits() {
        let inbox = Inbox::default();
        let say = |text| inbox.supersede(text, |waiting: &&str| waiting.starts_with("so"));
        say("so").unwrap();
        inbox.ask("stop").unwrap();
        say("so far").unwrap();
        let taken = [0; 3].map(|_| inbox.take(NOW));
        assert_eq!(taken, [Taken::Request("stop"), Taken::Request("so far"), Taken::Nothing]);
    }

    #[test]
    fn a_waiting_thread_is_woken() {
        let inbox = Inbox::<()>::default();
        let topic = inbox.add_topic(1);
        std::thread::scope(|scope| {
            let taker = scope.spawn(|| inbox.take(Duration::from_secs(60)));
            inbox.put(topic, vec![7]);
            assert_eq!(taker.join().unwrap(), Taken::Message(topic, vec![7]));
        });
    }
}
