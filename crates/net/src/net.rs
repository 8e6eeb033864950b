//! The handle: commands go to the driver, frames straight into the outboxes.

use std::sync::Arc;

use anser_proto::DeviceId;
use tokio::sync::{mpsc, oneshot};

use crate::config::Config;
use crate::driver::{self, Command};
use crate::event::{DialError, NetEvent, StartError};
use crate::outbox::{Outboxes, Pushed};
use crate::status::{Counters, Status, count};

/// Events that may wait for the node before reading from peers stops.
const EVENTS: usize = 1_024;
/// Commands that may wait for the driver; more are counted and lost.
const COMMANDS: usize = 16_384;

/// A handle on the running network; clones share it. The network ends with [`Net::shutdown`] or
/// when the last handle is dropped.
#[derive(Clone)]
pub struct Net {
    commands: mpsc::Sender<Command>,
    outboxes: Arc<Outboxes>,
    counters: Arc<Counters>,
    frame_max_bytes: usize,
}

impl std::fmt::Debug for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Net").finish_non_exhaustive()
    }
}

impl Net {
    /// Opens the listeners and starts the tasks on the current tokio runtime. The receiver yields
    /// events until the network ends; the node must keep reading it.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub async fn start(config: Config) -> Result<(Self, mpsc::Receiver<NetEvent>), StartError> {
        let (events_in, events) = mpsc::channel(EVENTS);
        let (commands, orders) = mpsc::channel(COMMANDS);
        let net = Self {
            commands,
            outboxes: Arc::default(),
            counters: Arc::default(),
            frame_max_bytes: usize::try_from(config.limits.frame_max_bytes).unwrap_or(usize::MAX),
        };
        driver::start(config, orders, events_in, net.outboxes.clone(), net.counters.clone())?;
        Ok((net, events))
    }

    /// Sends a frame. Never blocks and never fails: while the device is not connected the frame
    /// is dropped, and when its queue is over the bound its connection is closed; both are
    /// counted, and `Disconnected` tells that a sync is due.
    pub fn send(&self, device: DeviceId, frame: Vec<u8>) {
        if frame.is_empty() || frame.len() > self.frame_max_bytes {
            return count(&self.counters.frames_refused);
        }
        let pushed = self.outboxes.get(&device).map(|outbox| outbox.push(frame));
        if pushed != Some(Pushed::Queued) {
            count(&self.counters.frames_dropped);
        }
    }

    fn command(&self, command: Command) {
        if self.commands.try_send(command).is_err() {
            count(&self.counters.commands_dropped);
        }
    }

    /// Keeps a device connected: dials it now at these and all known addresses, and again with
    /// growing pauses (0.5 s to 60 s, full jitter) that start over when something new is learned.
    /// Addresses of a kind we do not dial are counted and left out.
    pub fn want(&self, device: DeviceId, addresses: Vec<String>) {
        self.command(Command::Want { device, addresses });
    }

    /// Lets a device go: its connection ends `idle_s` (30 s) after the last frame.
    pub fn unwant(&self, device: DeviceId) {
        self.command(Command::Unwant { device });
    }

    /// Closes all connections with a device now; queued frames are dropped. A wanted device is
    /// dialed again.
    pub fn disconnect(&self, device: DeviceId, why: &'static str) {
        self.command(Command::Disconnect { device, why });
    }

    /// Dials an address once and tells who answered. The connection stays for 30 s without
    /// frames unless the device is wanted. Cancel-safe: the dial goes on without an answer.
    ///
    /// # Errors
    /// [`DialError`], after at most about ten seconds.
    pub async fn dial(&self, address: String) -> Result<DeviceId, DialError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(Command::Dial { address, reply }).await;
        sent.map_err(|_| DialError::Closed)?;
        answer.await.unwrap_or(Err(DialError::Closed))
    }

    /// The network as it is now; empty but for the counters after the shutdown.
    pub async fn status(&self) -> Status {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(Command::Status { reply }).await;
        let status = if sent.is_ok() { answer.await.ok() } else { None };
        status.unwrap_or_else(|| Status { counters: self.counters.values(), ..Status::default() })
    }

    /// Writes what is queued, for at most two seconds, says goodbye on the local links and closes
    /// everything. Other clones of the handle do nothing afterwards.
    pub async fn shutdown(self) {
        let (reply, answer) = oneshot::channel();
        if self.commands.send(Command::Shutdown { reply }).await.is_ok() {
            // An error means that the driver is gone, which is what was asked for.
            let _ = answer.await;
        }
    }
}
