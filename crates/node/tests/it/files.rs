//! Files of messages: from device to device, who may have them, and what stays of them.

use std::collections::BTreeSet;

use anser_api::model::{TransferKind, TransferState};
use anser_api::{ErrorCode, EventBody};
use anser_files::tree;
use anser_proto::frame::{FileWant, Frame};
use anser_proto::limits::PART_BYTES;
use serde_json::{Value, json};

use crate::group::group;
use crate::network::Network;

/// More than comes by itself.
const LARGE: usize = 11 * 1024 * 1024;

fn content(size: usize, salt: u8) -> Vec<u8> {
    (0..size).map(|at| (at.wrapping_mul(31) ^ (at >> 8)) as u8 ^ salt).collect()
}

/// Adds a file at `index`; gives its id.
fn add(network: &mut Network, index: usize, path: &str, bytes: Vec<u8>) -> String {
    network.disks[index].sources.insert(path.into(), bytes.clone());
    network.call(index, "file.add", json!({"path": path})).unwrap();
    tree::id_of(&bytes).to_string()
}

/// Sends a file from `index`; gives the message's id.
fn share(network: &mut Network, index: usize, conversation: &str, bytes: Vec<u8>) -> String {
    let file = add(network, index, "/home/a/report.pdf", bytes);
    let params = json!({"conversation": conversation, "text": "", "attachments": [file]});
    let message = network.call(index, "message.send", params).unwrap();
    message["message"].as_str().unwrap().to_owned()
}

fn attachment(network: &mut Network, index: usize, message: &str) -> Value {
    let message = network.call(index, "message.get", json!({"message": message})).unwrap();
    message["attachments"][0].clone()
}

fn transfers(network: &mut Network, index: usize, kind: &str) -> Vec<Value> {
    let list = network.call(index, "file.list", json!({})).unwrap();
    let list = list["transfers"].as_array().unwrap().clone();
    list.into_iter().filter(|transfer| transfer["kind"] == kind).collect()
}

fn code(error: Result<Value, anser_api::ApiError>) -> ErrorCode {
    error.unwrap_err().code
}

fn want(bytes: &[u8]) -> FileWant {
    FileWant { file: tree::id_of(bytes), parts: vec![0] }
}

fn is_lack(frames: &[Frame]) -> bool {
    matches!(frames, [Frame::FileLack(_)])
}

#[test]
fn a_small_file_comes_by_itself_and_can_be_read_and_saved() {
    let (mut network, conversation) = group(2);
    let bytes = content(3 * PART_BYTES + 7, 1);
    let message = share(&mut network, 0, &conversation, bytes.clone());
    for index in 0..2 {
        let shown = attachment(&mut network, index, &message);
        assert_eq!(shown["state"], "here", "{shown}");
        assert_eq!(
            (&shown["name"], &shown["media_type"]),
            (&json!("report.pdf"), &json!("application/pdf"))
        );
        assert_eq!(shown["size_bytes"], bytes.len());
    }
    let file = tree::id_of(&bytes).to_string();
    let params = json!({"file": file, "offset": PART_BYTES - 1, "limit": 3});
    let read = network.call(1, "file.read", params).unwrap();
    let piece = data_encoding::BASE64.encode(&bytes[PART_BYTES - 1..PART_BYTES + 2]);
    assert_eq!((&read["data"], &read["size_bytes"]), (&json!(piece), &json!(bytes.len())));

    let save = json!({"message": message, "path": "/tmp/"});
    let saved = network.call(1, "file.save", save.clone()).unwrap();
    assert_eq!(saved["kind"], "save");
    assert_eq!(network.disks[1].saved["/tmp/report.pdf"], bytes);
    network.call(1, "file.save", save).unwrap();
    let again = transfers(&mut network, 1, "save");
    let states: BTreeSet<_> = again.iter().map(|t| t["state"].as_str().unwrap()).collect();
    assert_eq!(states, BTreeSet::from(["done", "failed"]), "{again:?}");
    assert!(
        again.iter().any(|t| t["code"] == "exists" && !t["reason"].as_str().unwrap().is_empty())
    );
}

#[test]
fn progress_is_told_and_ends_with_the_file_here() {
    let (mut network, conversation) = group(2);
    let bytes = content(LARGE, 2);
    let message = share(&mut network, 0, &conversation, bytes.clone());
    assert_eq!(attachment(&mut network, 1, &message)["state"], "absent");
    network.call(1, "file.fetch", json!({"message": message})).unwrap();
    network.settle();
    let told: Vec<_> = network.events[1]
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::FileProgress { transfer } => Some(transfer.clone()),
            _ => None,
        })
        .collect();
    assert!(
        told.iter().all(|t| t.kind == TransferKind::Fetch && t.message.as_ref() == Some(&message))
    );
    let (first, last) = (told.first().unwrap(), told.last().unwrap());
    assert_eq!(first.state, TransferState::Waiting);
    assert_eq!((last.state, last.done_bytes), (TransferState::Done, bytes.len() as u64));
    // No time passed, so only changes of state were told.
    assert!(told.len() <= 6, "{} events", told.len());
    assert!(network.events[1].iter().any(|event| match &event.body {
        EventBody::MessageChanged { message } =>
            message.attachments[0].state == anser_api::model::FileState::Here,
        _ => false,
    }));
}

#[test]
fn an_absent_author_is_replaced_by_a_third_member() {
    let (mut network, conversation) = group(3);
    network.disconnect(0, 2);
    network.disconnect(1, 2);
    let bytes = content(40 * PART_BYTES, 3);
    let message = share(&mut network, 0, &conversation, bytes.clone());
    network.disconnect(0, 1);
    network.connect(1, 2);
    network.pass(3_000);
    assert_eq!(attachment(&mut network, 2, &message)["state"], "here");
    assert_eq!(network.disks[1].served, 40);
}

#[test]
fn several_members_give_at_once() {
    let (mut network, conversation) = group(3);
    let bytes = content(LARGE, 4);
    let message = share(&mut network, 0, &conversation, bytes.clone());
    network.call(1, "file.fetch", json!({"message": message})).unwrap();
    network.settle();
    network.disks[0].served = 0;
    network.call(2, "file.fetch", json!({"message": message})).unwrap();
    network.settle();
    assert_eq!(attachment(&mut network, 2, &message)["state"], "here");
    let (a, b) = (network.disks[0].served, network.disks[1].served);
    assert!(a > 30 && b > 30, "{a} and {b} parts");
    assert!(a + b <= LARGE / PART_BYTES + 20, "{a} and {b} parts");
}

#[test]
fn a_member_that_gives_wrong_bytes_is_found_out() {
    let (mut network, conversation) = group(3);
    let bytes = content(LARGE, 5);
    let message = share(&mut network, 0, &conversation, bytes.clone());
    network.call(1, "file.fetch", json!({"message": message})).unwrap();
    network.settle();
    network.disks[1].lies = true;
    network.call(2, "file.fetch", json!({"message": message})).unwrap();
    network.settle();
    assert_eq!(network.nodes[2].counters().wrong_parts, 1);
    assert_eq!(network.disks[2].whole.values().next(), Some(&bytes));
}

#[test]
fn who_is_no_member_gets_nothing() {
    let (mut network, conversation) = group(3);
    let bytes = content(100, 6);
    share(&mut network, 0, &conversation, bytes.clone());
    assert!(!is_lack(&network.feed(2, 0, want(&bytes))));
    let carol = network.account(2);
    let params = json!({"conversation": conversation, "account": carol});
    network.call(0, "conversation.remove", params).unwrap();
    assert!(is_lack(&network.feed(2, 0, want(&bytes))));
    assert_eq!(network.nodes[0].counters().refused_files, 1);

    // A file that was only taken in, and one that is not here: the same answer.
    let secret = content(100, 7);
    add(&mut network, 0, "/secret", secret.clone());
    assert!(is_lack(&network.feed(1, 0, want(&secret))));
    assert!(is_lack(&network.feed(1, 0, want(b"never seen"))));
}

#[test]
fn who_was_put_out_stops_asking_and_is_not_asked() {
    let (mut network, conversation) = group(3);
    let bytes = content(LARGE, 25);
    let message = share(&mut network, 0, &conversation, bytes);
    let carol = network.account(2);
    network.begin_in_steps(2, "file.fetch", json!({"message": message}), 10);
    assert!(network.disks[2].put < LARGE / PART_BYTES, "the removal came too late");
    let params = json!({"conversation": conversation, "account": carol});
    network.call(0, "conversation.remove", params).unwrap();
    network.pass(10_000);
    let (put, refused) = (network.disks[2].put, network.nodes[0].counters().refused_files);
    network.pass(1_000_000);
    assert_eq!(network.disks[2].put, put);
    assert_eq!(network.nodes[0].counters().refused_files, refused, "she goes on asking");
    assert_eq!(transfers(&mut network, 2, "fetch")[0]["state"], "waiting");
}

#[test]
fn a_newcomer_gets_no_file_of_a_history_that_is_hidden() {
    let mut network = Network::new(3);
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        network.connect(a, b);
    }
    let bob = network.account(1);
    let params = json!({"title": "G", "members": [bob], "history": false});
    let conversation =
        network.call(0, "conversation.create", params).unwrap()["conversation"].clone();
    let conversation = conversation.as_str().unwrap().to_owned();
    let old = content(100, 8);
    share(&mut network, 0, &conversation, old.clone());
    let carol = network.account(2);
    let params = json!({"conversation": conversation, "accounts": [carol]});
    network.call(0, "conversation.add", params).unwrap();
    network.pass(3_000);
    let new = content(100, 9);
    share(&mut network, 0, &conversation, new.clone());
    assert!(is_lack(&network.feed(2, 0, want(&old))));
    assert!(!is_lack(&network.feed(2, 0, want(&new))));
}

#[test]
fn a_part_that_there_is_not_counts_as_a_bad_frame() {
    let (mut network, conversation) = group(2);
    let bytes = content(100, 10);
    share(&mut network, 0, &conversation, bytes.clone());
    let wrong = FileWant { file: tree::id_of(&bytes), parts: vec![1] };
    assert!(network.feed(1, 0, wrong).is_empty());
    assert_eq!(network.nodes[0].counters().bad_frames, 1);
}

#[test]
fn one_device_cannot_make_the_disk_read_without_bound() {
    let (mut network, conversation) = group(2);
    let bytes = content(64 * PART_BYTES, 11);
    share(&mut network, 0, &conversation, bytes.clone());
    let file = tree::id_of(&bytes);
    for _ in 0..3 {
        network.feed(1, 0, FileWant { file, parts: (0..64).collect() });
    }
    // The disk was never asked to read: what was ordered is still waiting.
    let unserved = network.nodes[0].counters().unserved_parts;
    assert_eq!(unserved, 3 * 64 - 24);
}

#[test]
fn with_its_message_a_file_leaves_every_disk() {
    let (mut network, conversation) = group(2);
    let bytes = content(2 * PART_BYTES, 12);
    let message = share(&mut network, 0, &conversation, bytes.clone());
    network.restart(0, None);
    network.connect(0, 1);
    assert_eq!((network.disks[0].names(), network.disks[1].names()), (1, 1));
    network.call(0, "message.delete", json!({"message": message})).unwrap();
    network.pass(3_000);
    assert_eq!((network.disks[0].names(), network.disks[1].names()), (0, 0));
    assert!(is_lack(&network.feed(1, 0, want(&bytes))));
    assert_eq!(attachment(&mut network, 1, &message), Value::Null);
    assert_eq!(
        code(network.call(1, "file.fetch", json!({"message": message}))),
        ErrorCode::NotFound
    );
}

#[test]
fn a_file_that_another_message_brings_too_stays() {
    let (mut network, conversation) = group(2);
    let bytes = content(100, 13);
    let first = share(&mut network, 0, &conversation, bytes.clone());
    // Bob sends on what he got, under the name it had.
    let file = tree::id_of(&bytes).to_string();
    let params = json!({"conversation": conversation, "text": "again", "attachments": [file]});
    let second = network.call(1, "message.send", params).unwrap();
    assert_eq!(second["attachments"][0]["name"], "report.pdf");
    network.restart(0, None);
    network.connect(0, 1);
    network.call(0, "message.delete", json!({"message": first})).unwrap();
    network.pass(3_000);
    assert_eq!((network.disks[0].names(), network.disks[1].names()), (1, 1));
}

#[test]
fn a_fetch_goes_on_after_a_restart_with_what_is_there() {
    let (mut network, conversation) = group(2);
    let bytes = content(LARGE, 14);
    let message = share(&mut network, 0, &conversation, bytes.clone());
    let save = json!({"message": message, "path": "/tmp/film"});
    network.begin_in_steps(1, "file.save", save, 12);
    let before = network.disks[1].put;
    assert!((10..150).contains(&before), "{before} parts");
    network.disconnect(0, 1);
    let number = transfers(&mut network, 1, "fetch")[0]["transfer"].clone();
    network.restart(1, None);
    let waiting = transfers(&mut network, 1, "fetch");
    assert_eq!((&waiting[0]["state"], &waiting[0]["code"]), (&json!("waiting"), &json!("offline")));
    assert_eq!(waiting[0]["transfer"], number);
    assert_eq!(transfers(&mut network, 1, "save")[0]["state"], "waiting");
    network.connect(0, 1);
    assert_eq!(network.disks[1].saved["/tmp/film"], bytes);
    assert_eq!(network.disks[1].put, LARGE / PART_BYTES, "parts were fetched again");
}

#[test]
fn a_cancelled_fetch_is_gone_and_comes_only_when_asked_for() {
    let (mut network, conversation) = group(2);
    let bytes = content(LARGE, 15);
    let message = share(&mut network, 0, &conversation, bytes.clone());
    network.begin_in_steps(1, "file.fetch", json!({"message": message}), 10);
    network.disconnect(0, 1);
    let transfer = transfers(&mut network, 1, "fetch")[0]["transfer"].clone();
    let ended = network.call(1, "file.cancel", json!({"transfer": transfer})).unwrap();
    assert_eq!(ended["state"], "cancelled");
    assert_eq!(attachment(&mut network, 1, &message)["state"], "gone");
    network.settle();
    assert_eq!(network.disks[1].names(), 0);
    network.restart(1, None);
    network.connect(0, 1);
    network.pass(100_000);
    assert_eq!(attachment(&mut network, 1, &message)["state"], "gone");
    network.call(1, "file.fetch", json!({"message": message})).unwrap();
    network.settle();
    assert_eq!(attachment(&mut network, 1, &message)["state"], "here");
}

#[test]
fn a_full_disk_lets_a_fetch_wait_and_fails_an_add() {
    let (mut network, conversation) = group(2);
    network.disks[1].full = true;
    let message = share(&mut network, 0, &conversation, content(100, 16));
    let waiting = transfers(&mut network, 1, "fetch");
    assert_eq!(
        (&waiting[0]["state"], &waiting[0]["code"]),
        (&json!("waiting"), &json!("disk_full"))
    );
    add(&mut network, 1, "/x", content(5, 0));
    let failed = transfers(&mut network, 1, "add");
    assert_eq!((&failed[0]["state"], &failed[0]["code"]), (&json!("failed"), &json!("disk_full")));
    network.disks[1].full = false;
    network.pass(61_000);
    assert_eq!(attachment(&mut network, 1, &message)["state"], "here");
}

#[test]
fn nobody_who_has_it_is_asked_again_from_time_to_time() {
    let (mut network, conversation) = group(3);
    let bytes = content(LARGE, 17);
    let message = share(&mut network, 0, &conversation, bytes.clone());
    network.disconnect(0, 1);
    network.disconnect(0, 2);
    network.call(2, "file.fetch", json!({"message": message})).unwrap();
    network.settle();
    let waiting = transfers(&mut network, 2, "fetch");
    assert_eq!(waiting[0]["code"], "nobody_has_it");
    // Bob gets it from Alice, and Carol from Bob, who does not announce it.
    network.connect(0, 1);
    network.call(1, "file.fetch", json!({"message": message})).unwrap();
    network.settle();
    network.disconnect(0, 1);
    network.pass(60_000);
    assert_eq!(attachment(&mut network, 2, &message)["state"], "here");
}

#[test]
fn content_comes_in_pieces_too() {
    let (mut network, conversation) = group(2);
    let bytes = content(1_000_000, 18);
    let params = json!({"name": "a/b.bin", "size_bytes": bytes.len()});
    let transfer = network.call(0, "file.add", params).unwrap();
    assert_eq!((&transfer["state"], &transfer["name"]), (&json!("running"), &json!("a_b.bin")));
    let number = transfer["transfer"].clone();
    let mut last = Value::Null;
    for piece in bytes.chunks(512 * 1024) {
        let data = data_encoding::BASE64.encode(piece);
        last = network.call(0, "file.write", json!({"transfer": number, "data": data})).unwrap();
    }
    assert_eq!(last["done_bytes"], bytes.len());
    network.settle();
    let added = transfers(&mut network, 0, "add");
    assert_eq!(added[0]["state"], "done");
    let file = added[0]["file"].clone();
    assert_eq!(file, tree::id_of(&bytes).to_string());
    let params = json!({"conversation": conversation, "text": "here", "attachments": [file]});
    network.call(0, "message.send", params).unwrap();
    network.settle();
    assert_eq!(network.disks[1].whole.values().next(), Some(&bytes));

    let more = json!({"transfer": number, "data": "AAAA"});
    assert_eq!(code(network.call(0, "file.write", more)), ErrorCode::InvalidArgument);
    let short = network.call(0, "file.add", json!({"name": "x", "size_bytes": 2})).unwrap();
    let number = short["transfer"].clone();
    for (data, expected) in [
        ("AAAA", ErrorCode::InvalidArgument),
        ("", ErrorCode::InvalidArgument),
        ("?", ErrorCode::InvalidArgument),
    ] {
        let params = json!({"transfer": number, "data": data});
        assert_eq!(code(network.call(0, "file.write", params)), expected, "{data}");
    }
    network.disks[0].full = true;
    let params = json!({"transfer": number, "data": "AAA="});
    assert_eq!(code(network.call(0, "file.write", params)), ErrorCode::StoreFull);
}

#[test]
fn empty_files_and_files_of_one_byte_travel_too() {
    let (mut network, conversation) = group(2);
    for bytes in [vec![], vec![7]] {
        let message = share(&mut network, 0, &conversation, bytes.clone());
        network
            .call(1, "file.save", json!({"message": message, "path": "/tmp/x", "overwrite": true}))
            .unwrap();
        network.settle();
        assert_eq!(network.disks[1].saved["/tmp/x"], bytes);
    }
    let empty = network.call(0, "file.add", json!({"name": "empty", "size_bytes": 0})).unwrap();
    let number = empty["transfer"].as_str().unwrap().to_owned();
    let added = transfers(&mut network, 0, "add");
    assert!(added.iter().any(|t| t["transfer"] == number && t["state"] == "done"));
}

#[test]
fn a_message_brings_only_files_that_are_here() {
    let (mut network, conversation) = group(2);
    let params =
        |ids: Vec<String>| json!({"conversation": conversation, "text": "", "attachments": ids});
    let absent = tree::id_of(b"absent").to_string();
    assert_eq!(code(network.call(0, "message.send", params(vec![absent]))), ErrorCode::NotFound);
    assert_eq!(
        code(network.call(0, "message.send", params(vec!["x".into()]))),
        ErrorCode::NotFound
    );
    assert_eq!(code(network.call(0, "message.send", params(vec![]))), ErrorCode::InvalidArgument);
    let file = add(&mut network, 0, "/a", content(5, 19));
    let many = vec![file; 17];
    assert_eq!(code(network.call(0, "message.send", params(many))), ErrorCode::TooLarge);
    let missing = json!({"conversation": conversation, "path": "/nowhere"});
    network.call(0, "file.send", missing).unwrap();
    network.disks[0].sources.insert("/b".into(), content(9, 20));
    let sent = json!({"conversation": conversation, "path": "/b", "text": "look"});
    network.call(0, "file.send", sent).unwrap();
    network.settle();
    let adds = transfers(&mut network, 0, "add");
    assert!(adds.iter().any(|t| t["state"] == "failed" && t["code"] == "not_found"), "{adds:?}");
    let sent = adds.iter().find(|t| t["message"].is_string()).unwrap();
    let message = sent["message"].as_str().unwrap().to_owned();
    let view = network.call(1, "message.get", json!({"message": message})).unwrap();
    assert_eq!((&view["text"], &view["attachments"][0]["name"]), (&json!("look"), &json!("b")));
}

#[test]
fn what_was_taken_in_and_never_sent_is_gone_after_a_restart() {
    let (mut network, _) = group(2);
    add(&mut network, 0, "/a", content(5, 21));
    assert_eq!(network.disks[0].names(), 1);
    network.restart(0, None);
    assert_eq!(network.disks[0].names(), 0);
}

#[test]
fn a_file_of_a_request_waits_for_its_acceptance() {
    let mut network = Network::new(2);
    network.connect(0, 1);
    let bob = network.account(1);
    let direct = network.call(0, "conversation.direct", json!({"account": bob})).unwrap();
    let conversation = direct["conversation"].as_str().unwrap().to_owned();
    let bytes = content(100, 22);
    let message = share(&mut network, 0, &conversation, bytes);
    network.pass(2_000);
    assert_eq!(attachment(&mut network, 1, &message)["state"], "absent");
    assert_eq!(
        code(network.call(1, "file.fetch", json!({"message": message}))),
        ErrorCode::Refused
    );
    network.call(1, "conversation.accept", json!({"conversation": conversation})).unwrap();
    network.pass(2_000);
    assert_eq!(attachment(&mut network, 1, &message)["state"], "here");
}

#[test]
fn what_somebody_blocked_sends_to_a_group_does_not_come_by_itself() {
    let (mut network, conversation) = group(2);
    let alice = network.account(0);
    network.call(1, "contact.block", json!({"account": alice})).unwrap();
    let message = share(&mut network, 0, &conversation, content(100, 23));
    network.pass(2_000);
    assert_eq!(attachment(&mut network, 1, &message)["state"], "absent");
}

#[test]
fn a_file_that_vanished_from_disk_can_be_fetched_again() {
    let (mut network, conversation) = group(2);
    let message = share(&mut network, 0, &conversation, content(100, 24));
    network.disks[1].whole.clear();
    let file = attachment(&mut network, 1, &message)["file"].clone();
    let read = json!({"file": file, "offset": 0, "limit": 10});
    assert_eq!(code(network.call(1, "file.read", read.clone())), ErrorCode::NotFound);
    assert_eq!(attachment(&mut network, 1, &message)["state"], "absent");
    network.call(1, "file.fetch", json!({"message": message})).unwrap();
    network.settle();
    assert!(network.call(1, "file.read", read).is_ok());
    assert_eq!(network.nodes[1].counters().lost_files, 1);
}

#[test]
fn files_of_a_conversation_are_listed_newest_first_in_pages() {
    let (mut network, conversation) = group(2);
    for salt in 30..40 {
        share(&mut network, usize::from(salt) % 2, &conversation, content(10, salt));
        network.pass(2_000);
    }
    let (mut seen, mut before) = (Vec::new(), Value::Null);
    loop {
        let params = json!({"conversation": conversation, "limit": 3, "before": before});
        let page = network.call(1, "file.list", params).unwrap();
        let files = page["files"].as_array().unwrap().clone();
        assert!(!files.is_empty() && files.len() <= 3);
        before = files.last().unwrap()["position"].clone();
        seen.extend(files.iter().map(|file| file["position"].as_str().unwrap().to_owned()));
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(seen.len(), 10);
    assert!(seen.is_sorted_by(|a, b| a > b));
}
