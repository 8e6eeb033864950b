//! Nodes that talk to each other inside one process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod backup;
mod direct;
mod disk;
mod files;
mod fork;
mod group;
mod hostile;
mod invites;
mod linking;
mod mended;
mod network;
mod pictures;
mod requests;
mod restart;
