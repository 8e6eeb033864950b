//! Where a node's outputs go: to devices, to callers, to subscribers. And what becomes of them
//! while the store cannot be written.
//!
//! Must always hold: nothing that depends on an unwritten record leaves. While the store fails,
//! answers become errors, events wait, frames are dropped and every device is let go, so that it
//! syncs afresh once the store works again.

use std::collections::{BTreeSet, HashMap, VecDeque};

use anser_api::{ApiError, Command, Event, Reply};
use anser_net::Net;
use anser_node::{FileOrder, Output};
use anser_proto::DeviceId;
use anser_store::StoreError;
use tokio::sync::oneshot;

use crate::error::store_error;
use crate::events::Feed;
use crate::files::Files;

/// Events kept back while the store fails; what is over it shows as a gap.
const HELD_EVENTS: usize = 4_096;

/// What a node asks of its network.
pub(crate) trait Link {
    fn send(&self, device: DeviceId, frame: Vec<u8>);
    fn want(&self, device: DeviceId, addresses: Vec<String>);
    fn unwant(&self, device: DeviceId);
    fn disconnect(&self, device: DeviceId, why: &'static str);
}

impl Link for Net {
    fn send(&self, device: DeviceId, frame: Vec<u8>) {
        Self::send(self, device, frame);
    }
    fn want(&self, device: DeviceId, addresses: Vec<String>) {
        Self::want(self, device, addresses);
    }
    fn unwant(&self, device: DeviceId) {
        Self::unwant(self, device);
    }
    fn disconnect(&self, device: DeviceId, why: &'static str) {
        Self::disconnect(self, device, why);
    }
}

/// Where the answer to a command goes.
pub(crate) type Answer = oneshot::Sender<Result<Reply, ApiError>>;

struct Call {
    answer: Answer,
    reads: bool,
}

/// The ways out of a node.
pub(crate) struct Outlet<L> {
    link: L,
    feed: Feed,
    calls: HashMap<u64, Call>,
    next_call: u64,
    connected: BTreeSet<DeviceId>,
    failing: Option<StoreError>,
    held: VecDeque<Event>,
    files: Option<Files>,
    /// Orders about files kept back while the store fails.
    held_orders: VecDeque<FileOrder>,
}

impl<L: Link> Outlet<L> {
    /// Without `files` orders about them are let fall.
    pub(crate) fn new(link: L, feed: Feed, files: Option<Files>) -> Self {
        Self {
            link,
            feed,
            calls: HashMap::new(),
            next_call: 0,
            connected: BTreeSet::new(),
            failing: None,
            held: VecDeque::new(),
            files,
            held_orders: VecDeque::new(),
        }
    }

    pub(crate) fn failing(&self) -> bool {
        self.failing.is_some()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.failing == Some(StoreError::Full)
    }

    /// Takes in a command's way back and gives the id under which the node is to answer. While
    /// the store fails only commands that read are taken; others are answered at once.
    pub(crate) fn call(&mut self, command: &Command, answer: Answer) -> Option<u64> {
        let reads = reads(command);
        if let (Some(error), false) = (&self.failing, reads) {
            // A caller that no longer waits needs no answer.
            let _ = answer.send(Err(store_error(error)));
            return None;
        }
        self.next_call = self.next_call.wrapping_add(1);
        self.calls.insert(self.next_call, Call { answer, reads });
        Some(self.next_call)
    }

    pub(crate) fn connected(&mut self, device: DeviceId) {
        self.connected.insert(device);
        if self.failing.is_some() {
            self.link.disconnect(device, "the store fails");
        }
    }

    pub(crate) fn disconnected(&mut self, device: &DeviceId) {
        self.connected.remove(device);
    }

    /// Notes how the flush went, before the outputs are emitted.
    pub(crate) fn flushed(&mut self, result: Result<(), StoreError>) {
        match result {
            Ok(()) if self.failing.is_some() => {
                self.failing = None;
                self.let_all_go("the store works again");
                for event in std::mem::take(&mut self.held) {
                    self.feed.pass(event);
                }
                for order in std::mem::take(&mut self.held_orders) {
                    self.file(order);
                }
                tracing::info!("the store works again");
            }
            Ok(()) => {
                // Answers came, so there may be room for more orders.
                if let Some(files) = &mut self.files {
                    files.pass();
                }
            }
            Err(error) => {
                if self.failing.is_none() {
                    tracing::error!(%error, "the store fails");
                    let error = store_error(&error);
                    let code = match error.code {
                        anser_api::ErrorCode::StoreFull => "store_full",
                        _ => "store_broken",
                    };
                    self.feed.warn(code, error.message);
                    self.let_all_go("the store fails");
                }
                self.failing = Some(error);
            }
        }
    }

    pub(crate) fn emit(&mut self, output: Output) {
        match output {
            Output::Send { device, frame } => {
                if self.failing.is_none() {
                    self.link.send(device, frame);
                }
            }
            Output::Reply { id, result } => self.reply(id, result),
            Output::Event(event) => {
                if self.failing.is_none() {
                    self.feed.pass(*event);
                } else if self.held.len() < HELD_EVENTS {
                    self.held.push_back(*event);
                }
            }
            Output::File(order) => self.file(order),
            Output::Want { device, addresses } => self.link.want(device, addresses),
            Output::Unwant { device } => self.link.unwant(device),
            Output::Disconnect { device, why } => self.link.disconnect(device, why),
        }
    }

    /// What is removed, taken in or begun must be on record first; reading needs no record.
    fn file(&mut self, order: FileOrder) {
        let reads = matches!(order, FileOrder::Part { .. } | FileOrder::Read { .. });
        if self.failing.is_some() && !reads {
            self.held_orders.push_back(order);
        } else if let Some(files) = &mut self.files {
            files.order(order);
        }
    }

    fn reply(&mut self, id: u64, result: Result<Box<Reply>, ApiError>) {
        let Some(call) = self.calls.remove(&id) else {
            return;
        };
        let result = match (&self.failing, result) {
            (Some(error), Ok(_)) if !call.reads => Err(kept(error)),
            (_, Ok(mut reply)) => {
                match &mut *reply {
                    Reply::StateSnapshot(snapshot) => {
                        snapshot.revision = self.feed.shifted(snapshot.revision);
                    }
                    Reply::EventsSubscribe(subscribed) => {
                        subscribed.revision = self.feed.shifted(subscribed.revision);
                    }
                    _ => {}
                }
                Ok(*reply)
            }
            (_, Err(error)) => Err(error),
        };
        // A caller that no longer waits needs no answer.
        let _ = call.answer.send(result);
    }

    fn let_all_go(&self, why: &'static str) {
        for device in &self.connected {
            self.link.disconnect(*device, why);
        }
    }
}

/// The node has done it in memory and goes on trying to write it: doing it again would double it.
fn kept(error: &StoreError) -> ApiError {
    let mut error = store_error(error);
    error.message.push_str(
        " What was asked is kept in memory and is done as soon as it can be written: do not repeat it.",
    );
    error
}

/// Whether a command changes nothing.
fn reads(command: &Command) -> bool {
    matches!(
        command,
        Command::AccountGet(_)
            | Command::DeviceList(_)
            | Command::PeerList(_)
            | Command::ContactList(_)
            | Command::ContactGet(_)
            | Command::ConversationList(_)
            | Command::ConversationGet(_)
            | Command::MessageList(_)
            | Command::MessageGet(_)
            | Command::MessageSearch(_)
            | Command::FileRead(_)
            | Command::FileList(_)
            | Command::RelayList(_)
            | Command::SettingsGet(_)
            | Command::StateSnapshot(_)
            | Command::EventsSubscribe(_)
    )
}
