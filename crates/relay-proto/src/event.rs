//! One event of the stream.

use std::sync::Arc;

use crate::cursor::Shard;
use crate::topic::Topic;

/// An event as the log holds it. `D` is its body, which this crate never looks into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<D> {
    /// Its part of the log.
    pub shard: Shard,
    /// Its number there; starts at 1 and grows.
    pub seq: u64,
    /// Its topic.
    pub topic: Topic,
    /// What kind of event it is, in the publisher's words.
    pub kind: Arc<str>,
    /// Its id, unique in its topic.
    pub id: Arc<str>,
    /// The id of the event before it in its topic; `None` for the first of an epoch.
    pub previous: Option<Arc<str>>,
    /// When it was taken, in milliseconds since 1970.
    pub taken_ms: u64,
    /// What it costs to keep and to send, in bytes.
    pub bytes: usize,
    /// What it says.
    pub data: D,
}
