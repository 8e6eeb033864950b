//! Two people.

use serde_json::json;

use crate::network::Network;

fn pair() -> (Network, String) {
    let mut network = Network::new(2);
    network.connect(0, 1);
    for index in [0, 1] {
        network.call(index, "settings.set", json!({"accept_requests": true})).unwrap();
    }
    let bob = network.account(1);
    let conversation =
        network.call(0, "conversation.direct", json!({"account": bob})).unwrap()["conversation"]
            .as_str()
            .unwrap()
            .to_owned();
    (network, conversation)
}

#[test]
fn messages_arrive_once_and_in_order_both_ways() {
    let (mut network, conversation) = pair();
    for number in 0..20 {
        network.send(0, &conversation, &format!("a{number}"));
        network.send(1, &conversation, &format!("b{number}"));
    }
    let expected: Vec<_> = (0..20).flat_map(|n| [format!("a{n}"), format!("b{n}")]).collect();
    assert_eq!(network.texts(0, &conversation), expected);
    assert_eq!(network.texts(1, &conversation), expected);
    assert_eq!(network.added(1), expected);
}

#[test]
fn what_is_said_while_away_arrives_on_connecting() {
    let (mut network, conversation) = pair();
    network.send(0, &conversation, "one");
    network.disconnect(0, 1);
    let waiting = network.send(0, &conversation, "two");
    network.send(1, &conversation, "three");
    let detail = network.call(0, "message.get", json!({"message": waiting})).unwrap();
    assert_eq!(detail["delivery"][0]["state"], "waiting");
    assert_eq!(detail["delivery"][0]["reason"]["code"], "offline");
    network.connect(0, 1);
    network.pass(10_000);
    assert_eq!(network.texts(0, &conversation), network.texts(1, &conversation));
    assert_eq!(network.texts(0, &conversation).len(), 3);
    let detail = network.call(0, "message.get", json!({"message": waiting})).unwrap();
    assert_eq!(detail["delivery"][0]["state"], "delivered");
}

#[test]
fn reading_is_told_and_unread_is_counted() {
    let (mut network, conversation) = pair();
    let message = network.send(0, &conversation, "hello");
    let view = network.call(1, "conversation.get", json!({"conversation": conversation})).unwrap();
    assert_eq!(view["unread"], 1);
    let params = json!({"conversation": conversation, "up_to": message});
    assert_eq!(network.call(1, "message.read", params).unwrap()["unread"], 0);
    network.pass(1_000);
    let detail = network.call(0, "message.get", json!({"message": message})).unwrap();
    assert_eq!(detail["state"], "read");
}

#[test]
fn edits_deletes_and_reactions_show_on_both_sides() {
    let (mut network, conversation) = pair();
    let one = network.send(0, &conversation, "one");
    let two = network.send(0, &conversation, "two");
    network.call(0, "message.edit", json!({"message": one, "text": "uno"})).unwrap();
    network.call(1, "message.react", json!({"message": one, "emoji": "👍", "on": true})).unwrap();
    network.call(0, "message.delete", json!({"message": two})).unwrap();
    for index in [0, 1] {
        let first = network.call(index, "message.get", json!({"message": one})).unwrap();
        assert_eq!((&first["text"], &first["edited"]), (&json!("uno"), &json!(true)));
        assert_eq!(first["reactions"][0]["emoji"], "👍");
        let second = network.call(index, "message.get", json!({"message": two})).unwrap();
        assert_eq!((&second["text"], &second["deleted"]), (&json!(""), &json!(true)));
    }
    let foreign = network.call(1, "message.edit", json!({"message": one, "text": "no"}));
    assert_eq!(foreign.unwrap_err().code, anser_api::ErrorCode::Forbidden);
}

#[test]
fn a_connection_replaced_on_one_side_only_is_a_new_beginning_for_both() {
    let (mut network, conversation) = pair();
    network.send(0, &conversation, "one");
    for (one, other) in [(0, 1), (1, 0)] {
        network.reconnect_one_side(one, other);
        network.send(0, &conversation, "from the first");
        network.send(1, &conversation, "from the second");
    }
    network.pass(3_000);
    assert_eq!(network.texts(0, &conversation).len(), 5);
    assert_eq!(network.texts(1, &conversation), network.texts(0, &conversation));
}
