//! What is on disk is all that a node needs.

use serde_json::json;

use crate::group::group;
use crate::network::Network;

#[test]
fn everything_is_there_after_a_restart() {
    let (mut network, conversation) = group(3);
    let first = network.send(0, &conversation, "one");
    network.send(1, &conversation, "two");
    network.call(2, "message.react", json!({"message": first, "emoji": "🙂", "on": true})).unwrap();
    network.call(0, "message.edit", json!({"message": first, "text": "uno"})).unwrap();
    let carol = network.account(2);
    let params = json!({"conversation": conversation, "account": carol, "role": "admin"});
    network.call(0, "conversation.role", params).unwrap();
    let params = json!({"conversation": conversation, "draft": "unsent"});
    network.call(0, "conversation.update", params).unwrap();
    network.pass(3_000);
    let shown = |network: &mut Network| {
        let params = json!({"conversation": conversation});
        let messages = network.call(0, "message.list", params.clone()).unwrap();
        let mut view = network.call(0, "conversation.get", params).unwrap();
        // Who is connected is not kept.
        for member in view["members"].as_array_mut().unwrap() {
            member["online"] = json!(null);
            member["presence"] = json!(null);
        }
        (messages, view)
    };
    let before = shown(&mut network);
    network.restart(0, None);
    assert_eq!(shown(&mut network), before);

    for other in [1, 2] {
        network.connect(0, other);
    }
    network.send(0, &conversation, "three");
    network.send(2, &conversation, "four");
    network.pass(3_000);
    for index in 0..3 {
        assert_eq!(network.texts(index, &conversation), ["uno", "two", "three", "four"]);
    }
}

#[test]
fn a_restarted_node_never_writes_one_number_twice() {
    let (mut network, conversation) = group(2);
    for round in 0..5 {
        network.send(0, &conversation, &format!("m{round}"));
        network.restart(0, None);
        network.connect(0, 1);
    }
    network.pass(3_000);
    assert_eq!(network.texts(1, &conversation), ["m0", "m1", "m2", "m3", "m4"]);
    assert_eq!(network.nodes[1].counters().forks, 0);
}
