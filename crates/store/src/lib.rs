//! The store: an ordered key-value store with tables, atomic batches and paged scans, sealed at rest.
//!
//! # What it is for
//! The core keeps everything it must not forget in here. [`Store`] is what the core asks of an engine;
//! [`MemoryStore`] and, with the feature `sled`, `SledStore` are engines, and one suite of tests
//! (`tests/it/conformance.rs`) says what both must do.
//!
//! # What it owns
//! The bytes, and the promise about them:
//! - a written [`Batch`] is visible at once and whole;
//! - what was written before a successful [`Store::flush`] survives the death of the process and of the
//!   machine;
//! - what was written after it may be lost, in whole batches, and never in part.
//!
//! # How it is meant to be used
//! One thread owns the store. It takes a burst of work, writes a batch for each piece, flushes once, and only
//! then tells anyone (group commit). A flush costs two small writes and one `fdatasync`, whether it carries
//! one batch or a thousand. Pages are scans: pass the last key of a page as the bound of the next.
//!
//! # Secrets
//! On disk every value is sealed with XChaCha20-Poly1305 under a random data key, and bound to its table and
//! key, so that it cannot be moved to another. Keys are not sealed, because they must be compared: put only
//! local numbers and [`Store::tag`]s, keyed hashes, in them. What a reader of the disk still sees: how many
//! entries there are in each table, how long they are, and which change together.
//! The data key lies in the operating system's keyring, or wrapped by a passphrase (Argon2id), or, where a
//! machine has neither and its owner says so, in a file beside the messages.
//!
//! # What it must not know
//! What the values mean; the network; the time. Without the feature `sled` it is pure: no files, no threads,
//! no randomness, and it builds for WebAssembly.
//!
//! # Dependencies beside the workspace's
//! `zbus-secret-service-keyring-store` and `windows-native-keyring-store` (behind `keyring-core`) reach the
//! keyring without a C library; `crc32fast` recognises a sled file. File locks come from the standard library.
#![deny(unsafe_code)]

mod batch;
mod error;
mod memory;
mod overlay;
#[cfg(feature = "sled")]
pub mod sled_store;
mod store;
mod table;
mod tag;

pub use batch::Batch;
pub use error::StoreError;
pub use memory::MemoryStore;
#[cfg(feature = "sled")]
pub use sled_store::{DataKeySource, OpenError, Protection, SledStore};
pub use store::{Entry, Store};
pub use table::{Order, Table};
