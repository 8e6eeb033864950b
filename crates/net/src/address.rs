//! Addresses: which we dial, which we believe from outside, and how a device id and a libp2p peer
//! id are the same key.
//!
//! Only `ip4`, `ip6` and `dns` with `tcp` or `udp/quic-v1` pass. What must hold: nothing that came
//! from a peer can make us dial ourselves, a loopback or unspecified address, a multicast group,
//! or a kind of address we do not speak.

use std::net::{IpAddr, SocketAddr};

use anser_proto::DeviceId;
use libp2p::identity::{PublicKey, ed25519};
use libp2p::multiaddr::{Multiaddr, Protocol};
use libp2p::{PeerId, core::ConnectedPoint};

use crate::event::Path;

/// The device behind a peer id; `None` when its key is no Ed25519 key.
pub(crate) fn device_of(peer: &PeerId) -> Option<DeviceId> {
    let hash = peer.as_ref();
    if hash.code() != 0 {
        return None;
    }
    let key = PublicKey::try_decode_protobuf(hash.digest()).ok()?;
    Some(DeviceId(key.try_into_ed25519().ok()?.to_bytes()))
}

/// The peer id of a device; `None` when its 32 bytes are no Ed25519 key.
pub(crate) fn peer_of(device: &DeviceId) -> Option<PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(device.as_bytes()).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

/// An address of a kind we dial, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dialable {
    /// Without `/p2p`.
    pub(crate) address: Multiaddr,
    /// From the `/p2p` at its end.
    pub(crate) peer: Option<PeerId>,
    /// The transport.
    pub(crate) path: Path,
    /// `None` for a DNS name.
    pub(crate) ip: Option<IpAddr>,
    /// The port.
    pub(crate) port: u16,
}

impl Dialable {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > 512 {
            return Err("it is too long".into());
        }
        let address: Multiaddr = text.parse().map_err(|e| format!("{e}"))?;
        Self::from_multiaddr(&address)
    }

    pub(crate) fn from_multiaddr(address: &Multiaddr) -> Result<Self, String> {
        let mut parts = address.iter();
        let mut clean = Multiaddr::empty();
        let host = parts.next().ok_or("it is empty")?;
        let ip = match &host {
            Protocol::Ip4(ip) => Some(IpAddr::V4(*ip)),
            Protocol::Ip6(ip) => Some(IpAddr::V6(*ip)),
            Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) => None,
            other => {
                return Err(format!("it starts with {} instead of ip4, ip6 or dns", other.tag()));
            }
        };
        clean.push(host);
        let (path, port) = match parts.next() {
            Some(Protocol::Tcp(port)) => {
                clean.push(Protocol::Tcp(port));
                (Path::Tcp, port)
            }
            Some(Protocol::Udp(port)) => {
                if parts.next() != Some(Protocol::QuicV1) {
                    return Err("udp must be followed by quic-v1".into());
                }
                clean.push(Protocol::Udp(port));
                clean.push(Protocol::QuicV1);
                (Path::Quic, port)
            }
            _ => return Err("the host must be followed by tcp or udp".into()),
        };
        let peer = match parts.next() {
            None => None,
            Some(Protocol::P2p(peer)) => Some(peer),
            Some(other) => return Err(format!("{} is not understood", other.tag())),
        };
        if parts.next().is_some() {
            return Err("something follows after /p2p".into());
        }
        Ok(Self { address: clean, peer, path, ip, port })
    }

    /// Whether it can be dialed at all.
    pub(crate) fn has_target(&self) -> bool {
        self.port != 0
            && self
                .ip
                .is_none_or(|ip| !ip.is_unspecified() && !ip.is_multicast() && !is_broadcast(ip))
    }

    pub(crate) fn is_loopback(&self) -> bool {
        self.ip.is_some_and(|ip| ip.is_loopback())
    }

    /// The socket address; `None` for a DNS name.
    pub(crate) fn socket(&self) -> Option<SocketAddr> {
        self.ip.map(|ip| SocketAddr::new(ip, self.port))
    }
}

fn is_broadcast(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.is_broadcast())
}

/// Link-local IPv6 needs a zone, which differs on every host: useless outside our own machine.
fn needs_zone(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// What we know about ourselves that decides whether an address from outside is worth keeping.
#[derive(Default)]
pub(crate) struct Standpoint {
    listening: Vec<Dialable>,
}

impl Standpoint {
    /// Until listeners speak up, what they were told to listen on has to do.
    pub(crate) fn configured(listen: &[String]) -> Self {
        Self { listening: listen.iter().filter_map(|text| Dialable::parse(text).ok()).collect() }
    }

    pub(crate) fn set_listening(&mut self, addresses: &[Multiaddr]) {
        self.listening =
            addresses.iter().filter_map(|a| Dialable::from_multiaddr(a).ok()).collect();
    }

    /// Whether loopback is all we have, or one of the addresses we were told to listen on.
    fn on_loopback(&self) -> bool {
        !self.listening.is_empty() && self.listening.iter().all(Dialable::is_loopback)
    }

    fn is_own(&self, address: &Dialable) -> bool {
        self.listening.iter().any(|own| own.address == address.address)
    }

    /// The address when it may be kept for a peer, by whomever it was told.
    pub(crate) fn admit(&self, address: Dialable) -> Option<Dialable> {
        let fits = address.has_target()
            && !self.is_own(&address)
            && (!address.is_loopback() || self.on_loopback())
            && !address.ip.is_some_and(needs_zone);
        fits.then_some(address)
    }

    /// Our addresses for others: loopback only where there is nothing else.
    pub(crate) fn announced(&self) -> Vec<String> {
        let loopback_too = self.on_loopback();
        self.listening
            .iter()
            .filter(|a| (loopback_too || !a.is_loopback()) && !a.ip.is_some_and(needs_zone))
            .map(|a| a.address.to_string())
            .collect()
    }

    pub(crate) fn listening(&self) -> &[Dialable] {
        &self.listening
    }
}

/// Where the other end of a connection is, by which transport, and whether we dialed.
pub(crate) fn remote_of(endpoint: &ConnectedPoint) -> (Multiaddr, bool) {
    match endpoint {
        ConnectedPoint::Dialer { address, .. } => (without_peer(address), true),
        ConnectedPoint::Listener { send_back_addr, .. } => (without_peer(send_back_addr), false),
    }
}

/// The address without a `/p2p` at its end.
pub(crate) fn without_peer(address: &Multiaddr) -> Multiaddr {
    address.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect()
}

/// The transport an address speaks of.
pub(crate) fn path_of(address: &Multiaddr) -> Path {
    if address.iter().any(|part| part == Protocol::QuicV1) { Path::Quic } else { Path::Tcp }
}

/// The IP an address starts with.
pub(crate) fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => Some(IpAddr::V4(ip)),
        Some(Protocol::Ip6(ip)) => Some(IpAddr::V6(ip)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_and_peer_are_one_key() {
        let key = libp2p::identity::Keypair::generate_ed25519();
        let peer = key.public().to_peer_id();
        let device = device_of(&peer).unwrap();
        assert_eq!(peer_of(&device), Some(peer));
        assert_eq!(device_of(&PeerId::random()), None);
    }

    #[test]
    fn only_known_kinds_pass() {
        for good in ["/ip4/10.0.0.1/tcp/5", "/ip6/fd00::1/udp/5/quic-v1", "/dns/host.lan/tcp/80"] {
            assert_eq!(Dialable::parse(good).unwrap().address.to_string(), good);
        }
        for bad in [
            "",
            "/ip4/10.0.0.1",
            "/ip4/10.0.0.1/udp/5",
            "/ip4/10.0.0.1/tcp/5/ws",
            "/unix/tmp",
            "/ip4/10.0.0.1/tcp/5/p2p-circuit",
            "/dnsaddr/example.org",
            "hello",
        ] {
            assert!(Dialable::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_from_outside_points_at_ourselves() {
        let mut here = Standpoint::default();
        here.set_listening(&[
            "/ip4/127.0.0.1/tcp/1000".parse().unwrap(),
            "/ip4/10.0.0.1/tcp/1000".parse().unwrap(),
        ]);
        let admit = |text: &str| here.admit(Dialable::parse(text).unwrap()).is_some();
        assert!(admit("/ip4/10.0.0.2/tcp/1000"));
        for bad in [
            "/ip4/10.0.0.1/tcp/1000",
            "/ip4/127.0.0.1/tcp/1001",
            "/ip4/0.0.0.0/tcp/1001",
            "/ip4/224.0.0.251/udp/5353/quic-v1",
            "/ip4/10.0.0.2/tcp/0",
            "/ip6/fe80::1/tcp/5",
        ] {
            assert!(!admit(bad), "{bad}");
        }
        here.set_listening(&["/ip4/127.0.0.1/tcp/1000".parse().unwrap()]);
        assert!(here.admit(Dialable::parse("/ip4/127.0.0.1/tcp/1001").unwrap()).is_some());
    }
}
