//! Strangers write.

use serde_json::json;

use crate::network::Network;

#[test]
fn a_stranger_gets_one_message_through_until_accepted() {
    let mut network = Network::new(2);
    network.connect(0, 1);
    let bob = network.account(1);
    let view = network.call(0, "conversation.direct", json!({"account": bob})).unwrap();
    let conversation = view["conversation"].as_str().unwrap().to_owned();
    network.send(0, &conversation, "may I?");
    let second = network.send(0, &conversation, "and also");
    network.pass(5_000);
    let request =
        network.call(1, "conversation.get", json!({"conversation": conversation})).unwrap();
    assert_eq!(request["request"], true);
    assert_eq!(network.texts(1, &conversation), ["may I?"]);
    let detail = network.call(0, "message.get", json!({"message": second})).unwrap();
    assert_eq!(detail["delivery"][0]["reason"]["code"], "request_pending");

    network.call(1, "conversation.accept", json!({"conversation": conversation})).unwrap();
    network.pass(5_000);
    assert_eq!(network.texts(1, &conversation), ["may I?", "and also"]);
    let detail = network.call(0, "message.get", json!({"message": second})).unwrap();
    assert_eq!(detail["delivery"][0]["state"], "delivered");
}

#[test]
fn the_blocked_are_not_heard() {
    let mut network = Network::new(2);
    network.connect(0, 1);
    let (alice, bob) = (network.account(0), network.account(1));
    network.call(1, "contact.block", json!({"account": alice})).unwrap();
    let view = network.call(0, "conversation.direct", json!({"account": bob})).unwrap();
    let conversation = view["conversation"].as_str().unwrap().to_owned();
    let message = network.send(0, &conversation, "hello?");
    network.pass(5_000);
    let list = network.call(1, "conversation.list", json!({})).unwrap();
    assert_eq!(list["conversations"], json!([]));
    let detail = network.call(0, "message.get", json!({"message": message})).unwrap();
    assert_eq!(detail["delivery"][0]["state"], "waiting");
}
