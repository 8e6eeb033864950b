//! The one thread that has the engine: many orders to one flush.
//!
//! It takes an order, then up to a few hundred that already wait behind it, applies each, flushes
//! once, and only then says what happened: to those who asked, and to the exchange, in the order of
//! the numbers. What a client is told or given is therefore written; mail is on disk.
//!
//! A flush that fails is the end: nothing after it may be answered. The thread stops, and whoever
//! waits learns it by its closed channel.

use std::sync::Arc;
use std::thread::JoinHandle;

use anser_relay_proto::{Held, Topic};
use tokio::sync::{mpsc, oneshot};

use super::{
    Bounds, Deposited, Draft, Engine, Hash, MailboxId, Published, SessionId, StorageError,
    StoredEvent, TokenRecord,
};
use crate::clock::now_ms;
use crate::metrics::Metrics;

/// Orders that wait for the thread.
const WAITING: usize = 1_024;
/// Orders under one flush.
const GROUP: usize = 512;

/// One letter of a command.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) mailbox: MailboxId,
    pub(crate) token: Hash,
    pub(crate) once: Option<Hash>,
}

/// One body for several mailboxes.
#[derive(Clone, Debug)]
pub(crate) struct Letters {
    pub(crate) draft: Draft,
    pub(crate) to: Vec<Letter>,
}

/// What the exchange has to know, in the order of the numbers.
#[derive(Debug)]
pub(crate) enum Fact {
    /// A topic has an event. The publisher is answered once readers can be given it.
    Published(Published, oneshot::Sender<Published>),
    /// A mailbox has a letter.
    Deposited(MailboxId, u64),
}

type Answer<T> = oneshot::Sender<Result<T, StorageError>>;

enum Order {
    Publish { topic: Topic, draft: Draft, retain: bool, answer: oneshot::Sender<Published> },
    Deposit { letters: Letters, answer: Answer<Vec<Deposited>> },
    Acknowledge { mailbox: MailboxId, seq: u64, answer: Answer<()> },
    Grant { mailbox: MailboxId, tokens: Vec<Hash>, answer: Answer<()> },
    Held { mailbox: MailboxId, answer: Answer<Held> },
    Page { mailbox: MailboxId, after: u64, most: (usize, usize), answer: Answer<Vec<StoredEvent>> },
    Retained { topic: Topic, answer: Answer<Option<StoredEvent>> },
    Watch { session: SessionId, expires_ms: u64, topic: Topic, on: bool, answer: Answer<()> },
    Token { hash: Hash, record: Option<TokenRecord>, answer: Answer<()> },
    Bounds(Bounds),
    Sweep,
    Close(oneshot::Sender<Result<(), StorageError>>),
}

/// Asks the thread. Every answer fails once the storage has failed.
#[derive(Clone)]
pub(crate) struct Storage {
    orders: mpsc::Sender<Order>,
}

/// Starts the thread.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn start(
    engine: Box<dyn Engine>,
    facts: mpsc::Sender<Vec<Fact>>,
    metrics: Arc<Metrics>,
) -> std::io::Result<(Storage, JoinHandle<()>)> {
    let (orders, waiting) = mpsc::channel(WAITING);
    let writer = Writer { engine, facts, metrics, news: Vec::new(), kept: Vec::new() };
    let thread = std::thread::Builder::new()
        .name("anser-relay-storage".into())
        .spawn(move || writer.run(waiting))?;
    Ok((Storage { orders }, thread))
}

impl Storage {
    async fn ask<T>(&self, order: impl FnOnce(Answer<T>) -> Order) -> Result<T, StorageError> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(order(answer)).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Publishes; returns once readers can be given the event.
    pub(crate) async fn publish(
        &self,
        topic: Topic,
        draft: Draft,
        retain: bool,
    ) -> Result<Published, StorageError> {
        let (answer, answered) = oneshot::channel();
        let order = Order::Publish { topic, draft, retain, answer };
        self.orders.send(order).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())
    }

    /// Puts letters into mailboxes; returns once they are on disk.
    pub(crate) async fn deposit(&self, letters: Letters) -> Result<Vec<Deposited>, StorageError> {
        self.ask(|answer| Order::Deposit { letters, answer }).await
    }

    pub(crate) async fn acknowledge(
        &self,
        mailbox: MailboxId,
        seq: u64,
    ) -> Result<(), StorageError> {
        self.ask(|answer| Order::Acknowledge { mailbox, seq, answer }).await
    }

    pub(crate) async fn grant(
        &self,
        mailbox: MailboxId,
        tokens: Vec<Hash>,
    ) -> Result<(), StorageError> {
        self.ask(|answer| Order::Grant { mailbox, tokens, answer }).await
    }

    pub(crate) async fn held(&self, mailbox: MailboxId) -> Result<Held, StorageError> {
        self.ask(|answer| Order::Held { mailbox, answer }).await
    }

    pub(crate) async fn page(
        &self,
        mailbox: MailboxId,
        after: u64,
        most: (usize, usize),
    ) -> Result<Vec<StoredEvent>, StorageError> {
        self.ask(|answer| Order::Page { mailbox, after, most, answer }).await
    }

    pub(crate) async fn retained(&self, topic: Topic) -> Result<Option<StoredEvent>, StorageError> {
        self.ask(|answer| Order::Retained { topic, answer }).await
    }

    pub(crate) async fn watch(
        &self,
        session: SessionId,
        expires_ms: u64,
        topic: Topic,
        on: bool,
    ) -> Result<(), StorageError> {
        self.ask(|answer| Order::Watch { session, expires_ms, topic, on, answer }).await
    }

    pub(crate) async fn put_token(
        &self,
        hash: Hash,
        record: Option<TokenRecord>,
    ) -> Result<(), StorageError> {
        self.ask(|answer| Order::Token { hash, record, answer }).await
    }

    pub(crate) async fn set_bounds(&self, bounds: Bounds) {
        let _ = self.orders.send(Order::Bounds(bounds)).await;
    }

    /// Lets go of what is too old; left out when the thread is busy.
    pub(crate) fn sweep(&self) {
        let _ = self.orders.try_send(Order::Sweep);
    }

    /// Everything to disk, and a note that this run ended well.
    pub(crate) async fn close(&self) -> Result<(), StorageError> {
        self.ask(Order::Close).await
    }
}

fn stopped() -> StorageError {
    StorageError("it has stopped".into())
}

/// An answer that waits for the flush.
type Kept = Box<dyn FnOnce() + Send>;

struct Writer {
    engine: Box<dyn Engine>,
    facts: mpsc::Sender<Vec<Fact>>,
    metrics: Arc<Metrics>,
    news: Vec<Fact>,
    kept: Vec<Kept>,
}

impl Writer {
    fn run(mut self, mut waiting: mpsc::Receiver<Order>) {
        while let Some(first) = waiting.blocking_recv() {
            let (mut durable, mut wrote, mut orders) = (false, false, 0_usize);
            let mut next = Some(first);
            while let Some(order) = next {
                if let Order::Close(answer) = order {
                    let _ = answer.send(self.engine.close());
                    return;
                }
                let (writes, must_last) = self.apply(order);
                (wrote, durable) = (wrote || writes, durable || must_last);
                orders = orders.saturating_add(1);
                next = if orders < GROUP { waiting.try_recv().ok() } else { None };
            }
            if wrote && let Err(error) = self.engine.sync(durable) {
                tracing::error!(%error, "what was written may not be safe: stopping");
                return;
            }
            if wrote {
                self.metrics.flushes.add(1);
            }
            let news = std::mem::take(&mut self.news);
            if !news.is_empty() && self.facts.blocking_send(news).is_err() {
                return;
            }
            self.kept.drain(..).for_each(|answer| answer());
        }
        if let Err(error) = self.engine.close() {
            tracing::error!(%error, "the store could not be closed well");
        }
    }

    /// Applies an order; says whether it wrote, and whether that must outlive the machine.
    fn apply(&mut self, order: Order) -> (bool, bool) {
        let now = now_ms();
        match order {
            Order::Publish { topic, draft, retain, answer } => {
                match self.engine.publish(&topic, &draft, retain, now) {
                    Ok(published) => self.news.push(Fact::Published(published, answer)),
                    // Dropping the answer tells the publisher.
                    Err(error) => tracing::error!(%error, "an event was not taken"),
                }
                (true, false)
            }
            Order::Deposit { letters, answer } => {
                let result = self.deposit(letters, now);
                self.keep(answer, result);
                (true, true)
            }
            Order::Acknowledge { mailbox, seq, answer } => {
                let result = self.engine.acknowledge(&mailbox, seq);
                self.keep(answer, result);
                (true, false)
            }
            Order::Grant { mailbox, tokens, answer } => {
                let result = self.engine.grant(&mailbox, &tokens);
                self.keep(answer, result);
                (true, true)
            }
            Order::Watch { session, expires_ms, topic, on, answer } => {
                let result = self.engine.watch(&session, expires_ms, &topic, on);
                self.keep(answer, result);
                (true, false)
            }
            Order::Token { hash, record, answer } => {
                let result = self.engine.put_token(&hash, record.as_ref());
                self.keep(answer, result);
                (true, true)
            }
            Order::Held { mailbox, answer } => {
                let result = self.engine.held(&mailbox);
                self.keep(answer, result);
                (false, false)
            }
            Order::Page { mailbox, after, most: (most, most_bytes), answer } => {
                let result = self.engine.page(&mailbox, after, most, most_bytes);
                self.keep(answer, result);
                (false, false)
            }
            Order::Retained { topic, answer } => {
                let result = self.engine.retained(&topic, now);
                self.keep(answer, result);
                (false, false)
            }
            Order::Bounds(bounds) => {
                self.engine.set_bounds(bounds);
                (false, false)
            }
            Order::Sweep => {
                if let Err(error) = self.engine.sweep(now) {
                    tracing::warn!(%error, "what is too old could not be let go");
                }
                (true, false)
            }
            Order::Close(_) => (false, false),
        }
    }

    fn deposit(&mut self, letters: Letters, now: u64) -> Result<Vec<Deposited>, StorageError> {
        let mut draft = letters.draft;
        let mut results = Vec::with_capacity(letters.to.len());
        for letter in letters.to {
            draft.once = letter.once;
            let result = self.engine.deposit(&letter.mailbox, &letter.token, &draft, now)?;
            if let Deposited::Stored { seq, new: true } = result {
                self.metrics.deposits.add(1);
                self.news.push(Fact::Deposited(letter.mailbox, seq));
            }
            results.push(result);
        }
        Ok(results)
    }

    fn keep<T: Send + 'static>(&mut self, answer: Answer<T>, result: Result<T, StorageError>) {
        if let Err(error) = &result {
            tracing::error!(%error, "an order to the storage failed");
        }
        self.kept.push(Box::new(move || {
            let _ = answer.send(result);
        }));
    }
}
