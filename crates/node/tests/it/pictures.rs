//! Pictures of people and groups.

use anser_api::ErrorCode;
use serde_json::json;

use crate::network::Network;

/// The smallest PNG with this width and height that a reader of headers takes for one.
fn png(width: u32, height: u32, filling: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend_from_slice(&width.to_be_bytes());
    bytes.extend_from_slice(&height.to_be_bytes());
    bytes.extend_from_slice(&[8, 6, 0, 0, 0, 0, 0, 0, 0]);
    bytes.resize(bytes.len() + filling, 7);
    bytes
}

fn base64(bytes: &[u8]) -> String {
    data_encoding::BASE64.encode(bytes)
}

fn friends() -> (Network, String) {
    let mut network = Network::new(3);
    network.connect(0, 1);
    let bob = network.account(1);
    let members = json!({"title": "Two", "members": [bob]});
    let group = network.call(0, "conversation.create", members).unwrap();
    let group = group["conversation"].as_str().unwrap().to_owned();
    network.call(1, "conversation.accept", json!({"conversation": group})).unwrap();
    (network, group)
}

#[test]
fn a_persons_picture_comes_to_contacts_and_survives_a_restart() {
    let (mut network, _) = friends();
    let bytes = png(256, 256, 9_000);
    let account = network.call(0, "account.update", json!({"avatar": base64(&bytes)})).unwrap();
    let picture = account["avatar"].clone();
    assert!(picture.is_string());
    network.restart(1, None);
    let got = network.call(1, "picture.get", json!({"picture": picture})).unwrap();
    assert_eq!((&got["data"], &got["media_type"]), (&json!(base64(&bytes)), &json!("image/png")));
    let alice = network.account(0);
    let contact = network.call(1, "contact.get", json!({"account": alice})).unwrap();
    assert_eq!(contact["avatar"], picture);
    let account = network.call(0, "account.update", json!({"avatar": ""})).unwrap();
    assert!(account["avatar"].is_null());
    network.connect(0, 1);
    let contact = network.call(1, "contact.get", json!({"account": alice})).unwrap();
    assert!(contact["avatar"].is_null());
    network.restart(1, None);
    let gone = network.call(1, "picture.get", json!({"picture": picture})).unwrap_err();
    assert_eq!(gone.code, ErrorCode::NotFound, "nobody shows it any more");
}

#[test]
fn a_groups_picture_comes_to_members_also_through_another_and_not_to_strangers() {
    let (mut network, group) = friends();
    let bytes = png(64, 64, 100);
    let set = json!({"conversation": group, "avatar": base64(&bytes)});
    let picture = network.call(0, "conversation.update", set).unwrap()["avatar"].clone();
    network.call(1, "picture.get", json!({"picture": picture})).unwrap();
    // C joins by B alone, who then shows the picture; before that C gets nothing.
    network.disconnect(0, 1);
    network.connect(1, 2);
    let wanted =
        anser_proto::frame::PictureWant { picture: picture.as_str().unwrap().parse().unwrap() };
    let before = network.nodes[1].counters().uninvited_frames;
    let (carol, frame) = (network.device(2), anser_proto::Frame::from(wanted).encode());
    let now = anser_node::Now { wall_ms: 1, mono_ms: 0 };
    network.nodes[1].handle(anser_node::Input::Frame { device: carol, bytes: frame }, now);
    network.settle();
    assert_eq!(network.nodes[1].counters().uninvited_frames, before + 1);
    network.disconnect(1, 2);
    network.connect(0, 1);
    let bob = network.account(1);
    let role = json!({"conversation": group, "account": bob, "role": "admin"});
    network.call(0, "conversation.role", role).unwrap();
    network.disconnect(0, 1);
    network.connect(1, 2);
    let carol = network.account(2);
    network
        .call(1, "conversation.add", json!({"conversation": group, "accounts": [carol]}))
        .unwrap();
    network.call(2, "conversation.accept", json!({"conversation": group})).unwrap();
    network.pass(3_000);
    let view = network.call(2, "conversation.get", json!({"conversation": group})).unwrap();
    assert_eq!(view["avatar"], picture);
    // Accepting came after the picture was named: the next meeting brings it.
    network.disconnect(1, 2);
    network.connect(1, 2);
    network.call(2, "picture.get", json!({"picture": picture})).unwrap();
}

#[test]
fn what_is_no_small_picture_is_refused() {
    let (mut network, _) = friends();
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec();
    for (bytes, code) in [
        (png(5_000, 10, 10), ErrorCode::InvalidArgument),
        (png(0, 10, 10), ErrorCode::InvalidArgument),
        (svg, ErrorCode::InvalidArgument),
        (png(10, 10, 65_600), ErrorCode::TooLarge),
        (vec![0; 300_000], ErrorCode::TooLarge),
    ] {
        let set = json!({"avatar": base64(&bytes)});
        assert_eq!(network.call(0, "account.update", set).unwrap_err().code, code);
    }
    let error = network.call(0, "account.update", json!({"avatar": "%%%"})).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert!(network.call(0, "account.get", json!({})).unwrap()["avatar"].is_null());
    let none = network.call(0, "picture.get", json!({"picture": "x"})).unwrap_err();
    assert_eq!(none.code, ErrorCode::NotFound);
}
