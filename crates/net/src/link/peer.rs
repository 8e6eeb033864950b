//! One device's connections, and which of them carries our frames.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anser_proto::DeviceId;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use tokio::sync::mpsc::Sender;

use super::handler::Parts;
use super::inlet::{Gate, Inlet};
use crate::address::path_of;
use crate::config::Limits;
use crate::event::{NetEvent, Path};
use crate::outbox::Outbox;
use crate::status::{ConnectionStatus, Counters};

/// A connection that is to end, or has not opened its frame stream, is given this long.
const PATIENCE: Duration = Duration::from_secs(10);
/// A connection that a newer one has replaced is given this long.
const SUPERSEDED_PATIENCE: Duration = Duration::from_secs(5);
/// A connection on which neither an answer to a ping nor a frame has come for this long is dead.
/// Pings go out every 4 s, so three in a row were lost.
const SILENCE: Duration = Duration::from_secs(13);

/// How far a connection has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Our substream is being negotiated.
    Opening,
    /// Frames can pass.
    Ready,
    /// Being drained.
    Retiring { since: Instant, initiator: bool },
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) address: Multiaddr,
    pub(crate) outbound: bool,
    pub(crate) path: Path,
    pub(crate) stage: Stage,
    pub(crate) drained: bool,
    pub(crate) rtt: Option<Duration>,
    /// When a newer connection took its place.
    pub(crate) superseded: Option<Instant>,
    /// When a ping was last answered.
    pub(crate) last_pong: Instant,
    since: Instant,
}

impl Connection {
    pub(crate) fn new(address: Multiaddr, outbound: bool, now: Instant) -> Self {
        let path = path_of(&address);
        let stage = Stage::Opening;
        let (drained, rtt, superseded) = (false, None, None);
        Self {
            address,
            outbound,
            path,
            stage,
            drained,
            rtt,
            superseded,
            last_pong: now,
            since: now,
        }
    }

    pub(crate) fn was_ready(&self) -> bool {
        !matches!(self.stage, Stage::Opening)
    }

    pub(crate) fn may_have_lost_frames(&self) -> bool {
        self.was_ready() && !self.drained
    }

    pub(crate) fn is_overdue(&self, now: Instant) -> bool {
        if let Some(since) = self.superseded {
            return now.saturating_duration_since(since) > SUPERSEDED_PATIENCE;
        }
        let since = match self.stage {
            Stage::Opening => self.since,
            Stage::Retiring { since, .. } => since,
            Stage::Ready => return false,
        };
        now.saturating_duration_since(since) > PATIENCE
    }
}

/// One device.
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    /// The connection that sends.
    pub(crate) sender: Option<ConnectionId>,
    /// When the first connection became ready.
    pub(crate) up_since: Option<Instant>,
    /// Whether `Connected` has been told.
    pub(crate) confirmed: bool,
    /// Counts the times the device came up.
    pub(crate) session: u64,
    created: Instant,
    last_frame_ms: Arc<AtomicU64>,
    last_inbound_ms: Arc<AtomicU64>,
}

impl Peer {
    pub(crate) fn new(id: PeerId, limits: &Limits, now: Instant) -> Self {
        Self {
            id,
            outbox: Arc::new(Outbox::new(limits.queue_bytes_per_device)),
            gate: Arc::new(Gate::new(limits, now)),
            connections: BTreeMap::new(),
            sender: None,
            up_since: None,
            confirmed: false,
            session: 0,
            created: now,
            last_frame_ms: Arc::default(),
            last_inbound_ms: Arc::default(),
        }
    }

    /// The first connection is ready.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.up_since = Some(now);
        self.confirmed = false;
        self.session = self.session.wrapping_add(1);
    }

    /// The last connection is gone. Returns how many frames were never written.
    pub(crate) fn end(&mut self) -> usize {
        self.up_since = None;
        self.confirmed = false;
        self.sender = None;
        self.outbox.clear()
    }

    /// What a new connection's handler shares with the device.
    pub(crate) fn parts(
        &self,
        device: DeviceId,
        connection: ConnectionId,
        events: &Sender<NetEvent>,
        counters: &Arc<Counters>,
        limits: &Limits,
    ) -> Parts {
        Parts {
            device,
            connection,
            outbox: self.outbox.clone(),
            inlet: Inlet::new(events.clone(), self.gate.clone(), counters.clone()),
            counters: counters.clone(),
            last_frame_ms: self.last_frame_ms.clone(),
            last_inbound_ms: self.last_inbound_ms.clone(),
            started: self.created,
            frame_max_bytes: limits.frame_max_bytes,
        }
    }

    /// Connections whose frames may be read once the device is confirmed.
    pub(crate) fn readable(&self) -> impl Iterator<Item = ConnectionId> + '_ {
        self.connections.iter().filter(|(_, c)| c.was_ready()).map(|(id, _)| *id)
    }

    pub(crate) fn others_ready(&self, id: ConnectionId) -> impl Iterator<Item = ConnectionId> + '_ {
        let ready = self.connections.iter().filter(|(_, c)| c.stage == Stage::Ready);
        ready.map(|(id, _)| *id).filter(move |other| *other != id)
    }

    /// A connection that frames can still use.
    pub(crate) fn survivor(&self) -> Option<&Connection> {
        self.connections.values().rev().find(|c| c.stage == Stage::Ready)
    }

    /// When `lost` was the sender: another one, to be told so.
    pub(crate) fn choose_sender(&mut self, lost: ConnectionId) -> Option<ConnectionId> {
        if self.sender != Some(lost) {
            return None;
        }
        self.sender = self.others_ready(lost).last();
        if let Some(chosen) = self.sender.and_then(|id| self.connections.get_mut(&id)) {
            chosen.superseded = None;
        }
        self.sender
    }

    /// Whether nothing has come from the other end for too long.
    pub(crate) fn is_silent(&self, connection: &Connection, now: Instant) -> bool {
        let frame = Duration::from_millis(self.last_inbound_ms.load(Relaxed));
        let last = self.created.checked_add(frame).max(Some(connection.last_pong)).unwrap_or(now);
        now.saturating_duration_since(last) > SILENCE
    }

    /// Whether it was only just created, for a connection about to be established.
    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.created) < PATIENCE
    }

    pub(crate) fn is_idle(&self, now: Instant, after: Duration) -> bool {
        let last =
            self.created.checked_add(Duration::from_millis(self.last_frame_ms.load(Relaxed)));
        let last = last.max(self.up_since).unwrap_or(now);
        now.saturating_duration_since(last) > after
    }

    pub(crate) fn status(&self, device: DeviceId) -> impl Iterator<Item = ConnectionStatus> + '_ {
        self.connections.iter().map(move |(id, c)| ConnectionStatus {
            device,
            address: c.address.to_string(),
            path: c.path,
            outbound: c.outbound,
            used: self.sender == Some(*id),
            rtt_us: c.rtt.map(|rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)),
        })
    }
}
