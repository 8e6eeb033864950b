//! What is stored, and under which keys.
//!
//! Keys are made of local numbers (conversation, device) and keyed hashes, so they reveal nothing;
//! numbers are big-endian, so they sort. Records are CBOR maps whose unknown fields are skipped.

use anser_proto::linking::Stamp;
use anser_proto::minicbor::{self, Decode, Encode};
use anser_proto::sign::Signed;
use anser_proto::{AccountId, ConversationId, DeviceId, EventId, PictureId, Position, WireEvent};

/// One's own account.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct ProfileRecord {
    #[n(0)]
    pub(crate) secret: minicbor::bytes::ByteArray<32>,
    /// The signed device list.
    #[n(1)]
    pub(crate) list: Signed,
    #[n(2)]
    pub(crate) name: String,
    #[n(3)]
    pub(crate) status: Option<String>,
    /// Version of the card.
    #[n(4)]
    pub(crate) version: u64,
    /// This device's certificate.
    #[n(5)]
    pub(crate) certificate: Option<Signed>,
    #[n(6)]
    pub(crate) avatar: Option<PictureId>,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct PersonRecord {
    #[n(0)]
    pub(crate) account: AccountId,
    /// 0 stranger, 1 requested, 2 contact, 3 blocked.
    #[n(1)]
    pub(crate) relation: u8,
    #[n(2)]
    pub(crate) verified: bool,
    #[n(3)]
    pub(crate) card: Option<Signed>,
    #[n(4)]
    pub(crate) last_seen_ms: Option<u64>,
    /// For relation and `verified`, among one's own devices.
    #[n(5)]
    pub(crate) stamp: Option<Stamp>,
}

/// A device, by its local number.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct DeviceRecord {
    #[n(0)]
    pub(crate) device: DeviceId,
    #[n(1)]
    pub(crate) addresses: Vec<String>,
}

/// A conversation, by its local number.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct ConversationRecord {
    #[n(0)]
    pub(crate) id: ConversationId,
    /// The other account of a direct conversation; `None` for a group.
    #[n(1)]
    pub(crate) other: Option<AccountId>,
    #[n(2)]
    pub(crate) muted: bool,
    #[n(3)]
    pub(crate) archived: bool,
    /// Whether this account agreed to be in it.
    #[n(4)]
    pub(crate) accepted: bool,
    #[n(5)]
    pub(crate) declined: bool,
    #[n(6)]
    pub(crate) read: Option<Position>,
    #[n(7)]
    pub(crate) unread: u64,
    #[n(8)]
    pub(crate) active_ms: u64,
    /// Counter of this device's receipt.
    #[n(9)]
    pub(crate) receipt: u64,
    /// For what one's own devices share of it.
    #[n(10)]
    pub(crate) stamp: Option<Stamp>,
}

/// A log's head.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct LogRecord {
    #[n(0)]
    pub(crate) account: AccountId,
    #[n(1)]
    pub(crate) seq: u64,
    #[n(2)]
    pub(crate) head: EventId,
    #[n(3)]
    pub(crate) lamport: u64,
}

/// An event.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct EventRecord {
    #[n(0)]
    pub(crate) wire: WireEvent,
    #[n(1)]
    pub(crate) received_ms: u64,
}

/// A line of a conversation, by its place.
#[derive(Clone, Copy, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct LineRecord {
    #[n(0)]
    pub(crate) seq: u64,
    #[n(1)]
    pub(crate) kind: u16,
    /// It came without its body, or its writer took it back.
    #[n(2)]
    pub(crate) bare: bool,
}

/// Where an event is, by its id.
#[derive(Clone, Copy, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct PlaceRecord {
    #[n(0)]
    pub(crate) conversation: u32,
    #[n(1)]
    pub(crate) device: u32,
    #[n(2)]
    pub(crate) seq: u64,
}

/// Something said of a message: edit, delete, reaction.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct ReferenceRecord {
    #[n(0)]
    pub(crate) at: Position,
    #[n(1)]
    pub(crate) kind: u16,
    #[n(2)]
    pub(crate) account: AccountId,
    #[n(3)]
    pub(crate) text: Option<String>,
    #[n(4)]
    pub(crate) on: Option<bool>,
}

/// How much of a log of one's own is with an account.
#[derive(Clone, Copy, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct DeliveredRecord {
    #[n(0)]
    pub(crate) account: AccountId,
    #[n(1)]
    pub(crate) device: DeviceId,
    #[n(2)]
    pub(crate) seq: u64,
    #[n(3)]
    pub(crate) at_ms: u64,
}

pub(crate) fn key_conversation(conversation: u32) -> Vec<u8> {
    conversation.to_be_bytes().to_vec()
}

pub(crate) fn key_pair(conversation: u32, device: u32) -> Vec<u8> {
    [conversation.to_be_bytes(), device.to_be_bytes()].concat()
}

pub(crate) fn key_event(conversation: u32, device: u32, seq: u64) -> Vec<u8> {
    let mut key = key_pair(conversation, device);
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

pub(crate) fn key_line(conversation: u32, lamport: u64, device: u32) -> Vec<u8> {
    let mut key = conversation.to_be_bytes().to_vec();
    key.extend_from_slice(&lamport.to_be_bytes());
    key.extend_from_slice(&device.to_be_bytes());
    key
}

/// The device number at the end of a line's key.
pub(crate) fn line_place(key: &[u8]) -> Option<(u64, u32)> {
    let lamport = u64::from_be_bytes(key.get(4..12)?.try_into().ok()?);
    let device = u32::from_be_bytes(key.get(12..16)?.try_into().ok()?);
    Some((lamport, device))
}

/// The first key after all that start with `prefix`; `None` when there is none.
pub(crate) fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last.saturating_add(1));
            return Some(end);
        }
    }
    None
}
