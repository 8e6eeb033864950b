//! What every connection is told first.

use crate::cursor::Cursor;

/// Whether the stream goes on where the client's cursor stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Whether nothing is missing between the cursor and what follows.
    pub recovered: bool,
    /// Why.
    pub reason: Reason,
    /// The earliest place from which what is watched could be replayed whole.
    pub oldest: Cursor,
    /// The latest event's place.
    pub head: Cursor,
}

/// Why a stream goes on where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing is missing.
    Ok,
    /// The cursor is of another history: everything that is still held follows.
    Epoch,
    /// Events after the cursor are no longer held: the rest follows.
    Trimmed,
    /// The cursor is later than anything there is: what comes from now on follows.
    Future,
}

impl Reason {
    /// The word for it on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Epoch => "epoch",
            Self::Trimmed => "trimmed",
            Self::Future => "future",
        }
    }
}
