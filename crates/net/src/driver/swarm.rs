//! The swarm: its transports, its behaviours, its listeners.
//!
//! TCP has no delay (libp2p's default), each dial a port of its own: dialing from the listening
//! port would let two sides that dial at once meet in one half-made TCP connection. QUIC dials from
//! its listening socket.

use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::NetworkBehaviour;
use libp2p::{
    Swarm, SwarmBuilder, TransportError, connection_limits, dns, identify, identity, noise, ping,
    quic, tcp, yamux,
};

use crate::address::Dialable;
use crate::config::Limits;
use crate::event::{Path, StartError};
use crate::link::Links;

/// A peer is pinged after this much time; the links decide from the answers whether it lives.
const PING_INTERVAL: Duration = Duration::from_secs(4);
/// Longer than the links' patience: libp2p's ping forgives the first failure, then waits for a new
/// substream that a dead connection never grants.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// A dial, handshakes included, may take this long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_LISTEN: [&str; 4] =
    ["/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1", "/ip6/::/tcp/0", "/ip6/::/udp/0/quic-v1"];

/// What runs on every connection. Limits come first, so that what they refuse costs nothing else.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub(crate) limits: connection_limits::Behaviour,
    pub(crate) links: Links,
    pub(crate) identify: identify::Behaviour,
    pub(crate) ping: ping::Behaviour,
}

impl Behaviour {
    pub(crate) fn new(keys: &identity::Keypair, limits: &Limits, links: Links) -> Self {
        let connections = connection_limits::ConnectionLimits::default()
            .with_max_pending_incoming(Some(limits.max_pending_incoming))
            .with_max_established(Some(limits.max_connections))
            .with_max_established_per_peer(Some(limits.max_connections_per_device));
        let about = identify::Config::new("/anser/id/1".into(), keys.public())
            .with_agent_version(concat!("anser/", env!("CARGO_PKG_VERSION")).into())
            .with_push_listen_addr_updates(true)
            .with_cache_size(0);
        let ping = ping::Config::new().with_interval(PING_INTERVAL).with_timeout(PING_TIMEOUT);
        Self {
            limits: connection_limits::Behaviour::new(connections),
            links,
            identify: identify::Behaviour::new(about),
            ping: ping::Behaviour::new(ping),
        }
    }
}

/// Builds the swarm. Names are resolved by the system's resolver where it has one.
pub(crate) fn build(
    keys: identity::Keypair,
    behaviour: Behaviour,
) -> Result<Swarm<Behaviour>, StartError> {
    let setup = |e: String| StartError::Setup { reason: e };
    macro_rules! finish {
        ($builder:expr) => {
            $builder
                .with_behaviour(|_| behaviour)
                .map_err(|e| setup(e.to_string()))?
                .with_swarm_config(|c| c.with_max_negotiating_inbound_streams(16))
                .with_connection_timeout(CONNECT_TIMEOUT)
                .build()
        };
    }
    macro_rules! transports {
        () => {
            SwarmBuilder::with_existing_identity(keys.clone())
                .with_tokio()
                .with_tcp(tcp::Config::new(), noise::Config::new, yamux_config)
                .map_err(|e| setup(e.to_string()))?
                .with_quic_config(quic_config)
        };
    }
    Ok(match transports!().with_dns() {
        Ok(builder) => finish!(builder),
        // No resolver is configured; addresses with names will fail, all others work.
        Err(_) => {
            let (nobody, options) = (dns::ResolverConfig::default(), dns::ResolverOpts::default());
            finish!(transports!().with_dns_config(nobody, options))
        }
    })
}

/// yamux lets a stream's window grow with the round trip, which a peer can feign, up to 1 GiB less
/// 256 KiB for every stream allowed. This many streams leave 8 MiB to grow into; how many can
/// really wait is bounded to a few hundred above yamux.
fn yamux_config() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(4_064);
    config
}

fn quic_config(mut config: quic::Config) -> quic::Config {
    config.max_concurrent_stream_limit = 64;
    // A stalled reader makes the peer wait after this much instead of filling memory.
    config.max_stream_data = 2 << 20;
    config.max_connection_data = 4 << 20;
    config
}

/// Opens the configured listeners, or the default ones. Of the defaults some may fail (a host
/// without IPv6); those are returned as sentences.
pub(crate) fn listen(
    swarm: &mut Swarm<Behaviour>,
    configured: &[String],
) -> Result<Vec<String>, StartError> {
    let mut failed = Vec::new();
    if configured.is_empty() {
        for text in DEFAULT_LISTEN {
            if let Err(error) = listen_on(swarm, text) {
                failed.push(error);
            }
        }
        if failed.len() == DEFAULT_LISTEN.len()
            && let Some(error) = failed.pop()
        {
            return Err(error);
        }
    } else {
        for text in configured {
            listen_on(swarm, text)?;
        }
    }
    Ok(failed.iter().map(ToString::to_string).collect())
}

fn listen_on(swarm: &mut Swarm<Behaviour>, text: &str) -> Result<(), StartError> {
    let bad = |reason: String| StartError::BadAddress { address: text.into(), reason };
    let place = Dialable::parse(text).map_err(bad)?;
    if place.ip.is_none() {
        return Err(bad("a listen address starts with ip4 or ip6".into()));
    }
    probe(&place).map_err(|error| refused(text, &error))?;
    swarm.listen_on(place.address).map(drop).map_err(|error| match error {
        TransportError::MultiaddrNotSupported(address) => bad(unsupported(&address)),
        TransportError::Other(error) => refused(text, &error),
    })
}

fn unsupported(address: &Multiaddr) -> String {
    format!("no transport takes {address}")
}

/// libp2p's TCP listener shares its port with any other that asks to, so two programs of one user
/// could take the same port without noticing: try it alone first.
fn probe(place: &Dialable) -> std::io::Result<()> {
    let Some(socket) = place.socket().filter(|s| s.port() != 0) else { return Ok(()) };
    match place.path {
        Path::Tcp => TcpListener::bind(socket).map(drop),
        Path::Quic => UdpSocket::bind(socket).map(drop),
    }
}

fn refused(text: &str, error: &std::io::Error) -> StartError {
    if error.kind() == std::io::ErrorKind::AddrInUse {
        return StartError::PortTaken { address: text.into() };
    }
    StartError::CannotListen { address: text.into(), reason: error.to_string() }
}
