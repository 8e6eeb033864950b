//! Everything that can be wrong with a folder: a clear error each, and nothing in it changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anser_store::sled_store::{KdfCost, StoreOptions, detect};
use anser_store::{Batch, DataKeySource, OpenError, Protection, SledStore, Store, Table};

use crate::child::{self, Part};

/// Cheap guesses, so that the tests are quick.
fn options() -> StoreOptions {
    StoreOptions { kdf_cost: KdfCost { memory_kib: 64, passes: 1 }, ..StoreOptions::default() }
}

fn open(folder: &Path, key: DataKeySource) -> Result<SledStore, OpenError> {
    SledStore::open_with(folder, key, options())
}

fn passphrase(text: &str) -> DataKeySource {
    DataKeySource::Passphrase(text.to_owned().into())
}

fn keyring() -> DataKeySource {
    DataKeySource::Keyring { service: "anser-test".into(), user: "test".into() }
}

fn fill(store: &mut SledStore) {
    let mut batch = Batch::new();
    batch.put(Table::Events, b"k", b"kept");
    store.write(batch).unwrap();
    store.flush().unwrap();
}

fn kept(store: &SledStore) -> bool {
    store.get(Table::Events, b"k").unwrap().as_deref() == Some(b"kept")
}

fn filled(key: DataKeySource) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fill(&mut open(folder.path(), key).unwrap());
    folder
}

/// Every file below `folder` with its content.
fn everything(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
            found.insert(path, None);
        } else {
            found.insert(path.clone(), Some(fs::read(path).unwrap()));
        }
    }
    found
}

/// One sentence that ends with what to do.
fn assert_clear(error: &OpenError) {
    let message = error.to_string();
    assert!(message.ends_with('.') && message.contains(':'), "{message}");
    assert!(message.len() < 300 && !message.contains('\n'), "{message}");
}

#[test]
#[ignore = "a part in a_second_process_is_locked_out"]
fn holder() {
    let Some(folder) = child::folder() else { return };
    let _store = open(&folder, DataKeySource::File).unwrap();
    child::say("open");
    // Until it is killed.
    loop {
        std::thread::park();
    }
}

#[test]
fn a_second_process_is_locked_out() {
    let folder = filled(DataKeySource::File);
    let mut part = Part::start("opening::holder", folder.path());
    assert_eq!(part.hear().as_deref(), Some("open"));
    let error = open(folder.path(), DataKeySource::File).unwrap_err();
    assert_eq!(error, OpenError::Locked { pid: Some(part.id()) });
    assert!(error.to_string().contains(&part.id().to_string()), "{error}");
    assert_clear(&error);
    // How it is protected can be seen all the same.
    assert_eq!(detect(folder.path()), Ok(Protection::File));
    part.kill();
    assert!(kept(&open(folder.path(), DataKeySource::File).unwrap()));
}

#[test]
fn a_second_opening_in_one_process_is_locked_out() {
    let folder = filled(DataKeySource::File);
    let store = open(folder.path(), DataKeySource::File).unwrap();
    let error = open(folder.path(), DataKeySource::File).unwrap_err();
    assert_eq!(error, OpenError::Locked { pid: Some(std::process::id()) });
    drop(store);
    assert!(kept(&open(folder.path(), DataKeySource::File).unwrap()));
}

/// A process being started holds copies of all open files for a moment; a lock must not linger in them.
#[test]
fn starting_other_processes_does_not_prolong_the_lock() {
    let folder = filled(DataKeySource::File);
    let running = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while running.load(std::sync::atomic::Ordering::Relaxed) {
                Command::new("true").output().unwrap();
            }
        });
        let mut failed = None;
        for _ in 0..60 {
            failed = failed.or(open(folder.path(), DataKeySource::File).err());
        }
        running.store(false, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(failed, None);
    });
}

#[test]
fn a_newer_store_is_refused_and_left_as_it_is() {
    let folder = filled(DataKeySource::File);
    fs::write(folder.path().join("anser.format"), "anser-store 7\n").unwrap();
    let before = everything(folder.path());
    let error = open(folder.path(), DataKeySource::File).unwrap_err();
    assert_eq!(error, OpenError::TooNew { found: 7, supported: 1 });
    assert_clear(&error);
    assert_eq!(detect(folder.path()), Err(error));
    assert!(before == everything(folder.path()), "the folder has changed");
}

#[test]
fn a_folder_of_something_else_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    let before = everything(folder.path());
    let error = open(folder.path(), DataKeySource::File).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    assert_clear(&error);
    assert!(before == everything(folder.path()), "the folder has changed");
    // A file where the folder should be.
    let file = folder.path().join("thesis.txt");
    let error = open(&file, DataKeySource::File).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    // Someone else's sled database.
    let other = tempfile::tempdir().unwrap();
    sled::open(other.path().join("db")).unwrap().insert(b"a", b"b").unwrap();
    let error = open(other.path(), DataKeySource::File).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
}

#[test]
fn garbage_instead_of_the_database_is_refused_and_left_as_it_is() {
    for garbage in [vec![], b"short".to_vec(), b"not a database at all. ".repeat(100_000)] {
        let folder = filled(DataKeySource::File);
        fs::write(folder.path().join("db/db"), garbage).unwrap();
        let before = everything(folder.path());
        let error = open(folder.path(), DataKeySource::File).unwrap_err();
        assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
        assert_clear(&error);
        let mut after = everything(folder.path());
        after.remove(&folder.path().join("anser.pid"));
        let mut before = before;
        before.remove(&folder.path().join("anser.pid"));
        assert!(before == after, "the folder has changed");
    }
    for name in ["anser.format", "anser.key"] {
        let folder = filled(DataKeySource::File);
        fs::write(folder.path().join(name), [0xff, 0xfe, 0x00]).unwrap();
        let error = open(folder.path(), DataKeySource::File).unwrap_err();
        assert!(matches!(error, OpenError::Foreign { .. }), "{name}: {error}");
    }
}

#[test]
fn a_missing_part_is_named_and_nothing_is_made_in_its_place() {
    let folder = filled(DataKeySource::File);
    let (database, aside) = (folder.path().join("db"), folder.path().with_extension("aside"));
    fs::rename(&database, &aside).unwrap();
    let error = open(folder.path(), DataKeySource::File).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(!database.exists());
    fs::rename(&aside, &database).unwrap();

    let (key, aside) = (folder.path().join("anser.key"), folder.path().with_extension("key"));
    fs::rename(&key, &aside).unwrap();
    for error in
        [open(folder.path(), DataKeySource::File).unwrap_err(), detect(folder.path()).unwrap_err()]
    {
        assert!(matches!(error, OpenError::KeyLost { .. }), "{error}");
        assert_clear(&error);
    }
    assert!(!key.exists());
    fs::rename(&aside, &key).unwrap();
    assert!(kept(&open(folder.path(), DataKeySource::File).unwrap()));
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = open(&file.join("below"), DataKeySource::File).unwrap_err();
    assert!(matches!(error, OpenError::Unwritable { .. }), "{error:?}");
    assert_clear(&error);
}

#[test]
#[ignore = "a part in a_disk_that_is_read_only_is_named"]
fn read_only_user() {
    let Some(folder) = child::folder() else { return };
    for place in [folder.clone(), folder.join("new")] {
        let error = open(&place, DataKeySource::File).unwrap_err();
        assert!(matches!(error, OpenError::Unwritable { .. }), "{error:?}");
    }
    child::say("named");
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_read_only_is_named() {
    let folder = tempfile::tempdir().unwrap();
    if !child::may_mount(folder.path()) {
        println!("passed over: no file system may be mounted here");
        return;
    }
    let part = child::mounted("ro", "opening::read_only_user");
    assert_eq!(Part::run(part, folder.path()).succeeds(), ["named"]);
}

#[test]
fn a_creation_that_was_cut_short_is_taken_up_again() {
    let folder = filled(DataKeySource::File);
    // As after a crash just before the last step.
    fs::remove_file(folder.path().join("anser.format")).unwrap();
    fs::write(folder.path().join("anser.key.new"), "half").unwrap();
    assert_eq!(detect(folder.path()), Ok(Protection::File));
    assert!(kept(&open(folder.path(), DataKeySource::File).unwrap()));
    assert!(folder.path().join("anser.format").exists());
}

#[test]
fn a_passphrase_opens_and_a_wrong_one_does_not() {
    let folder = filled(passphrase("correct horse"));
    assert_eq!(detect(folder.path()), Ok(Protection::Passphrase));
    for wrong in ["", "Correct horse", "correct horse "] {
        let error = open(folder.path(), passphrase(wrong)).unwrap_err();
        assert_eq!(error, OpenError::WrongPassphrase);
        assert_clear(&error);
    }
    let error = open(folder.path(), DataKeySource::File).unwrap_err();
    assert_eq!(error, OpenError::OtherProtection { found: Protection::Passphrase });
    assert_clear(&error);
    let error = open(folder.path(), keyring()).unwrap_err();
    assert_eq!(error, OpenError::OtherProtection { found: Protection::Passphrase });
    assert!(kept(&open(folder.path(), passphrase("correct horse")).unwrap()));
    let file = fs::read_to_string(folder.path().join("anser.key")).unwrap();
    assert!(!file.contains("correct"), "{file}");
}

#[test]
fn a_senseless_cost_in_the_key_file_is_refused() {
    let folder = filled(passphrase("p"));
    let path = folder.path().join("anser.key");
    let file = fs::read_to_string(&path).unwrap();
    fs::write(&path, file.replace("memory-kib 64", "memory-kib 4000000000")).unwrap();
    let error = open(folder.path(), passphrase("p")).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
}

#[test]
fn the_protection_can_be_changed() {
    let folder = filled(DataKeySource::File);
    let mut store = open(folder.path(), DataKeySource::File).unwrap();
    store.change_protection(&passphrase("new")).unwrap();
    fill(&mut store);
    drop(store);
    assert_eq!(detect(folder.path()), Ok(Protection::Passphrase));
    let error = open(folder.path(), DataKeySource::File).unwrap_err();
    assert_eq!(error, OpenError::OtherProtection { found: Protection::Passphrase });
    let mut store = open(folder.path(), passphrase("new")).unwrap();
    assert!(kept(&store));
    store.change_protection(&passphrase("newer")).unwrap();
    drop(store);
    assert_eq!(open(folder.path(), passphrase("new")).unwrap_err(), OpenError::WrongPassphrase);
    assert!(kept(&open(folder.path(), passphrase("newer")).unwrap()));
}

#[test]
#[ignore = "a part in without_a_keyring_nothing_is_made"]
fn keyring_user() {
    let Some(folder) = child::folder() else { return };
    let error = open(&folder, keyring()).unwrap_err();
    assert!(matches!(error, OpenError::NoKeyring { .. }), "{error:?}");
    child::say(&error.to_string());
    // The same must hold inside an asynchronous runtime of a caller, and for a change of protection.
    let other = folder.join("other");
    let mut store = open(&other, DataKeySource::File).unwrap();
    fill(&mut store);
    let error = store.change_protection(&keyring()).unwrap_err();
    assert!(matches!(error, OpenError::NoKeyring { .. }), "{error:?}");
    drop(store);
    assert!(kept(&open(&other, DataKeySource::File).unwrap()));
}

#[test]
fn without_a_keyring_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(child::arguments("opening::keyring_user"))
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    let said = Part::run(command, folder.path()).succeeds();
    assert!(said[0].contains("keyring") && said[0].contains("passphrase"), "{said:?}");
    fs::remove_dir_all(folder.path().join("other")).unwrap();
    assert_eq!(detect(folder.path()), Ok(Protection::Absent));
    // And the folder can be protected in another way.
    fill(&mut open(folder.path(), passphrase("p")).unwrap());
    assert!(kept(&open(folder.path(), passphrase("p")).unwrap()));
}

#[cfg(unix)]
#[test]
fn others_may_not_look_in() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("store");
    fill(&mut open(&folder, DataKeySource::File).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("anser.key")), 0o600);
}
