//! A thread that owns something slow, such as a language model, and answers requests.
//!
//! At most one request runs and a bounded number waits. When one more comes, the oldest that waits
//! is dropped and its asker is told: a robot wants the answer to its newest question, and nobody
//! who asks ever has to wait for room.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What an asker hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineEvent<T> {
    /// A piece of the answer.
    Item(T),
    /// The answer is complete.
    Finished,
    /// A newer request took this one's place before it began.
    Superseded,
    /// The answer failed.
    Failed(String),
}

/// What an answer is written to.
#[derive(Debug)]
pub struct Outlet<T> {
    events: UnboundedSender<EngineEvent<T>>,
    cancelled: Arc<AtomicBool>,
}

impl<T> Outlet<T> {
    /// Sends a piece; `false` when nobody wants more.
    pub fn send(&self, item: T) -> bool {
        !self.is_cancelled() && self.events.send(EngineEvent::Item(item)).is_ok()
    }

    /// Whether the asker went away or cancelled. Long work should look now and then.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    fn close(self, event: EngineEvent<T>) {
        // An asker that went away needs no closing event.
        let _ = self.events.send(event);
    }
}

/// What owns the model and answers.
pub trait Backend: Send + 'static {
    /// What is asked.
    type Request: Send + 'static;
    /// A piece of an answer.
    type Item: Send + 'static;

    /// Answers `request` piece by piece, and stops early when the outlet wants no more.
    fn answer(&mut self, request: Self::Request, outlet: &Outlet<Self::Item>)
    -> Result<(), String>;
}

/// The asker's end of one request. Dropping it cancels the request.
#[derive(Debug)]
pub struct Ticket<T> {
    events: UnboundedReceiver<EngineEvent<T>>,
    cancelled: Arc<AtomicBool>,
}

impl<T> Ticket<T> {
    /// Waits for the next event; `None` after the last. Not for async code.
    pub fn wait(&mut self) -> Option<EngineEvent<T>> {
        self.events.blocking_recv()
    }

    /// The next event; `None` after the last.
    pub async fn next(&mut self) -> Option<EngineEvent<T>> {
        self.events.recv().await
    }

    /// The next event if it is there already.
    pub fn poll(&mut self) -> Option<EngineEvent<T>> {
        self.events.try_recv().ok()
    }

    /// Asks the engine to stop working on it.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        self.cancel();
    }
}

struct Waiting<R, T> {
    queue: VecDeque<(R, Outlet<T>)>,
    closed: bool,
}

struct Shared<R, T> {
    waiting: Mutex<Waiting<R, T>>,
    changed: Condvar,
    running: Mutex<Option<Arc<AtomicBool>>>,
}

impl<R, T> Shared<R, T> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<R, T>> {
        // Nothing that can panic runs under this lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, Option<Arc<AtomicBool>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The engine. Dropping it cancels what runs, supersedes what waits and joins the thread.
pub struct Engine<R, T> {
    shared: Arc<Shared<R, T>>,
    room: usize,
    thread: Option<JoinHandle<()>>,
}

impl<R: Send + 'static, T: Send + 'static> Engine<R, T> {
    /// Starts a thread called `name` that owns `backend`, with room for `room` waiting requests.
    pub fn spawn(
        name: &str,
        room: usize,
        mut backend: impl Backend<Request = R, Item = T>,
    ) -> std::io::Result<Self> {
        let waiting = Mutex::new(Waiting { queue: VecDeque::new(), closed: false });
        let shared =
            Arc::new(Shared { waiting, changed: Condvar::new(), running: Mutex::new(None) });
        let theirs = shared.clone();
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
            while let Some((request, outlet)) = next_request(&theirs) {
                answer_one(&mut backend, request, outlet);
            }
        })?;
        Ok(Self { shared, room: room.max(1), thread: Some(thread) })
    }

    /// Asks. Never blocks; the oldest waiting request makes room.
    pub fn submit(&self, request: R) -> Ticket<T> {
        let (sender, events) = unbounded_channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        let outlet = Outlet { events: sender, cancelled: cancelled.clone() };
        let mut waiting = self.shared.waiting();
        while waiting.queue.len() >= self.room {
            if let Some((_, oldest)) = waiting.queue.pop_front() {
                oldest.close(EngineEvent::Superseded);
            }
        }
        waiting.queue.push_back((request, outlet));
        drop(waiting);
        self.shared.changed.notify_one();
        Ticket { events, cancelled }
    }
}

impl<R, T> Drop for Engine<R, T> {
    fn drop(&mut self) {
        let mut waiting = self.shared.waiting();
        waiting.closed = true;
        let left = std::mem::take(&mut waiting.queue);
        drop(waiting);
        for (_, outlet) in left {
            outlet.close(EngineEvent::Superseded);
        }
        if let Some(running) = self.shared.running().as_ref() {
            running.store(true, Ordering::Relaxed);
        }
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // Panics of the backend were caught and told to the asker.
            let _ = thread.join();
        }
    }
}

/// Waits for a request that is still wanted; `None` when the engine closes.
fn next_request<R, T>(shared: &Shared<R, T>) -> Option<(R, Outlet<T>)> {
    *shared.running() = None;
    let mut waiting = shared.waiting();
    loop {
        if waiting.closed {
            return None;
        }
        match waiting.queue.pop_front() {
            Some((_, outlet)) if outlet.is_cancelled() => outlet.close(EngineEvent::Superseded),
            Some((request, outlet)) => {
                // Under the lock: who closes the engine sees either the queue or what runs.
                *shared.running() = Some(outlet.cancelled.clone());
                return Some((request, outlet));
            }
            None => {
                waiting = shared.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

fn answer_one<B: Backend>(backend: &mut B, request: B::Request, outlet: Outlet<B::Item>) {
    let answered = catch_unwind(AssertUnwindSafe(|| backend.answer(request, &outlet)));
    outlet.close(match answered {
        Ok(Ok(())) => EngineEvent::Finished,
        Ok(Err(reason)) => EngineEvent::Failed(reason),
        Err(panic) => EngineEvent::Failed(format!("the engine panicked: {}", words(&*panic))),
    });
}

fn words(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(words), _) => words,
        (_, Some(words)) => words,
        _ => "without words",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Counts up to the request; waits for permission before every answer where there is a gate.
    struct Counter {
        gate: Option<mpsc::Receiver<()>>,
        begun: mpsc::Sender<u32>,
    }

    impl Backend for Counter {
        type Request = u32;
        type Item = u32;

        fn answer(&mut self, request: u32, outlet: &Outlet<u32>) -> Result<(), String> {
            self.begun.send(request).unwrap();
            if let Some(gate) = &self.gate {
                gate.recv().unwrap();
            }
            match request {
                1000 => Err("too much".into()),
                1001 => panic!("much too much"),
                1002 => {
                    while outlet.send(0) {
                        std::thread::yield_now();
                    }
                    Ok(())
                }
                _ => {
                    (0..request).all(|number| outlet.send(number));
                    Ok(())
                }
            }
        }
    }

    fn engine(gated: bool) -> (Engine<u32, u32>, mpsc::Sender<()>, mpsc::Receiver<u32>) {
        let (open, gate) = mpsc::channel();
        let (begun, begins) = mpsc::channel();
        let backend = Counter { gate: gated.then_some(gate), begun };
        (Engine::spawn("counter", 1, backend).unwrap(), open, begins)
    }

    fn all(ticket: &mut Ticket<u32>) -> Vec<EngineEvent<u32>> {
        std::iter::from_fn(|| ticket.wait()).collect()
    }

    #[test]
    fn streams_and_finishes() {
        let (engine, _open, _begins) = engine(false);
        use EngineEvent::{Finished, Item};
        assert_eq!(all(&mut engine.submit(2)), [Item(0), Item(1), Finished]);
        assert_eq!(all(&mut engine.submit(0)), [Finished]);
    }

    #[test]
    fn the_newest_wins() {
        let (engine, open, begins) = engine(true);
        let mut running = engine.submit(0);
        assert_eq!(begins.recv().unwrap(), 0);
        let (mut older, mut newer) = (engine.submit(1), engine.submit(2));
        assert_eq!(all(&mut older), [EngineEvent::Superseded]);
        open.send(()).unwrap();
        open.send(()).unwrap();
        assert_eq!(all(&mut running), [EngineEvent::Finished]);
        assert_eq!(all(&mut newer).len(), 3);
    }

    #[test]
    fn failures_and_panics_are_told_and_survived() {
        let (engine, _open, _begins) = engine(false);
        let failed = |words: &str| [EngineEvent::Failed(words.into())];
        assert_eq!(all(&mut engine.submit(1000)), failed("too much"));
        let told = failed("the engine panicked: much too much");
        assert_eq!(all(&mut engine.submit(1001)), told);
        assert_eq!(all(&mut engine.submit(0)), [EngineEvent::Finished]);
    }

    #[test]
    fn cancelling_and_dropping_stop_an_endless_answer() {
        let (engine, _open, begins) = engine(false);
        let mut endless = engine.submit(1002);
        assert_eq!(endless.wait(), Some(EngineEvent::Item(0)));
        endless.cancel();
        assert_eq!(all(&mut endless).last(), Some(&EngineEvent::Finished));
        drop(engine.submit(1002));
        let mut kept = engine.submit(1002);
        assert_eq!(kept.wait(), Some(EngineEvent::Item(0)));
        drop(engine);
        assert_eq!(all(&mut kept).last(), Some(&EngineEvent::Finished));
        assert!(begins.iter().count() >= 2);
    }
}
