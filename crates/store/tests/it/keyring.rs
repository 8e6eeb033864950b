//! The key in a real keyring: a Secret Service of its own for this test, where one is installed.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use anser_store::sled_store::detect;
use anser_store::{Batch, DataKeySource, OpenError, Protection, SledStore, Store, Table};

use crate::child::{self, Part};

fn keyring() -> DataKeySource {
    DataKeySource::Keyring { service: "Anser".into(), user: "alice".into() }
}

fn fill(store: &mut SledStore, text: &[u8]) {
    let mut batch = Batch::new();
    batch.put(Table::Events, b"k", text);
    store.write(batch).unwrap();
    store.flush().unwrap();
}

fn text(store: &SledStore) -> Vec<u8> {
    store.get(Table::Events, b"k").unwrap().unwrap()
}

#[test]
#[ignore = "a part in a_keyring_keeps_the_keys_of_several_stores"]
fn with_a_keyring() {
    let Some(folder) = child::folder() else { return };
    let (one, two) = (folder.join("one"), folder.join("two"));
    // Two stores of one user: neither key may take the place of the other.
    fill(&mut SledStore::open(&one, keyring()).unwrap(), b"first");
    fill(&mut SledStore::open(&two, keyring()).unwrap(), b"second");
    assert_eq!(detect(&one), Ok(Protection::Keyring));
    assert_eq!(text(&SledStore::open(&one, keyring()).unwrap()), b"first");
    assert_eq!(text(&SledStore::open(&two, keyring()).unwrap()), b"second");
    let file = fs::read_to_string(one.join("anser.key")).unwrap();
    assert!(!file.contains("\nkey ") && !file.contains("wrapped"), "{file}");

    // Out of the keyring and in again.
    let mut store = SledStore::open(&one, keyring()).unwrap();
    store.change_protection(&DataKeySource::File).unwrap();
    drop(store);
    assert_eq!(text(&SledStore::open(&one, DataKeySource::File).unwrap()), b"first");
    let mut store = SledStore::open(&one, DataKeySource::File).unwrap();
    store.change_protection(&keyring()).unwrap();
    drop(store);
    assert_eq!(text(&SledStore::open(&one, keyring()).unwrap()), b"first");

    // Copied to a machine whose keyring has no such entry, as its new name in the file makes it here.
    let path = two.join("anser.key");
    let file = fs::read_to_string(&path).unwrap();
    fs::write(&path, file.replace("user alice", "user bob")).unwrap();
    let error = SledStore::open(&two, keyring()).unwrap_err();
    assert!(matches!(error, OpenError::KeyLost { .. }), "{error:?}");
    child::say("kept");
}

#[test]
fn a_keyring_keeps_the_keys_of_several_stores() {
    let installed = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !installed("gnome-keyring-daemon") || !installed("dbus-run-session") {
        println!("passed over: no keyring is installed here");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let runtime = home.path().join("runtime");
    fs::create_dir(&runtime).unwrap();
    fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = Command::new("dbus-run-session");
    command
        .args(["--", "sh", "-c"])
        .arg(
            "printf secret | gnome-keyring-daemon --daemonize --unlock --components=secrets \
             >/dev/null 2>&1 && exec \"$0\" \"$@\"",
        )
        .arg(std::env::current_exe().unwrap())
        .args(child::arguments("keyring::with_a_keyring"))
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", &runtime)
        .env("XDG_DATA_HOME", home.path().join("data"))
        .env_remove("DBUS_SESSION_BUS_ADDRESS");
    assert_eq!(Part::run(command, folder.path()).succeeds(), ["kept"]);
}
