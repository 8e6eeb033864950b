//! The rules of a conversation, as pure state: which events belong to it, who is a member, in
//! which order things show, what a peer lacks.
//!
//! Everything that members must agree on is a function of the set of events they hold, never of
//! the order in which those came, so that members who hold the same events show the same
//! conversation. It knows neither storage (it is fed with events and keeps only heads, membership
//! and receipts) nor certificates' meaning beyond "this device speaks for that account", which its
//! caller says.

pub mod authority;
pub mod conversation;
pub mod log;
pub mod membership;
pub mod past;
pub mod receipts;
mod resolve;

pub use authority::{Authority, AuthorityEvent, Deed};
pub use conversation::{Conversation, Shape, Verdict};
pub use log::Log;
pub use membership::{Member, Membership};
pub use past::Past;
pub use receipts::Receipts;
