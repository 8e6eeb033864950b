//! Groups: delivery through third members, coming and going.

use serde_json::json;

use crate::network::Network;

pub fn group(count: usize) -> (Network, String) {
    let mut network = Network::new(count);
    for a in 0..count {
        for b in a + 1..count {
            network.connect(a, b);
        }
        network.call(a, "settings.set", json!({"accept_requests": true})).unwrap();
    }
    let members: Vec<_> = (1..count).map(|index| network.account(index)).collect();
    let params = json!({"title": "Office", "members": members});
    let view = network.call(0, "conversation.create", params).unwrap();
    network.pass(3_000);
    (network, view["conversation"].as_str().unwrap().to_owned())
}

#[test]
fn everybody_sees_the_same() {
    let (mut network, conversation) = group(4);
    for round in 0..5 {
        for index in 0..4 {
            network.send(index, &conversation, &format!("{index} says {round}"));
        }
    }
    let expected = network.texts(0, &conversation);
    assert_eq!(expected.len(), 20);
    for index in 1..4 {
        assert_eq!(network.texts(index, &conversation), expected);
        assert_eq!(network.added(index).iter().filter(|t| t.contains("says")).count(), 20);
    }
}

#[test]
fn a_message_reaches_the_third_through_the_second() {
    let (mut network, conversation) = group(3);
    network.disconnect(0, 2);
    network.disconnect(1, 2);
    let message = network.send(0, &conversation, "for all");
    network.pass(3_000);
    network.disconnect(0, 1);
    network.connect(1, 2);
    network.pass(3_000);
    assert_eq!(network.texts(2, &conversation), ["for all"]);
    // And the word that it arrived comes back the same way.
    network.disconnect(1, 2);
    network.connect(0, 1);
    network.pass(3_000);
    let detail = network.call(0, "message.get", json!({"message": message})).unwrap();
    assert_eq!(detail["state"], "delivered");
}

#[test]
fn live_messages_spread_between_members_that_are_not_connected() {
    let (mut network, conversation) = group(3);
    network.disconnect(0, 2);
    network.send(0, &conversation, "hop");
    network.pass(3_000);
    assert_eq!(network.texts(2, &conversation), ["hop"]);
}

#[test]
fn the_removed_neither_write_nor_read_on() {
    let (mut network, conversation) = group(3);
    let carol = network.account(2);
    network.send(2, &conversation, "before");
    let params = json!({"conversation": conversation, "account": carol});
    network.call(0, "conversation.remove", params).unwrap();
    network.pass(3_000);
    network.send(0, &conversation, "secret");
    network.pass(3_000);
    assert_eq!(network.texts(1, &conversation), ["before", "secret"]);
    assert_eq!(network.texts(2, &conversation), ["before"]);
    let view = network.call(2, "conversation.get", json!({"conversation": conversation})).unwrap();
    assert_eq!(view["writable"], false);
    let refused =
        network.call(2, "message.send", json!({"conversation": conversation, "text": "x"}));
    assert_eq!(refused.unwrap_err().code, anser_api::ErrorCode::NotAMember);
}

#[test]
fn newcomers_see_history_only_where_the_group_shows_it() {
    for (history, expected) in [(true, vec!["early", "late"]), (false, vec!["late"])] {
        let mut network = Network::new(3);
        network.connect(0, 1);
        network.connect(0, 2);
        network.connect(1, 2);
        for index in 0..3 {
            network.call(index, "settings.set", json!({"accept_requests": true})).unwrap();
        }
        let (bob, carol) = (network.account(1), network.account(2));
        let params = json!({"title": "T", "members": [bob], "history": history});
        let view = network.call(0, "conversation.create", params).unwrap();
        let conversation = view["conversation"].as_str().unwrap().to_owned();
        network.pass(2_000);
        network.send(1, &conversation, "early");
        let params = json!({"conversation": conversation, "accounts": [carol]});
        network.call(0, "conversation.add", params).unwrap();
        network.pass(3_000);
        network.send(1, &conversation, "late");
        network.pass(3_000);
        assert_eq!(network.texts(2, &conversation), expected, "history: {history}");
    }
}
