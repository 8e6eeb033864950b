//! Events for any number of subscribers, none of whom can hold up the node.
//!
//! Must always hold: the revisions that one subscriber sees grow; one that reads too slowly loses
//! the oldest events and sees it by the gap.

use std::sync::Arc;

use anser_api::{Event, EventBody};
use tokio::sync::broadcast;

/// Events that a subscriber may be behind before it loses some. One turn of the node can bring four
/// full pages from each of several peers.
const BEHIND: usize = 16_384;

/// Where subscriptions come from; it outlives the engines that feed it.
#[derive(Clone, Debug)]
pub(crate) struct Source(broadcast::Sender<Arc<Event>>);

impl Source {
    pub(crate) fn new() -> Self {
        Self(broadcast::channel(BEHIND).0)
    }

    pub(crate) fn subscribe(&self) -> Subscription {
        Subscription(self.0.subscribe())
    }

    fn send(&self, event: Event) {
        // Nobody listening is no error.
        let _ = self.0.send(Arc::new(event));
    }
}

/// Events in order, from the moment of subscribing on.
#[derive(Debug)]
pub struct Subscription(broadcast::Receiver<Arc<Event>>);

impl Subscription {
    /// The next event; `None` once there will be no more. After reading too slowly the revision
    /// jumps: `state.snapshot` tells what was missed. Cancel-safe.
    pub async fn next(&mut self) -> Option<Arc<Event>> {
        loop {
            match self.0.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

/// The one feed of a node's events into a [`Source`]. It lets the engine put warnings of its own
/// between them: what the node counted is moved up by as many.
#[derive(Debug)]
pub(crate) struct Feed {
    source: Source,
    last: u64,
    own: u64,
}

impl Feed {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, last: 0, own: 0 }
    }

    /// The revision that subscribers know what the node counts as `revision`.
    pub(crate) fn shifted(&self, revision: u64) -> u64 {
        revision.saturating_add(self.own)
    }

    pub(crate) fn pass(&mut self, mut event: Event) {
        event.revision = self.shifted(event.revision);
        self.last = event.revision;
        self.source.send(event);
    }

    pub(crate) fn warn(&mut self, code: &str, message: String) {
        self.own = self.own.saturating_add(1);
        self.last = self.last.saturating_add(1);
        let body = EventBody::Warning { code: code.into(), message, conversation: None };
        self.source.send(Event { revision: self.last, body });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(revision: u64) -> Event {
        let body = EventBody::ConversationRemoved { conversation: "c".into() };
        Event { revision, body }
    }

    #[tokio::test]
    async fn a_warning_of_the_engine_moves_later_revisions_up() {
        let source = Source::new();
        let mut feed = Feed::new(source.clone());
        let mut subscription = source.subscribe();
        feed.pass(event(1));
        feed.warn("store_full", "The disk is full.".into());
        feed.pass(event(2));
        assert_eq!(feed.shifted(2), 3);
        for revision in 1..=3 {
            assert_eq!(subscription.next().await.unwrap().revision, revision);
        }
    }

    #[tokio::test]
    async fn a_slow_subscriber_sees_a_gap_and_then_the_latest() {
        let source = Source::new();
        let mut feed = Feed::new(source.clone());
        let mut subscription = source.subscribe();
        let count = u64::try_from(BEHIND).unwrap() + 10;
        for revision in 1..=count {
            feed.pass(event(revision));
        }
        assert_eq!(subscription.next().await.unwrap().revision, 11);
        let mut last = 11;
        while last < count {
            let next = subscription.next().await.unwrap().revision;
            assert_eq!(next, last + 1);
            last = next;
        }
    }
}
