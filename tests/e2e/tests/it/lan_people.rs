//! What the tests on a network share: people who meet and talk.

use std::time::Duration;

use anser_api::EventBody;
use anser_api::model::{Conversation, Message, MessagePage, Peers};
use anser_e2e::{Host, Process, Start};
use serde_json::json;
use tempfile::TempDir;

/// The longest that anything but discovery may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A person at a computer.
pub struct Person {
    pub name: &'static str,
    pub host: Host,
    pub data: TempDir,
}

impl Person {
    pub fn new(name: &'static str, host: Host) -> Self {
        Self { name, host, data: tempfile::tempdir().unwrap() }
    }

    pub fn start(&self) -> Start<'_> {
        Start::new(self.name, self.data.path()).on(&self.host)
    }

    /// Starts the program; message requests are taken without asking.
    pub fn spawn(&self) -> Process {
        accepting(self.start().spawn())
    }
}

pub fn accepting(mut process: Process) -> Process {
    process.call::<serde_json::Value>("settings.set", json!({"accept_requests": true}));
    process
}

/// Waits until `one` sees the account `other` online.
pub fn meet(one: &mut Process, other: &str) {
    one.wait_until("to see the other online", PATIENCE, |one| {
        let peers: Peers = one.call("peer.list", json!({}));
        peers.peers.iter().any(|peer| peer.account == other && peer.online).then_some(())
    });
}

/// Waits until both see each other online.
pub fn meet_both(one: &mut Process, other: &mut Process) {
    let (a, b) = (one.account().to_owned(), other.account().to_owned());
    meet(one, &b);
    meet(other, &a);
}

pub fn direct(one: &mut Process, other: &str) -> String {
    let direct: Conversation = one.call("conversation.direct", json!({"account": other}));
    direct.conversation
}

pub fn send(from: &mut Process, conversation: &str, text: &str) -> Message {
    from.call("message.send", json!({"conversation": conversation, "text": text}))
}

/// Waits until the message with this text is there.
pub fn receive(at: &mut Process, text: &str) -> Message {
    receive_within(at, text, PATIENCE)
}

pub fn receive_within(at: &mut Process, text: &str, patience: Duration) -> Message {
    at.wait_event(text, patience, |event| match event {
        EventBody::MessageAdded { message } if message.text == text => Some((**message).clone()),
        _ => None,
    })
}

/// All messages of a conversation, oldest first, page by page.
pub fn all_messages(at: &mut Process, conversation: &str) -> Vec<Message> {
    let mut all: Vec<Message> = Vec::new();
    let mut before = None;
    loop {
        let params = json!({"conversation": conversation, "limit": 500, "before": before});
        let page: MessagePage = at.call("message.list", params);
        before = page.messages.first().map(|first| first.position.clone());
        all.splice(0..0, page.messages);
        if !page.more {
            return all;
        }
    }
}

/// The texts that people wrote, oldest first.
pub fn texts(at: &mut Process, conversation: &str) -> Vec<String> {
    let all = all_messages(at, conversation).into_iter();
    all.filter(|message| message.notice.is_none()).map(|message| message.text).collect()
}
