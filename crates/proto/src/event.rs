//! Events: the signed entries of the per-device logs that make up a conversation.
//!
//! The signed header names the body by its hash, so a log can be checked and passed on without
//! bodies: a newcomer who may not read what was said before still verifies the whole chain, and a
//! deleted body can be forgotten. The id is BLAKE3 of the header's bytes as they came.

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::certificate::Certificate;
use crate::codec::{self, DecodeError, within};
use crate::id::{ConversationId, DeviceId, EventId};
use crate::kind::Kind;
use crate::limits;
use crate::sign::{self, Domain, Keypair, Signature, Signed};

/// "Up to and including this entry of that device's log."
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct Seen {
    /// The device.
    #[n(0)]
    pub device: DeviceId,
    /// Sequence number, from 1.
    #[n(1)]
    pub seq: u64,
}

/// A place in the display order of a conversation: (lamport, device, seq), the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(map)]
pub struct Position {
    /// Lamport time.
    #[n(0)]
    pub lamport: u64,
    /// The writing device.
    #[n(1)]
    pub device: DeviceId,
    /// Its sequence number.
    #[n(2)]
    pub seq: u64,
}

/// The signed part of an event.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Header {
    /// The conversation; all zeros in a genesis, whose id becomes the conversation's.
    #[n(0)]
    pub conversation: ConversationId,
    /// The writing device, who signs.
    #[n(1)]
    pub device: DeviceId,
    /// Its running number in this conversation, from 1 without gaps.
    #[n(2)]
    pub seq: u64,
    /// The device's previous event here; `None` exactly when `seq` is 1.
    #[n(3)]
    pub prev: Option<EventId>,
    /// Which membership events the writer had seen, as far as that changed since its previous
    /// event; at most [`limits::SEEN_ENTRIES`], ascending by device.
    #[n(4)]
    pub seen: Vec<Seen>,
    /// One more than the highest the writer had seen in this conversation.
    #[n(5)]
    pub lamport: u64,
    /// The writer's clock, milliseconds since 1970; shown, never trusted.
    #[n(6)]
    pub wall_ms: u64,
    /// What the body is; see [`Kind`].
    #[n(7)]
    pub kind: u16,
    /// BLAKE3 of the body.
    #[n(8)]
    pub body_hash: ByteArray<32>,
    /// The writer's certificate; present exactly when `seq` is 1.
    #[n(9)]
    pub certificate: Option<Signed>,
}

/// An event as it travels and rests.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WireEvent {
    /// The header's bytes as the writer encoded them.
    #[n(0)]
    pub header: ByteVec,
    /// The writer's signature over them.
    #[n(1)]
    pub signature: Signature,
    /// The body; `None` where it is withheld or forgotten.
    #[n(2)]
    pub body: Option<ByteVec>,
}

/// An event that is no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Malformed or over a limit.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The signature is not the named device's.
    #[error("signed by somebody else")]
    Signature,
    /// The body is not the one the header names.
    #[error("the body is not the signed one")]
    Body,
}

/// A verified event: well-formed, within limits, signed by its device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// BLAKE3 of the header's bytes.
    pub id: EventId,
    /// The conversation it belongs to (for a genesis: the one it founds).
    pub conversation: ConversationId,
    /// The header.
    pub header: Header,
    /// The certificate it carries, opened; only on the first event of a log.
    pub certificate: Option<Certificate>,
    /// As it came.
    pub wire: WireEvent,
}

impl Event {
    /// Signs a new event. The caller fills the header; `body_hash` is set here.
    pub fn sign(device: &Keypair, mut header: Header, body: Vec<u8>) -> Result<Self, EventError> {
        header.body_hash = (*blake3::hash(&body).as_bytes()).into();
        let bytes = codec::encode(&header);
        let signature = device.sign(Domain::Event, &bytes);
        let wire = WireEvent { header: bytes.into(), signature, body: Some(body.into()) };
        Self::check(wire, false)
    }

    /// Decodes and verifies an event that somebody sent.
    ///
    /// # Errors
    /// [`EventError`]; the event must then be dropped.
    pub fn open(wire: WireEvent) -> Result<Self, EventError> {
        Self::check(wire, true)
    }

    /// Decodes an event that was verified before it was stored.
    ///
    /// # Errors
    /// [`EventError`] when the stored bytes were damaged.
    pub fn reopen(wire: WireEvent) -> Result<Self, EventError> {
        Self::check(wire, false)
    }

    fn check(wire: WireEvent, verify: bool) -> Result<Self, EventError> {
        let body_bytes = wire.body.as_ref().map_or(0, |b| b.len());
        within(wire.header.len().saturating_add(body_bytes) <= limits::EVENT_BYTES, "event size")?;
        let header: Header = codec::decode(&wire.header)?;
        header.check()?;
        if verify
            && !sign::verify(header.device.as_bytes(), Domain::Event, &wire.header, &wire.signature)
        {
            return Err(EventError::Signature);
        }
        if verify
            && let Some(body) = &wire.body
            && blake3::hash(body).as_bytes() != &*header.body_hash
        {
            return Err(EventError::Body);
        }
        let certificate = header.certificate.as_ref().map(Certificate::open).transpose()?;
        if let Some(certificate) = &certificate {
            within(certificate.device == header.device, "certificate of another device")?;
        }
        let id = EventId(*blake3::hash(&wire.header).as_bytes());
        let conversation = match Kind::from(header.kind) {
            Kind::Genesis => ConversationId(id.0),
            _ => header.conversation,
        };
        Ok(Self { id, conversation, header, certificate, wire })
    }

    /// What kind of event this is.
    pub fn kind(&self) -> Kind {
        Kind::from(self.header.kind)
    }

    /// Where it stands in the display order.
    pub fn position(&self) -> Position {
        Position { lamport: self.header.lamport, device: self.header.device, seq: self.header.seq }
    }

    /// The body's bytes, where they are here.
    pub fn body(&self) -> Option<&[u8]> {
        self.wire.body.as_ref().map(|b| b.as_slice())
    }
}

impl Header {
    fn check(&self) -> Result<(), DecodeError> {
        within(self.seq >= 1, "seq")?;
        within((self.seq == 1) == self.prev.is_none(), "prev")?;
        within((self.seq == 1) == self.certificate.is_some(), "certificate")?;
        within(self.lamport >= self.seq && self.lamport <= limits::LAMPORT, "lamport")?;
        within(self.seen.len() <= limits::SEEN_ENTRIES, "seen")?;
        within(self.seen.iter().all(|s| s.seq >= 1), "seen")?;
        within(
            self.seen.iter().zip(self.seen.iter().skip(1)).all(|(a, b)| a.device < b.device),
            "seen order",
        )?;
        let genesis = Kind::from(self.kind) == Kind::Genesis;
        within(!genesis || self.seq == 1, "genesis is the first event")?;
        within(genesis == (self.conversation.0 == [0; 32]), "genesis names no conversation")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::AccountId;

    fn first(device: &Keypair, account: &Keypair) -> Header {
        let certificate = Certificate {
            account: AccountId(account.public()),
            device: DeviceId(device.public()),
            sealing: None,
            label: "desk".into(),
            created_ms: 5,
        };
        Header {
            conversation: ConversationId([9; 32]),
            device: DeviceId(device.public()),
            seq: 1,
            prev: None,
            seen: vec![],
            lamport: 1,
            wall_ms: 7,
            kind: Kind::Message.into(),
            body_hash: [0; 32].into(),
            certificate: Some(certificate.sign(account)),
        }
    }

    #[test]
    fn opens_what_was_signed_and_refuses_every_changed_part() {
        let (device, account) = (Keypair::from_secret(&[1; 32]), Keypair::from_secret(&[2; 32]));
        let event = Event::sign(&device, first(&device, &account), b"body".to_vec()).unwrap();
        assert_eq!(Event::open(event.wire.clone()).unwrap(), event);

        let mut other_body = event.wire.clone();
        other_body.body = Some(b"bodY".to_vec().into());
        assert_eq!(Event::open(other_body), Err(EventError::Body));

        let mut withheld = event.wire.clone();
        withheld.body = None;
        assert_eq!(Event::open(withheld).unwrap().id, event.id);

        let stranger = Keypair::from_secret(&[3; 32]);
        let forged = WireEvent {
            signature: stranger.sign(Domain::Event, &event.wire.header),
            ..event.wire.clone()
        };
        assert_eq!(Event::open(forged), Err(EventError::Signature));
        for at in 0..event.wire.header.len() {
            let mut changed = event.wire.clone();
            let mut header = changed.header.to_vec();
            header[at] ^= 1;
            changed.header = header.into();
            assert!(Event::open(changed).is_err(), "byte {at} changed and nobody noticed");
        }
    }

    #[test]
    fn refuses_headers_out_of_bounds() {
        let (device, account) = (Keypair::from_secret(&[1; 32]), Keypair::from_secret(&[2; 32]));
        let good = first(&device, &account);
        let bad: [fn(&mut Header); 8] = [
            |h| h.seq = 0,
            |h| h.seq = 2,
            |h| h.certificate = None,
            |h| h.lamport = 0,
            |h| h.lamport = limits::LAMPORT + 1,
            |h| h.seen = vec![Seen { device: DeviceId([1; 32]), seq: 0 }],
            |h| h.seen = vec![Seen { device: DeviceId([1; 32]), seq: 1 }; 2],
            |h| h.conversation = ConversationId([0; 32]),
        ];
        for (at, change) in bad.iter().enumerate() {
            let mut header = good.clone();
            change(&mut header);
            assert!(Event::sign(&device, header, vec![]).is_err(), "case {at}");
        }
        let large = vec![0; limits::EVENT_BYTES];
        assert!(Event::sign(&device, good, large).is_err());
    }
}
