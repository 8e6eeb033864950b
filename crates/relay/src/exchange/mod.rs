//! The exchange: one task that has the hub and knows who is connected and who watches what.
//!
//! Handlers and connections hold an [`Exchange`] and ask; the storage tells it facts in the order of
//! their numbers. It never waits for either, so nothing can wait in a circle. What must always hold:
//! a publisher is answered after the hub has the event, so no cursor that was given out is ever later
//! than the hub's head; and rights are looked at whenever a stream opens.

mod slot;
mod task;

use std::collections::BTreeSet;
use std::sync::Arc;

use anser_relay_proto::{ConnectionId, Cursor, Hello, Hub, Topic};
use tokio::sync::{mpsc, oneshot, watch};

use crate::config::{Config, Rights};
use crate::event::Carried;
use crate::metrics::Metrics;
use crate::storage::{Fact, MailboxId, SessionId, WatchRecord};

pub(crate) use slot::{End, Feed, Signal};

/// Questions and groups of facts that wait for the task.
const WAITING: usize = 1_024;

/// What runs and may change while it runs.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) config: Arc<Config>,
    pub(crate) rights: Arc<Rights>,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) session: SessionId,
    pub(crate) expires_ms: u64,
    /// The device; `None` is anonymous.
    pub(crate) device: Option<MailboxId>,
}

/// A stream that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) hello: Hello,
    /// Watched topics that are no longer allowed; they were left out.
    pub(crate) refused: Vec<Topic>,
    pub(crate) watching: usize,
    /// Where it stands, of topics.
    pub(crate) cursor: Cursor,
    pub(crate) feed: Feed,
}

/// Why the exchange did not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("this topic may not be watched by this session")]
    Forbidden,
    #[error("this session watches as many topics as it may")]
    TooManyWatches,
    #[error("the relay has as many sessions as it can; try again later")]
    Overload,
    #[error("the relay is stopping; connect again in a moment")]
    Stopping,
}

/// What is open, for the admin.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overview {
    pub(crate) connections: usize,
    pub(crate) topics: usize,
    pub(crate) sessions: usize,
    pub(crate) head: String,
}

type Reply<T> = oneshot::Sender<Result<T, Refused>>;

enum Question {
    Open {
        caller: Caller,
        cursor: Option<Cursor>,
        reply: Reply<Opened>,
    },
    Watch {
        caller: Caller,
        topic: Topic,
        reply: Reply<()>,
    },
    Unwatch {
        caller: Caller,
        topic: Topic,
        reply: Reply<()>,
    },
    Head(oneshot::Sender<Cursor>),
    /// Where a connection stands that has written everything it was given.
    Stands(ConnectionId, oneshot::Sender<Option<Cursor>>),
    Overview(oneshot::Sender<Overview>),
    /// Ends every stream; no new ones.
    Drain(oneshot::Sender<usize>),
}

/// Asks the exchange.
#[derive(Clone)]
pub(crate) struct Exchange {
    questions: mpsc::Sender<Question>,
}

/// What the exchange starts from.
pub(crate) struct Start {
    pub(crate) hub: Hub<Carried>,
    pub(crate) watches: Vec<(SessionId, WatchRecord)>,
    pub(crate) settings: watch::Receiver<Settings>,
    pub(crate) metrics: Arc<Metrics>,
}

/// Starts the task; it ends when the storage's facts end.
pub(crate) fn start(start: Start) -> (Exchange, mpsc::Sender<Vec<Fact>>) {
    let (questions, asked) = mpsc::channel(WAITING);
    let (facts, news) = mpsc::channel(WAITING);
    tokio::spawn(task::Task::new(start).run(asked, news));
    (Exchange { questions }, facts)
}

impl Exchange {
    async fn ask<T>(&self, question: impl FnOnce(Reply<T>) -> Question) -> Result<T, Refused> {
        let (reply, replied) = oneshot::channel();
        self.questions.send(question(reply)).await.map_err(|_| Refused::Stopping)?;
        replied.await.map_err(|_| Refused::Stopping)?
    }

    /// Opens a stream of a session after `cursor`; the older one of the session ends.
    pub(crate) async fn open(
        &self,
        caller: Caller,
        cursor: Option<Cursor>,
    ) -> Result<Opened, Refused> {
        self.ask(|reply| Question::Open { caller, cursor, reply }).await
    }

    /// The session watches a topic, from now on.
    pub(crate) async fn watch(&self, caller: Caller, topic: Topic) -> Result<(), Refused> {
        self.ask(|reply| Question::Watch { caller, topic, reply }).await
    }

    /// It does so no longer.
    pub(crate) async fn unwatch(&self, caller: Caller, topic: Topic) -> Result<(), Refused> {
        self.ask(|reply| Question::Unwatch { caller, topic, reply }).await
    }

    /// The place of the latest event.
    pub(crate) async fn head(&self) -> Result<Cursor, Refused> {
        let (reply, replied) = oneshot::channel();
        self.questions.send(Question::Head(reply)).await.map_err(|_| Refused::Stopping)?;
        replied.await.map_err(|_| Refused::Stopping)
    }

    /// The place up to which nothing is missing on a stream whose batches were all written: the head,
    /// if nothing waits for it. Cursors on quiet topics stay young by this.
    pub(crate) async fn stands(&self, feed: &Feed) -> Option<Cursor> {
        let (reply, replied) = oneshot::channel();
        self.questions.send(Question::Stands(feed.id(), reply)).await.ok()?;
        replied.await.ok()?
    }

    pub(crate) async fn overview(&self) -> Result<Overview, Refused> {
        let (reply, replied) = oneshot::channel();
        self.questions.send(Question::Overview(reply)).await.map_err(|_| Refused::Stopping)?;
        replied.await.map_err(|_| Refused::Stopping)
    }

    /// Ends every stream, and says how many there were.
    pub(crate) async fn drain(&self) -> usize {
        let (reply, replied) = oneshot::channel();
        let _ = self.questions.send(Question::Drain(reply)).await;
        replied.await.unwrap_or(0)
    }
}

/// Whether a session may watch a topic.
pub(crate) fn may_watch(rights: &Rights, device: bool, topic: &Topic) -> bool {
    let patterns = if device { &rights.devices } else { &rights.anonymous };
    !is_mailbox(topic) && patterns.iter().any(|pattern| pattern.matches(topic))
}

/// Mailboxes have names that no topic may have.
pub(crate) fn is_mailbox(topic: &Topic) -> bool {
    topic.as_str() == "mailbox" || topic.as_str().starts_with("mailbox/")
}

/// Topics as the store names them; a name that is none any more is left out.
fn topics(record: &WatchRecord) -> BTreeSet<Topic> {
    record.topics.iter().filter_map(|name| name.parse().ok()).collect()
}
