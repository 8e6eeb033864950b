//! One process in trouble: a clear sentence, a proper exit code, nothing lost.

use std::net::TcpListener;
use std::path::Path;

use anser_api::model::{Account, Check, CheckState, Checks, Conversation};
use anser_e2e::{Lan, Start, Tmpfs};
use serde_json::json;

use crate::lan_people::{PATIENCE, direct, send, texts};

/// Starts in vain: the exit code is 1 and one line says why, with these words in it.
#[track_caller]
fn refused(start: &Start<'_>, words: &[&str]) {
    let (status, out, err) = start.finish("rpc");
    assert_eq!(status.code(), Some(1), "{err}");
    assert_eq!(out, "");
    assert_eq!(err.lines().count(), 1, "{err}");
    for word in words {
        assert!(err.contains(word), "{word:?} is not in {err:?}");
    }
}

fn quiet<'a>(name: &'a str, data: &'a Path) -> Start<'a> {
    Start::new(name, data).flag("--no-mdns").with("--listen", "/ip4/127.0.0.1/tcp/0")
}

/// A profile with one note in it; gives the conversation.
fn write_a_note(data: &Path) -> String {
    let mut node = quiet("Alice", data).spawn();
    let own = node.account().to_owned();
    let notes = direct(&mut node, &own);
    send(&mut node, &notes, "remember the milk");
    let (status, said) = node.close();
    assert!(status.success(), "{said}");
    notes
}

#[track_caller]
fn assert_note(data: &Path, notes: &str) {
    let mut node = quiet("Alice", data).spawn();
    assert_eq!(texts(&mut node, notes), ["remember the milk"]);
}

#[test]
fn program_a_folder_that_cannot_be_written() {
    let disk = Tmpfs::new("ro");
    refused(&quiet("Alice", &disk.path().join("profile")), &["cannot be written"]);
}

#[test]
fn program_a_full_disk_loses_nothing_acknowledged_and_recovers() {
    let disk = Tmpfs::new("size=24m");
    let data = disk.path().join("profile");
    let mut node = quiet("Alice", &data).spawn();
    let own = node.account().to_owned();
    let notes = direct(&mut node, &own);
    let filler = disk.fill();
    let mut acknowledged = Vec::new();
    let error = (0..10_000)
        .find_map(|number| {
            let text = format!("{number} {}", "x".repeat(4_000));
            let params = json!({"conversation": notes, "text": text});
            let sent = node.try_call("message.send", params);
            if sent.is_ok() {
                acknowledged.push(text);
            }
            sent.err()
        })
        .expect("the disk is full at last");
    assert_eq!(error.code, "store_full");
    assert!(error.message.contains("disk is full"), "{}", error.message);
    // Reading goes on.
    assert!(texts(&mut node, &notes).len() >= acknowledged.len());
    let checks: Checks = node.call("doctor.run", json!({}));
    let disk_full = |check: &Check| check.id == "disk" && check.state == CheckState::Failed;
    assert!(checks.checks.iter().any(disk_full), "{checks:?}");

    std::fs::remove_file(filler).unwrap();
    send(&mut node, &notes, "there is room again");
    node.kill();
    let mut node = quiet("Alice", &data).spawn();
    let kept = texts(&mut node, &notes);
    assert_eq!(kept[..acknowledged.len()], acknowledged);
    assert_eq!(kept.last().unwrap(), "there is room again");
    assert!(kept.len() <= acknowledged.len() + 2, "something was doubled");
}

#[test]
fn program_a_disk_too_full_to_start() {
    let disk = Tmpfs::new("size=1m");
    disk.fill();
    refused(&quiet("Alice", &disk.path().join("profile")), &["disk is full"]);
}

#[test]
fn program_a_folder_of_something_else() {
    let data = tempfile::tempdir().unwrap();
    let photo = data.path().join("photo.jpg");
    std::fs::write(&photo, "a photo").unwrap();
    refused(&quiet("Alice", data.path()), &["does not hold Anser's messages", "photo.jpg"]);
    assert_eq!(std::fs::read_to_string(&photo).unwrap(), "a photo");
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 1, "something was left there");
}

#[test]
fn program_a_profile_of_a_newer_version() {
    let data = tempfile::tempdir().unwrap();
    let notes = write_a_note(data.path());
    let format = data.path().join("anser.format");
    let ours = std::fs::read_to_string(&format).unwrap();
    std::fs::write(&format, "anser-store 999\n").unwrap();
    refused(&quiet("Alice", data.path()), &["newer Anser", "999"]);
    std::fs::write(&format, ours).unwrap();
    assert_note(data.path(), &notes);
}

#[test]
fn program_a_second_process_is_told_which_the_first_is() {
    let data = tempfile::tempdir().unwrap();
    let mut first = quiet("Alice", data.path()).spawn();
    let pid = format!("process {}", first.pid());
    refused(&quiet("Alice", data.path()), &["Another Anser", &pid]);
    let account: Account = first.call("account.get", json!({}));
    assert_eq!(account.name, "Alice");
}

#[test]
fn program_no_keyring() {
    let data = tempfile::tempdir().unwrap();
    let start = quiet("Alice", data.path()).with("--protection", "keyring");
    refused(&start, &["keyring", "passphrase instead"]);
}

#[test]
fn program_a_passphrase_that_is_missing_or_wrong() {
    let data = tempfile::tempdir().unwrap();
    let start = quiet("Alice", data.path()).with("--protection", "passphrase");
    let with = |passphrase: Option<&str>| {
        let mut command = start.command("rpc");
        command.stdin(std::process::Stdio::null());
        if let Some(passphrase) = passphrase {
            command.env("ANSER_PASSPHRASE", passphrase);
        }
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = with(None);
    assert!(code == Some(1) && said.contains("ANSER_PASSPHRASE"), "{said}");
    assert_eq!(with(Some("swordfish")), (Some(0), String::new()));
    let (code, said) = with(Some("catfish"));
    assert!(code == Some(1) && said.contains("passphrase is wrong"), "{said}");
    assert_eq!(with(Some("swordfish")), (Some(0), String::new()));
}

#[test]
fn program_without_a_network_still_keeps_messages() {
    let lan = Lan::new();
    let host = lan.lone_host();
    let data = tempfile::tempdir().unwrap();
    let mut node = Start::new("Alice", data.path()).on(&host).spawn();
    let own = node.account().to_owned();
    let notes: Conversation = node.call("conversation.direct", json!({"account": own}));
    send(&mut node, &notes.conversation, "alone");
    let checks: Checks = node.call("doctor.run", json!({}));
    let interfaces = checks.checks.iter().find(|check| check.id == "interfaces").unwrap();
    assert_eq!(interfaces.state, CheckState::Failed);
    assert!(interfaces.what.contains("no network"), "{interfaces:?}");
    assert!(node.close().0.success());

    let (status, out, err) = Start::new("Alice", data.path()).on(&host).finish("doctor");
    assert_eq!(status.code(), Some(1), "{err}");
    assert!(out.contains("This computer is in no network."), "{out}");
}

#[test]
fn program_a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port());
    let data = tempfile::tempdir().unwrap();
    let notes = write_a_note(data.path());
    let start = Start::new("Alice", data.path()).flag("--no-mdns").with("--listen", &address);
    refused(&start, &[&address, "already used", "port 0"]);
    assert_note(data.path(), &notes);
}

#[test]
fn program_wrong_usage_has_its_own_exit_code() {
    let data = tempfile::tempdir().unwrap();
    for options in [vec!["--listen", "somewhere"], vec!["--seed", "nowhere"], vec!["--no-such", ""]]
    {
        let start = Start::new("Alice", data.path()).with(options[0], options[1]);
        let (status, _, err) = start.finish("rpc");
        assert_eq!(status.code(), Some(2), "{err}");
        assert!(err.contains(options[1]) && !err.is_empty(), "{err}");
    }
    let start = Start::new("Alice", data.path()).with("--relay", "https://relay.example");
    let (status, _, err) = start.finish("rpc");
    assert_eq!(status.code(), Some(1));
    assert!(err.contains("unsupported") && err.lines().count() == 1, "{err}");
}

#[test]
fn program_a_policy_is_followed_or_nothing_starts() {
    let data = tempfile::tempdir().unwrap();
    let policy = data.path().join("policy.toml");
    let start = || {
        let profile = data.path().join("profile");
        std::fs::create_dir_all(&profile).unwrap();
        profile
    };
    let profile = start();
    let with = |name: &'static str| {
        Start::new(name, &profile).flag("--no-mdns").with("--policy", policy.to_string_lossy())
    };
    for (text, word) in [("[netwrok]\nmdns = false\n", "netwrok"), ("[network", "policy.toml")] {
        std::fs::write(&policy, text).unwrap();
        refused(&with("Alice"), &["policy.toml", word, "admin"]);
    }
    std::fs::write(&policy, "[network]\nlisten = ['/ip4/127.0.0.1/tcp/0']\n").unwrap();
    let mut process = with("Alice").spawn();
    let account = process.wait_until("to listen", PATIENCE, |process| {
        let account: anser_api::model::Account = process.call("account.get", json!({}));
        (!account.addresses.is_empty()).then_some(account)
    });
    assert!(account.addresses.iter().all(|a| a.starts_with("/ip4/127.0.0.1/tcp/")));
}
