//! A running node: the thread that owns it, its network, its store, and a cloneable handle on it.
//!
//! [`Engine::start`] opens the store, wakes the node, opens the network and gives a [`Handle`];
//! [`Profile`] stands above it and also answers while the store cannot be opened, so that a shell
//! can explain it and try again. It owns the order of things: a burst of inputs, one durable
//! flush, and only then what others may see. It knows clocks, threads, files and sockets, which
//! nothing below it does; it knows neither conversations' rules nor any transport of the API.
//!
//! # Dependencies beside the workspace's
//! `fs4` tells the free space of a disk, `gethostname` what to call a device; `toml` reads policy files; `argon2` and
//! `chacha20poly1305` seal backups.

mod actor;
mod backup;
mod clock;
mod config;
mod dial;
mod doctor;
mod error;
mod events;
mod files;
mod handle;
mod outlet;
mod policy;
mod profile;
mod storage;

pub use config::{Config, Data, Protection};
pub use error::StartError;
pub use events::Subscription;
pub use handle::{Engine, Handle, Pending};
pub use profile::Profile;
