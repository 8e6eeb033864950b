//! The exchange's task.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anser_relay_proto::{ConnectionId, Cursor, Cut, Hub, Output, Refusal, Topic};
use tokio::sync::{mpsc, watch};

use super::slot::{Batch, End, Feed, Note, Slot};
use super::{Caller, Opened, Overview, Question, Refused, Settings, Start, may_watch, topics};
use crate::clock::now_ms;
use crate::event::{Carried, TOPICS, carried};
use crate::metrics::Metrics;
use crate::storage::{Fact, MailboxId, SessionId};

/// Events of one batch.
const BATCH: usize = 128;

/// What a session watches, also while it is not connected.
#[derive(Debug, Default)]
struct Session {
    /// The hub's name for it.
    number: u64,
    expires_ms: u64,
    topics: BTreeSet<Topic>,
    connection: Option<ConnectionId>,
}

struct Connection {
    slot: Arc<Slot>,
    session: SessionId,
    mailbox: Option<MailboxId>,
}

pub(super) struct Task {
    hub: Hub<Carried>,
    sessions: HashMap<SessionId, Session>,
    connections: HashMap<ConnectionId, Connection>,
    mailboxes: HashMap<MailboxId, BTreeSet<ConnectionId>>,
    settings: watch::Receiver<Settings>,
    metrics: Arc<Metrics>,
    notes: mpsc::UnboundedSender<Note>,
    noted: mpsc::UnboundedReceiver<Note>,
    last_number: u64,
    stopping: bool,
}

impl Task {
    pub(super) fn new(start: Start) -> Self {
        let (notes, noted) = mpsc::unbounded_channel();
        let mut task = Self {
            hub: start.hub,
            sessions: HashMap::new(),
            connections: HashMap::new(),
            mailboxes: HashMap::new(),
            settings: start.settings,
            metrics: start.metrics,
            notes,
            noted,
            last_number: 0,
            stopping: false,
        };
        for (id, record) in start.watches {
            let number = task.next_number();
            let topics = topics(&record);
            let expires_ms = record.expires_ms;
            task.sessions.insert(id, Session { number, expires_ms, topics, connection: None });
        }
        task
    }

    fn next_number(&mut self) -> u64 {
        self.last_number = self.last_number.wrapping_add(1);
        self.last_number
    }

    pub(super) async fn run(
        mut self,
        mut asked: mpsc::Receiver<Question>,
        mut news: mpsc::Receiver<Vec<Fact>>,
    ) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                facts = news.recv() => match facts {
                    Some(facts) => facts.into_iter().for_each(|fact| self.learn(fact)),
                    None => return,
                },
                Some(note) = self.noted.recv() => self.note(note),
                Some(question) = asked.recv() => self.answer(question),
                _ = ticks.tick() => self.tick(),
                Ok(()) = self.settings.changed() => {
                    let limits = self.settings.borrow_and_update().config.limits.hub();
                    self.hub.set_limits(limits);
                }
            }
        }
    }

    fn learn(&mut self, fact: Fact) {
        match fact {
            Fact::Published(published, answer) => {
                if let Some(event) = published.event.clone()
                    && let Ok(topic) = event.topic.parse()
                {
                    self.metrics.published.add(1);
                    let outputs = self.hub.append(carried(event, topic, TOPICS));
                    self.obey(outputs);
                }
                let _ = answer.send(published);
            }
            Fact::Deposited(mailbox, seq) => {
                for id in self.mailboxes.get(&mailbox).into_iter().flatten() {
                    if let Some(connection) = self.connections.get(id) {
                        connection.slot.mail(seq);
                    }
                }
            }
        }
    }

    fn obey(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Ready(id) => self.give(id),
                Output::Cut(id, Cut::Slow) => self.end(id, End::Slow),
                Output::Cut(id, Cut::Fenced) => self.end(id, End::Fenced),
            }
        }
    }

    /// Gives a connection its next events, if it has room.
    fn give(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(&id) else { return };
        if !connection.slot.has_room() {
            return;
        }
        match self.hub.take(id, BATCH) {
            Ok(mut events) => {
                let now = now_ms();
                let fresh = |expires_ms: u64| expires_ms == 0 || expires_ms > now;
                events.retain(|event| fresh(event.data.expires_ms));
                self.metrics.delivered.add(events.len() as u64);
                let more = self.hub.is_ready(id);
                if let Some(cursor) = self.hub.cursor(id)
                    && (more || !events.is_empty())
                {
                    connection.slot.put(Batch { events, cursor: cursor.clone() }, more);
                }
            }
            Err(Refusal::Slow) => self.end(id, End::Slow),
            Err(_) => {}
        }
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Refill(id) if self.hub.is_ready(id) => self.give(id),
            Note::Refill(_) => {}
            Note::Closed(id) => {
                self.hub.close(id);
                self.forget(id);
            }
        }
    }

    fn end(&mut self, id: ConnectionId, why: End) {
        match why {
            End::Slow => self.metrics.slow.add(1),
            End::Fenced => self.metrics.fenced.add(1),
            End::Drain => {}
        }
        self.hub.close(id);
        if let Some(connection) = self.connections.get(&id) {
            connection.slot.end(why);
        }
        self.forget(id);
    }

    /// Everything but the hub's part.
    fn forget(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.remove(&id) else { return };
        if let Some(mailbox) = connection.mailbox
            && let Some(readers) = self.mailboxes.get_mut(&mailbox)
        {
            readers.remove(&id);
            if readers.is_empty() {
                self.mailboxes.remove(&mailbox);
            }
        }
        if let Some(session) = self.sessions.get_mut(&connection.session)
            && session.connection == Some(id)
        {
            session.connection = None;
            if session.topics.is_empty() {
                self.sessions.remove(&connection.session);
            }
        }
    }

    fn answer(&mut self, question: Question) {
        match question {
            Question::Open { caller, cursor, reply } => {
                let opened = self.open(caller, cursor);
                // Whoever asked may have gone: the feed's end then closes the stream again.
                let _ = reply.send(opened);
            }
            Question::Watch { caller, topic, reply } => {
                let _ = reply.send(self.watch(caller, &topic));
            }
            Question::Unwatch { caller, topic, reply } => {
                self.unwatch(caller, &topic);
                let _ = reply.send(Ok(()));
            }
            Question::Head(reply) => {
                let _ = reply.send(self.hub.head().clone());
            }
            Question::Stands(id, reply) => {
                let idle = self.connections.get(&id).is_some_and(|c| c.slot.is_idle());
                let head = (idle && !self.hub.is_ready(id)).then(|| self.hub.head().clone());
                let _ = reply.send(head);
            }
            Question::Overview(reply) => {
                let _ = reply.send(Overview {
                    connections: self.hub.connections(),
                    topics: self.hub.topics(),
                    sessions: self.sessions.len(),
                    head: self.hub.head().to_string(),
                });
            }
            Question::Drain(reply) => {
                self.stopping = true;
                let open: Vec<_> = self.connections.keys().copied().collect();
                let _ = reply.send(open.len());
                open.into_iter().for_each(|id| self.end(id, End::Drain));
            }
        }
    }

    fn open(&mut self, caller: Caller, cursor: Option<Cursor>) -> Result<Opened, Refused> {
        if self.stopping {
            return Err(Refused::Stopping);
        }
        let rights = Arc::clone(&self.settings.borrow().rights);
        let (number, id) = (self.next_number(), self.next_number());
        let session = self.sessions.entry(caller.session).or_insert_with(|| Session {
            number,
            expires_ms: caller.expires_ms,
            ..Session::default()
        });
        let (topics, refused): (BTreeSet<_>, BTreeSet<_>) = session
            .topics
            .iter()
            .cloned()
            .partition(|topic| may_watch(&rights, caller.device.is_some(), topic));
        let number = session.number;
        // The mailbox's part of the cursor is the connection's affair.
        let cursor = cursor.map(|cursor| cursor.only(TOPICS));
        let watching = topics.len();
        let (hello, outputs) = self
            .hub
            .open(id, number, cursor.as_ref(), topics)
            .map_err(|_| Refused::TooManyWatches)?;
        let slot = Arc::new(Slot::default());
        let feed = Feed::new(Arc::clone(&slot), id, self.notes.clone());
        let stands = self.hub.cursor(id).cloned().ok_or(Refused::Stopping)?;
        let connection = Connection { slot, session: caller.session, mailbox: caller.device };
        self.connections.insert(id, connection);
        if let Some(mailbox) = caller.device {
            self.mailboxes.entry(mailbox).or_default().insert(id);
        }
        self.obey(outputs);
        if let Some(session) = self.sessions.get_mut(&caller.session) {
            session.connection = Some(id);
        } else {
            // Its older connection ended and was the last that was known of it.
            let session = Session {
                number,
                expires_ms: caller.expires_ms,
                topics: BTreeSet::new(),
                connection: Some(id),
            };
            self.sessions.insert(caller.session, session);
        }
        let refused = refused.into_iter().collect();
        Ok(Opened { hello, refused, watching, cursor: stands, feed })
    }

    fn watch(&mut self, caller: Caller, topic: &Topic) -> Result<(), Refused> {
        let settings = self.settings.borrow().clone();
        if !may_watch(&settings.rights, caller.device.is_some(), topic) {
            return Err(Refused::Forbidden);
        }
        let known = self.sessions.get(&caller.session);
        let watched = known.map_or(0, |session| session.topics.len());
        if known.is_none_or(|session| !session.topics.contains(topic))
            && watched >= settings.config.limits.watches
        {
            return Err(Refused::TooManyWatches);
        }
        if watched == 0 && self.sessions.len() >= settings.config.limits.sessions {
            return Err(Refused::Overload);
        }
        let number = self.next_number();
        let session = self.sessions.entry(caller.session).or_insert_with(|| Session {
            number,
            expires_ms: caller.expires_ms,
            ..Session::default()
        });
        session.topics.insert(topic.clone());
        if let Some(id) = session.connection {
            self.hub.watch(id, topic).map_err(|_| Refused::TooManyWatches)?;
        }
        Ok(())
    }

    fn unwatch(&mut self, caller: Caller, topic: &Topic) {
        let Some(session) = self.sessions.get_mut(&caller.session) else { return };
        session.topics.remove(topic);
        match session.connection {
            Some(id) => {
                let _ = self.hub.unwatch(id, topic);
            }
            None if session.topics.is_empty() => {
                self.sessions.remove(&caller.session);
            }
            None => {}
        }
    }

    fn tick(&mut self) {
        let now = now_ms();
        self.hub.expire(now);
        self.sessions.retain(|_, session| session.connection.is_some() || session.expires_ms > now);
        self.metrics.topics.set(i64::try_from(self.hub.topics()).unwrap_or(i64::MAX));
        self.metrics.watching.set(i64::try_from(self.sessions.len()).unwrap_or(i64::MAX));
    }
}
