//! What readers may rely on, checked against a plain log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod holes;
mod mailboxes;
mod world;
