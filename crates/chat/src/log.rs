//! One device's log in a conversation, as far as it is known here: its head, not its events.

use std::sync::Arc;

use anser_proto::{AccountId, EventId};

use crate::past::Past;

/// The head of a log.
#[derive(Clone, Debug)]
pub struct Log {
    /// The account the device speaks for, from the certificate in the log's first event.
    pub account: AccountId,
    /// The last sequence number without a gap.
    pub seq: u64,
    /// That event's id.
    pub head: EventId,
    /// That event's lamport time.
    pub lamport: u64,
    /// From which sequence number on its writer had seen what, ascending.
    pasts: Vec<(u64, Arc<Past>)>,
}

impl Log {
    /// An empty log of a device that speaks for `account`.
    pub fn new(account: AccountId) -> Self {
        Self { account, seq: 0, head: EventId([0; 32]), lamport: 0, pasts: Vec::new() }
    }

    /// Notes that from event `seq` on the writer had seen `past`.
    pub fn saw(&mut self, seq: u64, past: Past) {
        match self.pasts.last_mut() {
            Some((last, known)) if *last == seq => *known = Arc::new(past),
            _ => self.pasts.push((seq, Arc::new(past))),
        }
    }

    /// What the writer of event `seq` had seen.
    pub fn past(&self, seq: u64) -> Option<&Arc<Past>> {
        let after = self.pasts.partition_point(|(from, _)| *from <= seq);
        self.pasts.get(after.checked_sub(1)?).map(|(_, past)| past)
    }

    /// What the writer of the last event had seen.
    pub fn latest_past(&self) -> Past {
        self.pasts.last().map(|(_, past)| (**past).clone()).unwrap_or_default()
    }

    /// Which stretch of the log event `seq` lies in; its writer had seen the same all along one.
    pub fn stretch(&self, seq: u64) -> usize {
        self.pasts.partition_point(|(from, _)| *from <= seq)
    }
}
