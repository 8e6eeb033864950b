//! Killed at any instant, and cut from the power at any write: nothing flushed is lost, no batch is torn.

use std::fs;
use std::path::Path;

use anser_store::{Batch, DataKeySource, Order, SledStore, Store, Table};

use crate::child::{self, Part};

fn open(folder: &Path) -> SledStore {
    SledStore::open(folder, DataKeySource::File).unwrap()
}

/// Three entries that belong together, in three tables, for one number.
fn related(store: &SledStore, number: u64) -> Batch {
    let mut batch = Batch::new();
    let key = number.to_be_bytes();
    let length = if number.is_multiple_of(10) { 6_500 } else { 100 };
    let mut value = vec![number as u8; length];
    value[..8].copy_from_slice(&key);
    batch.put(Table::Ids, store.tag("number", &key), key.as_slice());
    batch.put(Table::Events, key, value);
    batch.put(Table::Meta, b"last", key.as_slice());
    batch
}

/// The last number in the store, having checked that all three entries are there for each up to it, and
/// nothing beyond.
fn verify(store: &SledStore) -> u64 {
    let last = store.get(Table::Meta, b"last").unwrap();
    let last = last.map_or(0, |last| u64::from_be_bytes(last.try_into().unwrap()));
    let events = store.scan(Table::Events, b"", None, Order::Ascending, usize::MAX).unwrap();
    assert_eq!(events.len() as u64, last, "an event is missing or too many");
    for (number, (key, value)) in (1..=last).zip(&events) {
        assert_eq!(key, &number.to_be_bytes());
        assert_eq!(value[..8], number.to_be_bytes());
        let id = store.get(Table::Ids, &store.tag("number", key)).unwrap();
        assert_eq!(id.as_ref(), Some(key), "the id of {number} is missing");
    }
    let ids = store.scan(Table::Ids, b"", None, Order::Ascending, usize::MAX).unwrap();
    assert_eq!(ids.len() as u64, last, "an id is too many");
    last
}

#[test]
#[ignore = "a part in killed_at_any_instant"]
fn writer() {
    let Some(folder) = child::folder() else { return };
    child::say("opening");
    let mut store = open(&folder);
    let mut number = verify(&store);
    loop {
        for _ in 0..=(number % 4) {
            number += 1;
            store.write(related(&store, number)).unwrap();
        }
        child::say(&format!("writing {number}"));
        store.flush().unwrap();
        child::say(&format!("flushed {number}"));
    }
}

#[test]
fn killed_at_any_instant() {
    let folder = tempfile::tempdir().unwrap();
    let seed = fresh_seed();
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut flushed = 0;
    for round in 0..30 {
        let mut part = Part::start("crash::writer", folder.path());
        let mut heard = Vec::new();
        // At the first line it is opening; then it writes and flushes in turn.
        for _ in 0..1 + random.below(24) {
            heard.push(part.hear().expect("the writer died of itself"));
        }
        heard.extend(part.kill());
        for line in heard {
            if let Some(number) = line.strip_prefix("flushed ") {
                flushed = number.parse().unwrap();
            }
        }
        let found = verify(&open(folder.path()));
        assert!(
            found >= flushed,
            "round {round}: {found} of {flushed} flushed numbers, seed {seed}"
        );
    }
    assert!(flushed > 100, "only {flushed} numbers were ever flushed");
}

/// After a power cut any of the blocks written since the last `fdatasync` may be on disk or not. So: the file
/// as it was after one flush, and as it was during and after the next, mixed block by block.
#[test]
fn cut_from_the_power_at_any_write() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let seed = fresh_seed();
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut number = 0;
    let (mut kept, mut lost) = (0, 0);
    for _ in 0..6 {
        // Some history, so that pages split and segments fill.
        for _ in 0..40 {
            number += 1;
            store.write(related(&store, number)).unwrap();
        }
        store.flush().unwrap();
        let database = folder.path().join("db/db");
        let before = fs::read(&database).unwrap();
        let flushed = number;
        for _ in 0..=random.below(12) {
            number += 1;
            store.write(related(&store, number)).unwrap();
        }
        store.flush().unwrap();
        let after = fs::read(&database).unwrap();

        for _ in 0..8 {
            let copy = tempfile::tempdir().unwrap();
            copy_folder(folder.path(), copy.path());
            let odds = random.below(100);
            let mut mixed = before.clone();
            mixed.resize(after.len(), 0);
            for (old, new) in mixed.chunks_mut(512).zip(after.chunks(512)) {
                if random.below(100) < odds {
                    old.copy_from_slice(new);
                }
            }
            fs::write(copy.path().join("db/db"), mixed).unwrap();
            let found = verify(&open(copy.path()));
            assert!(found == flushed || found == number, "{found}, not {flushed} or {number}");
            if found == number { kept += 1 } else { lost += 1 }
        }
    }
    println!("the last group was whole {kept} times and gone {lost} times");
    assert!(lost > 0, "nothing was ever cut off");
}

/// A crash while the database is opened leaves half a snapshot behind.
#[test]
fn half_a_snapshot_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.write(related(&store, 1)).unwrap();
    store.flush().unwrap();
    drop(store);
    fs::write(folder.path().join("db/snap.00000000FFFFFFFF.generating"), b"half").unwrap();
    assert_eq!(verify(&open(folder.path())), 1);
}

pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Another one in every run; printed, so that a failure can be run again by writing it here.
fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        // xorshift64*: spread enough to choose an instant.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}
