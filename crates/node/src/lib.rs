//! One device of one person as a pure state machine: commands, frames and the time go in; frames,
//! replies and events come out.
//!
//! It composes the conversation rules (`anser-chat`) and certificates (`anser-e2ee`) over a
//! [`Store`](anser_store::Store). Nothing here knows sockets, files, threads or clocks; randomness
//! is a seed handed in. What must hold: outputs are taken only after [`Node::flush`], so that
//! whatever another device or a person was told is on disk.
//!
//! Reading order: `node.rs` (the machine), `sync.rs` (what two devices say to each other),
//! `intake.rs` (how an event comes to count), `write.rs` (how one is made), `files/` (what messages
//! bring), then the commands.

mod account;
mod backup;
mod commands;
mod disk;
mod files;
mod forks;
mod intake;
mod invites;
mod io;
mod linking;
mod messages;
mod network;
mod node;
mod open;
mod own;
mod pages;
mod people;
mod pictures;
mod random;
mod receipts;
mod records;
mod rooms;
mod session;
mod snapshot;
mod sync;
mod views;
mod write;

pub use backup::BackupCursor;
pub use files::io::{FileAnswer, FileCode, FileFailure, FileOrder, Rest, Resting};
pub use io::{Input, Now, Output};
pub use node::{Counters, Node};
pub use open::OpenError;
