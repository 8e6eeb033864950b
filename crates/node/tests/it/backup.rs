//! Backups: made from one profile, read into another.

use anser_api::ErrorCode;
use anser_node::BackupCursor;
use serde_json::json;

use crate::network::Network;

fn pieces(network: &Network, index: usize) -> Vec<Vec<u8>> {
    let mut cursor = BackupCursor::default();
    let mut pieces = vec![];
    while let Some(piece) = network.nodes[index].backup_next(&mut cursor).unwrap() {
        pieces.push(piece);
    }
    assert_eq!(cursor.events, cursor.total_events);
    pieces
}

fn read_in(network: &mut Network, index: usize, pieces: &[Vec<u8>]) {
    network.nodes[index].restore_begin().unwrap();
    for piece in pieces {
        network.nodes[index].restore(piece, "New").unwrap();
    }
    network.nodes[index].restore_end(0);
    network.settle();
}

/// A talks with B, and to herself; 700 messages, so that there is more than a page.
fn scene() -> (Network, String, String) {
    let mut network = Network::new(2);
    network.connect(0, 1);
    let (alice, bob) = (network.account(0), network.account(1));
    let mut ids = vec![];
    for account in [&bob, &alice] {
        let view = network.call(0, "conversation.direct", json!({"account": account})).unwrap();
        ids.push(view["conversation"].as_str().unwrap().to_owned());
    }
    network.call(0, "conversation.create", json!({"title": "Both", "members": [bob]})).unwrap();
    for number in 0..700 {
        network.send(0, &ids[0], &format!("{number} {}", "long ".repeat(100)));
    }
    let edited = network.send(0, &ids[1], "note");
    network.call(0, "message.edit", json!({"message": edited, "text": "better"})).unwrap();
    let deleted = network.send(0, &ids[1], "gone");
    network.call(0, "message.delete", json!({"message": deleted})).unwrap();
    network.call(0, "conversation.update", json!({"conversation": ids[0], "muted": true})).unwrap();
    let notes = ids.pop().unwrap();
    (network, ids.pop().unwrap(), notes)
}

#[test]
fn a_new_profile_becomes_a_further_device_with_everything() {
    let (mut network, direct, notes) = scene();
    let pieces = pieces(&network, 0);
    assert!(pieces.iter().all(|piece| piece.len() <= 1024 * 1024));
    assert!(pieces.len() > 4, "the events are in pages");
    let new = network.add_blank();
    read_in(&mut network, new, &pieces);
    // All of it is on disk.
    network.restart(new, None);
    assert_eq!(network.account(new), network.account(0));
    assert_ne!(network.device(new), network.device(0));
    assert_eq!(network.texts(new, &direct), network.texts(0, &direct));
    assert_eq!(network.texts(new, &notes), ["better", ""]);
    let listed = network.call(new, "conversation.list", json!({})).unwrap();
    assert_eq!(listed["conversations"].as_array().unwrap().len(), 3);
    let view = network.call(new, "conversation.get", json!({"conversation": direct})).unwrap();
    assert_eq!((&view["muted"], &view["unread"]), (&json!(true), &json!(0)));

    network.connect(new, 1);
    network.connect(new, 0);
    network.send(new, &direct, "back again");
    network.pass(3_000);
    let last = |network: &mut Network, index| network.texts(index, &direct).pop().unwrap();
    assert_eq!(last(&mut network, 0), "back again");
    network.call(1, "conversation.accept", json!({"conversation": direct})).unwrap();
    network.pass(3_000);
    assert_eq!(last(&mut network, 1), "back again");
    let devices = network.call(0, "device.list", json!({})).unwrap();
    assert_eq!(devices["devices"].as_array().unwrap().len(), 2);
}

#[test]
fn who_was_connected_meanwhile_is_met_anew() {
    let (mut network, direct, _) = scene();
    let pieces = pieces(&network, 0);
    let new = network.add_blank();
    network.nodes[new].restore_begin().unwrap();
    for piece in &pieces {
        network.nodes[new].restore(piece, "New").unwrap();
    }
    // Bob greets while nobody listens.
    network.connect(new, 1);
    network.nodes[new].restore_end(0);
    network.settle();
    assert!(!network.is_connected(new, 1), "what was said meanwhile was not heard");
    network.connect(new, 1);
    network.call(1, "conversation.accept", json!({"conversation": direct})).unwrap();
    network.pass(3_000);
    network.send(1, &direct, "welcome back");
    assert_eq!(network.texts(new, &direct).pop().unwrap(), "welcome back");
}

#[test]
fn a_backup_read_in_half_leaves_nothing_and_can_be_read_again() {
    let (mut network, direct, _) = scene();
    let pieces = pieces(&network, 0);
    let new = network.add_blank();
    network.nodes[new].restore_begin().unwrap();
    for piece in &pieces[..3] {
        network.nodes[new].restore(piece, "New").unwrap();
    }
    let busy = network.call(new, "account.create", json!({"name": "C"})).unwrap_err();
    assert_eq!(busy.code, ErrorCode::NoAccount);
    network.nodes[new].flush().unwrap();
    network.restart(new, None);
    let none = network.call(new, "account.get", json!({})).unwrap_err();
    assert_eq!(none.code, ErrorCode::NoAccount);
    read_in(&mut network, new, &pieces);
    assert_eq!(network.texts(new, &direct).len(), 500);
    network.restart(new, None);
    assert_eq!(network.texts(new, &direct), network.texts(0, &direct));
}

#[test]
fn what_is_no_piece_of_a_backup_is_refused() {
    let (mut network, _, _) = scene();
    let pieces = pieces(&network, 0);
    assert_eq!(network.nodes[1].restore_begin().unwrap_err().code, ErrorCode::AlreadyExists);
    let new = network.add_blank();
    assert!(network.nodes[new].restore(&pieces[0], "New").is_err(), "it was not begun");
    network.nodes[new].restore_begin().unwrap();
    assert!(network.nodes[new].restore(&pieces[1], "New").is_err(), "the account comes first");
    assert!(network.nodes[new].restore(b"hello", "New").is_err());
    network.nodes[new].restore(&pieces[0], "New").unwrap();
    assert!(network.nodes[new].restore(&pieces[0], "New").is_err(), "and only once");
    network.nodes[new].restore_abort().unwrap();
    network.call(new, "account.create", json!({"name": "C"})).unwrap();
    let blank = network.add_blank();
    let mut cursor = BackupCursor::default();
    let error = network.nodes[blank].backup_next(&mut cursor).unwrap_err();
    assert_eq!(error.code, ErrorCode::NoAccount);
}
