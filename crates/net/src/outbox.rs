//! Frames on their way to a device, between the thread that sends and the connection that writes.
//!
//! One bounded queue a device, shared by all its connections: whichever connection is in use pulls
//! from it, so that changing connections loses nothing. The sender wakes the connection's task
//! directly; no other task stands between. While connections change hands two of them may be
//! registered, and both are woken: one alone could be the one that has just stopped pulling. The
//! locks guard a few pointer moves and are never held across anything that waits.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::Waker;

use anser_proto::DeviceId;
use libp2p::swarm::ConnectionId;

/// A four-byte big-endian length stands before each frame.
pub(crate) const PREFIX_BYTES: usize = 4;

/// What became of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It waits to be written.
    Queued,
    /// The queue is over its bound: the connection must be closed.
    Overflow,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Vec<u8>>,
    bytes: usize,
    overflowed: bool,
    pullers: Vec<(ConnectionId, Waker)>,
}

/// The queue of one device.
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    bound_bytes: usize,
}

impl Outbox {
    pub(crate) fn new(bound_bytes: usize) -> Self {
        Self { queue: Mutex::default(), bound_bytes }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a frame and wakes the connection in use.
    pub(crate) fn push(&self, frame: Vec<u8>) -> Pushed {
        let mut queue = self.lock();
        let bytes = queue.bytes.saturating_add(frame.len()).saturating_add(PREFIX_BYTES);
        let pushed = if queue.overflowed || bytes > self.bound_bytes {
            queue.overflowed = true;
            Pushed::Overflow
        } else {
            queue.bytes = bytes;
            queue.frames.push_back(frame);
            Pushed::Queued
        };
        // Waking only schedules the task; it cannot come back to this lock.
        queue.pullers.iter().for_each(|(_, waker)| waker.wake_by_ref());
        pushed
    }

    /// Moves whole frames, each behind its length, to `buffer` until that holds `target` bytes.
    /// Returns how many were moved.
    pub(crate) fn pull(&self, buffer: &mut Vec<u8>, target: usize) -> usize {
        let mut pulled = 0;
        let mut queue = self.lock();
        while buffer.len() < target {
            let Some(frame) = queue.frames.pop_front() else { break };
            queue.bytes = queue.bytes.saturating_sub(frame.len().saturating_add(PREFIX_BYTES));
            // Frames longer than u32 are refused before they are queued.
            let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
            buffer.extend_from_slice(&length.to_be_bytes());
            buffer.extend_from_slice(&frame);
            pulled += 1;
        }
        if queue.frames.is_empty() && queue.frames.capacity() > 1_024 {
            queue.frames = VecDeque::new();
        }
        pulled
    }

    /// Whether a frame did not fit.
    pub(crate) fn overflowed(&self) -> bool {
        self.lock().overflowed
    }

    /// Empties the queue and lifts an overflow. Returns how many frames were dropped.
    pub(crate) fn clear(&self) -> usize {
        let mut queue = self.lock();
        queue.bytes = 0;
        queue.overflowed = false;
        std::mem::take(&mut queue.frames).len()
    }

    /// Wakes this connection's task for every frame.
    pub(crate) fn register(&self, connection: ConnectionId, waker: &Waker) {
        let mut queue = self.lock();
        match queue.pullers.iter_mut().find(|(id, _)| *id == connection) {
            Some((_, known)) => known.clone_from(waker),
            None => queue.pullers.push((connection, waker.clone())),
        }
    }

    /// Leaves this connection's task alone.
    pub(crate) fn deregister(&self, connection: ConnectionId) {
        self.lock().pullers.retain(|(id, _)| *id != connection);
    }
}

/// The queues of all connected devices.
#[derive(Default)]
pub(crate) struct Outboxes(RwLock<HashMap<DeviceId, Arc<Outbox>>>);

impl Outboxes {
    pub(crate) fn get(&self, device: &DeviceId) -> Option<Arc<Outbox>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(device).cloned()
    }

    pub(crate) fn insert(&self, device: DeviceId, outbox: Arc<Outbox>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(device, outbox);
    }

    pub(crate) fn remove(&self, device: &DeviceId) -> Option<Arc<Outbox>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(device)
    }
}
