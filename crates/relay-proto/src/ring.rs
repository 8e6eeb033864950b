//! The latest events of one topic.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::event::Event;

/// Bounded by number and age. It remembers how far it was trimmed, so a hole can be told.
#[derive(Debug)]
pub(crate) struct Ring<D> {
    events: VecDeque<Arc<Event<D>>>,
    /// The number of the latest event that is no longer held; 0 when nothing was let go.
    trimmed: u64,
}

impl<D> Default for Ring<D> {
    fn default() -> Self {
        Self { events: VecDeque::new(), trimmed: 0 }
    }
}

impl<D> Ring<D> {
    pub(crate) fn push(&mut self, event: Arc<Event<D>>, most: usize) {
        self.events.push_back(event);
        while self.events.len() > most {
            self.pop();
        }
    }

    /// Lets go of what was taken before `oldest_ms`.
    pub(crate) fn expire(&mut self, oldest_ms: u64) {
        while self.events.front().is_some_and(|event| event.taken_ms < oldest_ms) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.trimmed = event.seq;
        }
    }

    /// The number after which nothing was let go.
    pub(crate) fn trimmed(&self) -> u64 {
        self.trimmed
    }

    pub(crate) fn last(&self) -> Option<&Arc<Event<D>>> {
        self.events.back()
    }

    /// The events after `seq`, oldest first.
    pub(crate) fn after(&self, seq: u64) -> impl Iterator<Item = &Arc<Event<D>>> {
        let from = self.events.partition_point(|event| event.seq <= seq);
        self.events.range(from..)
    }
}
