//! What is stored of files, and under which keys.
//!
//! A file has one record ([`Table::Files`], by the tag of its id). A message that brings it has two
//! entries in [`Table::FilePlaces`]: one that leads from the file to the message, one that lists the
//! conversation's files. They are written and removed in one batch with the message's own.

use anser_proto::minicbor::bytes::ByteArray;
use anser_proto::minicbor::{self, Decode, Encode};
use anser_proto::{ConversationId, EventId, FileId};
use anser_store::{Batch, Store, StoreError, Table};
use zeroize::Zeroizing;

use super::io::{Rest, Resting};
use crate::disk;
use crate::records::{key_conversation, key_line, line_place};

/// It is on its way here.
pub(crate) const FETCHING: u8 = 1;
/// It is here whole.
pub(crate) const HERE: u8 = 2;
/// It was taken off this device.
pub(crate) const GONE: u8 = 3;

/// Entries that lead from a file to its messages begin with this, so do those of a conversation.
const BY_FILE: u8 = b'f';
const BY_CONVERSATION: u8 = b'c';
/// Most messages that are looked at to find out who may have a file.
pub(crate) const PLACES: usize = 64;

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct FileRecord {
    #[n(0)]
    pub(crate) file: FileId,
    #[n(1)]
    pub(crate) size_bytes: u64,
    /// What it is called where it is sent on.
    #[n(2)]
    pub(crate) name: String,
    #[n(3)]
    pub(crate) media_type: String,
    /// Name and key of its rest.
    #[n(4)]
    pub(crate) rest: ByteArray<16>,
    #[n(5)]
    pub(crate) key: ByteArray<32>,
    #[n(6)]
    pub(crate) state: u8,
    /// The transfer that fetches it.
    #[n(7)]
    pub(crate) transfer: Option<u64>,
    /// The message for which it is fetched.
    #[n(8)]
    pub(crate) message: Option<EventId>,
    #[n(9)]
    pub(crate) conversation: Option<ConversationId>,
    /// Where it is to be saved once it is here.
    #[n(10)]
    pub(crate) saves: Option<Vec<SaveRecord>>,
}

/// A wish to save a file that is not here yet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct SaveRecord {
    #[n(0)]
    pub(crate) transfer: u64,
    #[n(1)]
    pub(crate) path: String,
    #[n(2)]
    pub(crate) overwrite: bool,
    #[n(3)]
    pub(crate) name: String,
    #[n(4)]
    pub(crate) message: EventId,
    #[n(5)]
    pub(crate) conversation: ConversationId,
    /// Whether the file is fetched for nothing else.
    #[n(6)]
    pub(crate) alone: bool,
}

impl FileRecord {
    pub(crate) fn rest(&self) -> Rest {
        Rest { name: *self.rest, key: Zeroizing::new(*self.key) }
    }

    pub(crate) fn resting(&self) -> Resting {
        Resting { rest: self.rest(), file: self.file, size_bytes: self.size_bytes }
    }
}

/// A message that brings a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct PlaceEntry {
    #[n(0)]
    pub(crate) seq: u64,
    /// The size that the message says.
    #[n(1)]
    pub(crate) size_bytes: u64,
}

/// Where a message that brings a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FilePlace {
    pub(crate) conversation: u32,
    pub(crate) lamport: u64,
    pub(crate) device: u32,
    pub(crate) entry: PlaceEntry,
}

pub(crate) fn file_key<S: Store>(store: &S, file: &FileId) -> [u8; 16] {
    store.tag("file", &file.0)
}

pub(crate) fn record<S: Store>(store: &S, file: &FileId) -> Result<Option<FileRecord>, StoreError> {
    disk::read(store, Table::Files, &file_key(store, file))
}

pub(crate) fn put_record<S: Store>(store: &S, batch: &mut Batch, record: &FileRecord) {
    disk::put(batch, Table::Files, &file_key(store, &record.file), record);
}

fn prefix_of_file<S: Store>(store: &S, file: &FileId) -> Vec<u8> {
    [&[BY_FILE], file_key(store, file).as_slice()].concat()
}

/// What a conversation's files begin with.
pub(crate) fn prefix_of_conversation(conversation: u32) -> Vec<u8> {
    [&[BY_CONVERSATION], key_conversation(conversation).as_slice()].concat()
}

/// The key in a conversation's list of files.
pub(crate) fn key_in_conversation(conversation: u32, lamport: u64, device: u32) -> Vec<u8> {
    [&[BY_CONVERSATION], key_line(conversation, lamport, device).as_slice()].concat()
}

/// The lamport time and device number in such a key.
pub(crate) fn place_in_conversation(key: &[u8]) -> Option<(u64, u32)> {
    line_place(key.get(1..)?)
}

/// Notes that a message at this place brings a file.
pub(crate) fn put_place<S: Store>(store: &S, batch: &mut Batch, file: &FileId, place: &FilePlace) {
    let line = key_line(place.conversation, place.lamport, place.device);
    let mut key = prefix_of_file(store, file);
    key.extend_from_slice(&line);
    disk::put(batch, Table::FilePlaces, &key, &place.entry);
    let key = key_in_conversation(place.conversation, place.lamport, place.device);
    disk::put(batch, Table::FilePlaces, &key, &place.entry.seq);
}

/// Forgets that a message at this place brings a file.
pub(crate) fn delete_place<S: Store>(
    store: &S,
    batch: &mut Batch,
    file: &FileId,
    (conversation, lamport, device): (u32, u64, u32),
) {
    let mut key = prefix_of_file(store, file);
    key.extend_from_slice(&key_line(conversation, lamport, device));
    batch.delete(Table::FilePlaces, key);
    batch.delete(Table::FilePlaces, key_in_conversation(conversation, lamport, device));
}

/// The messages that bring a file, at most [`PLACES`].
pub(crate) fn places<S: Store>(store: &S, file: &FileId) -> Result<Vec<FilePlace>, StoreError> {
    let prefix = prefix_of_file(store, file);
    let upper = crate::records::after(&prefix);
    let order = anser_store::Order::Ascending;
    let found = store.scan(Table::FilePlaces, &prefix, upper.as_deref(), order, PLACES)?;
    let mut places = Vec::with_capacity(found.len());
    for (key, bytes) in found {
        let line = key.get(prefix.len()..).unwrap_or_default();
        let conversation = line.get(..4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
        let (Some(conversation), Some((lamport, device))) = (conversation, line_place(line)) else {
            continue;
        };
        let entry = anser_proto::codec::decode(&bytes).map_err(disk::damaged)?;
        places.push(FilePlace { conversation, lamport, device, entry });
    }
    Ok(places)
}
