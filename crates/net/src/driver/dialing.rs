//! Dialing: by plan, by seed, by hand.
//!
//! The preferred transport's addresses are dialed first, all at once, and the other's only after a
//! head start or a failure, so that two transports seldom race to two connections.
//!
//! TCP or QUIC? Between two processes on loopback (`examples/frame_bench.rs`, two busy cores) the
//! median round trip of a 300-byte frame was 202 and 249 µs by TCP, 189 and 525 µs by QUIC, and
//! one way passed 423,000 and 459,000 frames a second by TCP, 447,000 and 263,000 by QUIC. TCP is
//! the steadier of the two, refuses at once where nobody listens instead of staying silent for
//! five seconds, and crosses firewalls that drop UDP; so it goes first.

use std::time::Instant;

use anser_proto::DeviceId;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{self, ConnectionId};
use tokio::sync::oneshot;

use super::redial::{Due, Target};
use super::{Driver, failure::explain, random};
use crate::address::{Dialable, path_of, peer_of};
use crate::event::{DialError, NetEvent, Path, Via};

/// The transport dialed first.
const PREFERRED: Path = Path::Tcp;

/// Why a dial is under way.
pub(super) enum Purpose {
    /// The plan.
    Target(Target),
    /// Somebody waits for the answer.
    Manual { address: Dialable, reply: oneshot::Sender<Result<DeviceId, DialError>> },
}

impl Driver {
    pub(super) fn dial_target(&mut self, target: &Target, due: Due, now: Instant) {
        let (addresses, alternative) = match due {
            Due::Alternative(addresses) => (addresses, Vec::new()),
            Due::Dial => match target {
                Target::Seed(index) => {
                    let seed = self.seeds.get(*index).map(|s| s.address.address.clone());
                    (seed.into_iter().collect(), Vec::new())
                }
                Target::Device(device) => {
                    let (first, second): (Vec<_>, Vec<_>) = self
                        .book
                        .addresses(device)
                        .into_iter()
                        .partition(|a| path_of(a) == PREFERRED);
                    if first.is_empty() { (second, Vec::new()) } else { (first, second) }
                }
            },
        };
        let peer = match target {
            Target::Device(device) => peer_of(device),
            Target::Seed(index) => self.seeds.get(*index).and_then(|s| s.address.peer),
        };
        let options = options(peer, addresses);
        let Some(options) = options else {
            // Nothing was tried, so there is nothing to tell.
            self.redial.failed(target, false, now, random());
            return;
        };
        let id = options.connection_id();
        self.dials.insert(id, Purpose::Target(target.clone()));
        self.redial.dialed(target, alternative, now);
        if let Err(error) = self.swarm.dial(options) {
            self.dial_failed(id, &error);
        }
    }

    pub(super) fn dial_by_hand(
        &mut self,
        text: &str,
        reply: oneshot::Sender<Result<DeviceId, DialError>>,
    ) {
        let result = Dialable::parse(text).and_then(|address| {
            let why = "it names no host and port to dial".to_owned();
            if address.has_target() { Ok(address) } else { Err(why) }
        });
        let address = match result {
            Ok(address) => address,
            Err(reason) => return answer(reply, Err(DialError::Unparsable { reason })),
        };
        let own = self.standpoint.listening().iter().any(|own| own.address == address.address);
        if own && address.peer.is_none_or(|peer| peer == *self.swarm.local_peer_id()) {
            return answer(reply, Err(DialError::SelfDial));
        }
        let Some(options) = options(address.peer, vec![address.address.clone()]) else {
            return answer(reply, Err(DialError::Unparsable { reason: "it is empty".into() }));
        };
        let id = options.connection_id();
        self.dials.insert(id, Purpose::Manual { address, reply });
        if let Err(error) = self.swarm.dial(options) {
            self.dial_failed(id, &error);
        }
    }

    /// A dial led to a device that speaks our protocol.
    pub(super) fn dial_done(&mut self, id: ConnectionId, device: DeviceId) {
        match self.dials.remove(&id) {
            None => {}
            Some(Purpose::Target(target)) => {
                self.redial.dial_succeeded(&target);
                if let Target::Seed(index) = target {
                    self.redial.connected(&target);
                    if let Some(seed) = self.seeds.get_mut(index) {
                        seed.device = Some(device);
                        let address = seed.address.clone();
                        self.learn_dialed(device, address, Via::Seed);
                    }
                }
            }
            Some(Purpose::Manual { address, reply }) => {
                self.learn_dialed(device, address, Via::Manual);
                answer(reply, Ok(device));
            }
        }
    }

    /// An address that answered is good whatever it looks like.
    fn learn_dialed(&mut self, device: DeviceId, address: Dialable, via: Via) {
        let redial = &self.redial;
        self.book.add(device, [address.address.clone()], |d| redial.is_wanted(d));
        let addresses = vec![address.address.to_string()];
        self.news.offer(NetEvent::Discovered { device, addresses, via });
    }

    pub(super) fn dial_failed(&mut self, id: ConnectionId, error: &swarm::DialError) {
        let Some(purpose) = self.dials.remove(&id) else { return };
        let why = explain(error);
        match purpose {
            Purpose::Target(target) => self.target_failed(&target, true, &why.to_string()),
            Purpose::Manual { reply, .. } => answer(reply, Err(why)),
        }
    }

    /// A dialed connection closed. When it had never become ready, nobody has been told yet.
    pub(super) fn dial_unused(&mut self, id: ConnectionId) {
        let reason = "the other side closed the connection at once";
        match self.dials.remove(&id) {
            None => {}
            Some(Purpose::Target(target)) => self.target_failed(&target, true, reason),
            Some(Purpose::Manual { reply, .. }) => {
                answer(reply, Err(DialError::Denied { reason: reason.into() }));
            }
        }
    }

    fn target_failed(&mut self, target: &Target, begun: bool, reason: &str) {
        let pause = self.redial.failed(target, begun, Instant::now(), random());
        let Some(pause) = pause else { return };
        let device = match target {
            Target::Device(device) => Some(*device),
            Target::Seed(index) => self.seeds.get(*index).and_then(|s| s.device),
        };
        tracing::debug!(?target, reason, ?pause, "not reached");
        if let Some(device) = device {
            let retry_in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            let reason = reason.to_owned();
            self.news.offer(NetEvent::Unreachable { device, reason, retry_in_ms });
        }
    }
}

fn answer(
    reply: oneshot::Sender<Result<DeviceId, DialError>>,
    result: Result<DeviceId, DialError>,
) {
    // The asker may have stopped waiting.
    let _ = reply.send(result);
}

/// `None` without addresses.
fn options(peer: Option<libp2p::PeerId>, addresses: Vec<Multiaddr>) -> Option<DialOpts> {
    let first = addresses.first()?.clone();
    let tcp = path_of(&first) == Path::Tcp;
    Some(match (peer, tcp) {
        (Some(peer), true) => DialOpts::peer_id(peer)
            .addresses(addresses)
            .condition(PeerCondition::Always)
            .allocate_new_port()
            .build(),
        (Some(peer), false) => {
            DialOpts::peer_id(peer).addresses(addresses).condition(PeerCondition::Always).build()
        }
        (None, true) => DialOpts::unknown_peer_id().address(first).allocate_new_port().build(),
        (None, false) => DialOpts::unknown_peer_id().address(first).build(),
    })
}
