//! Frames: what two connected devices say to each other.
//!
//! A frame is a CBOR array `[number, map]`. A number that is not known is skipped, so newer
//! versions can say more. The connection authenticates the sender's device; whatever must hold
//! beyond the connection is signed by itself.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::card::DeviceAddresses;
use crate::codec::{self, DecodeError, within};
use crate::event::{Seen, WireEvent};
use crate::id::{ConversationId, DeviceId};
pub use crate::invite::{Join, Joined};
use crate::limits;
pub use crate::linking::{LinkGrant, LinkOffer, LinkReady, LinkTaken, Own, OwnDigest};
use crate::sign::Signed;
pub use crate::transfer::{FileLack, FilePart, FileWant, Picture, PictureWant};

/// The first frame on every connection.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Hello {
    /// Protocol version, 1.
    #[n(0)]
    pub version: u16,
    /// The sender's profile card.
    #[n(1)]
    pub card: Signed,
    /// Where the sending device listens.
    #[n(2)]
    pub addresses: Vec<String>,
    /// Chosen anew by the sender whenever a connection begins for it. Another number than before
    /// says that it has forgotten what was said: a connection may be replaced on one side only.
    #[n(3)]
    pub session: Option<u64>,
}

/// The state of one conversation in sixteen bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Digest {
    /// The conversation.
    #[n(0)]
    pub conversation: ConversationId,
    /// Hash over logs and forks; equal means nothing to send.
    #[n(1)]
    pub logs: ByteArray<16>,
    /// Hash over receipts.
    #[n(2)]
    pub receipts: ByteArray<16>,
}

/// How much of one log the sender holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Head {
    /// The log's device.
    #[n(0)]
    pub device: DeviceId,
    /// The last sequence number without a gap.
    #[n(1)]
    pub seq: u64,
    /// The first half of that event's id: two different ones at one number prove a fork.
    #[n(2)]
    pub id: ByteArray<16>,
}

/// Everything the sender holds of one conversation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Vector {
    /// The conversation.
    #[n(0)]
    pub conversation: ConversationId,
    /// The logs, at most [`limits::VECTOR_ENTRIES`].
    #[n(1)]
    pub heads: Vec<Head>,
    /// Logs known to be forked, with the number where they split.
    #[n(2)]
    pub forks: Vec<Seen>,
    /// Receipts held: (device, counter).
    #[n(3)]
    pub receipts: Vec<Seen>,
    /// Whether the receiver should answer with its own vector.
    #[n(4)]
    pub reply: bool,
}

/// A page of events of one conversation, in display order.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Events {
    /// The conversation.
    #[n(0)]
    pub conversation: ConversationId,
    /// At most [`limits::PAGE_EVENTS`].
    #[n(1)]
    pub events: Vec<WireEvent>,
}

/// Asks for entries of one log, to find where it split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Want {
    /// The conversation.
    #[n(0)]
    pub conversation: ConversationId,
    /// The log's device.
    #[n(1)]
    pub device: DeviceId,
    /// The entry.
    #[n(2)]
    pub seq: u64,
}

/// Proof that a device wrote two different events with one number after the same event.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Fork {
    /// The conversation.
    #[n(0)]
    pub conversation: ConversationId,
    /// One event.
    #[n(1)]
    pub one: WireEvent,
    /// The other.
    #[n(2)]
    pub other: WireEvent,
}

/// Receipts of one conversation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Receipts {
    /// The conversation.
    #[n(0)]
    pub conversation: ConversationId,
    /// Signed [`crate::Receipt`]s, at most [`limits::RECEIPTS`].
    #[n(1)]
    pub receipts: Vec<Signed>,
}

/// Somebody is typing, or stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Typing {
    /// The conversation.
    #[n(0)]
    pub conversation: ConversationId,
    /// Whether they are.
    #[n(1)]
    pub on: bool,
}

/// How available the sender's person is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Presence {
    /// 0 available, 1 away, 2 busy; others count as available.
    #[n(0)]
    pub state: u8,
}

/// Where devices of shared conversations were last reached.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Exchange {
    /// At most [`limits::EXCHANGE_DEVICES`].
    #[n(0)]
    pub devices: Vec<DeviceAddresses>,
}

/// Digests of the conversations that both have.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Digests {
    /// At most [`limits::DIGESTS`].
    #[n(0)]
    pub digests: Vec<Digest>,
}

/// The answer to every [`Events`] frame, once its events are on disk.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Ack {
    /// The conversation.
    #[n(0)]
    pub conversation: ConversationId,
    /// For each log in that frame, how much of it is held now.
    #[n(1)]
    pub held: Vec<Held>,
}

/// How much of one log is held; 0 for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Held {
    /// The log's device.
    #[n(0)]
    pub device: DeviceId,
    /// The last sequence number without a gap.
    #[n(1)]
    pub seq: u64,
}

/// A frame that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A frame of a newer version: skip it.
    #[error("unknown frame {0}")]
    Unknown(u16),
    /// Malformed or over a limit: the sender misbehaves.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

macro_rules! frames {
    ($($number:literal $name:ident),* $(,)?) => {
        /// What one device says to another.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Frame {
            $(#[doc = concat!("See [`", stringify!($name), "`].")] $name($name),)*
        }

        $(impl From<$name> for Frame {
            fn from(inner: $name) -> Self {
                Self::$name(inner)
            }
        })*

        impl Frame {
            /// The bytes of this frame.
            pub fn encode(&self) -> Vec<u8> {
                match self {
                    $(Self::$name(inner) => codec::encode(&($number as u16, inner)),)*
                }
            }

            /// The frame in `bytes`.
            ///
            /// # Errors
            /// [`FrameError::Unknown`] for a frame to skip, [`FrameError::Decode`] for a
            /// malformed or oversized one.
            pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
                within(bytes.len() <= limits::FRAME_BYTES, "frame size")?;
                let number = frame_number(bytes)?;
                let frame = match number {
                    $($number => Self::$name(codec::decode::<(u16, $name)>(bytes)?.1),)*
                    other => return Err(FrameError::Unknown(other)),
                };
                frame.check()?;
                Ok(frame)
            }
        }
    };
}

frames! {
    1 Hello,
    2 Digests,
    3 Vector,
    4 Events,
    5 Want,
    6 Fork,
    7 Receipts,
    8 Typing,
    9 Presence,
    10 Exchange,
    11 Ack,
    12 FileWant,
    13 FilePart,
    14 FileLack,
    15 PictureWant,
    16 Picture,
    17 LinkOffer,
    18 LinkReady,
    19 LinkGrant,
    20 LinkTaken,
    21 OwnDigest,
    22 Own,
    23 Join,
    24 Joined,
}

fn frame_number(bytes: &[u8]) -> Result<u16, DecodeError> {
    let mut decoder = minicbor::Decoder::new(bytes);
    let malformed = |e: minicbor::decode::Error| DecodeError::Malformed(e.to_string());
    within(decoder.array().map_err(malformed)? == Some(2), "a frame is a pair")?;
    decoder.u16().map_err(malformed)
}

impl Frame {
    fn check(&self) -> Result<(), DecodeError> {
        match self {
            Self::Hello(hello) => {
                within(hello.addresses.len() <= limits::ADDRESSES, "addresses")?;
                within(hello.addresses.iter().all(|a| a.len() <= limits::ADDRESS_BYTES), "address")
            }
            Self::Digests(digests) => within(digests.digests.len() <= limits::DIGESTS, "digests"),
            Self::Vector(vector) => {
                within(vector.heads.len() <= limits::VECTOR_ENTRIES, "heads")?;
                within(vector.forks.len() <= limits::VECTOR_ENTRIES, "forks")?;
                within(vector.receipts.len() <= limits::VECTOR_ENTRIES, "receipts")
            }
            Self::Events(events) => within(events.events.len() <= limits::PAGE_EVENTS, "events"),
            Self::Receipts(receipts) => {
                within(receipts.receipts.len() <= limits::RECEIPTS, "receipts")
            }
            Self::Exchange(exchange) => {
                within(exchange.devices.len() <= limits::EXCHANGE_DEVICES, "devices")?;
                within(exchange.devices.iter().all(DeviceAddresses::is_bounded), "addresses")
            }
            Self::Ack(ack) => within(ack.held.len() <= limits::PAGE_EVENTS, "held"),
            Self::FileWant(want) => within(want.parts.len() <= limits::PARTS_WANTED, "parts"),
            Self::FilePart(part) => {
                within(part.data.len() <= limits::PART_BYTES, "part")?;
                within(part.proof.len() <= limits::PROOF_STEPS, "proof")
            }
            Self::Picture(picture) => {
                within(picture.bytes.len() <= limits::PICTURE_BYTES, "picture")
            }
            Self::LinkReady(ready) => within(ready.label.len() <= limits::NAME_BYTES, "label"),
            Self::LinkGrant(grant) => {
                within(grant.name.len() <= limits::NAME_BYTES, "name")?;
                let status = grant.status.as_ref();
                within(status.is_none_or(|s| s.len() <= limits::STATUS_BYTES), "status")
            }
            Self::Own(own) => {
                within(own.people.len() <= limits::OWN_RECORDS, "people")?;
                within(own.rooms.len() <= limits::OWN_RECORDS, "rooms")
            }
            Self::FileLack(_)
            | Self::PictureWant(_)
            | Self::LinkOffer(_)
            | Self::LinkTaken(_)
            | Self::OwnDigest(_)
            | Self::Join(_)
            | Self::Joined(_) => Ok(()),
            Self::Want(_) | Self::Fork(_) | Self::Typing(_) | Self::Presence(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_round_trip() {
        let frame: Frame = Vector {
            conversation: ConversationId([1; 32]),
            heads: vec![Head { device: DeviceId([2; 32]), seq: 9, id: [3; 16].into() }],
            forks: vec![],
            receipts: vec![Seen { device: DeviceId([2; 32]), seq: 4 }],
            reply: true,
        }
        .into();
        assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
    }

    #[test]
    fn unknown_frames_and_fields_are_skipped() {
        let unknown = codec::encode(&(900_u16, 5_u8));
        assert_eq!(Frame::decode(&unknown), Err(FrameError::Unknown(900)));

        #[derive(Encode)]
        #[cbor(map)]
        struct NewerTyping {
            #[n(0)]
            conversation: ConversationId,
            #[n(1)]
            on: bool,
            #[n(40)]
            more: Vec<String>,
        }
        let conversation = ConversationId([5; 32]);
        let newer = NewerTyping { conversation, on: true, more: vec!["later".into()] };
        let bytes = codec::encode(&(8_u16, newer));
        assert_eq!(Frame::decode(&bytes), Ok(Typing { conversation, on: true }.into()));
    }

    #[test]
    fn truncated_nested_and_oversized_frames_are_refused() {
        let frame: Frame = Typing { conversation: ConversationId([5; 32]), on: true }.into();
        let bytes = frame.encode();
        for end in 0..bytes.len() {
            assert!(Frame::decode(&bytes[..end]).is_err(), "{end}");
        }
        let mut trailing = bytes.clone();
        trailing.push(0);
        assert_eq!(Frame::decode(&trailing), Err(FrameError::Decode(DecodeError::Trailing(1))));
        // 1,000,000 nested arrays in an unknown field: skipped or refused, never a stack overflow.
        let mut nested = vec![0x82, 0x08, 0xa1, 0x18, 0x63];
        nested.extend(std::iter::repeat_n(0x81, 1_000_000));
        assert!(Frame::decode(&nested).is_err());
        assert!(Frame::decode(&vec![0x82; limits::FRAME_BYTES + 1]).is_err());
        // A length that promises more than there is must not be believed.
        let promised = [0x82, 0x02, 0xa1, 0x00, 0x9b, 0, 0, 0, 1, 0, 0, 0, 0];
        assert!(Frame::decode(&promised).is_err());
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
            let _ = Frame::decode(&bytes);
        }

        #[test]
        fn mutated_frames_never_panic(at in 0_usize..200, value in any::<u8>()) {
            let frame: Frame = Exchange {
                devices: vec![DeviceAddresses {
                    device: DeviceId([1; 32]),
                    addresses: vec!["/ip4/10.0.0.1/tcp/1".into(); 3],
                }],
            }.into();
            let mut bytes = frame.encode();
            let at = at % bytes.len();
            bytes[at] = value;
            if let Ok(again) = Frame::decode(&bytes) {
                prop_assert!(again.encode().len() <= limits::FRAME_BYTES);
            }
        }
    }
}
