//! The vocabulary between devices: ids, keys, signed events, frames, and their limits.
//!
//! Everything here is pure: bytes in, values out. It owns the wire codec (CBOR, RFC 8949, integer
//! keys, unknown fields skipped) and the signature domains. What must always hold: a value that
//! decoded is within the limits of [`limits`], and signed bytes are kept as they came, never
//! encoded again before they are verified. It does not know conversations' rules, storage or
//! networks.

pub mod card;
pub mod certificate;
pub mod codec;
pub mod event;
pub mod frame;
pub mod id;
pub mod invite;
pub mod kind;
pub mod limits;
pub mod linking;
pub mod receipt;
pub mod sign;
pub mod transfer;

pub use minicbor;

pub use card::{Card, DeviceAddresses};
pub use certificate::{Certificate, DeviceList, Revocation};
pub use codec::DecodeError;
pub use event::{Event, EventError, Header, Position, Seen, WireEvent};
pub use frame::{Frame, FrameError};
pub use id::{
    AccountId, ConversationId, DeviceId, EventId, FileId, IdError, PictureId, from_base32,
    to_base32,
};
pub use kind::{Change, Content, FileRef, Genesis, Kind, Role};
pub use receipt::Receipt;
pub use sign::{Domain, Keypair, Signature, Signed};
