//! Processes that are killed in the middle of a stream of messages.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anser_api::EventBody;
use anser_api::model::{Conversation, MessagePage};
use anser_e2e::{Lan, Process};
use serde_json::json;

use crate::lan_people::{Person, accepting, all_messages, meet_both, receive, send};

const MESSAGES: usize = 5_000;
const KILLS: usize = 50;
const ROUND: usize = MESSAGES / KILLS;
const PATIENCE: Duration = Duration::from_secs(60);

/// Ports stay the same, so that who is killed is found again at once by its remembered address.
fn spawn(person: &Person) -> Process {
    let listen = format!("/ip4/{}/tcp/4001", person.host.address());
    accepting(person.start().with("--listen", listen).spawn())
}

/// The number that a message carries.
fn number(text: &str) -> usize {
    text.strip_prefix("message ")
        .and_then(|number| number.parse().ok())
        .expect("a numbered message")
}

/// How many numbered messages are in the conversation here, and that they are the first ones.
fn stored(at: &mut Process, conversation: &str) -> usize {
    let params = json!({"conversation": conversation, "limit": 1});
    let page: MessagePage = at.call("message.list", params);
    page.messages.last().map_or(0, |last| match last.text.strip_prefix("message ") {
        Some(_) => number(&last.text) + 1,
        None => 0,
    })
}

/// Waits until the message with this number was seen.
fn see(at: &mut Process, wanted: usize) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let event = at.event(&format!("message {wanted}"), deadline).expect("the process runs");
        if let EventBody::MessageAdded { message } = event.body
            && message.text.starts_with("message ")
            && number(&message.text) >= wanted
        {
            return;
        }
    }
}

#[test]
fn lan_fifty_kills_lose_double_and_reorder_nothing() {
    let lan = Lan::new();
    let people = ["Alice", "Bob", "Carol"].map(|name| Person::new(name, lan.host()));
    let [mut a, mut b, mut c] = people.each_ref().map(spawn);
    meet_both(&mut a, &mut b);
    meet_both(&mut a, &mut c);
    let members = [b.account().to_owned(), c.account().to_owned()];
    let group: Conversation =
        a.call("conversation.create", json!({"title": "Stream", "members": members}));
    let id = group.conversation;
    send(&mut a, &id, "start");
    receive(&mut b, "start");
    receive(&mut c, "start");

    // A fixed scatter: kills fall early, in the middle and late in a round.
    let mut acknowledged = BTreeSet::new();
    for round in 0..KILLS {
        let (from, to) = (round * ROUND, (round + 1) * ROUND);
        let kill_at = from + (round * 37) % ROUND;
        let mut calls = Vec::new();
        for number in stored(&mut a, &id).max(from)..to {
            let params = json!({"conversation": id, "text": format!("message {number}")});
            calls.push((a.begin("message.send", params), number));
        }
        if round % 2 == 0 {
            see(&mut c, kill_at);
            for (call, answer) in a.answered() {
                assert!(answer.is_ok(), "{answer:?}");
                acknowledged.extend(calls.iter().find(|(id, _)| *id == call).map(|(_, n)| *n));
            }
            a.kill();
            a = spawn(&people[0]);
            // What was acknowledged is there; what is missing is sent again by its number.
            let kept = stored(&mut a, &id);
            assert!(acknowledged.last().is_none_or(|last| *last < kept), "lost after {kept}");
            for number in kept.max(from)..to {
                send(&mut a, &id, &format!("message {number}"));
            }
        } else {
            see(&mut b, kill_at);
            b.kill();
            b = spawn(&people[1]);
            for (call, number) in calls {
                a.answer(call).expect("Alice runs").expect("it was sent");
                acknowledged.insert(number);
            }
        }
    }

    let expected: Vec<String> = (0..MESSAGES).map(|number| format!("message {number}")).collect();
    let last = expected.last().unwrap();
    for at in [&mut b, &mut c] {
        at.wait_until("the last message", PATIENCE, |at| {
            let params = json!({"conversation": id, "limit": 1});
            let page: MessagePage = at.call("message.list", params);
            (page.messages.last().map(|message| &message.text) == Some(last)).then_some(())
        });
    }
    let at_a = all_messages(&mut a, &id);
    for other in [&mut b, &mut c] {
        let here: Vec<String> =
            all_messages(other, &id).into_iter().map(|message| message.message).collect();
        assert!(at_a.iter().map(|message| &message.message).eq(&here), "the lists differ");
    }
    let texts = at_a.into_iter().map(|message| message.text);
    let numbered: Vec<String> = texts.filter(|text| text.starts_with("message ")).collect();
    assert_eq!(numbered, expected);
}
