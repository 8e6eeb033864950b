//! The real program over real HTTP on the loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod client;
mod continuity;
mod mail;
mod openapi;
mod portal;
mod program;
mod relay;
mod strangers;
mod tls;
mod transports;
