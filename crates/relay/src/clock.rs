//! The clocks of this process, read in one place.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, by the wall clock: shown, and what ages in the store.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A number below `bound`, for spreading things in time; not for secrets.
pub(crate) fn any_below(bound: u64) -> u64 {
    let mut bytes = [0; 8];
    // Without randomness everything would happen at once, which is no error.
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes).checked_rem(bound).unwrap_or(0)
}
