//! Nodes that talk to each other inside one process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod direct;
mod disk;
mod files;
mod fork;
mod group;
mod hostile;
mod mended;
mod network;
mod requests;
mod restart;
