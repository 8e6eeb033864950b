//! The links as libp2p sees them: who may connect, and which call leads to which rule.

use std::task::{Context, Poll};
use std::time::Instant;

use anser_proto::DeviceId;
use libp2p::core::{Endpoint, transport::PortUse};
use libp2p::swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

use super::handler::{FromHandler, Handler};
use super::peer::Peer;
use super::{LinkEvent, Links};
use crate::address::{device_of, ip_of};
use crate::status::count;

#[derive(Debug, thiserror::Error)]
enum Denied {
    #[error("the device has no Ed25519 key")]
    NoDevice,
    #[error("the device is banned for bad input")]
    Banned,
    #[error("too many connections from this address")]
    TooManyFromIp,
}

impl Links {
    fn admit(&mut self, peer: &PeerId, now: Instant) -> Result<DeviceId, ConnectionDenied> {
        let device = device_of(peer).ok_or_else(|| ConnectionDenied::new(Denied::NoDevice))?;
        if self.offenders.is_banned(&device, now) {
            count(&self.counters.connections_denied);
            return Err(ConnectionDenied::new(Denied::Banned));
        }
        Ok(device)
    }

    fn check_ip(&mut self, remote: &Multiaddr) -> Result<(), ConnectionDenied> {
        let from_ip = ip_of(remote).and_then(|ip| self.inbound_per_ip.get(&ip)).copied();
        if from_ip.unwrap_or(0) >= self.limits.max_connections_per_ip {
            count(&self.counters.connections_denied);
            return Err(ConnectionDenied::new(Denied::TooManyFromIp));
        }
        Ok(())
    }

    fn new_handler(
        &mut self,
        id: PeerId,
        device: DeviceId,
        connection: ConnectionId,
        now: Instant,
    ) -> Handler {
        let limits = &self.limits;
        let peer = self.peers.entry(device).or_insert_with(|| Peer::new(id, limits, now));
        Handler::new(peer.parts(device, connection, &self.events, &self.counters, limits))
    }
}

impl NetworkBehaviour for Links {
    type ConnectionHandler = Handler;
    type ToSwarm = LinkEvent;

    fn handle_pending_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.check_ip(remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        let now = Instant::now();
        self.check_ip(remote)?;
        let device = self.admit(&peer, now)?;
        Ok(self.new_handler(peer, device, connection, now))
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        let now = Instant::now();
        let device = self.admit(&peer, now)?;
        Ok(self.new_handler(peer, device, connection, now))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(event) => self.established(&event, Instant::now()),
            FromSwarm::ConnectionClosed(event) => self.closed(&event, Instant::now()),
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer_id: PeerId,
        id: ConnectionId,
        news: THandlerOutEvent<Self>,
    ) {
        let now = Instant::now();
        let Some(device) = device_of(&peer_id) else { return };
        match news {
            FromHandler::Ready => self.ready(device, id, now),
            FromHandler::Rested => self.rested(&device, id),
            FromHandler::PeerDone => {
                self.read_others(&device, id);
                self.retire(&device, id, false, now);
            }
            FromHandler::Drained => self.drained(&device, id),
            FromHandler::BadStream => self.strike(device, now),
            FromHandler::Overflow => {
                count(&self.counters.queue_overflows);
                self.cut(&device);
            }
            FromHandler::Failed(why) => {
                tracing::debug!(%device, why, "connection closed");
                self.close(peer_id, CloseConnection::One(id));
            }
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(action) = self.actions.pop_front() {
            return Poll::Ready(action);
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
