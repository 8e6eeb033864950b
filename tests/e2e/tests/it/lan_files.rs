//! Files between people on one network: large ones, small ones, and what befalls them on the way.

use std::path::Path;
use std::time::Duration;

use anser_api::EventBody;
use anser_api::model::{
    Conversation, FileState, Files, Message, Transfer, TransferKind, TransferState,
};
use anser_e2e::{Lan, Process, Tmpfs};
use serde_json::{Value, json};

use crate::lan_people::{PATIENCE, Person, direct, meet_both, send};

/// The longest that a large file may take, on a slow machine with others at work.
const LONG: Duration = Duration::from_secs(120);
const LARGE: usize = 50 << 20;

/// Bytes that do not repeat.
fn content(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state ^ (state >> 29)).to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// Waits until a transfer is as wanted.
fn transfer(at: &mut Process, what: &str, mut wanted: impl FnMut(&Transfer) -> bool) -> Transfer {
    at.wait_event(what, LONG, |event| match event {
        EventBody::FileProgress { transfer } if wanted(transfer) => Some(transfer.clone()),
        _ => None,
    })
}

/// Sends a file and waits until its message is sent; gives the message's id.
fn share(at: &mut Process, conversation: &str, path: &Path) -> String {
    let params = json!({"conversation": conversation, "path": path, "text": "a file"});
    let begun: Transfer = at.call("file.send", params);
    let done = transfer(at, "the file to be sent", |t| {
        assert_ne!(t.state, TransferState::Failed, "{t:?}");
        t.transfer == begun.transfer && t.state == TransferState::Done
    });
    done.message.expect("a message")
}

/// Waits until a message is here.
fn arrives(at: &mut Process, message: &str) -> Message {
    at.wait_until("the message with the file", PATIENCE, |at| {
        let found = at.try_call("message.get", json!({"message": message})).ok()?;
        serde_json::from_value(found).ok()
    })
}

/// Saves a message's file and waits until it is written; gives where it is.
fn save(at: &mut Process, message: &str, path: &Path) -> String {
    let begun: Transfer = at.call("file.save", json!({"message": message, "path": path}));
    let done = transfer(at, "the file to be saved", |t| {
        assert_ne!(t.state, TransferState::Failed, "{t:?}");
        t.transfer == begun.transfer && t.state == TransferState::Done
    });
    done.path.expect("a path")
}

/// A group of three, all of whom know each other.
fn group(a: &mut Process, b: &mut Process, c: &mut Process) -> String {
    meet_both(a, b);
    meet_both(a, c);
    meet_both(b, c);
    let members = [b.account().to_owned(), c.account().to_owned()];
    let group: Conversation =
        a.call("conversation.create", json!({"title": "Files", "members": members}));
    group.conversation
}

#[test]
fn lan_a_large_file_survives_a_kill_and_its_senders_absence() {
    let lan = Lan::new();
    let people = ["Alice", "Bob", "Carol"].map(|name| Person::new(name, lan.host()));
    let [mut a, mut b, mut c] = people.each_ref().map(Person::spawn);
    let conversation = group(&mut a, &mut b, &mut c);
    let folder = tempfile::tempdir().unwrap();
    let bytes = content(LARGE);
    let source = folder.path().join("film.bin");
    std::fs::write(&source, &bytes).unwrap();

    let message = share(&mut a, &conversation, &source);
    for at in [&mut b, &mut c] {
        let shown = arrives(at, &message);
        assert_eq!(shown.attachments[0].state, FileState::Absent, "it is over the limit");
        assert_eq!((&*shown.attachments[0].name, shown.text.as_str()), ("film.bin", "a file"));
    }
    let saved = save(&mut b, &message, &folder.path().join("at-bob"));
    assert!(std::fs::read(saved).unwrap() == bytes, "Bob got other bytes");

    // Carol is killed in the middle.
    c.call::<Transfer>("file.fetch", json!({"message": message}));
    let large = LARGE as u64;
    let middle = transfer(&mut c, "the middle of the file", |t| t.done_bytes > large / 4);
    assert_eq!((middle.kind, middle.state), (TransferKind::Fetch, TransferState::Running));
    c.kill();
    assert!(a.close().0.success());
    let mut c = people[2].spawn();
    let goes_on = c.wait_until("the fetch to go on", LONG, |c| {
        let files: Files = c.call("file.list", json!({}));
        files.transfers.into_iter().find(|t| t.done_bytes > 0)
    });
    assert!(goes_on.done_bytes >= large / 5, "it began anew: {goes_on:?}");
    let saved = save(&mut c, &message, &folder.path().join("at-carol"));
    assert!(std::fs::read(saved).unwrap() == bytes, "Carol got other bytes");
    let shown = arrives(&mut c, &message);
    assert_eq!(shown.attachments[0].state, FileState::Here);
}

#[test]
fn lan_small_files_come_by_themselves_under_safe_names() {
    let lan = Lan::new();
    let (alice, bob) = (Person::new("Alice", lan.host()), Person::new("Bob", lan.host()));
    let (mut a, mut b) = (alice.spawn(), bob.spawn());
    meet_both(&mut a, &mut b);
    let conversation = direct(&mut a, b.account());
    send(&mut a, &conversation, "files follow");
    let folder = tempfile::tempdir().unwrap();
    for (name, safe, bytes) in [
        ("empty.txt", "empty.txt", vec![]),
        ("one.txt", "one.txt", vec![7]),
        ("a\\..\\b:c.txt", "a_.._b_c.txt", content(200_000)),
        ("con.txt", "_con.txt", content(65_536)),
    ] {
        let source = folder.path().join(name);
        std::fs::write(&source, &bytes).unwrap();
        let message = share(&mut a, &conversation, &source);
        arrives(&mut b, &message);
        let shown = b.wait_until("the file to come", PATIENCE, |b| {
            let message: Message = b.call("message.get", json!({"message": message}));
            let file = message.attachments[0].clone();
            (file.state == FileState::Here).then_some(file)
        });
        assert_eq!((&*shown.name, shown.size_bytes), (safe, bytes.len() as u64));
        let into = tempfile::tempdir().unwrap();
        let saved = save(&mut b, &message, into.path());
        assert_eq!(Path::new(&saved), into.path().join(safe));
        assert_eq!(std::fs::read(&saved).unwrap(), bytes);
        // A second time beside it, not over it.
        let again = save(&mut b, &message, into.path());
        assert_ne!(again, saved);
        assert_eq!(std::fs::read(&again).unwrap(), bytes);
    }
    let files: Files = b.call("file.list", json!({"conversation": conversation}));
    let names: Vec<_> = files.files.iter().map(|file| file.attachment.name.as_str()).collect();
    assert_eq!(names, ["_con.txt", "a_.._b_c.txt", "one.txt", "empty.txt"]);

    // Taken back, they leave the disk of whoever got them.
    let message = files.files[0].message.clone();
    let of_bob = bob.data.path().join("files");
    let count = || std::fs::read_dir(&of_bob).map_or(0, Iterator::count);
    let before = count();
    a.call::<Message>("message.delete", json!({"message": message}));
    b.wait_until("the message to be taken back", PATIENCE, |b| {
        let message: Message = b.call("message.get", json!({"message": message}));
        (message.deleted && count() < before).then_some(())
    });
}

#[test]
fn lan_a_file_for_which_there_is_no_room_waits_until_there_is() {
    let lan = Lan::new();
    let (alice, mut bob) = (Person::new("Alice", lan.host()), Person::new("Bob", lan.host()));
    let small = Tmpfs::new("size=64m");
    bob.data = tempfile::tempdir_in(small.path()).unwrap();
    let (mut a, mut b) = (alice.spawn(), bob.spawn());
    meet_both(&mut a, &mut b);
    let conversation = direct(&mut a, b.account());
    send(&mut a, &conversation, "a file follows");
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("large.bin");
    std::fs::write(&source, content(60 << 20)).unwrap();
    let message = share(&mut a, &conversation, &source);
    arrives(&mut b, &message);
    b.call::<Transfer>("file.fetch", json!({"message": message}));
    let waits = transfer(&mut b, "to be told that the disk is full", |t| t.code.is_some());
    assert_eq!((waits.state, waits.code.as_deref()), (TransferState::Waiting, Some("disk_full")));
    assert!(waits.reason.is_some_and(|reason| reason.contains("free some space")));
    // Messages go on.
    send(&mut a, &conversation, "and?");
    crate::lan_people::receive(&mut b, "and?");
    let full: Value = b.try_call("file.add", json!({"path": source})).expect("adding begins");
    let number = full["transfer"].as_str().unwrap().to_owned();
    let failed = transfer(&mut b, "the add to fail", |t| {
        t.transfer == number && t.state == TransferState::Failed
    });
    assert_eq!(failed.code.as_deref(), Some("disk_full"));
}

#[test]
fn lan_messages_pass_a_transfer_quickly() {
    let lan = Lan::new();
    let (alice, bob) = (Person::new("Alice", lan.host()), Person::new("Bob", lan.host()));
    let (mut a, mut b) = (alice.spawn(), bob.spawn());
    meet_both(&mut a, &mut b);
    let conversation = direct(&mut a, b.account());
    send(&mut a, &conversation, "a film follows");
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("film.bin");
    std::fs::write(&source, content(4 * LARGE)).unwrap();
    let message = share(&mut a, &conversation, &source);
    arrives(&mut b, &message);
    b.call::<Transfer>("file.fetch", json!({"message": message}));
    transfer(&mut b, "the transfer to run", |t| t.done_bytes > 1 << 20);
    let (mut times, mut done) = (Vec::new(), false);
    while !done && times.len() < 200 {
        let text = format!("message {}", times.len());
        let start = std::time::Instant::now();
        send(&mut a, &conversation, &text);
        b.wait_event(&text, PATIENCE, |event| {
            if let EventBody::FileProgress { transfer } = event {
                done |= transfer.state == TransferState::Done;
            }
            matches!(event, EventBody::MessageAdded { message } if message.text == text)
                .then_some(())
        });
        times.push(start.elapsed());
    }
    times.sort();
    assert!(times.len() >= 5, "the transfer was over at once");
    let median = times[times.len() / 2];
    assert!(median < Duration::from_millis(500), "{times:?}");
}
