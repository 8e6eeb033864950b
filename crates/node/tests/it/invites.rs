//! Invitations: by a link into a group or to a contact, at once or when the inviter is back.

use anser_api::ErrorCode;
use serde_json::{Value, json};

use crate::network::Network;

/// A has a group with nobody else in it; C knows nobody.
fn group() -> (Network, String, String) {
    let mut network = Network::new(3);
    let group = network.call(0, "conversation.create", json!({"title": "Team", "members": []}));
    let group = group.unwrap()["conversation"].as_str().unwrap().to_owned();
    network.send(0, &group, "first");
    let invite = network.call(0, "invite.create", json!({"conversation": group})).unwrap();
    (network, group, invite["link"].as_str().unwrap().to_owned())
}

#[test]
fn a_link_lets_one_in_and_another_after_that() {
    let (mut network, group, link) = group();
    for guest in [1, 2] {
        network.connect(0, guest);
        let call = network.begin(guest, "invite.accept", json!({"link": link}));
        let conversation = network.answer(call).unwrap().unwrap();
        assert_eq!(conversation["conversation"], group.as_str());
        assert_eq!(
            (&conversation["title"], &conversation["request"]),
            (&json!("Team"), &json!(false))
        );
    }
    network.send(2, &group, "hello");
    network.pass(3_000);
    for index in 0..3 {
        assert_eq!(network.texts(index, &group), ["first", "hello"], "node {index}");
    }
    // Whoever is in already is told so at once.
    let again = network.call(1, "invite.accept", json!({"link": link})).unwrap();
    assert_eq!(again["conversation"], group.as_str());
}

#[test]
fn a_link_followed_while_the_inviter_is_away_works_later_also_after_a_restart() {
    let (mut network, group, link) = group();
    let call = network.begin(1, "invite.accept", json!({"link": link}));
    assert!(network.answer(call).is_none());
    network.pass(6_000);
    assert_eq!(network.answer(call).unwrap().unwrap(), Value::Null);
    network.restart(1, None);
    network.connect(0, 1);
    network.pass(3_000);
    assert_eq!(network.texts(1, &group), ["first"]);
    let view = network.call(1, "conversation.get", json!({"conversation": group})).unwrap();
    assert_eq!(view["request"], false);
}

#[test]
fn a_link_without_a_group_makes_contacts_of_both() {
    let mut network = Network::new(2);
    let link = network.call(0, "invite.create", json!({})).unwrap()["link"].clone();
    network.connect(0, 1);
    let call = network.begin(1, "invite.accept", json!({"link": link}));
    assert_eq!(network.answer(call).unwrap().unwrap(), Value::Null);
    for (index, other) in [(0, 1), (1, 0)] {
        let account = network.account(other);
        let contact = network.call(index, "contact.get", json!({"account": account})).unwrap();
        assert_eq!(contact["relation"], "contact");
    }
}

#[test]
fn old_altered_and_powerless_links_are_refused_with_a_reason() {
    let (mut network, group, link) = group();
    let bob = network.account(1);
    network.connect(0, 1);
    let member = json!({"conversation": group, "accounts": [bob]});
    network.call(0, "conversation.add", member).unwrap();
    network.call(1, "conversation.accept", json!({"conversation": group})).unwrap();
    // A plain member cannot invite.
    let refused = network.call(1, "invite.create", json!({"conversation": group})).unwrap_err();
    assert_eq!(refused.code, ErrorCode::Forbidden);

    // One who was an admin when the link was made, and is none now.
    let role = |role: &str| json!({"conversation": group, "account": bob, "role": role});
    network.call(0, "conversation.role", role("admin")).unwrap();
    let lost = network.call(1, "invite.create", json!({"conversation": group})).unwrap();
    network.call(0, "conversation.role", role("member")).unwrap();
    network.connect(1, 2);
    let call = network.begin(2, "invite.accept", json!({"link": lost["link"]}));
    let error = network.answer(call).unwrap().unwrap_err();
    assert_eq!(error.code, ErrorCode::Refused);
    assert!(error.message.contains("can no longer let anybody in"), "{}", error.message);

    // Too late.
    network.pass(8 * 24 * 60 * 60_000);
    network.connect(0, 2);
    let call = network.begin(2, "invite.accept", json!({"link": link}));
    let error = network.answer(call).unwrap().unwrap_err();
    assert!(error.message.contains("no longer valid"), "{}", error.message);
    assert!(network.call(2, "conversation.get", json!({"conversation": group})).is_err());

    let short = &link[..link.len() - 4];
    for wrong in ["", "hello", "anser:invite/", short] {
        let error = network.call(2, "invite.accept", json!({"link": wrong})).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{wrong}");
    }
    let own = network.call(0, "invite.accept", json!({"link": link})).unwrap_err();
    assert_eq!(own.code, ErrorCode::InvalidArgument);
}
