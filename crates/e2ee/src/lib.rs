//! Who speaks for an account, and how people make sure of it.
//!
//! Owns a person's keys and device list ([`Identity`]), the directory of certified devices
//! ([`Directory`]) and safety numbers ([`SafetyNumber`]). A device once certified for one account
//! never counts for another. It does not know conversations, storage or networks.

mod directory;
mod identity;
mod merge;
mod safety;

pub use directory::{CardNews, Directory};
pub use identity::{Identity, Merged};
pub use safety::SafetyNumber;
