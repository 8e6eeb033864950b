//! How things lie in the store: CBOR maps with integer keys, whose unknown fields are skipped.

use std::sync::Arc;

use anser_proto::codec;
use anser_proto::minicbor::bytes::ByteVec;
use anser_proto::minicbor::{self, Decode, Encode};

use super::StorageError;

/// What an event says: JSON as one line, or bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Json(Arc<str>),
    Bytes(Arc<[u8]>),
}

impl Body {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Json(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

/// An event as it lies in the log or in a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredEvent {
    /// The epoch it was taken in: its id says it for ever.
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
    /// The number of the event before it in its topic or mailbox; 0 is none.
    pub(crate) previous: u64,
    /// Empty in a mailbox.
    pub(crate) topic: String,
    pub(crate) kind: Arc<str>,
    pub(crate) taken_ms: u64,
    /// Not delivered from then on; 0 is never.
    pub(crate) expires_ms: u64,
    pub(crate) body: Body,
}

/// An event's id, unique in its topic or mailbox and across epochs.
pub(crate) fn event_id(epoch: u64, seq: u64) -> String {
    format!("{epoch:x}-{seq:x}")
}

impl StoredEvent {
    pub(crate) fn id(&self) -> String {
        event_id(self.epoch, self.seq)
    }

    /// The id of the one before it.
    pub(crate) fn previous_id(&self) -> Option<String> {
        (self.previous > 0).then(|| event_id(self.epoch, self.previous))
    }

    /// Roughly what it takes to keep and to send.
    pub(crate) fn bytes(&self) -> usize {
        self.body.len().saturating_add(self.topic.len()).saturating_add(160)
    }

    pub(crate) fn is_over(&self, now_ms: u64) -> bool {
        self.expires_ms != 0 && self.expires_ms <= now_ms
    }
}

#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct EventForm {
    #[n(0)]
    epoch: u64,
    #[n(1)]
    seq: u64,
    #[n(2)]
    previous: u64,
    #[n(3)]
    topic: String,
    #[n(4)]
    kind: String,
    #[n(5)]
    taken_ms: u64,
    #[n(6)]
    expires_ms: u64,
    #[n(7)]
    json: Option<String>,
    #[n(8)]
    bytes: Option<ByteVec>,
}

/// What a topic is remembered by, after its events are gone from the log too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct TopicRecord {
    /// The epoch of `last`.
    #[n(0)]
    pub(super) epoch: u64,
    #[n(1)]
    pub(super) last: u64,
    #[n(2)]
    pub(super) taken_ms: u64,
}

/// A mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct MailboxRecord {
    #[n(0)]
    pub(super) last: u64,
    #[n(1)]
    pub(super) acked: u64,
    #[n(2)]
    pub(super) gone: u64,
    #[n(3)]
    pub(super) bytes: u64,
    /// Hashes of the tokens that may write.
    #[n(4)]
    pub(super) tokens: Vec<ByteVec>,
    /// The epoch of `last`.
    #[n(5)]
    pub(super) epoch: u64,
}

/// The first answer to what may come again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct OnceRecord {
    #[n(0)]
    pub(super) epoch: u64,
    #[n(1)]
    pub(super) seq: u64,
}

/// What a session watches.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct WatchRecord {
    #[n(0)]
    pub(crate) expires_ms: u64,
    #[n(1)]
    pub(crate) topics: Vec<String>,
}

/// A token of another system; the token itself is nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct TokenRecord {
    #[n(0)]
    pub(crate) name: String,
    #[n(1)]
    pub(crate) topics: Vec<String>,
    #[n(2)]
    pub(crate) created_ms: u64,
}

pub(super) fn encode_event(event: &StoredEvent) -> Vec<u8> {
    let (json, bytes) = match &event.body {
        Body::Json(text) => (Some(text.to_string()), None),
        Body::Bytes(bytes) => (None, Some(bytes.to_vec().into())),
    };
    codec::encode(&EventForm {
        epoch: event.epoch,
        seq: event.seq,
        previous: event.previous,
        topic: event.topic.clone(),
        kind: event.kind.to_string(),
        taken_ms: event.taken_ms,
        expires_ms: event.expires_ms,
        json,
        bytes,
    })
}

pub(super) fn decode_event(stored: &[u8]) -> Result<StoredEvent, StorageError> {
    let form: EventForm = decode(stored)?;
    let body = match (form.json, form.bytes) {
        (Some(text), _) => Body::Json(text.into()),
        (None, bytes) => Body::Bytes(bytes.map(Vec::from).unwrap_or_default().into()),
    };
    Ok(StoredEvent {
        epoch: form.epoch,
        seq: form.seq,
        previous: form.previous,
        topic: form.topic,
        kind: form.kind.into(),
        taken_ms: form.taken_ms,
        expires_ms: form.expires_ms,
        body,
    })
}

pub(super) fn decode<'b, T: Decode<'b, ()>>(stored: &'b [u8]) -> Result<T, StorageError> {
    codec::decode(stored).map_err(|error| StorageError(format!("a record is damaged: {error}")))
}
