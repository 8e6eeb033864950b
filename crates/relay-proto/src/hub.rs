//! The hub: who watches what, and what each still has to be given.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cursor::{Cursor, Epoch, Shard};
use crate::event::Event;
use crate::hello::{Hello, Reason};
use crate::limits::Limits;
use crate::reader::{ConnectionId, Reader};
use crate::ring::Ring;
use crate::topic::Topic;

/// What the owner of the sockets has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// There is something to [`Hub::take`] for this connection.
    Ready(ConnectionId),
    /// Tell it why and close it; the hub has forgotten it.
    Cut(ConnectionId, Cut),
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It read too slowly; it can go on by its cursor.
    Slow,
    /// A newer connection of its session took over.
    Fenced,
}

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More topics than one connection may watch.
    #[error("this connection watches as many topics as it may")]
    TooManyWatches,
    /// The connection is none, or was cut.
    #[error("this connection is closed")]
    Closed,
    /// Events were let go before it read them. It was cut, and can go on by its cursor.
    #[error("this connection read too slowly: go on by the last cursor")]
    Slow,
}

#[derive(Debug)]
struct Channel<D> {
    /// `None` until its first event.
    shard: Option<Shard>,
    /// Events of it up to here may have been forgotten before this began.
    since: u64,
    ring: Ring<D>,
    watchers: BTreeSet<ConnectionId>,
}

impl<D> Default for Channel<D> {
    fn default() -> Self {
        Self { shard: None, since: 0, ring: Ring::default(), watchers: BTreeSet::new() }
    }
}

/// See the crate's header. `D` is an event's body.
#[derive(Debug)]
pub struct Hub<D> {
    limits: Limits,
    head: Cursor,
    channels: BTreeMap<Topic, Channel<D>>,
    /// How far topics that were forgotten whole had been let go.
    forgotten: Cursor,
    readers: BTreeMap<ConnectionId, Reader>,
    sessions: BTreeMap<u64, ConnectionId>,
}

impl<D> Hub<D> {
    /// A hub for a log of this epoch. Of what the log holds up to `head` it knows nothing: feed it
    /// the latest events by [`Hub::append`] from an earlier `head` on, to have them for replay.
    pub fn new(head: Cursor, limits: Limits) -> Self {
        Self {
            limits,
            forgotten: head.clone(),
            head,
            channels: BTreeMap::new(),
            readers: BTreeMap::new(),
            sessions: BTreeMap::new(),
        }
    }

    /// The history this is.
    pub fn epoch(&self) -> Epoch {
        self.head.epoch
    }

    /// The place of the latest event.
    pub fn head(&self) -> &Cursor {
        &self.head
    }

    /// Takes over other bounds; who watches more topics than are allowed now keeps them.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.readers.len()
    }

    /// Topics that are held or watched.
    pub fn topics(&self) -> usize {
        self.channels.len()
    }

    /// A topic's latest event, while it is held.
    pub fn last(&self, topic: &Topic) -> Option<&Arc<Event<D>>> {
        self.channels.get(topic)?.ring.last()
    }

    /// Takes in an event that the log holds. Its number must be later than all before in its shard,
    /// else it is left out: it was here already. A topic stays in one shard.
    pub fn append(&mut self, event: Event<D>) -> Vec<Output> {
        let (shard, seq, bytes) = (event.shard, event.seq, event.bytes);
        if seq <= self.head.seq(shard) {
            return Vec::new();
        }
        self.head.advance(shard, seq);
        let topic = event.topic.clone();
        let channel = self.channels.entry(topic.clone()).or_default();
        if channel.shard.replace(shard).is_none() {
            channel.since = self.forgotten.seq(shard);
        }
        channel.ring.push(Arc::new(event), self.limits.ring_events);
        // Taken out and put back: a topic may have thousands of them.
        let watchers = std::mem::take(&mut channel.watchers);
        let mut outputs = Vec::new();
        let mut slow = Vec::new();
        for id in &watchers {
            let Some(reader) = self.readers.get_mut(id) else { continue };
            let first = reader.waiting.insert(topic.clone());
            reader.backlog_events = reader.backlog_events.saturating_add(1);
            reader.backlog_bytes = reader.backlog_bytes.saturating_add(bytes);
            if reader.backlog_events > self.limits.queued_events
                || reader.backlog_bytes > self.limits.queued_bytes
            {
                slow.push(*id);
            } else if first {
                outputs.push(Output::Ready(*id));
            }
        }
        if let Some(channel) = self.channels.get_mut(&topic) {
            channel.watchers = watchers;
        }
        outputs.extend(slow.into_iter().filter_map(|id| self.cut(id, Cut::Slow)));
        outputs
    }

    /// Opens a connection of `session` that goes on after `cursor` (without one: from now on) with
    /// these topics. The older connection of the session, if any, is cut.
    ///
    /// # Errors
    /// [`Refusal::TooManyWatches`]; nothing has changed.
    pub fn open(
        &mut self,
        id: ConnectionId,
        session: u64,
        cursor: Option<&Cursor>,
        topics: BTreeSet<Topic>,
    ) -> Result<(Hello, Vec<Output>), Refusal> {
        if topics.len() > self.limits.watches {
            return Err(Refusal::TooManyWatches);
        }
        let mut outputs = Vec::new();
        if let Some(older) = self.sessions.get(&session).copied() {
            outputs.extend(self.cut(older, Cut::Fenced));
        }
        let mut oldest = Cursor::start(self.head.epoch);
        let mut watches = BTreeMap::new();
        for topic in &topics {
            let from = self.held_after(topic, &mut oldest);
            watches.insert(topic.clone(), from);
        }
        let (reason, read) = self.judge(cursor, &oldest);
        let (came, head) = (self.head.clone(), self.head.clone());
        let (waiting, backlog_events, backlog_bytes) = (BTreeSet::new(), 0, 0);
        let mut reader =
            Reader { session, watches, waiting, read, came, backlog_events, backlog_bytes };
        for topic in topics {
            let channel = self.channels.entry(topic.clone()).or_default();
            channel.watchers.insert(id);
            if let Some(shard) = channel.shard
                && channel.ring.after(reader.after(&topic, shard)).next().is_some()
            {
                reader.waiting.insert(topic);
            }
        }
        if reader.waiting.is_empty() {
            // Nothing is missing up to here, and a cursor that is younger is held longer.
            head.seqs().for_each(|(shard, seq)| reader.read.advance(shard, seq));
        } else {
            outputs.push(Output::Ready(id));
        }
        self.sessions.insert(session, id);
        self.readers.insert(id, reader);
        Ok((Hello { recovered: reason == Reason::Ok, reason, oldest, head }, outputs))
    }

    /// The number after which a topic is held whole; moves `oldest` on to it.
    fn held_after(&self, topic: &Topic, oldest: &mut Cursor) -> u64 {
        match self.channels.get(topic).and_then(|channel| Some((channel, channel.shard?))) {
            Some((channel, shard)) => {
                // It may have been forgotten and come back since.
                let from = channel.ring.trimmed().max(channel.since);
                oldest.advance(shard, from);
                from
            }
            None => {
                self.forgotten.seqs().for_each(|(shard, seq)| oldest.advance(shard, seq));
                0
            }
        }
    }

    /// Where a stream goes on, and whether that is without a hole.
    fn judge(&self, cursor: Option<&Cursor>, oldest: &Cursor) -> (Reason, Cursor) {
        let Some(cursor) = cursor else { return (Reason::Ok, self.head.clone()) };
        if cursor.epoch != self.head.epoch {
            return (Reason::Epoch, Cursor::start(self.head.epoch));
        }
        if cursor.seqs().any(|(shard, seq)| seq > self.head.seq(shard)) {
            return (Reason::Future, self.head.clone());
        }
        let trimmed = oldest.seqs().any(|(shard, seq)| seq > cursor.seq(shard));
        (if trimmed { Reason::Trimmed } else { Reason::Ok }, cursor.clone())
    }

    /// Watches one more topic, from now on; gives its latest event while that is held.
    ///
    /// # Errors
    /// [`Refusal`]; nothing has changed.
    pub fn watch(
        &mut self,
        id: ConnectionId,
        topic: &Topic,
    ) -> Result<Option<Arc<Event<D>>>, Refusal> {
        let most = self.limits.watches;
        let reader = self.readers.get_mut(&id).ok_or(Refusal::Closed)?;
        if !reader.watches.contains_key(topic) {
            if reader.watches.len() >= most {
                return Err(Refusal::TooManyWatches);
            }
            let channel = self.channels.entry(topic.clone()).or_default();
            channel.watchers.insert(id);
            let from = channel.shard.map_or(0, |shard| self.head.seq(shard));
            reader.watches.insert(topic.clone(), from);
        }
        Ok(self.last(topic).cloned())
    }

    /// Watches a topic no longer.
    ///
    /// # Errors
    /// [`Refusal::Closed`].
    pub fn unwatch(&mut self, id: ConnectionId, topic: &Topic) -> Result<(), Refusal> {
        let reader = self.readers.get_mut(&id).ok_or(Refusal::Closed)?;
        reader.watches.remove(topic);
        reader.waiting.remove(topic);
        self.unlisten(id, topic);
        Ok(())
    }

    fn unlisten(&mut self, id: ConnectionId, topic: &Topic) {
        if let Some(channel) = self.channels.get_mut(topic) {
            channel.watchers.remove(&id);
            self.forget_if_empty(topic);
        }
    }

    fn forget_if_empty(&mut self, topic: &Topic) {
        let Some(channel) = self.channels.get(topic) else { return };
        if !channel.watchers.is_empty() || channel.ring.last().is_some() {
            return;
        }
        if let Some(shard) = channel.shard {
            self.forgotten.advance(shard, channel.ring.trimmed());
        }
        self.channels.remove(topic);
    }

    /// Forgets a connection.
    pub fn close(&mut self, id: ConnectionId) {
        let Some(reader) = self.readers.remove(&id) else { return };
        if self.sessions.get(&reader.session) == Some(&id) {
            self.sessions.remove(&reader.session);
        }
        for topic in reader.watches.keys() {
            self.unlisten(id, topic);
        }
    }

    fn cut(&mut self, id: ConnectionId, why: Cut) -> Option<Output> {
        self.readers.contains_key(&id).then(|| {
            self.close(id);
            Output::Cut(id, why)
        })
    }

    /// The next events for a connection, at most `most`, of each shard in its order.
    ///
    /// # Errors
    /// [`Refusal::Closed`]; [`Refusal::Slow`], after which it is closed. Nothing is given then.
    pub fn take(&mut self, id: ConnectionId, most: usize) -> Result<Vec<Arc<Event<D>>>, Refusal> {
        let reader = self.readers.get(&id).ok_or(Refusal::Closed)?;
        let mut shards: BTreeMap<Shard, Vec<Arc<Event<D>>>> = BTreeMap::new();
        for topic in &reader.waiting {
            let Some(channel) = self.channels.get(topic) else { continue };
            let Some(shard) = channel.shard else { continue };
            let after = reader.after(topic, shard);
            if channel.ring.trimmed() > after {
                self.close(id);
                return Err(Refusal::Slow);
            }
            // Of each topic no more than could be given at all.
            shards.entry(shard).or_default().extend(channel.ring.after(after).take(most).cloned());
        }
        let mut found: Vec<(usize, Arc<Event<D>>)> = Vec::new();
        for events in shards.values_mut() {
            events.sort_by_key(|event| event.seq);
            found.extend(events.drain(..).enumerate());
        }
        // A busy shard does not keep the others waiting.
        found.sort_by_key(|(index, event)| (*index, event.shard));
        found.truncate(most);
        let found: Vec<_> = found.into_iter().map(|(_, event)| event).collect();
        self.given(id, &found);
        Ok(found)
    }

    /// Moves a reader on over what it was given.
    fn given(&mut self, id: ConnectionId, events: &[Arc<Event<D>>]) {
        let Some(reader) = self.readers.get_mut(&id) else { return };
        for event in events {
            reader.read.advance(event.shard, event.seq);
            if event.seq > reader.came.seq(event.shard) {
                reader.backlog_events = reader.backlog_events.saturating_sub(1);
                reader.backlog_bytes = reader.backlog_bytes.saturating_sub(event.bytes);
            }
        }
        let mut waiting = std::mem::take(&mut reader.waiting);
        waiting.retain(|topic| {
            let channel = self.channels.get(topic);
            let shard = channel.and_then(|channel| channel.shard);
            let (Some(channel), Some(shard)) = (channel, shard) else { return false };
            channel.ring.after(reader.after(topic, shard)).next().is_some()
        });
        if waiting.is_empty() {
            (reader.backlog_events, reader.backlog_bytes) = (0, 0);
            for (shard, seq) in self.head.seqs() {
                reader.read.advance(shard, seq);
            }
        }
        reader.waiting = waiting;
    }

    /// Where a connection stands after what it was given: the cursor to tell it.
    pub fn cursor(&self, id: ConnectionId) -> Option<&Cursor> {
        self.readers.get(&id).map(|reader| &reader.read)
    }

    /// Whether there is something to take for a connection.
    pub fn is_ready(&self, id: ConnectionId) -> bool {
        self.readers.get(&id).is_some_and(|reader| !reader.waiting.is_empty())
    }

    /// Lets go of events that are too old, and of topics that nobody publishes to or watches.
    pub fn expire(&mut self, now_ms: u64) {
        let oldest_ms = now_ms.saturating_sub(self.limits.ring_ms);
        let mut empty = Vec::new();
        for (topic, channel) in &mut self.channels {
            channel.ring.expire(oldest_ms);
            if channel.ring.last().is_none() {
                empty.push(topic.clone());
            }
        }
        for topic in empty {
            self.forget_if_empty(&topic);
        }
    }
}
