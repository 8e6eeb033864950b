//! Hosts and real processes for end-to-end tests.
//!
//! A [`Lan`] is a bridge in a network namespace of its own, a [`Host`] a namespace with a cable to
//! it, a [`Process`] the program `anser rpc` on a host. All are gone when they are dropped. Nothing
//! here knows what a message is; nothing sleeps: whoever waits, waits for what a process says,
//! until a deadline. What goes wrong panics, because only tests use it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod binary;
mod lan;
mod process;
mod tmpfs;

pub use binary::anser;
pub use lan::{Host, Lan};
pub use process::{Failed, Process, Start};
pub use tmpfs::Tmpfs;
