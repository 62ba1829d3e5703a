//! The thread that owns the node: it carries out orders and hands on what comes in.

use super::types::{self, Writer};
use super::{lacking, profile, service};
use crate::ros::qos::Qos;
use crate::ros::transport::{Answer, QosMismatch, Take};
use futures::{FutureExt, StreamExt};
use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long an order may have to wait, where nothing comes in.
const SPIN: Duration = Duration::from_millis(5);

type Order = Box<dyn FnOnce(&mut Spinner) + Send>;

/// Where orders are given.
#[derive(Clone)]
pub(super) struct Orders(mpsc::Sender<Order>);

impl Orders {
    /// Has `order` carried out and waits for what it gives; `None` when the thread has ended.
    pub fn ask<T: Send + 'static>(
        &self,
        order: impl FnOnce(&mut Spinner) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = mpsc::sync_channel(1);
        let order = move |spinner: &mut Spinner| {
            // Whoever asked waits.
            let _ = reply.send(order(spinner));
        };
        self.0.send(Box::new(order)).ok()?;
        answer.recv().ok()
    }

    /// Ends the thread.
    pub fn end(&self) {
        self.ask(|spinner| spinner.ended = true);
    }
}

/// What one topic or service brings.
pub(super) struct Incoming {
    /// Hands on what has come since.
    pub hand_on: Box<dyn FnMut() + Send>,
    /// Its own thread, which ends when `hand_on` is gone.
    pub thread: Option<Thread>,
}

/// A thread that is waited for when it is dropped.
pub(super) struct Thread(pub Option<JoinHandle<()>>);

impl Drop for Thread {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            // A thread that panicked has told so already.
            let _ = thread.join();
        }
    }
}

/// The node and what is open on it.
pub(super) struct Spinner {
    node: ::r2r::Node,
    orders: mpsc::Receiver<Order>,
    incoming: BTreeMap<u64, Incoming>,
    subscribed: BTreeMap<u64, (String, Qos)>,
    opened: u64,
    ended: bool,
}

impl Spinner {
    pub fn new(node: ::r2r::Node) -> (Orders, Self) {
        let (sender, orders) = mpsc::channel();
        let (incoming, subscribed) = Default::default();
        (Orders(sender), Self { node, orders, incoming, subscribed, opened: 0, ended: false })
    }

    /// Works until it is told to end.
    pub fn run(mut self) {
        while !self.ended {
            while let Ok(order) = self.orders.try_recv() {
                order(&mut self);
            }
            self.node.spin_once(SPIN);
            for incoming in self.incoming.values_mut() {
                (incoming.hand_on)();
            }
        }
    }

    pub fn subscribe(
        &mut self,
        topic: &str,
        type_name: &str,
        qos: Qos,
        take: Take,
    ) -> ::r2r::Result<u64> {
        let mut stream = self.node.subscribe_raw(topic, type_name, profile(qos))?;
        // Handed on after each spin, which takes one message a topic: the stream, which would drop
        // the newest, never fills.
        let hand_on = Box::new(move || {
            while let Some(Some(cdr)) = stream.next().now_or_never() {
                take(cdr);
            }
        });
        let number = self.keep(Incoming { hand_on, thread: None });
        self.subscribed.insert(number, (topic.to_owned(), qos));
        Ok(number)
    }

    pub fn advertise(&mut self, topic: &str, of: &str, qos: Qos) -> ::r2r::Result<Writer> {
        types::advertise(&mut self.node, topic, of, profile(qos))
    }

    pub fn withdraw(&mut self, writer: Writer) {
        writer.close(&mut self.node);
    }

    pub fn serve(&mut self, name: &str, of: &str, answer: Answer) -> ::r2r::Result<u64> {
        let incoming = types::serve(&mut self.node, service::Offer { name, answer }, of)?;
        Ok(self.keep(incoming))
    }

    /// Closes a topic or service. rcl's end of it goes when the next message or request comes.
    pub fn close(&mut self, number: u64) -> Option<Thread> {
        self.subscribed.remove(&number);
        self.incoming.remove(&number)?.thread
    }

    /// Publishers that offer less than our subscriptions ask for.
    pub fn mismatches(&self) -> Vec<QosMismatch> {
        let mut all = Vec::new();
        for (topic, asked) in self.subscribed.values() {
            let publishers = self.node.get_publishers_info_by_topic(topic, false);
            for publisher in publishers.unwrap_or_default() {
                if let Some(policy) = lacking(*asked, &publisher.qos_profile) {
                    let namespace = publisher.node_namespace.trim_end_matches('/');
                    let node = format!("{namespace}/{}", publisher.node_name);
                    let topic = topic.clone();
                    all.push(QosMismatch { topic, we_subscribe: true, node, policy });
                }
            }
        }
        all
    }

    fn keep(&mut self, incoming: Incoming) -> u64 {
        self.opened += 1;
        self.incoming.insert(self.opened, incoming);
        self.opened
    }
}
