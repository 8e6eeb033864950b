//! What the network tells: events, and the errors of starting and dialing.

use anser_proto::DeviceId;

/// The transport under a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// TCP with Noise and yamux.
    Tcp,
    /// QUIC.
    Quic,
}

/// How a device's addresses became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Heard by multicast DNS on a local link.
    Mdns,
    /// It answered at a seed address.
    Seed,
    /// It answered at an address that was dialed by hand.
    Manual,
    /// It told us itself over a connection.
    Exchange,
}

/// Something that happened on the network.
///
/// For one device the order is always: `Connected`, any number of `Frame`, `Disconnected`.
/// Between the two, what was accepted by `send` is delivered in order or a `Disconnected`
/// follows; a `Connected` right after it then marks the new start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetEvent {
    /// The whole list of addresses we can be reached at, without `/p2p`; loopback only where
    /// there is nothing else.
    Listening {
        /// Multiaddrs.
        addresses: Vec<String>,
    },
    /// A device can be sent to.
    Connected {
        /// The device, proven by the handshake.
        device: DeviceId,
        /// Its address as we see it.
        address: String,
        /// Whether we dialed.
        outbound: bool,
        /// The transport.
        path: Path,
    },
    /// The last connection with a device is gone; frames still queued for it were dropped.
    Disconnected {
        /// The device.
        device: DeviceId,
    },
    /// A device sent a frame.
    Frame {
        /// The sender.
        device: DeviceId,
        /// Between 1 and `frame_max_bytes` bytes.
        bytes: Vec<u8>,
    },
    /// Addresses of a device became known. Nothing is dialed because of it.
    Discovered {
        /// The device; proven for every `via` except `Mdns`.
        device: DeviceId,
        /// Multiaddrs, at most 8.
        addresses: Vec<String>,
        /// How they became known.
        via: Via,
    },
    /// A device said goodbye on the local link or has not been heard there for too long.
    Gone {
        /// The device.
        device: DeviceId,
    },
    /// A wanted device, or a seed whose device is known, did not answer.
    Unreachable {
        /// The device.
        device: DeviceId,
        /// One sentence for people.
        reason: String,
        /// Milliseconds until the next attempt, unless something new is learned before.
        retry_in_ms: u64,
    },
}

/// Why the network did not start. Nothing is left running or bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// A listen or seed address that we cannot use.
    #[error("{address} is no address Anser can use: {reason}")]
    BadAddress {
        /// As given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Somebody else listens there.
    #[error("{address} is already used by another program")]
    PortTaken {
        /// As given.
        address: String,
    },
    /// The system refused to listen there.
    #[error("cannot listen on {address}: {reason}")]
    CannotListen {
        /// As given.
        address: String,
        /// The system's words.
        reason: String,
    },
    /// The secret is no Ed25519 secret, or the system's TLS or sockets could not be set up.
    #[error("the network could not be set up: {reason}")]
    Setup {
        /// What failed.
        reason: String,
    },
}

/// Why a dialed address did not lead to a device. The address is not tried again by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// Not a multiaddr of a kind we can dial.
    #[error("this is no address Anser can dial: {reason}")]
    Unparsable {
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answered within ten seconds.
    #[error("nobody answered at this address")]
    Timeout,
    /// The computer answered but nothing listens there.
    #[error("nothing listens at this address")]
    Refused,
    /// There is no way to that network from here.
    #[error("there is no route to this address")]
    NoRoute,
    /// Another device answered than the one the address names.
    #[error("another device answered: {found}")]
    WrongPeer {
        /// The one that answered, where it has a device id.
        found: String,
    },
    /// The address is our own.
    #[error("this address is our own")]
    SelfDial,
    /// The peer is banned for bad input, speaks no Anser, or a limit is reached.
    #[error("the connection was refused: {reason}")]
    Denied {
        /// What refused it.
        reason: String,
    },
    /// Anything else the transports say.
    #[error("the connection failed: {reason}")]
    Failed {
        /// The transport's words.
        reason: String,
    },
    /// The network has been shut down.
    #[error("the network is shut down")]
    Closed,
}
