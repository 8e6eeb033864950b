//! What simulated networks found, each in its smallest form.

use anser_store::{Order, Store, Table};
use serde_json::json;

use crate::group::group;
use crate::network::Network;

fn direct(network: &mut Network, from: usize, to: usize) -> String {
    let account = network.account(to);
    let view = network.call(from, "conversation.direct", json!({"account": account})).unwrap();
    view["conversation"].as_str().unwrap().to_owned()
}

#[test]
fn a_new_direct_conversation_reaches_a_contact_who_is_connected_already() {
    let (mut network, _) = group(2);
    let conversation = direct(&mut network, 0, 1);
    network.send(0, &conversation, "aside");
    network.pass(3_000);
    assert_eq!(network.texts(1, &conversation), ["aside"]);
}

#[test]
fn the_unblocked_are_heard_without_connecting_anew() {
    let (mut network, _) = group(2);
    let alice = network.account(0);
    let block = |blocked: bool| json!({"account": alice, "blocked": blocked});
    network.call(1, "contact.block", block(true)).unwrap();
    let conversation = direct(&mut network, 0, 1);
    network.send(0, &conversation, "can you hear me?");
    network.pass(3_000);
    network.call(1, "contact.block", block(false)).unwrap();
    network.pass(3_000);
    assert_eq!(network.texts(1, &conversation), ["can you hear me?"]);
}

#[test]
fn what_came_just_before_a_crash_is_acknowledged_after_it() {
    let (mut network, conversation) = group(3);
    network.disconnect(0, 2);
    network.pass(5_000);
    let message = network.send(0, &conversation, "through B");
    network.pass(1_200);
    network.disconnect(0, 1);
    // C has it from B, and crashes before it says so; B is never met again.
    network.restart(2, None);
    network.connect(0, 2);
    network.pass(5_000);
    let detail = network.call(0, "message.get", json!({"message": message})).unwrap();
    let carol = network.account(2);
    let deliveries = detail["delivery"].as_array().unwrap();
    let to_carol = deliveries.iter().find(|d| d["account"] == carol).unwrap();
    assert_eq!(to_carol["state"], "delivered");
}

#[test]
fn a_request_that_waits_makes_no_noise() {
    let mut network = Network::new(2);
    network.connect(0, 1);
    let conversation = direct(&mut network, 0, 1);
    for text in ["may I?", "and also", "and then"] {
        network.send(0, &conversation, text);
    }
    network.pass(60_000);
    assert!(network.nodes.iter().all(|node| node.poll_timeout().is_none()));
}

#[test]
fn a_removed_members_late_deletion_is_the_same_everywhere() {
    let (mut network, conversation) = group(3);
    let message = network.send(2, &conversation, "I never said that");
    network.pass(2_000);
    network.disconnect(0, 2);
    network.disconnect(1, 2);
    network.call(2, "message.delete", json!({"message": message})).unwrap();
    let carol = network.account(2);
    let params = json!({"conversation": conversation, "account": carol});
    network.call(0, "conversation.remove", params).unwrap();
    network.pass(2_000);
    network.connect(1, 2);
    network.pass(5_000);
    for index in [0, 1] {
        let shown = network.call(index, "message.get", json!({"message": message})).unwrap();
        assert_eq!((&shown["deleted"], &shown["text"]), (&json!(true), &json!("")), "{index}");
    }
}

#[test]
fn a_stream_of_messages_from_the_first_on_never_waits_for_a_clock() {
    let (mut network, _) = group(2);
    let conversation = direct(&mut network, 0, 1);
    let texts: Vec<_> = (0..300).map(|number| format!("{number}")).collect();
    for text in &texts {
        network.send_and_step(0, &conversation, text);
    }
    network.settle();
    assert_eq!(network.texts(1, &conversation), texts);
    assert!(network.nodes[1].counters().duplicate_events < 30, "sent again what was under way");
}

#[test]
fn of_a_message_taken_back_no_word_is_kept_nor_of_its_edits() {
    let (mut network, conversation) = group(3);
    network.disconnect(0, 2);
    network.disconnect(1, 2);
    let message = network.send(0, &conversation, "first-words");
    let edit = json!({"message": message, "text": "second-words"});
    network.call(0, "message.edit", edit).unwrap();
    network.pass(2_000);
    assert!(holds(&mut network, 1, "second-words"), "the check finds what is there");
    network.restart(1, None);
    network.connect(0, 1);
    network.call(0, "message.delete", json!({"message": message})).unwrap();
    network.send(0, &conversation, "and on");
    network.pass(2_000);
    network.disconnect(0, 1);
    // The absent gets it without the words, and what came after it, from the second.
    network.connect(1, 2);
    network.pass(5_000);
    network.restart(1, None);
    network.restart(2, None);
    network.disconnect(1, 2);
    network.restart(0, None);
    for index in 0..3 {
        assert_eq!(network.texts(index, &conversation), ["", "and on"], "{index}");
        for words in ["first-words", "second-words"] {
            assert!(!holds(&mut network, index, words), "{words} on the disk of {index}");
        }
    }
}

/// Whether a text lies anywhere on a node's disk.
fn holds(network: &mut Network, index: usize, text: &str) -> bool {
    let store = network.copy_store(index);
    Table::ALL.iter().any(|table| {
        let entries = store.scan(*table, &[], None, Order::Ascending, usize::MAX).unwrap();
        entries.iter().any(|(_, v)| v.windows(text.len()).any(|part| part == text.as_bytes()))
    })
}
