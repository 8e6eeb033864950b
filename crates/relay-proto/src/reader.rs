//! One connection that reads.

use std::collections::{BTreeMap, BTreeSet};

use crate::cursor::{Cursor, Shard};
use crate::topic::Topic;

/// A connection, numbered by whoever owns its socket.
pub type ConnectionId = u64;

/// Where a connection is. It holds no events: they lie once, in their topics' rings.
#[derive(Debug)]
pub(crate) struct Reader {
    /// Whose it is; the newer of two connections of one session fences the older.
    pub(crate) session: u64,
    /// What it watches, and after which number: what is before is not its, or it was told that it
    /// is no longer held.
    pub(crate) watches: BTreeMap<Topic, u64>,
    /// Watched topics that hold events after `read`.
    pub(crate) waiting: BTreeSet<Topic>,
    /// How far it was given events.
    pub(crate) read: Cursor,
    /// The head when it came: what is later counts as its backlog.
    pub(crate) came: Cursor,
    pub(crate) backlog_events: usize,
    pub(crate) backlog_bytes: usize,
}

impl Reader {
    /// After which number of `shard` it still lacks events of a topic.
    pub(crate) fn after(&self, topic: &Topic, shard: Shard) -> u64 {
        self.read.seq(shard).max(self.watches.get(topic).copied().unwrap_or(0))
    }
}
