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

impl Hello {
    /// One hello for two parts of a stream: what is missing of either is missing.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.reason = self.reason.max(other.reason);
        self.recovered = self.reason == Reason::Ok;
        other.oldest.seqs().for_each(|(shard, seq)| self.oldest.advance(shard, seq));
        other.head.seqs().for_each(|(shard, seq)| self.head.advance(shard, seq));
        self
    }
}

/// Why a stream goes on where it does; what tells of the larger hole is the greater one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Nothing is missing.
    Ok,
    /// Events after the cursor are no longer held: the rest follows.
    Trimmed,
    /// The cursor is later than anything there is: of topics, what comes from now on follows; of a
    /// mailbox, everything that is held.
    Future,
    /// The cursor is of another history: everything that is still held follows.
    Epoch,
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
