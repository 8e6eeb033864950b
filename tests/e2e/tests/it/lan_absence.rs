//! What is said while somebody is away reaches them later, also through a third member.

use anser_api::model::Conversation;
use anser_e2e::Lan;
use serde_json::json;

use crate::lan_people::{Person, meet, meet_both, receive, send, texts};

#[test]
fn lan_a_message_reaches_the_absent_through_a_third_member() {
    let lan = Lan::new();
    let people = ["Alice", "Bob", "Carol"].map(|name| Person::new(name, lan.host()));
    let [mut a, mut b, mut c] = people.each_ref().map(Person::spawn);
    meet_both(&mut a, &mut b);
    meet_both(&mut a, &mut c);
    meet_both(&mut b, &mut c);
    let members = [b.account().to_owned(), c.account().to_owned()];
    let group: Conversation =
        a.call("conversation.create", json!({"title": "Shift", "members": members}));
    let id = group.conversation;
    send(&mut a, &id, "all here");
    receive(&mut b, "all here");
    receive(&mut c, "all here");

    assert!(c.close().0.success());
    send(&mut a, &id, "Carol is away");
    send(&mut a, &id, "she will read this later");
    receive(&mut b, "she will read this later");
    assert!(a.close().0.success());

    let [_, _, carol] = &people;
    let mut c = carol.spawn();
    receive(&mut c, "she will read this later");
    let expected = ["all here", "Carol is away", "she will read this later"];
    assert_eq!(texts(&mut c, &id), expected);
    assert_eq!(texts(&mut b, &id), expected);

    // And what Carol answers reaches Alice, who was away, through Bob.
    send(&mut c, &id, "got it");
    receive(&mut b, "got it");
    c.kill();
    let mut a = people[0].spawn();
    let bob = b.account().to_owned();
    meet(&mut a, &bob);
    a.wait_until("Carol's answer", crate::lan_people::PATIENCE, |a| {
        texts(a, &id).contains(&"got it".to_owned()).then_some(())
    });
}
