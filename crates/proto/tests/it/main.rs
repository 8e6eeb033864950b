//! The wire, from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs)]

mod corpus;
#[path = "../../../../fuzz/src/entry.rs"]
mod entry;
mod opening;
mod samples;
mod wire;
