//! No room left: an error that says so, nothing earlier lost, and work goes on once there is room.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::Command;

use anser_store::{Batch, DataKeySource, OpenError, Order, SledStore, Store, StoreError, Table};

use crate::child::{self, Part};

fn open(folder: &Path) -> Result<SledStore, OpenError> {
    SledStore::open(folder, DataKeySource::File)
}

fn count(store: &SledStore) -> usize {
    store.scan(Table::Events, b"", None, Order::Ascending, usize::MAX).unwrap().len()
}

/// Flushes numbered values until the disk is full; how many were flushed, and how many written.
fn fill(store: &mut SledStore) -> (usize, usize) {
    let mut written = count(store);
    loop {
        let flushed = written;
        for _ in 0..20 {
            let mut batch = Batch::new();
            batch.put(Table::Events, (written as u64).to_be_bytes(), vec![7; 2000]);
            store.write(batch).unwrap();
            written += 1;
        }
        match store.flush() {
            Ok(()) => assert!(written < 100_000, "this disk does not fill"),
            Err(error) => {
                assert_eq!(error, StoreError::Full);
                assert!(error.to_string().contains("disk is full"));
                return (flushed, written);
            }
        }
    }
}

#[test]
#[ignore = "a part in a_full_disk_loses_nothing"]
fn on_a_small_disk() {
    let Some(disk) = child::folder() else { return };
    let folder = disk.join("store");
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![1; 8 * 1024 * 1024]).unwrap();
    let mut store = open(&folder).unwrap();
    let (flushed, written) = fill(&mut store);
    assert!(flushed > 100, "full after {flushed} values already");
    // Still full: the same answer, and what was flushed can still be read.
    assert_eq!(store.flush(), Err(StoreError::Full));
    child::say(&format!("full after {flushed}"));
    // Room again: the same store goes on, and has kept even what it could not write.
    fs::remove_file(&ballast).unwrap();
    store.flush().unwrap();
    assert_eq!(count(&store), written);
    drop(store);
    let mut store = open(&folder).unwrap();
    assert_eq!(count(&store), written);
    // Full once more, and this time the process dies without having been able to write.
    let (flushed, _) = fill(&mut store);
    drop(store);
    // On a disk without any room at all it may not even open; it says why, and a little room heals it.
    let refill = disk.join("refill");
    let _ = fs::write(&refill, vec![1; 8 * 1024 * 1024]);
    match open(&folder) {
        Ok(store) => assert!(count(&store) >= flushed),
        Err(error) => assert_eq!(error, OpenError::Full),
    }
    fs::remove_file(&refill).unwrap();
    let bytes = fs::metadata(folder.join("db/db")).unwrap().len();
    child::say(&format!("second time full after {flushed}, {bytes} bytes"));
}

/// A disk of its own, where that is allowed here.
#[test]
fn a_full_disk_loses_nothing() {
    let disk = tempfile::tempdir().unwrap();
    if !child::may_mount(disk.path()) {
        println!("passed over: no file system may be mounted here");
        return;
    }
    let command = child::mounted("size=16m", "full_disk::on_a_small_disk");
    let said = Part::run(command, disk.path()).succeeds();
    assert_eq!(said.len(), 2, "{said:?}");
}

#[test]
#[ignore = "a part in a_limit_on_files_loses_nothing"]
fn under_a_limit() {
    let Some(folder) = child::folder() else { return };
    let mut store = open(&folder).unwrap();
    let (flushed, _) = fill(&mut store);
    child::say(&flushed.to_string());
}

/// A limit on the size of files, which any user may set, fails writes much as a full disk does.
#[test]
fn a_limit_on_files_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 8192; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(child::arguments("full_disk::under_a_limit"));
    let said = Part::run(command, folder.path()).succeeds();
    let flushed: usize = said[0].parse().unwrap();
    assert!(flushed > 100, "full after {flushed} values already");
    let store = open(folder.path()).unwrap();
    assert!(count(&store) >= flushed, "{} of {flushed}", count(&store));
}
