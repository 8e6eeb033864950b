//! A connected device that misbehaves.

use anser_api::Command;
use anser_node::{Input, Now, Output};
use anser_proto::frame::{Events, Frame, Receipts, Vector};
use anser_proto::sign::{Domain, Signed};
use anser_proto::{ConversationId, DeviceId, EventId, Header, Keypair, Kind, Position, WireEvent};
use serde_json::json;

use crate::group::group;
use crate::network::Network;

const NOW: Now = Now { wall_ms: 1_700_000_100_000, mono_ms: 100_000 };

fn mallory(network: &mut Network) -> DeviceId {
    network.device(2)
}

/// Feeds a frame as if the last node of three had sent it to the first.
fn feed(network: &mut Network, bytes: Vec<u8>) -> Vec<Output> {
    let device = mallory(network);
    network.nodes[0].handle(Input::Frame { device, bytes }, NOW);
    network.nodes[0].flush().unwrap();
    std::iter::from_fn(|| network.nodes[0].poll_output()).collect()
}

fn is_cut_off(outputs: &[Output], device: DeviceId) -> bool {
    outputs.iter().any(|o| matches!(o, Output::Disconnect { device: d, .. } if *d == device))
}

#[test]
fn garbage_is_counted_and_ends_the_connection() {
    let (mut network, conversation) = group(3);
    let device = mallory(&mut network);
    let mut state = 1_u64;
    let mut cut_off = false;
    for _ in 0..50 {
        let bytes: Vec<u8> = (0..200)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) as u8
            })
            .collect();
        cut_off |= is_cut_off(&feed(&mut network, bytes), device);
    }
    assert!(cut_off);
    assert_eq!(network.nodes[0].counters().bad_frames, 50);
    network.send(0, &conversation, "still here");
    assert_eq!(network.texts(1, &conversation), ["still here"]);
}

#[test]
fn every_truncation_of_real_frames_is_survived() {
    let (mut network, conversation) = group(3);
    let command =
        Command::parse("message.send", json!({"conversation": conversation, "text": "hello"}));
    let device = mallory(&mut network);
    let victim = network.device(0);
    network.nodes[2].handle(Input::Command { id: 1, command: command.unwrap() }, NOW);
    network.nodes[2].flush().unwrap();
    let frames: Vec<_> = std::iter::from_fn(|| network.nodes[2].poll_output())
        .filter_map(|output| match output {
            Output::Send { device, frame } if device == victim => Some(frame),
            _ => None,
        })
        .collect();
    assert!(!frames.is_empty());
    for frame in &frames {
        for end in 0..frame.len() {
            feed(&mut network, frame[..end].to_vec());
        }
    }
    assert!(network.texts(0, &conversation).is_empty());
    let _ = device;
    for frame in frames {
        feed(&mut network, frame);
    }
    assert_eq!(network.texts(0, &conversation), ["hello"]);
}

fn forged(conversation: &str, signer: u8, seq: u64) -> WireEvent {
    let key = Keypair::from_secret(&[signer; 32]);
    let header = Header {
        conversation: conversation.parse().unwrap(),
        device: DeviceId(key.public()),
        seq,
        prev: Some(EventId([1; 32])),
        seen: vec![],
        lamport: 1_000,
        wall_ms: 1,
        kind: Kind::Message.into(),
        body_hash: (*blake3_of(b"x")).into(),
        certificate: None,
    };
    let bytes = anser_proto::codec::encode(&header);
    let signature = key.sign(Domain::Event, &bytes);
    WireEvent { header: bytes.into(), signature, body: Some(b"x".to_vec().into()) }
}

fn blake3_of(_: &[u8]) -> &'static [u8; 32] {
    &[7; 32]
}

#[test]
fn forged_events_receipts_and_vectors_change_nothing() {
    let (mut network, conversation) = group(3);
    network.send(1, &conversation, "true");
    let id: ConversationId = conversation.parse().unwrap();
    let before = network.texts(0, &conversation);

    // The body is not the signed one; the signature is somebody else's.
    let events = vec![forged(&conversation, 50, 2)];
    feed(&mut network, Frame::from(Events { conversation: id, events }).encode());
    let mut stolen = forged(&conversation, 50, 2);
    stolen.signature = Keypair::from_secret(&[51; 32]).sign(Domain::Event, &stolen.header);
    let events = vec![stolen];
    feed(&mut network, Frame::from(Events { conversation: id, events }).encode());
    assert_eq!(network.nodes[0].counters().bad_events, 2);

    // A receipt in Bob's name that Mallory signed.
    let bob = network.device(1);
    let receipt = anser_proto::Receipt {
        conversation: id,
        device: bob,
        counter: 900,
        delivered: vec![],
        read: Some(Position { lamport: 1_000, device: bob, seq: 9 }),
        certificate: Signed::seal(&Keypair::from_secret(&[5; 32]), Domain::Certificate, &1_u8),
    };
    let receipts = vec![receipt.sign(&Keypair::from_secret(&[51; 32]))];
    feed(&mut network, Frame::from(Receipts { conversation: id, receipts }).encode());
    assert_eq!(network.nodes[0].counters().bad_frames, 1);

    // A conversation that does not exist, and a vector for it.
    let nowhere = ConversationId([9; 32]);
    let vector = Vector {
        conversation: nowhere,
        heads: vec![],
        forks: vec![],
        receipts: vec![],
        reply: true,
    };
    let outputs = feed(&mut network, Frame::from(vector).encode());
    assert!(outputs.iter().all(|output| !matches!(output, Output::Send { .. })));
    assert_eq!(network.texts(0, &conversation), before);
    assert_eq!(network.nodes[0].counters().uninvited_frames, 1);
}

#[test]
fn one_who_said_no_hello_is_not_heard() {
    let mut network = Network::new(3);
    let device = mallory(&mut network);
    network.nodes[0].handle(Input::Connected { device, address: None }, NOW);
    let typing = anser_proto::frame::Typing { conversation: ConversationId([1; 32]), on: true };
    feed(&mut network, Frame::from(typing).encode());
    assert_eq!(network.nodes[0].counters().uninvited_frames, 1);
}
