//! The one vocabulary of every shell: commands, events, view models and error codes.
//!
//! Tauri commands, JSON-RPC and the browser's worker are thin transports of it; the UI uses
//! nothing else. Ids are strings, times are integers of milliseconds since 1970 (`_ms`), sizes are
//! in bytes (`_bytes`), lists are paged. It knows no transport, no storage and no protocol.

pub mod command;
pub mod error;
pub mod event;
pub mod model;
pub mod params;
pub mod rpc;
#[cfg(feature = "schema")]
pub mod schema;

pub use command::{Command, Reply};
pub use error::{ApiError, ErrorCode};
pub use event::{Event, EventBody};
