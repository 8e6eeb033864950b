//! What members of a conversation must agree on, checked from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs, clippy::print_stdout)]

mod convergence;
mod histories;
mod oracle;
mod replica;
mod rule;
mod world;
