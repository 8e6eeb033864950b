//! The promises, checked through the API when everything is healed and quiet.
//!
//! - Members show the same conversation: messages, order, edits, reactions, membership, title.
//! - A message that its author was told is kept is there, once, for every member, unless its
//!   author was taken out of the group.
//! - One's own messages are known to be delivered, and read where they were read.
//! - Unread counts what is there to read.
//! - Devices of one person stand alike to people and conversations, and have read as far.
//! - Nobody counted bad input, as long as nobody misbehaved.
//!
//! A host whose disk was put back to an older state is only asked to stay alive: what it said of
//! itself before is no longer true.

use std::collections::{BTreeMap, BTreeSet};

use anser_api::model::{
    Attachment, Conversation, ConversationKind, DeliveryState, FileState, Message, MessageKind,
};
use anser_api::params::{ByMessage, MessageList, Page};
use anser_api::{Command, Reply};

use crate::network::Network;
use crate::scene::Kept;

pub fn whole() -> Page {
    Page { limit: Some(500), after: None }
}

pub fn conversations(network: &mut Network, host: usize) -> Vec<Conversation> {
    let now = network.now_ms;
    let list = network.hosts[host].ask(now, Command::ConversationList(whole())).unwrap();
    let Reply::ConversationList(list) = *list else { panic!("another reply") };
    list.conversations
}

/// The whole of a conversation, read in small pages as a shell does.
fn messages(network: &mut Network, host: usize, conversation: &str) -> Vec<Message> {
    let mut all: Vec<Message> = Vec::new();
    loop {
        let list = MessageList {
            conversation: conversation.into(),
            before: all.first().map(|m| m.position.clone()),
            after: None,
            limit: Some(40),
        };
        let now = network.now_ms;
        let page = network.hosts[host].ask(now, Command::MessageList(list)).unwrap();
        let Reply::MessageList(page) = *page else { panic!("another reply") };
        let (mut messages, more) = (page.messages, page.more);
        messages.extend(all);
        all = messages;
        if !more {
            return all;
        }
    }
}

/// A message without what may differ between devices.
fn common(message: &Message) -> Message {
    Message {
        received_ms: 0,
        own: false,
        state: DeliveryState::Waiting,
        name: String::new(),
        attachments: message
            .attachments
            .iter()
            .map(|file| Attachment {
                state: FileState::Absent,
                received_bytes: 0,
                transfer: None,
                ..file.clone()
            })
            .collect(),
        reply_to: message.reply_to.clone().map(|mut quote| {
            quote.text = None;
            quote.account = None;
            quote
        }),
        ..message.clone()
    }
}

/// One conversation on one device.
struct Sight {
    host: usize,
    view: Conversation,
    messages: Vec<Message>,
}

type Sights = BTreeMap<String, Vec<Sight>>;

pub fn all(network: &mut Network, kept: &[Kept]) {
    let seed = network.seed;
    let mut sights = Sights::new();
    for host in 0..network.hosts.len() {
        for view in conversations(network, host) {
            let id = view.conversation.clone();
            let messages = messages(network, host, &id);
            let account = &network.hosts[host].account;
            let member = view.members.iter().any(|m| m.account == *account);
            if member && !network.hosts[host].rolled_back {
                sights.entry(id).or_default().push(Sight { host, view, messages });
            }
        }
    }
    for (id, sights) in &sights {
        agreement(network, seed, id, sights);
        for sight in sights {
            let ids: BTreeSet<_> = sight.messages.iter().map(|m| &m.message).collect();
            assert_eq!(ids.len(), sight.messages.len(), "seed {seed}: a message shows twice");
            unread(network, seed, sight);
        }
        delivery(network, seed, sights);
        alike(network, seed, id, sights);
        files(network, seed, sights);
    }
    survival(network, seed, kept, &sights);
    if network.hosts.iter().all(|host| !host.rolled_back) {
        for host in &network.hosts {
            let counters = host.node.as_ref().unwrap().counters();
            let bad = counters.bad_frames + counters.bad_events + counters.refused_events;
            assert_eq!(bad + counters.forks, 0, "seed {seed}: {} {counters:?}", host.name);
        }
    }
}

/// Everybody who is a member has it, and shows the same.
fn agreement(network: &Network, seed: u64, id: &str, sights: &[Sight]) {
    let longest = sights.iter().max_by_key(|s| s.messages.len()).unwrap();
    let reference: BTreeMap<_, _> =
        longest.messages.iter().map(|m| (m.message.clone(), common(m))).collect();
    let own_fresh = withheld(longest, &network.hosts[longest.host].account);
    for sight in sights {
        let (one, other) = (&network.hosts[longest.host].name, &network.hosts[sight.host].name);
        let context = format!("seed {seed}, conversation {}: {one} and {other}", &id[..8]);
        let members = |s: &Sight| {
            let role = |m: &anser_api::model::Member| (m.account.clone(), m.role);
            s.view.members.iter().map(role).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(members(longest), members(sight), "{context}: membership");
        if sight.view.kind == ConversationKind::Group {
            assert_eq!(longest.view.title, sight.view.title, "{context}: title");
        }
        assert_eq!(
            longest.view.forked_devices, sight.view.forked_devices,
            "{context}: forked devices"
        );
        // What was said of earlier messages may be withheld from one who came later.
        let fresh = withheld(longest, &network.hosts[sight.host].account);
        let both = fresh.clone().max(own_fresh.clone());
        for message in sight.messages.iter().filter(|m| m.position >= both) {
            assert_eq!(reference.get(&message.message), Some(&common(message)), "{context}");
        }
        assert!(
            sight.messages.windows(2).all(|pair| pair[0].position < pair[1].position),
            "{context}: out of order"
        );
        let texts = |s: &Sight, from: &str| {
            s.messages
                .iter()
                .filter(|m| m.kind == MessageKind::Text && *m.position >= *from)
                .map(|m| m.message.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(texts(longest, &fresh), texts(sight, &fresh), "{context}: messages");
    }
    // Who is a member but does not have the conversation at all?
    for member in &longest.view.members {
        let hosts = network.hosts.iter().enumerate();
        for (host, machine) in hosts.filter(|(_, h)| h.account == member.account) {
            let talks = !longest.messages.is_empty();
            let has = sights.iter().any(|s| s.host == host);
            assert!(
                has || !talks || machine.rolled_back,
                "seed {seed}: {} lacks conversation {}",
                machine.name,
                &id[..8]
            );
        }
    }
}

/// From which position on an account shows everything: where it was last taken in.
fn withheld(sight: &Sight, account: &str) -> String {
    let last = sight.messages.iter().rev().find(|m| {
        m.notice
            .as_ref()
            .is_some_and(|n| n.what == "added" && n.accounts.iter().any(|a| a == account))
    });
    last.map(|m| m.position.clone()).unwrap_or_default()
}

fn unread(network: &Network, seed: u64, sight: &Sight) {
    let name = &network.hosts[sight.host].name;
    let up_to = sight.view.read_up_to.clone().unwrap_or_default();
    let expected = sight
        .messages
        .iter()
        .filter(|m| m.kind == MessageKind::Text && !m.own && !m.deleted && m.position > up_to)
        .count() as u64;
    assert_eq!(sight.view.unread, expected, "seed {seed}: what {name} has to read");
}

/// What one wrote is known to have arrived, and to be read where it was.
fn delivery(network: &mut Network, seed: u64, sights: &[Sight]) {
    for sight in sights {
        for message in sight.messages.iter().filter(|m| m.own && m.kind == MessageKind::Text) {
            let get = Command::MessageGet(ByMessage { message: message.message.clone() });
            let now = network.now_ms;
            let reply = network.hosts[sight.host].ask(now, get).unwrap();
            let Reply::MessageGet(detail) = *reply else { panic!("another reply") };
            for to in &detail.delivery {
                let devices =
                    || sights.iter().filter(|s| network.hosts[s.host].account == to.account);
                let Some(theirs) = devices().next() else { continue };
                let (one, other) =
                    (&network.hosts[sight.host].name, &network.hosts[theirs.host].name);
                let has_read =
                    |s: &Sight| s.view.read_up_to.as_ref().is_some_and(|r| *r >= message.position);
                let read = devices().any(has_read);
                let context =
                    format!("seed {seed}: {:?} from {one} to {other} is {to:?}", message.text);
                assert!(to.state >= DeliveryState::Delivered, "{context}");
                assert!(read || to.state != DeliveryState::Read, "{context}, but was not read");
            }
        }
    }
}

/// The devices of one person stand alike to a conversation and to those in it.
fn alike(network: &mut Network, seed: u64, id: &str, sights: &[Sight]) {
    for (index, one) in sights.iter().enumerate() {
        let account = network.hosts[one.host].account.clone();
        let others = sights.iter().skip(index + 1);
        for other in others.filter(|s| network.hosts[s.host].account == account) {
            let (a, b) = (&network.hosts[one.host].name, &network.hosts[other.host].name);
            let context = format!("seed {seed}, conversation {}: devices {a} and {b}", &id[..8]);
            // What was said before one was taken in again may be there on one of them only.
            let whole = withheld(one, &account).is_empty();
            let state = |s: &Sight| {
                let (view, unread) = (&s.view, whole.then_some(s.view.unread));
                (view.muted, view.archived, view.request, unread, view.read_up_to.clone())
            };
            assert_eq!(state(one), state(other), "{context}");
            let trust = |s: &Sight| {
                let members = s.view.members.iter();
                members.map(|m| (m.account.clone(), m.trust)).collect::<Vec<_>>()
            };
            assert_eq!(trust(one), trust(other), "{context}");
        }
    }
}

/// A file that is wanted came, if a member has it; the device that sent it always does.
fn files(network: &Network, seed: u64, sights: &[Sight]) {
    let with_files = |sight: &Sight| -> Vec<(String, bool, Attachment)> {
        let device = network.hosts[sight.host].device.to_string();
        let files = |m: &Message| {
            let (message, own) = (m.message.clone(), m.device == device);
            let named = move |file: &Attachment| (message.clone(), own, file.clone());
            m.attachments.iter().map(named).collect::<Vec<_>>()
        };
        sight.messages.iter().flat_map(files).collect()
    };
    let here: BTreeSet<_> = sights
        .iter()
        .flat_map(with_files)
        .filter(|(_, _, file)| file.state == FileState::Here)
        .map(|(message, _, _)| message)
        .collect();
    for sight in sights {
        let name = &network.hosts[sight.host].name;
        // Of what was sent before one was taken in again, nobody gives the files.
        let fresh = withheld(sight, &network.hosts[sight.host].account);
        let old: BTreeSet<_> = sight
            .messages
            .iter()
            .filter(|m| m.position < fresh)
            .map(|m| m.message.clone())
            .collect();
        for (message, own, file) in with_files(sight) {
            let context = format!("seed {seed}: {} at {name}: {:?}", file.name, file.state);
            assert!(!own || file.state == FileState::Here, "{context}, its author");
            let waits = file.state == FileState::Fetching && !old.contains(&message);
            assert!(!waits || !here.contains(&message), "{context}, while a member has it");
        }
    }
}

/// Nothing that was kept is lost.
fn survival(network: &Network, seed: u64, kept: &[Kept], sights: &Sights) {
    for said in kept {
        let host = &network.hosts[said.host];
        let Some(own) = sights
            .get(&said.conversation)
            .and_then(|sights| sights.iter().find(|s| s.host == said.host))
        else {
            continue;
        };
        if !stayed(own, &host.account, &said.position) {
            continue;
        }
        assert!(
            own.messages.iter().any(|m| m.message == said.message),
            "seed {seed}: {:?} of {} is lost",
            said.text,
            host.name
        );
    }
}

/// Whether an account was a member when it wrote at `position`, and ever since.
fn stayed(sight: &Sight, account: &str, position: &str) -> bool {
    if sight.view.kind != ConversationKind::Group {
        return true;
    }
    let mut since = None;
    for message in &sight.messages {
        let Some(notice) = &message.notice else { continue };
        let named = notice.accounts.iter().any(|a| a == account);
        match notice.what.as_str() {
            "created" if named || message.account == account => since = Some(&message.position),
            "added" if named && since.is_none() => since = Some(&message.position),
            "removed" if named => return false,
            "left" if message.account == account => return false,
            _ => {}
        }
    }
    since.is_some_and(|since| since.as_str() < position)
}
