//! The way of inbound frames into the event channel: the device's quota, then room in the channel.
//!
//! The channel counts events, not bytes, so a frame of `s` bytes enters only while at most
//! `BUDGET_BYTES / s` events wait. Small frames see the plain bound; large ones keep the whole
//! channel within a few times the budget. A connection that cannot enter stops reading, which is
//! what pushes back on the peer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::mpsc::{OwnedPermit, Sender};

use crate::config::Limits;
use crate::event::NetEvent;
use crate::status::{Counters, count};

/// Bytes of frames that may wait in the event channel before large frames are held back.
const BUDGET_BYTES: usize = 8 << 20;

/// Tokens of one device, refilled with time.
#[derive(Debug)]
struct Bucket {
    level: f64,
    burst: f64,
    per_s: f64,
}

impl Bucket {
    fn new(per_s: u32, burst: u32) -> Self {
        Self { level: f64::from(burst), burst: f64::from(burst), per_s: f64::from(per_s.max(1)) }
    }

    fn refill(&mut self, elapsed: Duration) {
        self.level = (self.level + elapsed.as_secs_f64() * self.per_s).min(self.burst);
    }

    /// Time until `amount` is there; zero when it is.
    fn wait(&self, amount: f64) -> Duration {
        let lacking = (amount.min(self.burst) - self.level) / self.per_s;
        Duration::try_from_secs_f64(lacking.max(0.0)).unwrap_or(Duration::MAX)
    }
}

/// The inbound quota of one device, over all its connections.
#[derive(Debug)]
pub(crate) struct Quota {
    frames: Bucket,
    bytes: Bucket,
    at: Instant,
}

impl Quota {
    fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            frames: Bucket::new(limits.frames_per_s, limits.frames_burst),
            bytes: Bucket::new(limits.bytes_per_s, limits.bytes_burst),
            at: now,
        }
    }

    /// Takes a frame of `bytes`, or says how long to wait before asking again.
    fn take(&mut self, bytes: usize, now: Instant) -> Result<(), Duration> {
        let elapsed = now.saturating_duration_since(self.at);
        self.at = now;
        self.frames.refill(elapsed);
        self.bytes.refill(elapsed);
        #[allow(clippy::cast_precision_loss)]
        let size = bytes as f64;
        let wait = self.frames.wait(1.0).max(self.bytes.wait(size));
        if !wait.is_zero() {
            return Err(wait);
        }
        self.frames.level -= 1.0;
        self.bytes.level -= size;
        Ok(())
    }
}

/// The gate through which everything of one device passes: its quota, and the lock that keeps a
/// `Disconnected`, `Connected` pair from being torn apart by a frame.
#[derive(Debug)]
pub(crate) struct Gate(Mutex<Quota>);

impl Gate {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        Self(Mutex::new(Quota::new(limits, now)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Quota> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Reserving = BoxFuture<'static, Option<OwnedPermit<NetEvent>>>;

/// One connection's entrance.
pub(crate) struct Inlet {
    events: Sender<NetEvent>,
    gate: Arc<Gate>,
    counters: Arc<Counters>,
    pause: Option<BoxFuture<'static, ()>>,
    reserving: Option<Reserving>,
    paid: bool,
}

impl Inlet {
    pub(crate) fn new(events: Sender<NetEvent>, gate: Arc<Gate>, counters: Arc<Counters>) -> Self {
        Self { events, gate, counters, pause: None, reserving: None, paid: false }
    }

    /// Lets one event of `bytes` in. `slot` is emptied when it entered, or when nobody listens
    /// any more.
    pub(crate) fn poll_enter(
        &mut self,
        slot: &mut Option<NetEvent>,
        bytes: usize,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        futures::ready!(self.poll_quota(bytes, cx));
        let Some(permit) = futures::ready!(self.poll_reserve(bytes, cx)) else {
            *slot = None;
            self.paid = false;
            return Poll::Ready(());
        };
        if let Some(event) = slot.take() {
            let _quota = self.gate.lock();
            permit.send(event);
        }
        self.paid = false;
        Poll::Ready(())
    }

    fn poll_quota(&mut self, bytes: usize, cx: &mut Context<'_>) -> Poll<()> {
        while !self.paid {
            if let Some(pause) = &mut self.pause {
                futures::ready!(pause.poll_unpin(cx));
                self.pause = None;
            }
            let taken = self.gate.lock().take(bytes, Instant::now());
            match taken {
                Ok(()) => self.paid = true,
                Err(wait) => {
                    count(&self.counters.quota_cuts);
                    // Waiting for a few frames at once costs fewer wake-ups than one by one.
                    let wait = wait.max(Duration::from_millis(10));
                    self.pause = Some(tokio::time::sleep(wait).boxed());
                }
            }
        }
        Poll::Ready(())
    }

    fn poll_reserve(
        &mut self,
        bytes: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Option<OwnedPermit<NetEvent>>> {
        if self.reserving.is_none() {
            let room = self.events.max_capacity();
            let may_wait = BUDGET_BYTES.checked_div(bytes.max(1)).unwrap_or(0);
            let needed = room.saturating_sub(may_wait).max(1);
            let events = self.events.clone();
            if events.capacity() >= needed
                && let Ok(permit) = events.clone().try_reserve_owned()
            {
                return Poll::Ready(Some(permit));
            }
            self.reserving = Some(
                async move {
                    drop(events.reserve_many(needed).await.ok()?);
                    events.reserve_owned().await.ok()
                }
                .boxed(),
            );
        }
        let Some(reserving) = &mut self.reserving else { return Poll::Pending };
        let permit = futures::ready!(reserving.poll_unpin(cx));
        self.reserving = None;
        Poll::Ready(permit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quota_lets_a_burst_through_then_the_rate() {
        let limits =
            Limits { frames_per_s: 10, frames_burst: 3, bytes_burst: 1_000, ..Limits::default() };
        let start = Instant::now();
        let mut quota = Quota::new(&limits, start);
        for _ in 0..3 {
            assert_eq!(quota.take(10, start), Ok(()));
        }
        assert_eq!(quota.take(10, start), Err(Duration::from_millis(100)));
        assert_eq!(quota.take(10, start + Duration::from_millis(101)), Ok(()));
        assert!(quota.take(10, start + Duration::from_millis(102)).is_err());
    }

    #[test]
    fn a_frame_over_the_burst_passes_once_the_bucket_is_full() {
        let limits = Limits { bytes_burst: 100, bytes_per_s: 100, ..Limits::default() };
        let start = Instant::now();
        let mut quota = Quota::new(&limits, start);
        assert_eq!(quota.take(1_000, start), Ok(()));
        assert_eq!(quota.take(1_000, start), Err(Duration::from_secs(10)));
    }
}
