//! Opening what strangers signed: only what is whole, untouched and within the limits.

use anser_proto::card::{from_link, to_link};
use anser_proto::codec;
use anser_proto::sign::Signed;
use anser_proto::{Card, Certificate, DeviceList, Event, Keypair, Receipt, WireEvent};
use proptest::prelude::*;

use crate::samples;

/// Whether any reader takes these signed bytes.
fn any_opens(signed: &Signed) -> bool {
    Card::open(signed).is_ok()
        || Receipt::open(signed).is_ok()
        || Certificate::open(signed).is_ok()
        || DeviceList::open(signed).is_ok()
}

fn flipped(signed: &Signed, bit: usize) -> Signed {
    let mut bytes = signed.bytes.to_vec();
    let at = bit / 8 % bytes.len();
    bytes[at] ^= 1 << (bit % 8);
    Signed { bytes: bytes.into(), signature: signed.signature }
}

#[test]
fn what_was_signed_opens() {
    assert_eq!(Card::open(&samples::card()).unwrap().card.name, "Alice");
    assert_eq!(Receipt::open(&samples::receipt()).unwrap().0.counter, 5);
    for event in [samples::message(), samples::reply()] {
        assert_eq!(Event::open(event.wire.clone()), Ok(event));
    }
    assert_eq!(from_link(&to_link(&samples::card())), Ok(samples::card()));
}

#[test]
fn a_thing_signed_as_one_never_opens_as_another() {
    let (card, receipt, certificate) =
        (samples::card(), samples::receipt(), samples::certificate());
    assert!(Receipt::open(&card).is_err() && Certificate::open(&card).is_err());
    assert!(Card::open(&receipt).is_err() && Certificate::open(&receipt).is_err());
    assert!(Card::open(&certificate).is_err() && DeviceList::open(&certificate).is_err());
    let header = samples::message().wire.header;
    let as_event = WireEvent { header: card.bytes, signature: card.signature, body: None };
    assert!(Event::open(as_event).is_err());
    assert!(!any_opens(&Signed { bytes: header, signature: samples::message().wire.signature }));
}

#[test]
fn a_receipt_with_a_foreign_certificate_does_not_open() {
    let other = Keypair::from_secret(&[77; 32]);
    let (mut receipt, _) = Receipt::open(&samples::receipt()).unwrap();
    receipt.device = anser_proto::DeviceId(other.public());
    assert!(Receipt::open(&receipt.sign(&other)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn changed_signed_bytes_never_open(bit in any::<usize>(), which in 0_usize..3) {
        let signed = [samples::card(), samples::receipt(), samples::certificate()][which].clone();
        prop_assert!(any_opens(&signed));
        prop_assert!(!any_opens(&flipped(&signed, bit)));
    }

    #[test]
    fn changed_events_never_open(bit in any::<usize>(), in_body in any::<bool>()) {
        let mut wire = samples::reply().wire;
        let mut bytes = if in_body { wire.body.clone().unwrap() } else { wire.header.clone() }.to_vec();
        let at = bit / 8 % bytes.len();
        bytes[at] ^= 1 << (bit % 8);
        if in_body { wire.body = Some(bytes.into()) } else { wire.header = bytes.into() }
        prop_assert!(Event::open(wire).is_err());
    }

    #[test]
    fn truncated_things_never_open(cut in any::<prop::sample::Index>()) {
        let link = to_link(&samples::card());
        prop_assert!(from_link(&link[..cut.index(link.len())]).is_err());
        let wire = codec::encode(&samples::message().wire);
        prop_assert!(codec::decode::<WireEvent>(&wire[..cut.index(wire.len())]).is_err());
        let signed = samples::card();
        let bytes = signed.bytes[..cut.index(signed.bytes.len())].to_vec().into();
        let shorter = Signed { bytes, ..signed };
        prop_assert!(!any_opens(&shorter));
    }

    #[test]
    fn random_bytes_never_open_or_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        text in ".{0,80}",
    ) {
        let signature = samples::message().wire.signature;
        let signed = Signed { bytes: bytes.clone().into(), signature };
        prop_assert!(!any_opens(&signed));
        let wire = WireEvent { header: bytes.into(), signature, body: None };
        prop_assert!(Event::open(wire).is_err());
        prop_assert!(from_link(&text).is_err());
        let link = format!("anser:card/{text}");
        prop_assert!(from_link(&link).is_err());
    }

    #[test]
    fn whatever_is_signed_comes_back(name in "[a-zA-Z ]{1,80}[a-z]", version in any::<u64>()) {
        let (mut card, account) = (Card::open(&samples::card()).unwrap().card, samples::account());
        (card.name, card.version) = (name, version);
        let open = Card::open(&card.sign(&account)).unwrap();
        prop_assert_eq!(open.card, card);
    }
}
