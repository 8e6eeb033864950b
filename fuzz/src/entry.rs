//! What every byte string must survive: the functions that the fuzzer and the tests call.
//!
//! They panic when a promise is broken: what decodes is within its limits, encodes again to
//! something equal, and what opens stays openable. They know nothing of fuzzers.

use anser_proto::card::{Card, from_link};
use anser_proto::codec::{self, DecodeError};
use anser_proto::invite::Invitation;
use anser_proto::linking::LinkCode;
use anser_proto::sign::Signed;
use anser_proto::{
    Certificate, Change, Content, DeviceList, Event, Frame, Genesis, Kind, Receipt, WireEvent,
    limits,
};

/// Bytes that came as a frame.
pub fn frames(bytes: &[u8]) {
    let Ok(frame) = Frame::decode(bytes) else { return };
    assert!(bytes.len() <= limits::FRAME_BYTES, "a frame over the limit was taken");
    assert_eq!(Frame::decode(&frame.encode()).as_ref(), Ok(&frame), "a frame changes on its way");
    match frame {
        Frame::Hello(hello) => drop(Card::open(&hello.card)),
        Frame::Events(events) => events.events.into_iter().for_each(event),
        Frame::LinkGrant(grant) => drop(DeviceList::open(&grant.list)),
        Frame::Own(own) => {
            assert!(own.people.len().max(own.rooms.len()) <= limits::OWN_RECORDS);
            own.people.iter().flat_map(|p| &p.card).for_each(|card| drop(Card::open(card)));
        }
        Frame::Fork(fork) => [fork.one, fork.other].into_iter().for_each(event),
        Frame::Receipts(receipts) => {
            assert!(receipts.receipts.len() <= limits::RECEIPTS);
            receipts.receipts.iter().for_each(|signed| drop(Receipt::open(signed)));
        }
        _ => {}
    }
}

/// Bytes that came as an event, a body, a signed record or a link.
pub fn events(bytes: &[u8]) {
    if let Ok(wire) = codec::decode::<WireEvent>(bytes) {
        event(wire);
    }
    if let Ok(signed) = codec::decode::<Signed>(bytes) {
        drop(Certificate::open(&signed));
        drop(DeviceList::open(&signed));
        drop(Card::open(&signed));
        drop(Receipt::open(&signed));
    }
    bodies(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        links(text);
    }
}

/// Text that somebody pasted.
fn links(text: &str) {
    if let Ok(signed) = from_link(text) {
        drop(Card::open(&signed));
    }
    if let Ok(code) = LinkCode::from_text(text) {
        assert!(code.addresses.len() <= limits::ADDRESSES);
        assert_eq!(LinkCode::from_text(&code.to_text()), Ok(code), "a code changes on its way");
    }
    if let Ok(invitation) = Invitation::from_link(text) {
        drop(Card::open(&invitation.card));
        assert_eq!(Invitation::from_link(&invitation.to_link()), Ok(invitation));
    }
}

fn event(wire: WireEvent) {
    let opened = Event::open(wire.clone());
    let reopened = Event::reopen(wire);
    if let Ok(event) = &opened {
        assert_eq!(opened, reopened, "an event that was verified does not open from the store");
        let header = &event.header;
        assert!(header.seq >= 1 && header.lamport >= header.seq);
        assert!(header.seen.len() <= limits::SEEN_ENTRIES);
        if let Some(body) = event.body() {
            assert!(body.len() <= limits::EVENT_BYTES);
            bodies(body);
        }
    }
}

fn bodies(bytes: &[u8]) {
    if let Ok(genesis) = Genesis::decode(bytes) {
        assert_eq!(Genesis::decode(&codec::encode(&genesis)), Ok(genesis));
    }
    match Change::decode(bytes) {
        Ok(Change::Unknown(_)) | Err(_) => {}
        Ok(change) => assert_eq!(Change::decode(&change.encode()), Ok(change)),
    }
    for kind in [Kind::Message, Kind::Edit, Kind::Delete, Kind::Reaction, Kind::Pin, Kind::Call] {
        let content: Result<Content, DecodeError> = Content::decode(kind, bytes);
        if let Ok(content) = content {
            let text = content.text.as_deref().unwrap_or_default();
            assert!(text.len() <= limits::TEXT_BYTES);
            assert_eq!(Content::decode(kind, &codec::encode(&content)), Ok(content));
        }
    }
}
