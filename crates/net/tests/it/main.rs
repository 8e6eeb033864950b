//! The network by its handle alone: real sockets on loopback, and real network namespaces.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

mod frames;
mod lan;
mod links;
mod netns;
mod pressure;
mod support;
