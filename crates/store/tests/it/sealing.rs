//! What lies on disk shows neither values nor ids, and opens only where and with what it was sealed.

use std::fs;
use std::path::Path;

use anser_store::{Batch, DataKeySource, OpenError, SledStore, Store, StoreError, Table};

const TEXT: &[u8] = b"meet me at the old lighthouse at nine";
const ID: &[u8] = b"an id of thirty-two bytes, no less";

fn open(folder: &Path) -> Result<SledStore, OpenError> {
    SledStore::open(folder, DataKeySource::File)
}

/// A store with some sealed values, closed.
fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let mut batch = Batch::new();
    for n in 0..50_u8 {
        batch.put(Table::Events, [n], [TEXT, &[n]].concat());
        batch.put(Table::Ids, store.tag("event", &[ID, &[n]].concat()), [ID, &[n]].concat());
    }
    batch.put(Table::Events, b"long", TEXT.repeat(1000));
    store.write(batch).unwrap();
    store.flush().unwrap();
    folder
}

/// The database without the store. Threads of one just closed may hold its lock a little longer.
fn raw(folder: &Path) -> sled::Db {
    let file = fs::File::open(folder.join("db/db")).unwrap();
    file.lock().unwrap();
    file.unlock().unwrap();
    sled::Config::default().path(folder.join("db")).flush_every_ms(None).open().unwrap()
}

fn raw_key(table: Table, key: &[u8]) -> Vec<u8> {
    [&[table.number()], key].concat()
}

fn contains(folder: &Path, needle: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            contains(&path, needle)
        } else {
            fs::read(path).unwrap().windows(needle.len()).any(|window| window == needle)
        }
    })
}

#[test]
fn the_folder_shows_neither_values_nor_ids() {
    let folder = filled();
    let store = open(folder.path()).unwrap();
    let tag = store.tag("event", &[ID, &[7]].concat());
    drop(store);
    assert!(contains(folder.path(), &tag), "this search finds nothing at all");
    for secret in [TEXT, &TEXT[10..22], ID, &ID[6..18]] {
        assert!(!contains(folder.path(), secret), "{:?} is readable", secret.escape_ascii());
    }
}

#[test]
fn a_value_moved_to_another_key_or_table_is_refused() {
    let folder = filled();
    let database = raw(folder.path());
    let one = database.get(raw_key(Table::Events, &[1])).unwrap().unwrap();
    let two = database.get(raw_key(Table::Events, &[2])).unwrap().unwrap();
    database.insert(raw_key(Table::Events, &[1]), two).unwrap();
    database.insert(raw_key(Table::Timeline, &[1]), one).unwrap();
    drop(database);
    let store = open(folder.path()).unwrap();
    assert_eq!(store.get(Table::Events, &[1]), Err(StoreError::Sealed));
    assert_eq!(store.get(Table::Timeline, &[1]), Err(StoreError::Sealed));
    assert_eq!(store.get(Table::Events, &[2]), Ok(Some([TEXT, &[2]].concat())));
    let page = store.scan(Table::Events, b"", None, anser_store::Order::Ascending, 10);
    assert_eq!(page, Err(StoreError::Sealed));
}

#[test]
fn an_altered_value_is_refused() {
    let folder = filled();
    let key = raw_key(Table::Events, &[3]);
    let original = raw(folder.path()).get(&key).unwrap().unwrap();
    for at in [0, 1, 24, 25, original.len() - 1] {
        let mut altered = original.to_vec();
        altered[at] ^= 1;
        raw(folder.path()).insert(&key, altered).unwrap();
        let found = open(folder.path()).unwrap().get(Table::Events, &[3]);
        assert!(
            matches!(found, Err(StoreError::Sealed | StoreError::Corrupt { .. })),
            "byte {at}: {found:?}"
        );
    }
    for length in [0, 1, 10, 40] {
        raw(folder.path()).insert(&key, &original[..length]).unwrap();
        assert!(open(folder.path()).unwrap().get(Table::Events, &[3]).is_err(), "{length} bytes");
    }
}

#[test]
fn pieces_of_a_long_value_cannot_be_taken_away_or_exchanged() {
    let folder = filled();
    let key = raw_key(Table::Events, b"long");
    let piece = |n: u32| [&[0xff], key.as_slice(), &n.to_be_bytes()].concat();
    let database = raw(folder.path());
    let (first, second) = (database.get(piece(0)).unwrap(), database.get(piece(1)).unwrap());
    database.insert(piece(0), second.unwrap()).unwrap();
    database.insert(piece(1), first.clone().unwrap()).unwrap();
    drop(database);
    let found = open(folder.path()).unwrap().get(Table::Events, b"long");
    assert_eq!(found, Err(StoreError::Sealed));
    raw(folder.path()).remove(piece(1)).unwrap();
    let found = open(folder.path()).unwrap().get(Table::Events, b"long");
    assert!(matches!(found, Err(StoreError::Corrupt { .. })), "{found:?}");
}

#[test]
fn no_piece_stays_behind_when_a_long_value_shrinks_or_goes() {
    let folder = filled();
    let pieces = || raw(folder.path()).scan_prefix([0xff]).count();
    let put = |value: Option<Vec<u8>>| {
        let mut store = open(folder.path()).unwrap();
        let mut batch = Batch::new();
        match value {
            Some(value) => batch.put(Table::Events, b"long", value),
            None => batch.delete(Table::Events, b"long"),
        }
        store.write(batch).unwrap();
        store.flush().unwrap();
    };
    assert!(pieces() > 6);
    put(Some(TEXT.repeat(300)));
    assert_eq!(pieces(), 2);
    put(Some(TEXT.to_vec()));
    assert_eq!(pieces(), 0);
    put(Some(TEXT.repeat(300)));
    put(None);
    assert_eq!(pieces(), 0);
}

#[test]
fn the_same_value_twice_looks_different() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let mut batch = Batch::new();
    batch.put(Table::Events, b"a", TEXT);
    batch.put(Table::Events, b"b", TEXT);
    store.write(batch).unwrap();
    store.flush().unwrap();
    drop(store);
    let database = raw(folder.path());
    let a = database.get(raw_key(Table::Events, b"a")).unwrap().unwrap();
    let b = database.get(raw_key(Table::Events, b"b")).unwrap().unwrap();
    assert_eq!(a.len(), b.len());
    let equal = a.iter().zip(b.iter()).skip(1).filter(|(a, b)| a == b).count();
    assert!(equal < a.len() / 4, "{equal} of {} bytes are equal", a.len());
}

#[test]
fn the_key_of_another_store_does_not_open_this_one() {
    let (one, two) = (filled(), filled());
    let key = one.path().join("anser.key");
    let right = fs::read(&key).unwrap();
    fs::copy(two.path().join("anser.key"), &key).unwrap();
    let found = open(one.path());
    assert!(matches!(found, Err(OpenError::Damaged { .. })), "{found:?}");
    // The attempt has destroyed nothing.
    fs::write(&key, right).unwrap();
    let found = open(one.path()).unwrap().get(Table::Events, &[1]);
    assert_eq!(found, Ok(Some([TEXT, &[1]].concat())));
}

#[test]
fn tags_differ_between_stores() {
    let (one, two) = (filled(), filled());
    let tag = |folder: &Path| open(folder).unwrap().tag("event", ID);
    assert_ne!(tag(one.path()), tag(two.path()));
    assert_eq!(tag(one.path()), tag(one.path()));
}
