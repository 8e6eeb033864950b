//! The network of a node: a libp2p swarm behind a small handle.
//!
//! It finds devices on the local links, keeps those connected that the node wants, and carries
//! opaque frames between devices over TCP (Noise, yamux) or QUIC. It owns sockets, connections,
//! retries and the bounds on what strangers can cost. It does not know what a frame means, who
//! people are, or what is stored. Nothing leaves the local network by itself: only local multicast,
//! and addresses that the node or a peer gave.
//!
//! [`Net`] is a cloneable handle; one task owns the swarm (`driver`), each connection's task reads
//! and writes its frames itself (`link`), and events come through one bounded channel: while it is
//! full, peers are not read from.

mod address;
mod book;
mod config;
mod driver;
mod event;
mod link;
mod mdns;
mod net;
mod outbox;
mod status;

pub use config::{Config, Limits};
pub use event::{DialError, NetEvent, Path, StartError, Via};
pub use net::Net;
pub use status::{ConnectionStatus, CounterValues, MdnsInterface, Status};
