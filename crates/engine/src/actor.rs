//! The loop around a node: a burst of inputs, one durable flush, then the outputs.
//!
//! Owns the node and with it the store, on a thread of its own. Must always hold: outputs leave
//! only after the flush that made their records durable; nothing runs while nothing happens.

use anser_api::params::AccountImport;
use anser_api::{ApiError, Command, EventBody, model::Via};
use anser_net::NetEvent;
use anser_node::{BackupCursor, FileAnswer, Input, Node, Now};
use anser_proto::DeviceId;
use anser_store::{Store, StoreError};
use std::collections::BTreeMap;
use tokio::sync::{mpsc, oneshot, watch};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::error::store_error;
use crate::outlet::{Answer, Link, Outlet};

/// Inputs handled before one flush.
const BURST: usize = 512;
/// How long to wait before a failing store is tried again by itself.
const RETRY_MS: u64 = 2_000;
/// How long nothing must have come before the store may rest.
const QUIET_MS: u64 = 2_000;
/// Devices of whom it is remembered why they could not be reached.
const REASONS: usize = 256;

/// What a handle asks of the thread.
pub(crate) enum Order {
    /// A command of the API.
    Call { command: Command, answer: Answer },
    /// What only this thread knows, for `doctor.run`.
    Report { answer: oneshot::Sender<Report> },
    /// An event that comes from around the node.
    Tell(Box<EventBody>),
    /// The next piece of a backup, with where it then stands.
    BackupNext { cursor: Box<BackupCursor>, answer: Reported<(BackupCursor, Option<Vec<u8>>)> },
    /// Begins to read a backup in.
    RestoreBegin { answer: Reported<()> },
    /// A piece of that backup.
    Restore { bytes: Zeroizing<Vec<u8>>, label: String, answer: Reported<()> },
    /// The end of that backup; answered once everything is on disk.
    RestoreEnd { answer: Answer },
    /// Gives up what was read in.
    RestoreAbort { answer: Reported<()> },
    /// Flush and end; answered when the store is closed.
    Shutdown { done: oneshot::Sender<()> },
}

/// Where the answer to an order that is no command goes.
type Reported<T> = oneshot::Sender<Result<T, ApiError>>;

/// What the thread knows beside the node's state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// The node's counters of refused input.
    pub(crate) counters: serde_json::Value,
    /// Devices that were discovered but could not be reached, with the last reason.
    pub(crate) unreachable: BTreeMap<DeviceId, String>,
    /// Devices heard by multicast since the start.
    pub(crate) heard: usize,
    /// Whether the store fails just now.
    pub(crate) store_fails: bool,
}

enum Work {
    Order(Order),
    Net(NetEvent),
    File(FileAnswer),
}

/// A node with everything that flows into and out of it.
pub(crate) struct Actor<S: Store, L> {
    node: Node<S>,
    clock: Clock,
    outlet: Outlet<L>,
    listening: watch::Sender<Vec<String>>,
    unreachable: BTreeMap<DeviceId, String>,
    heard: std::collections::BTreeSet<DeviceId>,
    stop: Option<oneshot::Sender<()>>,
    /// Whether the disk has room, as far as the system tells.
    has_room: Box<dyn Fn() -> bool>,
    retry_ms: Option<u64>,
    /// When the store may rest if nothing comes before.
    rest_ms: Option<u64>,
}

impl<S: Store, L: Link> Actor<S, L> {
    pub(crate) fn new(
        node: Node<S>,
        clock: Clock,
        outlet: Outlet<L>,
        listening: watch::Sender<Vec<String>>,
        has_room: Box<dyn Fn() -> bool>,
    ) -> Self {
        Self {
            node,
            clock,
            outlet,
            listening,
            unreachable: BTreeMap::new(),
            heard: std::collections::BTreeSet::new(),
            stop: None,
            has_room,
            retry_ms: None,
            rest_ms: None,
        }
    }

    /// Runs until it is told to stop or every handle is gone.
    pub(crate) async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut news: mpsc::Receiver<NetEvent>,
        mut files: mpsc::Receiver<FileAnswer>,
    ) {
        // What was left to do when the node was opened.
        self.turn(Vec::new());
        let mut network = true;
        while self.stop.is_none() {
            let timer = self.deadline();
            let first = tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => Some(Work::Order(order)),
                    None => break,
                },
                event = news.recv(), if network => {
                    network = event.is_some();
                    event.map(Work::Net)
                }
                Some(answer) = files.recv() => Some(Work::File(answer)),
                () = sleep_until(timer) => None,
            };
            let mut burst: Vec<Work> = first.into_iter().collect();
            while burst.len() < BURST {
                let before = burst.len();
                burst.extend(orders.try_recv().ok().map(Work::Order));
                burst.extend(news.try_recv().ok().map(Work::Net));
                burst.extend(files.try_recv().ok().map(Work::File));
                if burst.len() == before {
                    break;
                }
            }
            self.turn(burst);
        }
        let stop = self.stop.take();
        // The store and the files are closed before anybody is told so. Who keeps the files must not
        // wait for us to read answers.
        drop(files);
        drop(self);
        if let Some(done) = stop {
            // Whoever asked may have gone.
            let _ = done.send(());
        }
    }

    fn deadline(&self) -> Option<std::time::Instant> {
        let moments = [self.node.poll_timeout(), self.retry_ms, self.rest_ms];
        moments.into_iter().flatten().min().and_then(|mono_ms| self.clock.moment(mono_ms))
    }

    /// One burst: handle, flush once, emit.
    fn turn(&mut self, burst: Vec<Work>) {
        let quiet = burst.is_empty();
        if self.outlet.failing() {
            // There may be room again; then this burst is as any other.
            let flushed = self.flush();
            self.outlet.flushed(flushed);
        }
        for work in burst {
            let now = self.clock.now();
            match work {
                Work::Order(order) => self.order(order, now),
                Work::Net(event) => self.net(event, now),
                Work::File(answer) => self.node.handle(Input::File(answer), now),
            }
        }
        let now = self.clock.now();
        if self.node.poll_timeout().is_some_and(|at_ms| at_ms <= now.mono_ms) {
            self.node.handle_timeout(now);
        }
        let due = quiet && self.rest_ms.is_some_and(|at_ms| at_ms <= now.mono_ms);
        let flushed = if due { self.node.rest().and_then(|()| self.flush()) } else { self.flush() };
        if due || !quiet {
            let wants = flushed.is_ok() && self.node.wants_rest();
            self.rest_ms = wants.then(|| now.mono_ms.saturating_add(QUIET_MS));
        }
        self.retry_ms = flushed.is_err().then(|| now.mono_ms.saturating_add(RETRY_MS));
        self.outlet.flushed(flushed);
        while let Some(output) = self.node.poll_output() {
            self.outlet.emit(output);
        }
    }

    /// A store that was full is left alone until there is room: an attempt in vain may cost it the
    /// ability to read.
    fn flush(&mut self) -> Result<(), StoreError> {
        if self.outlet.is_full() && !(self.has_room)() {
            return Err(StoreError::Full);
        }
        self.node.flush()
    }

    fn order(&mut self, order: Order, now: Now) {
        match order {
            Order::Call { command, answer } => {
                if let Some(id) = self.outlet.call(&command, answer) {
                    self.node.handle(Input::Command { id, command }, now);
                }
            }
            Order::Report { answer } => {
                let report = Report {
                    counters: serde_json::to_value(self.node.counters()).unwrap_or_default(),
                    unreachable: self.unreachable.clone(),
                    heard: self.heard.len(),
                    store_fails: self.outlet.failing(),
                };
                // Whoever asked may have gone.
                let _ = answer.send(report);
            }
            Order::Tell(body) => self.node.tell(*body),
            Order::BackupNext { mut cursor, answer } => {
                let piece = self.node.backup_next(&mut cursor).map(|piece| (*cursor, piece));
                // Whoever asked may have gone; so in the arms below.
                let _ = answer.send(piece);
            }
            Order::RestoreBegin { answer } => {
                let _ = answer.send(self.node.restore_begin());
            }
            Order::Restore { bytes, label, answer } => {
                let _ = answer.send(self.node.restore(&bytes, &label));
            }
            Order::RestoreEnd { answer } => {
                let command = Command::AccountImport(AccountImport::default());
                if let Some(id) = self.outlet.call(&command, answer) {
                    self.node.restore_end(id);
                }
            }
            Order::RestoreAbort { answer } => {
                let aborted = self.node.restore_abort().map_err(|e| store_error(&e));
                let _ = answer.send(aborted);
            }
            Order::Shutdown { done } => self.stop = Some(done),
        }
    }

    fn net(&mut self, event: NetEvent, now: Now) {
        let input = match event {
            NetEvent::Listening { addresses } => {
                self.listening.send_replace(addresses.clone());
                Input::Listening { addresses }
            }
            NetEvent::Connected { device, address, outbound, .. } => {
                self.unreachable.remove(&device);
                self.outlet.connected(device);
                Input::Connected { device, address: outbound.then_some(address) }
            }
            NetEvent::Disconnected { device } => {
                self.outlet.disconnected(&device);
                Input::Disconnected { device }
            }
            // What cannot be stored is not taken: the device sends it again when it syncs afresh.
            NetEvent::Frame { .. } if self.outlet.failing() => return,
            NetEvent::Frame { device, bytes } => Input::Frame { device, bytes },
            NetEvent::Discovered { device, addresses, via } => {
                if via == anser_net::Via::Mdns && self.heard.len() < REASONS {
                    self.heard.insert(device);
                }
                Input::Discovered { device, addresses, via: known_by(via) }
            }
            NetEvent::Gone { device } => {
                self.unreachable.remove(&device);
                Input::Gone { device }
            }
            NetEvent::Unreachable { device, reason, retry_in_ms } => {
                tracing::debug!(%device, %reason, retry_in_ms, "unreachable");
                if self.unreachable.len() < REASONS || self.unreachable.contains_key(&device) {
                    self.unreachable.insert(device, reason);
                }
                return;
            }
        };
        self.node.handle(input, now);
    }
}

fn known_by(via: anser_net::Via) -> Via {
    match via {
        anser_net::Via::Mdns => Via::Mdns,
        anser_net::Via::Seed => Via::Seed,
        anser_net::Via::Manual => Via::Manual,
        anser_net::Via::Exchange => Via::Exchange,
    }
}

async fn sleep_until(moment: Option<std::time::Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
