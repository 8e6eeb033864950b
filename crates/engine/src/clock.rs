//! The two clocks that a node is given.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anser_node::Now;

/// Both clocks; the monotonic one starts with this value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn now(self) -> Now {
        Now { wall_ms: wall_ms(), mono_ms: millis(self.start.elapsed().as_millis()) }
    }

    /// The moment of a monotonic time of this clock; `None` when it is out of all bounds.
    pub(crate) fn moment(self, mono_ms: u64) -> Option<Instant> {
        self.start.checked_add(std::time::Duration::from_millis(mono_ms))
    }
}

/// Milliseconds since 1970; 0 on a computer whose clock stands before that.
pub(crate) fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| millis(since.as_millis()))
}

fn millis(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
