//! End-to-end tests of the headless program: real processes, real sockets, hosts made of network
//! namespaces.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs)]

mod lan_absence;
mod lan_blocked;
mod lan_crashes;
mod lan_devices;
mod lan_files;
mod lan_messages;
mod lan_people;
mod program_errors;
mod program_rpc;
