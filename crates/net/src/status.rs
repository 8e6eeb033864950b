//! The network's state as `doctor` shows it, and the counters behind it.
//!
//! A peer's bad input is a number here, never an error of ours.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anser_proto::DeviceId;

use crate::event::Path;

/// A snapshot of the network.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Addresses we listen on, loopback included.
    pub listeners: Vec<String>,
    /// Listeners that could not be opened, with the reason.
    pub listen_errors: Vec<String>,
    /// Our addresses as peers see them, most recently confirmed last; at most 16.
    pub observed: Vec<String>,
    /// Networks of our interfaces, as `10.0.0.5/24`.
    pub interfaces: Vec<String>,
    /// Multicast DNS; `None` when it is switched off.
    pub mdns: Option<Vec<MdnsInterface>>,
    /// Established connections.
    pub connections: Vec<ConnectionStatus>,
    /// Devices whose addresses are in the book.
    pub known_devices: usize,
    /// Devices that are kept connected.
    pub wanted_devices: usize,
    /// Counts since the start.
    pub counters: CounterValues,
}

/// Multicast DNS on one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MdnsInterface {
    /// The interface's own address and prefix.
    pub interface: String,
    /// Why multicast does not work here; `None` when the group is joined.
    pub error: Option<String>,
    /// Packets of other Anser devices heard here.
    pub packets_heard: u64,
    /// Packets sent here.
    pub packets_sent: u64,
    /// Milliseconds since one was heard; `None` when never.
    pub last_heard_ms_ago: Option<u64>,
}

/// One established connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionStatus {
    /// The device at the other end.
    pub device: DeviceId,
    /// Its address.
    pub address: String,
    /// The transport.
    pub path: Path,
    /// Whether we dialed.
    pub outbound: bool,
    /// Whether our frames go this way; a device has at most one such connection.
    pub used: bool,
    /// Last measured round trip in microseconds.
    pub rtt_us: Option<u64>,
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counts since the start of the network.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct CounterValues { $($(#[$doc])* pub $name: u64),* }

        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: AtomicU64),* }

        impl Counters {
            pub(crate) fn values(&self) -> CounterValues {
                CounterValues { $($name: self.$name.load(Relaxed)),* }
            }
        }
    };
}

counters! {
    /// Frames received.
    frames_in,
    /// Bytes received in frames.
    bytes_in,
    /// Frames handed to a connection.
    frames_out,
    /// Bytes handed to a connection, length prefixes included.
    bytes_out,
    /// Streams dropped for an empty, oversize or never finished frame, or for being one too many.
    bad_streams,
    /// Devices banned for repeated bad streams.
    bans,
    /// Times reading from a device paused because it was over its quota.
    quota_cuts,
    /// Connections closed because the device did not read what was queued for it.
    queue_overflows,
    /// Frames dropped because the device was not connected or its queue was lost.
    frames_dropped,
    /// Frames refused because they were empty or too long.
    frames_refused,
    /// Connections refused by a limit or a ban.
    connections_denied,
    /// Peers that speak no Anser.
    foreign_peers,
    /// Addresses from outside that are not of a kind we dial.
    bad_addresses,
    /// Multicast packets that could not be read.
    bad_packets,
    /// Commands lost because the network was too busy to take them.
    commands_dropped,
    /// News lost because the receiver of events was too slow; never connects, disconnects or frames.
    events_dropped,
}

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// This many more.
pub(crate) fn count_by(counter: &AtomicU64, by: usize) {
    counter.fetch_add(u64::try_from(by).unwrap_or(u64::MAX), Relaxed);
}
