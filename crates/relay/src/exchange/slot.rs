//! The way from the exchange to one connection: room for one batch, and what else it must know.
//!
//! A channel of its own kind, because there are tens of thousands of them: it takes about a hundred
//! bytes, wakes its connection once however much comes, and holds the next batch back until the
//! connection has written the last one. Meanwhile events wait in the hub, where they lie once for
//! everybody and are counted against the reader.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use anser_relay_proto::{ConnectionId, Cursor};
use tokio::sync::mpsc;

use crate::event::Item;

/// Events for a connection, and where it stands after them, of topics.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) events: Vec<Item>,
    pub(crate) cursor: Cursor,
}

/// Why a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It read too slowly; it goes on by its cursor.
    Slow,
    /// A newer connection of its session took over.
    Fenced,
    /// The relay stops, or wants fewer connections.
    Drain,
}

/// What a connection has to do next.
#[derive(Debug)]
pub(crate) enum Signal {
    Batch(Batch),
    /// Its mailbox has letters up to this number.
    Mail(u64),
    End(End),
}

/// From connections to the exchange. Unbounded by type; at most two wait for each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// It has written what it was given, and more was held back.
    Refill(ConnectionId),
    /// It is gone.
    Closed(ConnectionId),
}

#[derive(Debug, Default)]
struct State {
    batch: Option<Batch>,
    mail: u64,
    end: Option<End>,
    /// The connection is writing a batch.
    busy: bool,
    /// More is ready than was given.
    more: bool,
    waker: Option<Waker>,
}

#[derive(Debug, Default)]
pub(crate) struct Slot {
    state: Mutex<State>,
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let waker = {
            let mut state = self.state();
            change(&mut state);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether the connection takes a batch now. If not, it asks for one when it does.
    pub(crate) fn has_room(&self) -> bool {
        let mut state = self.state();
        let room = !state.busy && state.batch.is_none();
        state.more |= !room;
        room
    }

    /// Whether everything that was put in has been taken out and written.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.state();
        !state.busy && state.batch.is_none()
    }

    /// Puts the next batch in; `more` is whether others were held back.
    pub(crate) fn put(&self, batch: Batch, more: bool) {
        self.change(|state| {
            state.batch = Some(batch);
            state.more = more;
        });
    }

    pub(crate) fn mail(&self, seq: u64) {
        self.change(|state| state.mail = state.mail.max(seq));
    }

    pub(crate) fn end(&self, why: End) {
        self.change(|state| state.end = Some(why));
    }
}

/// The connection's end of a slot. Dropping it tells the exchange that the connection is gone.
#[derive(Debug)]
pub(crate) struct Feed {
    slot: Arc<Slot>,
    id: ConnectionId,
    notes: mpsc::UnboundedSender<Note>,
}

impl Feed {
    pub(crate) fn new(
        slot: Arc<Slot>,
        id: ConnectionId,
        notes: mpsc::UnboundedSender<Note>,
    ) -> Self {
        Self { slot, id, notes }
    }

    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }

    /// The next thing to do. By asking, the connection says that it has written what came before.
    /// Cancel-safe: nothing is taken out before it is returned.
    pub(crate) async fn next(&mut self) -> Signal {
        poll_fn(|context| match self.step(Some(context.waker())) {
            Some(signal) => Poll::Ready(signal),
            None => Poll::Pending,
        })
        .await
    }

    /// What [`Feed::next`] would return at once.
    pub(crate) fn now(&mut self) -> Option<Signal> {
        self.step(None)
    }

    fn step(&mut self, waker: Option<&Waker>) -> Option<Signal> {
        let mut state = self.slot.state();
        state.busy = false;
        let signal = Self::take(&mut state);
        if signal.is_none() {
            if std::mem::take(&mut state.more) {
                let _ = self.notes.send(Note::Refill(self.id));
            }
            if waker.is_some() {
                state.waker = waker.cloned();
            }
        }
        signal
    }

    fn take(state: &mut State) -> Option<Signal> {
        if let Some(batch) = state.batch.take() {
            state.busy = true;
            return Some(Signal::Batch(batch));
        }
        if state.mail > 0 {
            return Some(Signal::Mail(std::mem::take(&mut state.mail)));
        }
        state.end.map(Signal::End)
    }

    /// Returns once the stream must end, whatever else there is.
    pub(crate) async fn ended(&self) -> End {
        poll_fn(|context| {
            let mut state = self.slot.state();
            match state.end {
                Some(end) => Poll::Ready(end),
                None => {
                    state.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let _ = self.notes.send(Note::Closed(self.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anser_relay_proto::Epoch;

    fn batch() -> Batch {
        Batch { events: Vec::new(), cursor: Cursor::start(Epoch(1)) }
    }

    #[tokio::test]
    async fn a_batch_is_held_back_until_the_last_one_is_written() {
        let (notes, mut heard) = mpsc::unbounded_channel();
        let slot = Arc::new(Slot::default());
        let mut feed = Feed::new(Arc::clone(&slot), 7, notes);
        assert!(slot.has_room());
        slot.put(batch(), false);
        assert!(!slot.has_room(), "one lies there");
        assert!(matches!(feed.next().await, Signal::Batch(_)));
        assert!(!slot.has_room(), "it is being written");
        assert_eq!(heard.try_recv().ok(), None);
        // Asking for the next one is what says it was written.
        let waits = tokio::spawn(async move {
            let signal = feed.next().await;
            (feed, signal)
        });
        assert_eq!(heard.recv().await, Some(Note::Refill(7)));
        assert!(slot.has_room());
        slot.mail(3);
        slot.mail(2);
        let (mut feed, signal) = waits.await.unwrap();
        assert!(matches!(signal, Signal::Mail(3)));
        slot.put(batch(), true);
        slot.end(End::Fenced);
        assert!(matches!(feed.next().await, Signal::Batch(_)), "what it has is its own");
        assert!(matches!(feed.next().await, Signal::End(End::Fenced)));
        drop(feed);
        let last = std::iter::from_fn(|| heard.try_recv().ok()).last();
        assert_eq!(last, Some(Note::Closed(7)));
    }
}
