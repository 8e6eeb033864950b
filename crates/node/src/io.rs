//! What goes into a node and what comes out.

use anser_api::model::Via;
use anser_api::{ApiError, Command, Event, Reply};
use anser_proto::DeviceId;

use crate::files::io::{FileAnswer, FileOrder};

/// The two clocks. The wall clock is shown and written into events, never trusted; the monotonic
/// one drives timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since 1970.
    pub wall_ms: u64,
    /// Milliseconds since some start; never goes back.
    pub mono_ms: u64,
}

/// What happens to a node.
#[derive(Clone, Debug)]
pub enum Input {
    /// A shell asks; the reply comes as [`Output::Reply`] with the same id.
    Command {
        /// Chosen by the caller.
        id: u64,
        /// What is asked.
        command: Command,
    },
    /// A device is connected, authenticated by its key.
    Connected {
        /// The device.
        device: DeviceId,
        /// Where it was reached, as a multiaddr; only kept when we dialed it.
        address: Option<String>,
    },
    /// The last connection to a device is gone.
    Disconnected {
        /// The device.
        device: DeviceId,
    },
    /// A connected device sent a frame.
    Frame {
        /// The device.
        device: DeviceId,
        /// The frame as it came.
        bytes: Vec<u8>,
    },
    /// A device can probably be reached.
    Discovered {
        /// The device.
        device: DeviceId,
        /// Where, as multiaddrs.
        addresses: Vec<String>,
        /// How we know.
        via: Via,
    },
    /// A device said, or let expire, that it is gone from this network.
    Gone {
        /// The device.
        device: DeviceId,
    },
    /// This device listens on these addresses now.
    Listening {
        /// Multiaddrs; the whole list.
        addresses: Vec<String>,
    },
    /// What became of an [`Output::File`].
    File(FileAnswer),
}

/// What a node asks of its shell, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a frame to a connected device; drop it silently if it is not connected any more.
    Send {
        /// The device.
        device: DeviceId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// The answer to a command.
    Reply {
        /// The command's id.
        id: u64,
        /// The answer.
        result: Result<Box<Reply>, ApiError>,
    },
    /// Something changed.
    Event(Box<Event>),
    /// Keep a connection to this device, trying these addresses among others.
    Want {
        /// The device.
        device: DeviceId,
        /// Multiaddrs.
        addresses: Vec<String>,
    },
    /// Do something with files on disk; what becomes of it comes back as [`Input::File`].
    File(FileOrder),
    /// A connection to this device is no longer needed.
    Unwant {
        /// The device.
        device: DeviceId,
    },
    /// Close the connections to this device.
    Disconnect {
        /// The device.
        device: DeviceId,
        /// For the log.
        why: &'static str,
    },
}
