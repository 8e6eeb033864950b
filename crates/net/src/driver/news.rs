//! Events on their way to the node, in order, without ever blocking the swarm.
//!
//! Connects and disconnects are never lost; other news is, beyond a bound. While [`News::is_full`]
//! the driver takes no more from the swarm.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc::{Sender, error::TrySendError};

use crate::event::NetEvent;
use crate::link::Gate;
use crate::status::{Counters, count};

/// Beyond this, news that the node can live without is dropped.
const SOFT_BOUND: usize = 512;
/// Beyond this the driver stops taking from the swarm.
const HARD_BOUND: usize = 2_048;

/// What stands in the queue.
pub(crate) enum Item {
    /// One event.
    Event(NetEvent),
    /// `Connected`, after which the links may read; the number is the session.
    Connected(NetEvent, u64),
    /// A `Disconnected` and `Connected` that no frame may come between.
    Pair(Arc<Gate>, NetEvent, NetEvent),
}

/// The queue before the event channel.
pub(crate) struct News {
    events: Sender<NetEvent>,
    queue: VecDeque<Item>,
    counters: Arc<Counters>,
}

impl News {
    pub(crate) fn new(events: Sender<NetEvent>, counters: Arc<Counters>) -> Self {
        Self { events, queue: VecDeque::new(), counters }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() >= HARD_BOUND
    }

    /// Adds what must not be lost.
    pub(crate) fn push(&mut self, item: Item) {
        self.queue.push_back(item);
    }

    /// Adds what may be lost when the node does not keep up.
    pub(crate) fn offer(&mut self, event: NetEvent) {
        if self.queue.len() < SOFT_BOUND {
            self.queue.push_back(Item::Event(event));
        } else {
            count(&self.counters.events_dropped);
        }
    }

    /// Waits until the first item can go. Cancel-safe.
    pub(crate) async fn room(&self) {
        let needed = if matches!(self.queue.front(), Some(Item::Pair(..))) { 2 } else { 1 };
        if self.events.reserve_many(needed).await.is_err() {
            // Nobody listens any more; the handle will be dropped next.
            std::future::pending::<()>().await;
        }
    }

    /// Hands over what there is room for; returns the sessions that may be read now.
    pub(crate) fn flush(&mut self) -> Vec<(NetEvent, u64)> {
        let mut confirmed = Vec::new();
        while let Some(item) = self.queue.pop_front() {
            let kept = match item {
                Item::Event(event) => {
                    self.events.try_send(event).err().and_then(keep).map(Item::Event)
                }
                Item::Connected(event, session) => match self.events.try_send(event.clone()) {
                    Ok(()) => {
                        confirmed.push((event, session));
                        None
                    }
                    Err(error) => keep(error).map(|event| Item::Connected(event, session)),
                },
                Item::Pair(gate, down, up) => self.send_pair(gate, down, up),
            };
            if let Some(item) = kept {
                self.queue.push_front(item);
                break;
            }
        }
        confirmed
    }

    fn send_pair(&self, gate: Arc<Gate>, down: NetEvent, up: NetEvent) -> Option<Item> {
        let Ok(mut permits) = self.events.try_reserve_many(2) else {
            return (!self.events.is_closed()).then_some(Item::Pair(gate, down, up));
        };
        let _no_frame_between = gate.lock();
        for event in [down, up] {
            if let Some(permit) = permits.next() {
                permit.send(event);
            }
        }
        None
    }
}

fn keep(error: TrySendError<NetEvent>) -> Option<NetEvent> {
    match error {
        TrySendError::Full(event) => Some(event),
        TrySendError::Closed(_) => None,
    }
}
