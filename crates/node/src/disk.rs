//! Typed access to the store.

use anser_proto::codec;
use anser_proto::minicbor::{Decode, Encode};
use anser_proto::{ConversationId, EventId, codec::DecodeError};
use anser_store::{Batch, Order, Store, StoreError, Table};

use crate::records::{self, EventRecord, PlaceRecord, ReferenceRecord};

/// A store record that does not decode.
pub(crate) fn damaged(_: DecodeError) -> StoreError {
    StoreError::Corrupt { reason: "a record cannot be decoded".into() }
}

/// Reads a record.
pub(crate) fn read<S: Store, T: for<'b> Decode<'b, ()>>(
    store: &S,
    table: Table,
    key: &[u8],
) -> Result<Option<T>, StoreError> {
    store.get(table, key)?.map(|bytes| codec::decode(&bytes).map_err(damaged)).transpose()
}

/// Puts a record into a batch.
pub(crate) fn put<T: Encode<()>>(batch: &mut Batch, table: Table, key: &[u8], value: &T) {
    batch.put(table, key.to_vec(), codec::encode(value));
}

/// Reads every record whose key starts with `prefix`.
pub(crate) fn all<S: Store, T: for<'b> Decode<'b, ()>>(
    store: &S,
    table: Table,
    prefix: &[u8],
) -> Result<Vec<(Vec<u8>, T)>, StoreError> {
    const PAGE: usize = 1_024;
    let mut found = Vec::new();
    let mut lower = prefix.to_vec();
    let upper = records::after(prefix);
    loop {
        let page = store.scan(table, &lower, upper.as_deref(), Order::Ascending, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(found) };
        lower.clone_from(last);
        lower.push(0);
        let full = page.len() == PAGE;
        for (key, bytes) in page {
            found.push((key, codec::decode(&bytes).map_err(damaged)?));
        }
        if !full {
            return Ok(found);
        }
    }
}

/// Where an event is.
pub(crate) fn place<S: Store>(store: &S, id: &EventId) -> Result<Option<PlaceRecord>, StoreError> {
    read(store, Table::Ids, &store.tag("event", &id.0))
}

/// An event as stored.
pub(crate) fn event<S: Store>(
    store: &S,
    conversation: u32,
    device: u32,
    seq: u64,
) -> Result<Option<EventRecord>, StoreError> {
    read(store, Table::Events, &records::key_event(conversation, device, seq))
}

/// What was said in `conversation` of one of its messages, in display order, with the keys.
pub(crate) fn references<S: Store>(
    store: &S,
    conversation: &ConversationId,
    target: &EventId,
) -> Result<Vec<(Vec<u8>, ReferenceRecord)>, StoreError> {
    let prefix = reference_prefix(store, conversation, target);
    let mut references: Vec<(_, ReferenceRecord)> = all(store, Table::References, &prefix)?;
    references.sort_by_key(|(_, reference)| reference.at);
    Ok(references)
}

/// The key of a saying about `target`.
pub(crate) fn reference_key<S: Store>(
    store: &S,
    conversation: &ConversationId,
    target: &EventId,
    lamport: u64,
    device: u32,
) -> Vec<u8> {
    let mut key = reference_prefix(store, conversation, target).to_vec();
    key.extend_from_slice(&lamport.to_be_bytes());
    key.extend_from_slice(&device.to_be_bytes());
    key
}

/// What is said elsewhere of a message is nothing to it: the conversation is part of the key.
fn reference_prefix<S: Store>(
    store: &S,
    conversation: &ConversationId,
    target: &EventId,
) -> [u8; 16] {
    store.tag("reference", &[conversation.0, target.0].concat())
}
