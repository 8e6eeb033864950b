//! A second device of a person: how it comes into the account, and what the two keep alike.

use anser_api::ErrorCode;
use anser_node::Input;
use serde_json::{Value, json};

use crate::network::Network;

/// A and B, who talk, and a new device that shows a code.
fn beginning() -> (Network, usize, String, String) {
    let mut network = Network::new(2);
    network.connect(0, 1);
    let bob = network.account(1);
    let direct = network.call(0, "conversation.direct", json!({"account": bob})).unwrap();
    let direct = direct["conversation"].as_str().unwrap().to_owned();
    network.send(0, &direct, "before");
    network.call(1, "conversation.accept", json!({"conversation": direct})).unwrap();
    network.send(1, &direct, "answer");
    let new = network.add_blank();
    let code = network.call(new, "device.link_start", json!({"device_label": "Laptop"})).unwrap();
    (network, new, direct, code["code"].as_str().unwrap().to_owned())
}

fn linked() -> (Network, usize, String) {
    let (mut network, new, direct, code) = beginning();
    let call = network.begin(0, "device.link_accept", json!({"code": code}));
    assert!(network.answer(call).is_none(), "nobody is connected yet");
    network.connect(0, new);
    let device = network.answer(call).unwrap().unwrap();
    assert_eq!((&device["label"], &device["online"]), (&json!("Laptop"), &json!(true)));
    network.pass(3_000);
    (network, new, direct)
}

fn steps(network: &Network, index: usize) -> Vec<String> {
    let events = network.events[index].iter().map(|event| serde_json::to_value(event).unwrap());
    let steps = events.filter(|event| event["type"] == "link.changed");
    steps.map(|event| event["step"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_new_device_gets_account_contacts_conversations_and_history() {
    let (mut network, new, direct) = linked();
    assert_eq!(network.account(new), network.account(0));
    assert_eq!(network.texts(new, &direct), ["before", "answer"]);
    let contacts = network.call(new, "contact.list", json!({})).unwrap();
    assert_eq!(contacts["contacts"][0]["relation"], "contact");
    let view = network.call(new, "conversation.get", json!({"conversation": direct})).unwrap();
    assert_eq!((&view["request"], &view["unread"]), (&json!(false), &json!(1)));
    assert_eq!(steps(&network, new), ["waiting", "receiving", "done"]);
    for index in [0, new] {
        let devices = network.call(index, "device.list", json!({})).unwrap();
        assert_eq!(devices["devices"].as_array().unwrap().len(), 2);
    }

    network.connect(new, 1);
    network.send(new, &direct, "from the laptop");
    network.send(1, &direct, "to both");
    let expected = ["before", "answer", "from the laptop", "to both"];
    for index in [0, 1, new] {
        assert_eq!(network.texts(index, &direct), expected);
    }
}

#[test]
fn what_one_device_says_of_people_and_conversations_the_other_knows() {
    let (mut network, new, direct) = linked();
    let set = json!({"conversation": direct, "muted": true, "archived": true});
    network.call(new, "conversation.update", set).unwrap();
    let view = network.call(0, "conversation.get", json!({"conversation": direct})).unwrap();
    assert_eq!((&view["muted"], &view["archived"]), (&json!(true), &json!(true)));

    network.disconnect(0, new);
    let bob = network.account(1);
    let number = network.call(0, "contact.get", json!({"account": bob})).unwrap();
    let number = number["safety_number"].clone();
    let verify = json!({"account": bob, "safety_number": number});
    network.call(0, "contact.verify", verify).unwrap();
    network.call(0, "account.update", json!({"name": "Ann", "status": "here"})).unwrap();
    let last = network.call(0, "message.list", json!({"conversation": direct})).unwrap();
    let last = last["messages"].as_array().unwrap().last().unwrap()["message"].clone();
    let read = json!({"conversation": direct, "up_to": last});
    network.call(0, "message.read", read).unwrap();
    network
        .call(new, "conversation.update", json!({"conversation": direct, "muted": false}))
        .unwrap();
    network.connect(0, new);
    network.pass(3_000);
    for index in [0, new] {
        let contact = network.call(index, "contact.get", json!({"account": bob})).unwrap();
        assert_eq!(contact["trust"], "verified");
        let account = network.call(index, "account.get", json!({})).unwrap();
        assert_eq!((&account["name"], &account["status"]), (&json!("Ann"), &json!("here")));
        let view =
            network.call(index, "conversation.get", json!({"conversation": direct})).unwrap();
        assert_eq!((&view["muted"], &view["unread"]), (&json!(false), &json!(0)));
    }
}

#[test]
fn a_conversation_begun_on_one_device_comes_to_the_other() {
    let (mut network, new, _) = linked();
    let bob = network.account(1);
    let group = json!({"title": "Three", "members": [bob]});
    let group = network.call(0, "conversation.create", group).unwrap();
    let group = group["conversation"].as_str().unwrap().to_owned();
    network.send(0, &group, "hello");
    let notes = network.account(0);
    let notes = network.call(new, "conversation.direct", json!({"account": notes})).unwrap();
    let notes = notes["conversation"].as_str().unwrap().to_owned();
    network.send(new, &notes, "to myself");
    network.pass(5_000);
    assert_eq!(network.texts(new, &group), ["hello"]);
    assert_eq!(network.texts(0, &notes), ["to myself"]);
    let view = network.call(new, "conversation.get", json!({"conversation": group})).unwrap();
    assert_eq!((&view["request"], &view["writable"]), (&json!(false), &json!(true)));
}

#[test]
fn a_link_survives_a_restart_of_both() {
    let (mut network, new, direct) = linked();
    network.restart(new, None);
    network.restart(0, None);
    network.connect(new, 0);
    network.connect(new, 1);
    network.send(new, &direct, "again");
    assert_eq!(network.texts(0, &direct), ["before", "answer", "again"]);
    assert_eq!(network.texts(1, &direct), ["before", "answer", "again"]);
}

#[test]
fn a_device_that_was_taken_out_gets_and_says_nothing_more() {
    let (mut network, new, direct) = linked();
    let device = network.device(new).to_string();
    network.disconnect(0, new);
    network.call(0, "device.revoke", json!({"device": device})).unwrap();
    network.send(0, &direct, "without the laptop");
    network.connect(0, new);
    network.connect(1, new);
    network.pass(3_000);
    assert_eq!(network.texts(new, &direct), ["before", "answer"]);
    let say = json!({"conversation": direct, "text": "I am still here"});
    let refused = network.call(new, "message.send", say).unwrap_err();
    assert_eq!(refused.code, ErrorCode::Refused);
    assert_eq!(network.texts(1, &direct), ["before", "answer", "without the laptop"]);
    let warned = network.events[new].iter().map(|e| serde_json::to_value(e).unwrap());
    assert!(warned.into_iter().any(|event: Value| event["code"] == "device_revoked"));

    // It still opens, and still knows what happened.
    network.restart(new, None);
    let view = network.call(new, "conversation.get", json!({"conversation": direct})).unwrap();
    assert_eq!(view["writable"], false);
}

#[test]
fn devices_taken_in_on_two_sides_at_once_are_all_there() {
    let (mut network, new, _) = linked();
    network.disconnect(0, new);
    let mut calls = vec![];
    for giver in [0, new] {
        let third = network.add_blank();
        let code = network.call(third, "device.link_start", json!({})).unwrap();
        let call = network.begin(giver, "device.link_accept", json!({"code": code["code"]}));
        network.connect(giver, third);
        calls.push((call, third));
    }
    for (call, _) in &calls {
        network.answer(*call).unwrap().unwrap();
    }
    network.connect(0, new);
    network.pass(3_000);
    for index in [0, new, calls[0].1, calls[1].1] {
        let devices = network.call(index, "device.list", json!({})).unwrap();
        assert_eq!(devices["devices"].as_array().unwrap().len(), 4, "node {index}");
    }
}

#[test]
fn a_code_is_for_whoever_saw_it_and_not_for_ever() {
    let (mut network, new, _, code) = beginning();
    // B did not see the code, only the device; A's code is for another device.
    network.connect(1, new);
    let other = network.add_blank();
    let foreign = network.call(other, "device.link_start", json!({})).unwrap();
    let foreign = foreign["code"].as_str().unwrap().to_owned();
    let call = network.begin(0, "device.link_accept", json!({"code": foreign}));
    network.connect(0, new);
    network.pass(40_000);
    let error = network.answer(call).unwrap().unwrap_err();
    assert_eq!(error.code, ErrorCode::Unreachable);

    network.pass(11 * 60_000);
    assert_eq!(steps(&network, new).last().unwrap(), "expired");
    let call = network.begin(0, "device.link_accept", json!({"code": code}));
    network.pass(40_000);
    assert_eq!(network.answer(call).unwrap().unwrap_err().code, ErrorCode::Unreachable);
    let none = network.call(new, "account.get", json!({})).unwrap_err();
    assert_eq!(none.code, ErrorCode::NoAccount);
    let devices = network.call(0, "device.list", json!({})).unwrap();
    assert_eq!(devices["devices"].as_array().unwrap().len(), 1);
}

#[test]
fn wrong_proofs_and_uninvited_grants_change_nothing() {
    let (mut network, new, _, _) = beginning();
    network.connect(1, new);
    let bob = network.device(1);
    let offer = anser_proto::Frame::from(anser_proto::frame::LinkOffer { proof: [7; 32].into() });
    let now = anser_node::Now { wall_ms: 0, mono_ms: 0 };
    for _ in 0..3 {
        let bytes = offer.encode();
        network.nodes[new].handle(Input::Frame { device: bob, bytes }, now);
    }
    network.settle();
    assert_eq!(steps(&network, new), ["waiting", "failed"]);
    let taken = anser_proto::Frame::from(anser_proto::frame::LinkTaken {}).encode();
    network.nodes[new].handle(Input::Frame { device: bob, bytes: taken }, now);
    network.settle();
    assert_eq!(network.call(new, "account.get", json!({})).unwrap_err().code, ErrorCode::NoAccount);
}

#[test]
fn only_a_profile_without_an_account_can_be_linked_and_texts_are_checked() {
    let (mut network, new, _, code) = beginning();
    let refused = network.call(0, "device.link_start", json!({})).unwrap_err();
    assert_eq!(refused.code, ErrorCode::AlreadyExists);
    for (index, text, expected) in [
        (0, "hello", ErrorCode::InvalidArgument),
        (0, &code[..40], ErrorCode::InvalidArgument),
        (new, &code, ErrorCode::NoAccount),
    ] {
        let error = network.call(index, "device.link_accept", json!({"code": text})).unwrap_err();
        assert_eq!(error.code, expected);
    }
    network.call(new, "device.link_cancel", json!({})).unwrap();
    let call = network.begin(0, "device.link_accept", json!({"code": code}));
    network.connect(0, new);
    network.pass(40_000);
    assert_eq!(network.answer(call).unwrap().unwrap_err().code, ErrorCode::Unreachable);
}
