//! What outlives a connection: the log of topics, mailboxes, retained values, watches, tokens.
//!
//! Owns: [`Engine`], the trait that every storage engine fulfils, with one conformance suite for all
//! of them (`conformance.rs`); the embedded engines (`books.rs` over an ordered key space, in memory
//! or in sled); and the one thread that writes, many orders to one flush (`writer.rs`).
//!
//! Must always hold: nothing is answered or delivered before it is written; mail not before it is on
//! disk. Within one epoch no number is ever given twice. Everything here is bounded.
//!
//! It must not know connections, sessions' tokens or HTTP.

mod books;
#[cfg(test)]
mod conformance;
mod kv;
mod records;
mod sled_kv;
mod writer;

use std::path::Path;
use std::sync::Arc;

use anser_relay_proto::{Held, Topic};

use crate::config::{Config, EngineKind};

pub(crate) use books::MAILBOX_TOKENS;
use books::{Books, Seed};
pub(crate) use records::{Body, StoredEvent, TokenRecord, WatchRecord, event_id};
pub(crate) use writer::{Fact, Letter, Letters, Storage, start};

/// A hash of a secret, or of what names a repeated request.
pub(crate) type Hash = [u8; 32];
/// A mailbox, named by its device.
pub(crate) type MailboxId = [u8; 32];
/// A session.
pub(crate) type SessionId = [u8; 16];

/// The engine could not read or write. What was not answered may or may not be there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the storage failed: {0}")]
pub(crate) struct StorageError(pub(crate) String);

/// An event on its way into a topic or a mailbox.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) kind: Arc<str>,
    pub(crate) body: Body,
    /// How long it may be delivered; 0 is for ever.
    pub(crate) ttl_ms: u64,
    /// Hash of who and which key: the same again is answered as before and changes nothing.
    pub(crate) once: Option<Hash>,
}

/// What became of a published event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
    /// `None`: it was a repetition, and this is the answer that was given first.
    pub(crate) event: Option<StoredEvent>,
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deposited {
    /// It lies in the mailbox under this number; new, or as it did before.
    Stored { seq: u64, new: bool },
    /// No such mailbox, or not with this token: nobody learns which.
    Refused,
    /// The mailbox holds as much as it may.
    Full,
}

/// A storage engine. Nothing that was written is safe before [`Engine::sync`] has returned.
pub(crate) trait Engine: Send {
    /// Which history the numbers belong to.
    fn epoch(&self) -> u64;
    /// 32 bytes that were drawn when the store was made.
    fn secret(&self) -> [u8; 32];
    /// The number of the latest event of all topics.
    #[cfg(test)]
    fn head(&self) -> u64;
    /// After which number the log holds every event, and these events.
    fn log(&self) -> Result<(u64, Vec<StoredEvent>), StorageError>;

    /// Takes an event into a topic; `retain` keeps it as the topic's value.
    fn publish(
        &mut self,
        topic: &Topic,
        draft: &Draft,
        retain: bool,
        now_ms: u64,
    ) -> Result<Published, StorageError>;
    /// A topic's retained value, while it lives.
    fn retained(&self, topic: &Topic, now_ms: u64) -> Result<Option<StoredEvent>, StorageError>;

    /// Says who may write into a mailbox, by hashes of tokens; makes it if it is new.
    fn grant(&mut self, mailbox: &MailboxId, tokens: &[Hash]) -> Result<(), StorageError>;
    /// Puts a letter into a mailbox.
    fn deposit(
        &mut self,
        mailbox: &MailboxId,
        token: &Hash,
        draft: &Draft,
        now_ms: u64,
    ) -> Result<Deposited, StorageError>;
    /// Its owner has everything up to `seq`: that is let go.
    fn acknowledge(&mut self, mailbox: &MailboxId, seq: u64) -> Result<(), StorageError>;
    /// What a mailbox holds.
    fn held(&self, mailbox: &MailboxId) -> Result<Held, StorageError>;
    /// The events of a mailbox after a number, oldest first: at most `most`, and at most so many
    /// bytes unless the first alone is larger.
    fn page(
        &self,
        mailbox: &MailboxId,
        after: u64,
        most: usize,
        most_bytes: usize,
    ) -> Result<Vec<StoredEvent>, StorageError>;

    /// Keeps that a session, which ends at `expires_ms`, watches a topic, or does so no longer.
    fn watch(
        &mut self,
        session: &SessionId,
        expires_ms: u64,
        topic: &Topic,
        on: bool,
    ) -> Result<(), StorageError>;
    /// What all sessions watch.
    fn watches(&self) -> Result<Vec<(SessionId, WatchRecord)>, StorageError>;

    /// Keeps a token of another system by its hash; `None` takes it back.
    fn put_token(&mut self, hash: &Hash, token: Option<&TokenRecord>) -> Result<(), StorageError>;
    /// All such tokens.
    fn tokens(&self) -> Result<Vec<(Hash, TokenRecord)>, StorageError>;

    /// Makes everything written so far outlive this process; with `durable` also the machine.
    fn sync(&mut self, durable: bool) -> Result<(), StorageError>;
    /// Lets go of a bounded part of what is too old; true when there may be more.
    fn sweep(&mut self, now_ms: u64) -> Result<bool, StorageError>;
    /// Ends well: the next opening goes on in the same epoch.
    fn close(&mut self) -> Result<(), StorageError>;
    /// Takes over other bounds.
    fn set_bounds(&mut self, bounds: Bounds);
}

/// How much an engine keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Events of all topics that the log keeps for the next start.
    pub(crate) log_events: usize,
    pub(crate) log_bytes: usize,
    pub(crate) log_ms: u64,
    pub(crate) mailbox_bytes: u64,
    pub(crate) mailbox_ms: u64,
    /// How long a repeated request is known.
    pub(crate) once_ms: u64,
}

impl Bounds {
    /// As configured.
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            log_events: 200_000,
            log_bytes: 128 << 20,
            log_ms: config.limits.ring_s.saturating_mul(1_000),
            mailbox_bytes: config.limits.mailbox_bytes,
            mailbox_ms: config.limits.mailbox_days.saturating_mul(86_400_000),
            once_ms: 86_400_000,
        }
    }
}

/// Opens the engine that is configured.
///
/// # Errors
/// When the folder is another relay's at the moment, or cannot be read.
pub(crate) fn open(config: &Config) -> anyhow::Result<Box<dyn Engine>> {
    let seed = Seed::draw()?;
    let bounds = Bounds::of(config);
    Ok(match config.storage.engine {
        EngineKind::Memory => Box::new(Books::open(kv::Memory::default(), seed, bounds)?),
        _ => {
            let path: &Path = &config.data.0;
            Box::new(Books::open(sled_kv::SledKv::open(path)?, seed, bounds)?)
        }
    })
}
