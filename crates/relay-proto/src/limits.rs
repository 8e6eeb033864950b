//! Bounds, with the defaults that the documentation names.

/// Bounds of a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Topics that one connection may watch.
    pub watches: usize,
    /// Events that wait for one reader before it is cut.
    pub queued_events: usize,
    /// Their bytes before it is cut.
    pub queued_bytes: usize,
    /// Events that a topic keeps for replay.
    pub ring_events: usize,
    /// How long it keeps them, in milliseconds.
    pub ring_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            watches: 128,
            queued_events: 1_000,
            queued_bytes: 1 << 20,
            ring_events: 1_000,
            ring_ms: 600_000,
        }
    }
}
