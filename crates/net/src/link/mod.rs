//! Links: every connection with a device, and which one of them carries our frames.
//!
//! libp2p's ready-made stream behaviour (libp2p-stream 0.5.0-alpha) picks a random connection, does
//! not say which connection a stream belongs to and hands streams over through two tasks. Here a
//! connection handler of our own reads and writes in the connection's task, so a frame crosses one
//! task boundary on each side, and the rules below can be kept:
//!
//! - A device is connected from the first connection that speaks our protocol to the last.
//! - Of several connections only the newest sends: a peer that dials again has good reason to. The
//!   device with the smaller id retires the others; the other side follows when it sees a
//!   substream end, and gives up on an old one where it does not. A retired connection is drained
//!   in both directions before it is closed, so two sides that dial at once lose nothing.
//! - If a connection dies before it was drained while another lives on, frames may be missing:
//!   the driver is told, and shows it as `Disconnected` and `Connected`.
//! - Three bad streams within a minute: disconnected and banned for a minute.
//!
//! Not known here: what frames mean, who is wanted, how addresses are found.

mod behaviour;
mod frame_stream;
mod handler;
mod inlet;
mod offenders;
mod peer;
mod permit;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use anser_proto::DeviceId;
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished};
use libp2p::swarm::{CloseConnection, ConnectionId, NotifyHandler, ToSwarm};
use libp2p::{Multiaddr, PeerId};
use tokio::sync::mpsc::Sender;

use self::handler::ToHandler;
pub(crate) use self::inlet::Gate;
use self::offenders::Offenders;
use self::peer::{Connection, Peer, Stage};
use crate::address::{device_of, ip_of, remote_of};
use crate::config::Limits;
use crate::event::{NetEvent, Path};
use crate::outbox::Outboxes;
use crate::status::{ConnectionStatus, Counters, count, count_by};

/// What the links tell the driver.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// The first connection with a device speaks our protocol. Reading starts with
    /// [`Links::confirm`].
    Up { device: DeviceId, session: u64, address: Multiaddr, outbound: bool, path: Path },
    /// A connection got as far as speaking our protocol.
    Ready { connection: ConnectionId, device: DeviceId },
    /// Frames may be missing although the device is still connected.
    Broken { device: DeviceId, gate: Arc<Gate>, address: Multiaddr, outbound: bool, path: Path },
    /// The last connection is gone.
    Down { device: DeviceId, lasted: Duration },
}

/// The behaviour that owns all frame connections.
pub(crate) struct Links {
    own: DeviceId,
    limits: Limits,
    events: Sender<NetEvent>,
    outboxes: Arc<Outboxes>,
    counters: Arc<Counters>,
    peers: BTreeMap<DeviceId, Peer>,
    inbound_per_ip: HashMap<IpAddr, u32>,
    offenders: Offenders,
    actions: VecDeque<ToSwarm<LinkEvent, ToHandler>>,
    waker: Option<Waker>,
}

impl Links {
    pub(crate) fn new(
        own: DeviceId,
        limits: Limits,
        events: Sender<NetEvent>,
        outboxes: Arc<Outboxes>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            own,
            limits,
            events,
            outboxes,
            counters,
            peers: BTreeMap::new(),
            inbound_per_ip: HashMap::new(),
            offenders: Offenders::default(),
            actions: VecDeque::new(),
            waker: None,
        }
    }

    fn act(&mut self, action: ToSwarm<LinkEvent, ToHandler>) {
        self.actions.push_back(action);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn order(&mut self, peer_id: PeerId, connection: ConnectionId, event: ToHandler) {
        self.act(ToSwarm::NotifyHandler {
            peer_id,
            handler: NotifyHandler::One(connection),
            event,
        });
    }

    fn close(&mut self, peer_id: PeerId, connection: CloseConnection) {
        self.act(ToSwarm::CloseConnection { peer_id, connection });
    }

    /// `Connected` has been told: frames of this device may be read and sent.
    pub(crate) fn confirm(&mut self, device: &DeviceId, session: u64) {
        let Some(peer) = self.peers.get_mut(device) else { return };
        if peer.session != session || peer.up_since.is_none() {
            return;
        }
        peer.confirmed = true;
        let id = peer.id;
        let ready: Vec<_> = peer.readable().collect();
        for connection in ready {
            self.order(id, connection, ToHandler::Read);
        }
    }

    /// Whether frames can be sent to a device.
    pub(crate) fn is_up(&self, device: &DeviceId) -> bool {
        self.peers.get(device).is_some_and(|p| p.up_since.is_some())
    }

    /// Whether there is a connection, perhaps one that is still opening.
    pub(crate) fn has_connection(&self, device: &DeviceId) -> bool {
        self.peers.get(device).is_some_and(|p| !p.connections.is_empty())
    }

    /// Closes every connection with a device at once.
    pub(crate) fn cut(&mut self, device: &DeviceId) {
        if let Some(id) = self.peers.get(device).map(|p| p.id) {
            self.close(id, CloseConnection::All);
        }
    }

    /// Ends all links in good order; `drained` tells when that is done.
    pub(crate) fn retire_all(&mut self, now: Instant) {
        let all: Vec<_> = self
            .peers
            .iter()
            .flat_map(|(device, p)| p.connections.keys().map(|c| (*device, *c)))
            .collect();
        for (device, connection) in all {
            self.retire(&device, connection, true, now);
        }
    }

    /// Whether nothing is left to write or read.
    pub(crate) fn is_empty(&self) -> bool {
        self.peers.values().all(|p| p.connections.is_empty())
    }

    /// Every established connection.
    pub(crate) fn status(&self) -> Vec<ConnectionStatus> {
        self.peers.iter().flat_map(|(device, peer)| peer.status(*device)).collect()
    }

    /// Every established connection and the IP at its other end.
    pub(crate) fn remotes(&self) -> Vec<(ConnectionId, IpAddr)> {
        let all = self.peers.values().flat_map(|p| p.connections.iter());
        all.filter_map(|(id, c)| Some((*id, ip_of(&c.address)?))).collect()
    }

    /// Notes a measured round trip.
    pub(crate) fn set_rtt(&mut self, device: &DeviceId, connection: ConnectionId, rtt: Duration) {
        let found = self.peers.get_mut(device).and_then(|p| p.connections.get_mut(&connection));
        if let Some(connection) = found {
            connection.rtt = Some(rtt);
            connection.last_pong = Instant::now();
        }
    }

    /// Retires idle connections that nobody here wants, closes those that do not finish, and
    /// forgets old offences. Called about once a second.
    pub(crate) fn sweep(&mut self, now: Instant, wanted: impl Fn(&DeviceId) -> bool) {
        self.peers.retain(|_, peer| !peer.connections.is_empty() || peer.is_fresh(now));
        let total: usize = self.peers.values().map(|p| p.connections.len()).sum();
        let crowded =
            total.saturating_mul(2) > usize::try_from(self.limits.max_connections).unwrap_or(0);
        let after = Duration::from_secs(u64::from(self.limits.idle_s));
        let mut retire = Vec::new();
        let mut close = Vec::new();
        for (device, peer) in &self.peers {
            let idle = peer.is_idle(now, after) && !wanted(device);
            for (id, connection) in &peer.connections {
                if connection.is_overdue(now) || peer.is_silent(connection, now) {
                    close.push((peer.id, *id));
                } else if idle && (connection.outbound || crowded) {
                    retire.push((*device, *id));
                }
            }
        }
        for (device, connection) in retire {
            self.retire(&device, connection, true, now);
        }
        for (peer, connection) in close {
            self.close(peer, CloseConnection::One(connection));
        }
        self.offenders.sweep(now);
    }

    fn retire(&mut self, device: &DeviceId, id: ConnectionId, initiator: bool, now: Instant) {
        let Some(peer) = self.peers.get_mut(device) else { return };
        let peer_id = peer.id;
        let Some(connection) = peer.connections.get_mut(&id) else { return };
        if !matches!(connection.stage, Stage::Opening | Stage::Ready) {
            return;
        }
        connection.stage = Stage::Retiring { since: now, initiator };
        let was_sender = peer.sender == Some(id);
        let next = peer.choose_sender(id);
        if let Some(next) = next {
            self.order(peer_id, next, ToHandler::SendSoon);
        }
        let last = was_sender && next.is_none();
        self.order(peer_id, id, if last { ToHandler::Finish } else { ToHandler::Retire });
    }

    /// A connection has written all it had taken: the next one may send.
    fn rested(&mut self, device: &DeviceId, id: ConnectionId) {
        let Some(peer) = self.peers.get(device) else { return };
        if let Some(sender) = peer.sender.filter(|sender| *sender != id) {
            self.order(peer.id, sender, ToHandler::Send);
        }
    }

    /// A connection will bring no more frames: the others may be read at once.
    fn read_others(&mut self, device: &DeviceId, id: ConnectionId) {
        let Some(peer) = self.peers.get(device).filter(|p| p.confirmed) else { return };
        let peer_id = peer.id;
        let others: Vec<_> = peer.readable().filter(|other| *other != id).collect();
        for other in others {
            self.order(peer_id, other, ToHandler::Read);
        }
    }

    fn ready(&mut self, device: DeviceId, id: ConnectionId, now: Instant) {
        let decides = self.decides(&device);
        let Some(peer) = self.peers.get_mut(&device) else { return };
        let (peer_id, confirmed) = (peer.id, peer.confirmed);
        let Some(connection) = peer.connections.get_mut(&id) else { return };
        if !matches!(connection.stage, Stage::Opening) {
            return;
        }
        connection.stage = Stage::Ready;
        let (address, outbound, path) =
            (connection.address.clone(), connection.outbound, connection.path);
        let first = peer.up_since.is_none();
        if first {
            peer.begin(now);
            self.outboxes.insert(device, peer.outbox.clone());
        }
        let session = peer.session;
        let others: Vec<_> = peer.others_ready(id).collect();
        let previous = peer.sender.replace(id);
        for other in &others {
            if let Some(other) = peer.connections.get_mut(other) {
                other.superseded = Some(now);
            }
        }
        // What the older connections still carry goes first, both ways, if they are quick.
        if confirmed {
            let when = if others.is_empty() { ToHandler::Read } else { ToHandler::ReadSoon };
            self.order(peer_id, id, when);
        }
        match previous {
            None => self.order(peer_id, id, ToHandler::Send),
            Some(previous) => {
                self.order(peer_id, id, ToHandler::SendSoon);
                self.order(peer_id, previous, ToHandler::Rest);
            }
        }
        if decides {
            for other in others {
                self.retire(&device, other, true, now);
            }
        }
        if first {
            let up = LinkEvent::Up { device, session, address, outbound, path };
            self.act(ToSwarm::GenerateEvent(up));
        }
        self.act(ToSwarm::GenerateEvent(LinkEvent::Ready { connection: id, device }));
    }

    /// Whether it is for us to say which of several connections stays.
    fn decides(&self, device: &DeviceId) -> bool {
        self.own < *device
    }

    fn drained(&mut self, device: &DeviceId, id: ConnectionId) {
        let Some(peer) = self.peers.get_mut(device) else { return };
        let peer_id = peer.id;
        let Some(connection) = peer.connections.get_mut(&id) else { return };
        let initiator = matches!(connection.stage, Stage::Retiring { initiator: true, .. });
        connection.drained = true;
        // Who began has now read the answer, so nothing is under way any more. The other side
        // waits, lest it closes over bytes of its own that are still being written.
        if initiator {
            self.close(peer_id, CloseConnection::One(id));
        }
    }

    fn strike(&mut self, device: DeviceId, now: Instant) {
        if self.offenders.strike(device, now) {
            count(&self.counters.bans);
            self.cut(&device);
        }
    }

    fn established(&mut self, event: &ConnectionEstablished<'_>, now: Instant) {
        let (address, outbound) = remote_of(event.endpoint);
        if let (false, Some(ip)) = (outbound, ip_of(&address)) {
            let held = self.inbound_per_ip.entry(ip).or_default();
            *held = held.saturating_add(1);
        }
        let peer = device_of(&event.peer_id).and_then(|device| self.peers.get_mut(&device));
        if let Some(peer) = peer {
            peer.connections.insert(event.connection_id, Connection::new(address, outbound, now));
        }
    }

    fn closed(&mut self, event: &ConnectionClosed<'_>, now: Instant) {
        let (address, outbound) = remote_of(event.endpoint);
        if let (false, Some(ip)) = (outbound, ip_of(&address))
            && let Some(held) = self.inbound_per_ip.get_mut(&ip)
        {
            *held = held.saturating_sub(1);
            if *held == 0 {
                self.inbound_per_ip.remove(&ip);
            }
        }
        let Some(device) = device_of(&event.peer_id) else { return };
        let Some(peer) = self.peers.get_mut(&device) else { return };
        let Some(gone) = peer.connections.remove(&event.connection_id) else { return };
        peer.choose_sender(event.connection_id);
        let up_since = peer.up_since;
        self.rested(&device, event.connection_id);
        self.read_others(&device, event.connection_id);
        let Some(up_since) = up_since else { return };
        let Some(peer) = self.peers.get(&device) else { return };
        let survivor = peer.survivor();
        if let Some(survivor) = survivor {
            if gone.may_have_lost_frames() {
                let event = LinkEvent::Broken {
                    device,
                    gate: peer.gate.clone(),
                    address: survivor.address.clone(),
                    outbound: survivor.outbound,
                    path: survivor.path,
                };
                self.act(ToSwarm::GenerateEvent(event));
            }
        } else if !peer.connections.values().any(Connection::was_ready) {
            self.outboxes.remove(&device);
            // Connections still opening begin anew, with an empty queue.
            if let Some(peer) = self.peers.get_mut(&device) {
                count_by(&self.counters.frames_dropped, peer.end());
            }
            let lasted = now.saturating_duration_since(up_since);
            self.act(ToSwarm::GenerateEvent(LinkEvent::Down { device, lasted }));
        }
    }
}
