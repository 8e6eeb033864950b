//! What all handlers share.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anser_relay_proto::{Epoch, Pattern, Topic};
use tokio::sync::watch;

use crate::auth::Keys;
use crate::config::Config;
use crate::exchange::{Exchange, Settings};
use crate::gate::{Gate, Key, prefix};
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::storage::{Hash, SessionId, Storage, TokenRecord};

/// First answers that are remembered for repeated commands.
const RECALLED: usize = 50_000;

/// A token of another system, with its topics read.
#[derive(Clone, Debug)]
pub(crate) struct Publisher {
    pub(crate) record: TokenRecord,
    pub(crate) topics: Vec<Pattern>,
}

pub(crate) type Publishers = Arc<BTreeMap<Hash, Publisher>>;

/// Tokens as they are looked up.
pub(crate) fn publishers(tokens: Vec<(Hash, TokenRecord)>) -> Publishers {
    let read = |(hash, record): (Hash, TokenRecord)| {
        let topics = record.topics.iter().filter_map(|text| text.parse().ok()).collect();
        (hash, Publisher { record, topics })
    };
    Arc::new(tokens.into_iter().map(read).collect())
}

/// One running relay.
pub(crate) struct App {
    pub(crate) settings: watch::Receiver<Settings>,
    pub(crate) exchange: Exchange,
    pub(crate) storage: Storage,
    pub(crate) keys: Keys,
    pub(crate) publishers: watch::Sender<Publishers>,
    pub(crate) gate: Gate,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) epoch: Epoch,
    pub(crate) recall: Recall,
    pub(crate) stopping: AtomicBool,
}

impl App {
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.settings.borrow().config)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Counts a request against what `key` may do.
    ///
    /// # Errors
    /// `slow_down`.
    pub(crate) fn count(&self, key: Key, quota: (u32, u32), now_ms: u64) -> Result<(), Problem> {
        self.gate.take(key, quota, now_ms).map_err(|retry_ms| {
            self.metrics.overload.add(1);
            Problem::slow_down(retry_ms)
        })
    }

    /// Counts an attempt to get in from an address.
    ///
    /// # Errors
    /// `slow_down`.
    pub(crate) fn count_entry(&self, address: IpAddr, now_ms: u64) -> Result<(), Problem> {
        let limits = &self.config().limits;
        let quota =
            (limits.commands_burst.saturating_mul(4), limits.commands_per_s.saturating_mul(4));
        self.count(Key::Entry(prefix(address)), quota, now_ms)
    }

    /// Whether a device's session may publish to a topic.
    pub(crate) fn device_may_publish(&self, topic: &Topic) -> bool {
        self.settings.borrow().rights.publish.iter().any(|pattern| pattern.matches(topic))
    }
}

/// The first answers to commands, by session and `rid`; the oldest are forgotten.
#[derive(Debug, Default)]
pub(crate) struct Recall {
    answers: Mutex<Answers>,
}

#[derive(Debug, Default)]
struct Answers {
    by_rid: HashMap<(SessionId, String), Arc<str>>,
    order: VecDeque<(SessionId, String)>,
}

impl Recall {
    pub(crate) fn first(&self, session: SessionId, rid: &str) -> Option<Arc<str>> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.by_rid.get(&(session, rid.to_owned())).cloned()
    }

    pub(crate) fn remember(&self, session: SessionId, rid: &str, answer: &str) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (session, rid.to_owned());
        if answers.by_rid.insert(key.clone(), answer.into()).is_none() {
            answers.order.push_back(key);
        }
        while answers.order.len() > RECALLED {
            if let Some(oldest) = answers.order.pop_front() {
                answers.by_rid.remove(&oldest);
            }
        }
    }
}
