//! The embedded engines: the books of a relay in one ordered key space.
//!
//! Owns the layout of keys. Must always hold: numbers of topics and of each mailbox only grow; the
//! log holds every event after its first, so that it can say from where it is whole; an order is
//! applied whole or not at all.
//!
//! After a run that did not end well, the same epoch goes on only if the machine has not been started
//! anew since: what the system had taken over is then still there. Otherwise the head may have gone
//! backwards, and a new epoch tells every client so.

use std::collections::VecDeque;

use anser_proto::codec;
use anser_relay_proto::{Held, Topic};

use super::kv::{Batch, Kv};
use super::records::{
    MailboxRecord, OnceRecord, StoredEvent, TokenRecord, TopicRecord, WatchRecord, decode,
    decode_event, encode_event,
};
use super::{
    Bounds, Deposited, Draft, Engine, Hash, MailboxId, Published, SessionId, StorageError,
};

/// Most tokens of one mailbox.
pub(crate) const MAILBOX_TOKENS: usize = 8;
/// What one sweep looks at, of each kind.
const SWEEP: usize = 256;
/// How long a topic's last id is remembered after its last event.
const TOPIC_MS: u64 = 14 * 86_400_000;
const CLOSED: &[u8] = b"closed";

/// What is drawn for a new store.
pub(crate) struct Seed {
    pub(crate) epoch: u64,
    pub(crate) secret: [u8; 32],
}

impl Seed {
    pub(crate) fn draw() -> anyhow::Result<Self> {
        let mut secret = [0; 32];
        let mut epoch = [0; 8];
        getrandom::fill(&mut secret)?;
        // Short enough for every language's numbers.
        getrandom::fill(epoch.split_at_mut(2).1)?;
        Ok(Self { epoch: u64::from_be_bytes(epoch), secret })
    }
}

pub(super) struct Books<K> {
    kv: K,
    bounds: Bounds,
    epoch: u64,
    secret: [u8; 32],
    head: u64,
    /// What lies in the log: number, when, bytes.
    log: VecDeque<(u64, u64, usize)>,
    log_bytes: usize,
    /// Where the next sweep over topics and watches goes on.
    swept: Vec<u8>,
}

fn key(table: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![table];
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// From the first to behind the last key of a table.
fn whole(table: u8) -> (Vec<u8>, Vec<u8>) {
    (vec![table], vec![table.saturating_add(1)])
}

fn number(bytes: Option<&[u8]>) -> u64 {
    bytes.and_then(<[u8]>::first_chunk).map_or(0, |chunk| u64::from_be_bytes(*chunk))
}

impl<K: Kv> Books<K> {
    /// Opens what the key space holds.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub(super) fn open(mut kv: K, seed: Seed, bounds: Bounds) -> Result<Self, StorageError> {
        let boot = kv.boot().unwrap_or_else(|| "unknown".into());
        let (run, held) = (kv.get(b"Mrun")?, kv.get(b"Mepoch")?);
        let well = match run.as_deref() {
            Some(CLOSED) => true,
            Some(run) => run == boot.as_bytes() && boot != "unknown",
            None => false,
        };
        let epoch = match held.as_deref() {
            Some(_) if well => number(held.as_deref()),
            _ => seed.epoch,
        };
        let secret = match kv.get(b"Msecret")?.as_deref().map(<[u8; 32]>::try_from) {
            Some(Ok(secret)) => secret,
            _ => seed.secret,
        };
        let mut batch = Batch::default();
        batch.put(b"Mrun".to_vec(), boot.into_bytes());
        batch.put(b"Mepoch".to_vec(), epoch.to_be_bytes().to_vec());
        batch.put(b"Msecret".to_vec(), secret.to_vec());
        kv.apply(batch)?;
        kv.sync(true)?;
        let head = number(kv.get(b"Mhead")?.as_deref());
        let mut log = VecDeque::new();
        let mut log_bytes = 0_usize;
        let (from, to) = whole(b'L');
        let mut damaged = None;
        kv.scan(&from, &to, &mut |_, value| match decode_event(&value) {
            Ok(event) => {
                log_bytes = log_bytes.saturating_add(event.bytes());
                log.push_back((event.seq, event.taken_ms, event.bytes()));
                true
            }
            Err(error) => {
                damaged = Some(error);
                false
            }
        })?;
        if let Some(error) = damaged {
            return Err(error);
        }
        Ok(Self { kv, bounds, epoch, secret, head, log, log_bytes, swept: Vec::new() })
    }

    fn once(&self, once: Option<&Hash>) -> Result<Option<OnceRecord>, StorageError> {
        let Some(hash) = once else { return Ok(None) };
        self.kv.get(&key(b'I', &[hash]))?.map(|stored| decode(&stored)).transpose()
    }

    fn note_once(&self, batch: &mut Batch, once: Option<&Hash>, seq: u64, now_ms: u64) {
        if let Some(hash) = once {
            let record = OnceRecord { epoch: self.epoch, seq };
            batch.put(key(b'I', &[hash]), codec::encode(&record));
            let until_ms = now_ms.saturating_add(self.bounds.once_ms);
            batch.put(key(b'J', &[&until_ms.to_be_bytes(), hash]), Vec::new());
        }
    }

    fn mailbox(&self, mailbox: &MailboxId) -> Result<Option<MailboxRecord>, StorageError> {
        self.kv.get(&key(b'B', &[mailbox]))?.map(|stored| decode(&stored)).transpose()
    }

    /// Takes what is beyond the log's bounds into a batch of removals.
    fn trim_log(&mut self, batch: &mut Batch, now_ms: u64, most: usize) -> usize {
        let oldest_ms = now_ms.saturating_sub(self.bounds.log_ms);
        let mut removed = 0_usize;
        while removed < most {
            let Some((seq, taken_ms, bytes)) = self.log.front().copied() else { break };
            let over = self.log.len() > self.bounds.log_events
                || self.log_bytes > self.bounds.log_bytes
                || taken_ms < oldest_ms;
            if !over {
                break;
            }
            self.log.pop_front();
            self.log_bytes = self.log_bytes.saturating_sub(bytes);
            batch.remove(key(b'L', &[&seq.to_be_bytes()]));
            removed = removed.saturating_add(1);
        }
        removed
    }

    /// Removes letters up to `seq`, some at a time, and says whether that was all.
    fn drop_letters(
        &mut self,
        mailbox: &MailboxId,
        record: &mut MailboxRecord,
        seq: u64,
        batch: &mut Batch,
    ) -> Result<bool, StorageError> {
        let from = key(b'E', &[mailbox]);
        let to = key(b'E', &[mailbox, &seq.saturating_add(1).to_be_bytes()]);
        let letters = self.kv.range(&from, &to, SWEEP)?;
        for (place, stored) in &letters {
            let event = decode_event(stored)?;
            record.bytes = record.bytes.saturating_sub(event.bytes() as u64);
            batch.remove(place.clone());
            batch.remove(age_key(mailbox, &event));
        }
        Ok(letters.len() < SWEEP)
    }

    /// Lets go of what is older than a mailbox keeps, and notes how far.
    fn sweep_letters(&mut self, now_ms: u64) -> Result<bool, StorageError> {
        let before = now_ms.saturating_sub(self.bounds.mailbox_ms);
        let aged = self.kv.range(b"X", &key(b'X', &[&before.to_be_bytes()]), SWEEP)?;
        for (place, _) in &aged {
            let (Some(mailbox), Some(seq)) = (
                place.get(9..41).and_then(<[u8]>::first_chunk::<32>),
                place.get(41..49).map(|bytes| number(Some(bytes))),
            ) else {
                continue;
            };
            let mut batch = Batch::default();
            batch.remove(place.clone());
            let letter = key(b'E', &[mailbox, &seq.to_be_bytes()]);
            if let (Some(stored), Some(mut record)) =
                (self.kv.get(&letter)?, self.mailbox(mailbox)?)
            {
                let bytes = decode_event(&stored)?.bytes() as u64;
                record.bytes = record.bytes.saturating_sub(bytes);
                record.gone = record.gone.max(seq);
                batch.remove(letter);
                batch.put(key(b'B', &[mailbox]), codec::encode(&record));
            }
            self.kv.apply(batch)?;
        }
        Ok(aged.len() == SWEEP)
    }

    /// Looks at some topics and watches further on, and forgets those that are over.
    fn sweep_round(&mut self, now_ms: u64) -> Result<(), StorageError> {
        let mut batch = Batch::default();
        let (from, to) = (self.swept.clone().max(vec![b'R']), vec![b'W' + 1]);
        let looked = self.kv.range(&from, &to, SWEEP)?;
        for (place, stored) in &looked {
            let over = match place.first() {
                Some(b'R') => decode_event(stored)?.is_over(now_ms),
                Some(b'T') => {
                    let record: TopicRecord = decode(stored)?;
                    record.taken_ms.saturating_add(TOPIC_MS) < now_ms
                }
                Some(b'W') => decode::<WatchRecord>(stored)?.expires_ms < now_ms,
                _ => false,
            };
            if over {
                batch.remove(place.clone());
            }
        }
        self.swept = match looked.last() {
            Some((place, _)) if looked.len() == SWEEP => [place.as_slice(), &[0]].concat(),
            _ => Vec::new(),
        };
        self.kv.apply(batch)
    }
}

/// Where a letter stands in the order of age.
fn age_key(mailbox: &MailboxId, event: &StoredEvent) -> Vec<u8> {
    key(b'X', &[&event.taken_ms.to_be_bytes(), mailbox, &event.seq.to_be_bytes()])
}

fn until(now_ms: u64, ttl_ms: u64) -> u64 {
    if ttl_ms == 0 { 0 } else { now_ms.saturating_add(ttl_ms) }
}

impl<K: Kv> Engine for Books<K> {
    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn secret(&self) -> [u8; 32] {
        self.secret
    }

    #[cfg(test)]
    fn head(&self) -> u64 {
        self.head
    }

    fn log(&self) -> Result<(u64, Vec<StoredEvent>), StorageError> {
        let (from, to) = whole(b'L');
        let pairs = self.kv.range(&from, &to, usize::MAX)?;
        let events: Vec<_> =
            pairs.iter().map(|(_, stored)| decode_event(stored)).collect::<Result<_, _>>()?;
        let since = events.first().map_or(self.head, |first| first.seq.saturating_sub(1));
        Ok((since, events))
    }

    fn publish(
        &mut self,
        topic: &Topic,
        draft: &Draft,
        retain: bool,
        now_ms: u64,
    ) -> Result<Published, StorageError> {
        if let Some(first) = self.once(draft.once.as_ref())? {
            return Ok(Published { epoch: first.epoch, seq: first.seq, event: None });
        }
        let name = topic.as_str().as_bytes();
        let place = key(b'T', &[name]);
        let known: TopicRecord =
            self.kv.get(&place)?.map(|stored| decode(&stored)).transpose()?.unwrap_or_default();
        let seq = self.head.saturating_add(1);
        let event = StoredEvent {
            epoch: self.epoch,
            seq,
            previous: if known.epoch == self.epoch { known.last } else { 0 },
            topic: topic.to_string(),
            kind: draft.kind.clone(),
            taken_ms: now_ms,
            expires_ms: until(now_ms, draft.ttl_ms),
            body: draft.body.clone(),
        };
        let mut batch = Batch::default();
        let stored = encode_event(&event);
        if retain {
            batch.put(key(b'R', &[name]), stored.clone());
        }
        batch.put(key(b'L', &[&seq.to_be_bytes()]), stored);
        let record = TopicRecord { epoch: self.epoch, last: seq, taken_ms: now_ms };
        batch.put(place, codec::encode(&record));
        batch.put(b"Mhead".to_vec(), seq.to_be_bytes().to_vec());
        self.note_once(&mut batch, draft.once.as_ref(), seq, now_ms);
        self.trim_log(&mut batch, now_ms, 2);
        self.kv.apply(batch)?;
        self.head = seq;
        self.log.push_back((seq, now_ms, event.bytes()));
        self.log_bytes = self.log_bytes.saturating_add(event.bytes());
        Ok(Published { epoch: self.epoch, seq, event: Some(event) })
    }

    fn retained(&self, topic: &Topic, now_ms: u64) -> Result<Option<StoredEvent>, StorageError> {
        let stored = self.kv.get(&key(b'R', &[topic.as_str().as_bytes()]))?;
        let event = stored.map(|stored| decode_event(&stored)).transpose()?;
        Ok(event.filter(|event| !event.is_over(now_ms)))
    }

    fn grant(&mut self, mailbox: &MailboxId, tokens: &[Hash]) -> Result<(), StorageError> {
        let mut record = self.mailbox(mailbox)?.unwrap_or_default();
        record.tokens =
            tokens.iter().take(MAILBOX_TOKENS).map(|token| token.to_vec().into()).collect();
        let mut batch = Batch::default();
        batch.put(key(b'B', &[mailbox]), codec::encode(&record));
        self.kv.apply(batch)
    }

    fn deposit(
        &mut self,
        mailbox: &MailboxId,
        token: &Hash,
        draft: &Draft,
        now_ms: u64,
    ) -> Result<Deposited, StorageError> {
        let Some(mut record) = self.mailbox(mailbox)? else { return Ok(Deposited::Refused) };
        let token = blake3::Hash::from_bytes(*token);
        let known = |held: &Vec<u8>| blake3::Hash::from_slice(held).is_ok_and(|held| held == token);
        if !record.tokens.iter().map(|held| held.to_vec()).any(|held| known(&held)) {
            return Ok(Deposited::Refused);
        }
        if let Some(first) = self.once(draft.once.as_ref())? {
            return Ok(Deposited::Stored { seq: first.seq, new: false });
        }
        let seq = record.last.saturating_add(1);
        let event = StoredEvent {
            epoch: self.epoch,
            seq,
            previous: if record.epoch == self.epoch { record.last } else { 0 },
            topic: String::new(),
            kind: draft.kind.clone(),
            taken_ms: now_ms,
            expires_ms: 0,
            body: draft.body.clone(),
        };
        let bytes = record.bytes.saturating_add(event.bytes() as u64);
        if bytes > self.bounds.mailbox_bytes {
            return Ok(Deposited::Full);
        }
        (record.epoch, record.last, record.bytes) = (self.epoch, seq, bytes);
        let mut batch = Batch::default();
        batch.put(key(b'E', &[mailbox, &seq.to_be_bytes()]), encode_event(&event));
        batch.put(age_key(mailbox, &event), Vec::new());
        batch.put(key(b'B', &[mailbox]), codec::encode(&record));
        self.note_once(&mut batch, draft.once.as_ref(), seq, now_ms);
        self.kv.apply(batch)?;
        Ok(Deposited::Stored { seq, new: true })
    }

    fn acknowledge(&mut self, mailbox: &MailboxId, seq: u64) -> Result<(), StorageError> {
        let Some(mut record) = self.mailbox(mailbox)? else { return Ok(()) };
        record.acked = record.acked.max(seq.min(record.last));
        loop {
            let mut batch = Batch::default();
            let done = self.drop_letters(mailbox, &mut record, seq, &mut batch)?;
            batch.put(key(b'B', &[mailbox]), codec::encode(&record));
            self.kv.apply(batch)?;
            if done {
                return Ok(());
            }
        }
    }

    fn held(&self, mailbox: &MailboxId) -> Result<Held, StorageError> {
        let record = self.mailbox(mailbox)?.unwrap_or_default();
        Ok(Held { acked: record.acked, gone: record.gone, last: record.last })
    }

    fn page(
        &self,
        mailbox: &MailboxId,
        after: u64,
        most: usize,
        most_bytes: usize,
    ) -> Result<Vec<StoredEvent>, StorageError> {
        let from = key(b'E', &[mailbox, &after.saturating_add(1).to_be_bytes()]);
        let to = key(b'E', &[mailbox, &u64::MAX.to_be_bytes()]);
        let (mut events, mut bytes, mut damaged) = (Vec::new(), 0_usize, None);
        self.kv.scan(&from, &to, &mut |_, stored| match decode_event(&stored) {
            Ok(event) => {
                bytes = bytes.saturating_add(event.bytes());
                let fits = events.is_empty() || (events.len() < most && bytes <= most_bytes);
                if fits {
                    events.push(event);
                }
                fits
            }
            Err(error) => {
                damaged = Some(error);
                false
            }
        })?;
        damaged.map_or(Ok(events), Err)
    }

    fn watch(
        &mut self,
        session: &SessionId,
        expires_ms: u64,
        topic: &Topic,
        on: bool,
    ) -> Result<(), StorageError> {
        let place = key(b'W', &[session]);
        let held: Option<WatchRecord> =
            self.kv.get(&place)?.map(|stored| decode(&stored)).transpose()?;
        let mut topics = held.map(|record| record.topics).unwrap_or_default();
        topics.retain(|held| held != topic.as_str());
        if on {
            topics.push(topic.to_string());
        }
        let mut batch = Batch::default();
        if topics.is_empty() {
            batch.remove(place);
        } else {
            batch.put(place, codec::encode(&WatchRecord { expires_ms, topics }));
        }
        self.kv.apply(batch)
    }

    fn watches(&self) -> Result<Vec<(SessionId, WatchRecord)>, StorageError> {
        let (from, to) = whole(b'W');
        let mut found = Vec::new();
        for (place, stored) in self.kv.range(&from, &to, usize::MAX)? {
            if let Some(session) = place.get(1..).and_then(|id| id.try_into().ok()) {
                found.push((session, decode(&stored)?));
            }
        }
        Ok(found)
    }

    fn put_token(&mut self, hash: &Hash, token: Option<&TokenRecord>) -> Result<(), StorageError> {
        let mut batch = Batch::default();
        match token {
            Some(token) => batch.put(key(b'A', &[hash]), codec::encode(token)),
            None => batch.remove(key(b'A', &[hash])),
        }
        self.kv.apply(batch)
    }

    fn tokens(&self) -> Result<Vec<(Hash, TokenRecord)>, StorageError> {
        let (from, to) = whole(b'A');
        let mut found = Vec::new();
        for (place, stored) in self.kv.range(&from, &to, usize::MAX)? {
            if let Some(hash) = place.get(1..).and_then(|hash| hash.try_into().ok()) {
                found.push((hash, decode(&stored)?));
            }
        }
        Ok(found)
    }

    fn sync(&mut self, durable: bool) -> Result<(), StorageError> {
        self.kv.sync(durable)
    }

    fn sweep(&mut self, now_ms: u64) -> Result<bool, StorageError> {
        let mut batch = Batch::default();
        let mut more = self.trim_log(&mut batch, now_ms, SWEEP) == SWEEP;
        let over = self.kv.range(b"J", &key(b'J', &[&now_ms.to_be_bytes()]), SWEEP)?;
        for (place, _) in &over {
            if let Some(hash) = place.get(9..) {
                batch.remove(key(b'I', &[hash]));
            }
            batch.remove(place.clone());
        }
        more |= over.len() == SWEEP;
        self.kv.apply(batch)?;
        more |= self.sweep_letters(now_ms)?;
        self.sweep_round(now_ms)?;
        Ok(more)
    }

    fn close(&mut self) -> Result<(), StorageError> {
        self.kv.sync(true)?;
        let mut batch = Batch::default();
        batch.put(b"Mrun".to_vec(), CLOSED.to_vec());
        self.kv.apply(batch)?;
        self.kv.sync(true)
    }

    fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }
}
