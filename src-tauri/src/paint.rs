//! How long the program takes from its start to its first paint, for `cargo xtask bench`.
//!
//! With `ANSER_BENCH_PAINT=1` one line `first_paint_ms N` goes to stderr when the page says that
//! it has painted; otherwise nothing happens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Reports the first paint, once.
#[derive(Debug)]
pub(crate) struct FirstPaint {
    begun: Instant,
    pending: AtomicBool,
}

impl FirstPaint {
    /// To be made at the start of `main`.
    pub(crate) fn new() -> Self {
        let wanted = std::env::var_os("ANSER_BENCH_PAINT").is_some_and(|value| value == "1");
        Self { begun: Instant::now(), pending: AtomicBool::new(wanted) }
    }

    /// The page has painted.
    pub(crate) fn painted(&self) {
        if self.pending.swap(false, Ordering::Relaxed) {
            let since_main = self.begun.elapsed().as_millis();
            let ms = since_start_ms().map_or(since_main, u128::from);
            eprintln!("first_paint_ms {ms}");
        }
    }
}

/// Milliseconds since the kernel started this process, to the hundredth of a second that it
/// counts in; that includes loading the libraries, which happens before `main`.
#[cfg(target_os = "linux")]
fn since_start_ms() -> Option<u64> {
    /// Linux counts in hundredths of a second here on every machine.
    const TICK_MS: u64 = 10;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name comes second, in parentheses, and may hold spaces; the start is the
    // 22nd field, the 20th after the name.
    let ticks: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, hundredths) = uptime.split_whitespace().next()?.split_once('.')?;
    let now: u64 = seconds.parse::<u64>().ok()?.checked_mul(100)?;
    let now = now.checked_add(hundredths.parse().ok()?)?;
    now.checked_sub(ticks)?.checked_mul(TICK_MS)
}

#[cfg(not(target_os = "linux"))]
fn since_start_ms() -> Option<u64> {
    None
}
