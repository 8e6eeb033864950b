//! What every engine must do, and what the engine on disk must survive.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

mod child;
mod conformance;
mod crash;
mod full_disk;
mod keyring;
mod model;
mod opening;
mod sealing;
