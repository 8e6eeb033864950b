//! What a relay does with the events that pass through it, as a machine without I/O.
//!
//! Somebody else keeps the log, numbers its events and tells the [`Hub`] of each in order; somebody
//! else owns sockets and the clock. The hub knows which connection watches which topics, what each
//! still has to be sent, from which [`Cursor`] it can go on, and says so in a [`Hello`].
//!
//! Must always hold: a connection receives, of every topic it watches, the events after its cursor
//! in order and without a hole, or its hello has said that there is one. Memory is bounded: topics
//! keep a ring, readers a queue, and who reads too slowly is cut and goes on by cursor.
//!
//! It must not know chats, accounts or what an event says: all of that is ciphertext to a relay.
#![deny(unsafe_code)]

mod cursor;
mod event;
mod hello;
mod hub;
mod limits;
mod mailbox;
mod quota;
mod reader;
mod ring;
mod topic;

pub use cursor::{Cursor, CursorError, Epoch, Shard};
pub use event::Event;
pub use hello::{Hello, Reason};
pub use hub::{Cut, Hub, Output, Refusal};
pub use limits::Limits;
pub use mailbox::{Held, MailReader, mailbox_shard};
pub use quota::Quota;
pub use reader::ConnectionId;
pub use topic::{Pattern, Topic, TopicError};
