//! Two and three people on one network.

use std::time::{Duration, Instant};

use anser_api::model::{
    Conversation, ConversationKind, DeliveryState, MessageDetail, Peers, Role, Via, WaitCode,
};
use anser_e2e::Lan;
use serde_json::json;

use crate::lan_people::{
    PATIENCE, Person, direct, meet, meet_both, receive, receive_within, send, texts,
};

const DISCOVERY: Duration = Duration::from_secs(3);

#[test]
fn lan_two_hosts_find_each_other_within_3_seconds() {
    let lan = Lan::new();
    let (alice, bob) = (Person::new("Alice", lan.host()), Person::new("Bob", lan.host()));
    let mut a = alice.spawn();
    let mut b = bob.spawn();
    let both_up = Instant::now();
    let (at_a, at_b) = (a.account().to_owned(), b.account().to_owned());
    let seen = [(&mut a, &at_b), (&mut b, &at_a)].map(|(one, other)| {
        one.wait_until("to see the other", DISCOVERY, |one| {
            let peers: Peers = one.call("peer.list", json!({}));
            peers.peers.into_iter().find(|peer| &peer.account == other && peer.online)
        })
    });
    assert_eq!(seen.each_ref().map(|peer| peer.name.as_str()), ["Bob", "Alice"]);
    // Whoever heard the other first connects, and may have told it more before it hears by itself.
    assert!(seen.iter().any(|peer| peer.via.contains(&Via::Mdns)), "{seen:?}");
    assert!(both_up.elapsed() <= DISCOVERY, "discovery took {:?}", both_up.elapsed());
    assert!(a.memory_bytes() < 60 << 20, "{} bytes resident", a.memory_bytes());
}

#[test]
fn lan_a_direct_message_waits_is_delivered_and_read() {
    let lan = Lan::new();
    let (alice, bob) = (Person::new("Alice", lan.host()), Person::new("Bob", lan.host()));
    let mut a = alice.spawn();
    let mut b = bob.spawn();
    meet_both(&mut a, &mut b);
    let to = b.account().to_owned();
    let conversation = direct(&mut a, &to);
    send(&mut a, &conversation, "hello");
    assert_eq!(receive(&mut b, "hello").conversation, conversation);

    assert!(b.close().0.success());
    a.wait_until("to see Bob go", PATIENCE, |a| {
        let peers: Peers = a.call("peer.list", json!({}));
        peers.peers.iter().all(|peer| !peer.online).then_some(())
    });
    let message = send(&mut a, &conversation, "are you there?").message;
    let state = |a: &mut anser_e2e::Process| {
        let detail: MessageDetail = a.call("message.get", json!({"message": message}));
        assert_eq!(detail.delivery.len(), 1);
        detail.delivery[0].clone()
    };
    let waiting = state(&mut a);
    assert_eq!(waiting.state, DeliveryState::Waiting);
    let reason = waiting.reason.expect("a reason while it waits");
    assert_eq!(reason.code, WaitCode::Offline);
    assert!(reason.message.contains("Bob"), "{}", reason.message);

    let mut b = bob.spawn();
    a.wait_until("the message to be delivered", PATIENCE, |a| {
        (state(a).state == DeliveryState::Delivered).then_some(())
    });
    let unread: Conversation = b.call("conversation.get", json!({"conversation": conversation}));
    assert!(unread.unread >= 1);
    b.call::<Conversation>("message.read", json!({"conversation": conversation, "up_to": message}));
    a.wait_until("the message to be read", PATIENCE, |a| {
        (state(a).state == DeliveryState::Read).then_some(())
    });
    assert_eq!(texts(&mut b, &conversation), ["hello", "are you there?"]);
    assert_eq!(texts(&mut a, &conversation), texts(&mut b, &conversation));
}

#[test]
fn lan_a_group_reaches_everybody_and_keeps_its_roles() {
    let lan = Lan::new();
    let people = ["Alice", "Bob", "Carol"].map(|name| Person::new(name, lan.host()));
    let [mut a, mut b, mut c] = people.each_ref().map(Person::spawn);
    meet_both(&mut a, &mut b);
    meet_both(&mut a, &mut c);
    let members = [b.account().to_owned(), c.account().to_owned()];
    let group: Conversation =
        a.call("conversation.create", json!({"title": "Lunch", "members": members}));
    let id = group.conversation.clone();
    assert_eq!((group.kind, group.role), (ConversationKind::Group, Role::Owner));
    send(&mut a, &id, "noodles?");
    for at in [&mut b, &mut c] {
        assert_eq!(receive(at, "noodles?").conversation, id);
    }
    send(&mut b, &id, "dumplings!");
    for at in [&mut a, &mut c] {
        receive(at, "dumplings!");
    }
    a.call::<Conversation>(
        "conversation.remove",
        json!({"conversation": id, "account": members[1]}),
    );
    send(&mut a, &id, "just the two of us");
    receive(&mut b, "just the two of us");
    c.wait_until("Carol to know that she is out", PATIENCE, |c| {
        let group: Conversation = c.call("conversation.get", json!({"conversation": id}));
        (!group.writable).then_some(())
    });
    let refused = c.try_call("message.send", json!({"conversation": id, "text": "hey"}));
    assert_eq!(refused.unwrap_err().code, "not_a_member");
    assert!(!texts(&mut c, &id).contains(&"just the two of us".to_owned()));
    assert_eq!(texts(&mut b, &id), texts(&mut a, &id));
}

#[test]
fn lan_a_host_that_changes_its_address_is_reached_again() {
    let lan = Lan::new();
    let alice = Person::new("Alice", lan.host());
    let mut bob = Person::new("Bob", lan.host());
    let mut a = alice.spawn();
    let mut b = bob.spawn();
    meet_both(&mut a, &mut b);
    let to = b.account().to_owned();
    let conversation = direct(&mut a, &to);
    send(&mut a, &conversation, "before");
    receive(&mut b, "before");
    bob.host.change_address(77);
    send(&mut a, &conversation, "after");
    // Neither side is told that the old address is gone: the silence has to be noticed first.
    receive_within(&mut b, "after", 2 * PATIENCE);
    send(&mut b, &conversation, "still here");
    receive(&mut a, "still here");
    meet(&mut a, &to);
}
