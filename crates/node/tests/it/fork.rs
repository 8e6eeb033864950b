//! A device that is put back to an earlier state.

use serde_json::json;

use crate::group::group;

#[test]
fn a_device_put_back_gets_its_own_events_from_others() {
    let (mut network, conversation) = group(2);
    network.send(0, &conversation, "one");
    let old = network.copy_store(0);
    network.restart(0, None);
    network.connect(0, 1);
    network.send(0, &conversation, "two");
    network.pass(2_000);
    network.restart(0, Some(old));
    network.connect(0, 1);
    network.pass(6_000);
    network.send(0, &conversation, "three");
    network.pass(2_000);
    for index in 0..2 {
        assert_eq!(network.texts(index, &conversation), ["one", "two", "three"]);
    }
    assert_eq!(network.nodes[1].counters().forks, 0);
}

#[test]
fn everybody_agrees_on_what_a_forked_device_said() {
    let (mut network, conversation) = group(4);
    for text in ["one", "two", "three"] {
        network.send(0, &conversation, text);
    }
    network.pass(2_000);
    let old = network.copy_store(0);
    network.restart(0, None);
    network.disconnect(1, 3);
    network.disconnect(2, 3);
    network.connect(0, 1);
    // One history goes to B and C, another to D.
    for text in ["four", "five", "six"] {
        network.send(0, &conversation, text);
    }
    network.pass(2_000);
    network.restart(0, Some(old));
    for text in ["FOUR", "FIVE"] {
        network.send(0, &conversation, text);
    }
    network.connect(0, 3);
    network.pass(2_000);
    assert_eq!(network.texts(3, &conversation), ["one", "two", "three", "FOUR", "FIVE"]);
    network.disconnect(0, 3);
    network.connect(1, 3);
    network.connect(2, 3);
    network.pass(10_000);
    network.send(2, &conversation, "what now?");
    network.pass(10_000);
    for index in 1..4 {
        let texts = network.texts(index, &conversation);
        assert_eq!(texts, ["one", "two", "three", "what now?"], "node {index}");
        let params = json!({"conversation": conversation});
        let view = network.call(index, "conversation.get", params).unwrap();
        assert_eq!(view["forked_devices"], json!([network.device(0).to_string()]), "{index}");
    }
    // The forked device is told, and told again when it tries to write.
    network.connect(0, 1);
    network.pass(10_000);
    let params = json!({"conversation": conversation, "text": "seven"});
    let refused = network.call(0, "message.send", params).unwrap_err();
    assert_eq!(refused.code, anser_api::ErrorCode::Refused);
}
