//! One suite of behaviour, run for every engine.

use anser_store::sled_store::StoreOptions;
use anser_store::{Batch, DataKeySource, MemoryStore, Order, SledStore, Store, StoreError, Table};

/// Makes stores of one engine and opens them again.
pub trait Engine {
    type Store: Store;
    fn open(&self) -> Self::Store;
    /// Closes the store and opens it again from what is durable.
    fn reopen(&self, store: Self::Store) -> Self::Store;
}

pub struct Memory;

impl Engine for Memory {
    type Store = MemoryStore;
    fn open(&self) -> MemoryStore {
        MemoryStore::new()
    }
    fn reopen(&self, mut store: MemoryStore) -> MemoryStore {
        store.crash();
        store
    }
}

pub struct Sled {
    folder: tempfile::TempDir,
    options: StoreOptions,
}

impl Sled {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), options: StoreOptions::default() }
    }

    /// An engine that opens its database anew after few bytes.
    pub fn restless() -> Self {
        let options = StoreOptions {
            bytes_per_snapshot: 10_000,
            bytes_before_rest: 1_000,
            ..StoreOptions::default()
        };
        Self { options, ..Self::new() }
    }
}

impl Engine for Sled {
    type Store = SledStore;
    fn open(&self) -> SledStore {
        SledStore::open_with(self.folder.path(), DataKeySource::File, self.options).unwrap()
    }
    fn reopen(&self, store: SledStore) -> SledStore {
        drop(store);
        self.open()
    }
}

fn put(store: &mut impl Store, table: Table, key: &[u8], value: &[u8]) {
    let mut batch = Batch::new();
    batch.put(table, key, value);
    store.write(batch).unwrap();
}

fn keys(entries: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<Vec<u8>> {
    entries.into_iter().map(|(key, _)| key).collect()
}

fn absent_then_present(engine: &impl Engine) {
    let mut store = engine.open();
    assert_eq!(store.get(Table::Events, b"k"), Ok(None));
    put(&mut store, Table::Events, b"k", b"one");
    assert_eq!(store.get(Table::Events, b"k"), Ok(Some(b"one".to_vec())));
    put(&mut store, Table::Events, b"k", b"two");
    assert_eq!(store.get(Table::Events, b"k"), Ok(Some(b"two".to_vec())));
    store.flush().unwrap();
    put(&mut store, Table::Events, b"k", b"three");
    assert_eq!(store.get(Table::Events, b"k"), Ok(Some(b"three".to_vec())));
}

fn delete_hides_flushed_and_unflushed(engine: &impl Engine) {
    let mut store = engine.open();
    for flushed in [false, true] {
        put(&mut store, Table::Drafts, b"k", b"v");
        if flushed {
            store.flush().unwrap();
        }
        let mut batch = Batch::new();
        batch.delete(Table::Drafts, b"k");
        batch.delete(Table::Drafts, b"was never there");
        store.write(batch).unwrap();
        assert_eq!(store.get(Table::Drafts, b"k"), Ok(None));
        let all = store.scan(Table::Drafts, b"", None, Order::Ascending, 10).unwrap();
        assert_eq!(all, vec![]);
        store.flush().unwrap();
        assert_eq!(store.get(Table::Drafts, b"k"), Ok(None));
    }
    let store = engine.reopen(store);
    assert_eq!(store.get(Table::Drafts, b"k"), Ok(None));
}

fn later_write_in_a_batch_wins(engine: &impl Engine) {
    let mut store = engine.open();
    let mut batch = Batch::new();
    batch.put(Table::Meta, b"a", b"first");
    batch.put(Table::Meta, b"a", b"second");
    batch.put(Table::Meta, b"b", b"gone");
    let mut more = Batch::new();
    more.delete(Table::Meta, b"b");
    batch.merge(more);
    assert_eq!(batch.len(), 4);
    store.write(batch).unwrap();
    store.flush().unwrap();
    assert_eq!(store.get(Table::Meta, b"a"), Ok(Some(b"second".to_vec())));
    assert_eq!(store.get(Table::Meta, b"b"), Ok(None));
}

fn tables_are_apart(engine: &impl Engine) {
    let mut store = engine.open();
    for table in Table::ALL {
        put(&mut store, table, b"same", &[table.number()]);
        put(&mut store, table, b"", b"empty key");
        put(&mut store, table, &[0xff; 40], b"high key");
    }
    for flushed in [false, true] {
        if flushed {
            store.flush().unwrap();
        }
        for table in Table::ALL {
            assert_eq!(store.get(table, b"same"), Ok(Some(vec![table.number()])));
            for order in [Order::Ascending, Order::Descending] {
                let found = store.scan(table, b"", None, order, usize::MAX).unwrap();
                assert_eq!(found.len(), 3, "{table:?} {order:?}");
                assert!(found.contains(&(b"same".to_vec(), vec![table.number()])));
            }
        }
    }
}

fn ranges(engine: &impl Engine) {
    let mut store = engine.open();
    // Half of the keys flushed, half not, interleaved.
    for n in (0..100_u16).step_by(2) {
        put(&mut store, Table::Timeline, &n.to_be_bytes(), &n.to_le_bytes());
    }
    store.flush().unwrap();
    for n in (1..100_u16).step_by(2) {
        put(&mut store, Table::Timeline, &n.to_be_bytes(), &n.to_le_bytes());
    }
    let scan = |from: u16, to: Option<u16>, order, limit| {
        let upper = to.map(u16::to_be_bytes);
        let found = store
            .scan(
                Table::Timeline,
                &from.to_be_bytes(),
                upper.as_ref().map(<[u8; 2]>::as_slice),
                order,
                limit,
            )
            .unwrap();
        keys(found).iter().map(|key| u16::from_be_bytes([key[0], key[1]])).collect::<Vec<_>>()
    };
    let (up, down) = (Order::Ascending, Order::Descending);
    assert_eq!(scan(0, None, up, 1000), (0..100).collect::<Vec<_>>());
    assert_eq!(scan(0, None, down, 1000), (0..100).rev().collect::<Vec<_>>());
    assert_eq!(scan(10, Some(15), up, 1000), [10, 11, 12, 13, 14]);
    assert_eq!(scan(10, Some(15), down, 1000), [14, 13, 12, 11, 10]);
    assert_eq!(scan(10, Some(15), up, 2), [10, 11]);
    assert_eq!(scan(10, Some(15), down, 2), [14, 13]);
    assert_eq!(scan(10, Some(15), down, 1), [14]);
    assert_eq!(scan(10, Some(15), up, 0), [] as [u16; 0]);
    assert_eq!(scan(10, Some(10), up, 9), [] as [u16; 0]);
    assert_eq!(scan(15, Some(10), up, 9), [] as [u16; 0]);
    assert_eq!(scan(15, Some(10), down, 9), [] as [u16; 0]);
    assert_eq!(scan(99, None, up, 9), [99]);
    assert_eq!(scan(100, None, down, 9), [] as [u16; 0]);
    assert_eq!(scan(98, Some(99), down, 9), [98]);
}

fn odd_keys_stay_in_byte_order(engine: &impl Engine) {
    let mut store = engine.open();
    let mut wanted: Vec<Vec<u8>> = vec![
        vec![],
        vec![0],
        vec![0, 0],
        vec![0, 1],
        vec![1],
        vec![0x7f],
        vec![0x80],
        vec![0xff],
        vec![0xff; 3],
    ];
    for key in wanted.iter().rev() {
        put(&mut store, Table::Ids, key, key);
    }
    store.flush().unwrap();
    wanted.sort();
    let found = store.scan(Table::Ids, b"", None, Order::Ascending, 100).unwrap();
    assert_eq!(keys(found), wanted);
    let found = store.scan(Table::Ids, &[0], Some(&[0xff]), Order::Descending, 100).unwrap();
    assert_eq!(keys(found), wanted[1..7].iter().rev().cloned().collect::<Vec<_>>());
}

fn empty_and_large_values(engine: &impl Engine) {
    let mut store = engine.open();
    let large = |seed: u8, len: usize| {
        (0..len).map(|n| seed.wrapping_add((n / 7) as u8)).collect::<Vec<u8>>()
    };
    let mega = 1024 * 1024;
    put(&mut store, Table::Events, b"empty", b"");
    put(&mut store, Table::Events, b"large", &large(1, mega));
    store.flush().unwrap();
    // Around the sizes at which an engine may begin to treat values differently.
    for (n, len) in [5_079, 5_080, 5_081, 10_200, 10_201, 65_535, 131_072].into_iter().enumerate() {
        put(&mut store, Table::Events, &[b'v', n as u8], &large(n as u8, len));
    }
    store.flush().unwrap();
    let mut store = engine.reopen(store);
    assert_eq!(store.get(Table::Events, b"empty"), Ok(Some(vec![])));
    assert_eq!(store.get(Table::Events, b"large"), Ok(Some(large(1, mega))));
    for (n, len) in [5_079, 5_080, 5_081, 10_200, 10_201, 65_535, 131_072].into_iter().enumerate() {
        assert_eq!(
            store.get(Table::Events, &[b'v', n as u8]),
            Ok(Some(large(n as u8, len))),
            "{len} bytes"
        );
    }
    // Shorter, longer, gone, and back.
    for len in [10, mega / 2, mega, 0] {
        put(&mut store, Table::Events, b"large", &large(2, len));
        store.flush().unwrap();
        assert_eq!(store.get(Table::Events, b"large"), Ok(Some(large(2, len))));
    }
    let mut batch = Batch::new();
    batch.delete(Table::Events, b"large");
    store.write(batch).unwrap();
    store.flush().unwrap();
    let store = engine.reopen(store);
    assert_eq!(store.get(Table::Events, b"large"), Ok(None));
    let all = store.scan(Table::Events, b"", None, Order::Ascending, 100).unwrap();
    assert_eq!(all.len(), 8, "a scan sees whole values only");
}

fn a_page_of_large_values(engine: &impl Engine) {
    let mut store = engine.open();
    for n in 0..20_u8 {
        put(&mut store, Table::Events, &[n], &vec![n; 40_000]);
    }
    store.flush().unwrap();
    let page = store.scan(Table::Events, &[3], Some(&[17]), Order::Descending, 5).unwrap();
    let wanted = (12..17_u8).rev().map(|n| (vec![n], vec![n; 40_000])).collect::<Vec<_>>();
    assert_eq!(page, wanted);
}

fn flushed_survives_and_unflushed_is_whole_or_gone(engine: &impl Engine) {
    let mut store = engine.open();
    put(&mut store, Table::Logs, b"kept", b"1");
    store.flush().unwrap();
    let mut batch = Batch::new();
    batch.put(Table::Logs, b"kept", b"2");
    batch.put(Table::Logs, b"new", b"2");
    store.write(batch).unwrap();
    let store = engine.reopen(store);
    let kept = store.get(Table::Logs, b"kept").unwrap().unwrap();
    let new = store.get(Table::Logs, b"new").unwrap();
    match kept.as_slice() {
        b"1" => assert_eq!(new, None),
        b"2" => assert_eq!(new.as_deref(), Some(&b"2"[..])),
        other => panic!("{other:?}"),
    }
}

fn many_entries_over_many_flushes(engine: &impl Engine) {
    let mut store = engine.open();
    for group in 0..40_u32 {
        for n in 0..25_u32 {
            let number = group * 25 + n;
            let mut batch = Batch::new();
            // Spread, so that groups interleave.
            batch.put(
                Table::Events,
                number.wrapping_mul(2_654_435_761).to_be_bytes(),
                number.to_be_bytes(),
            );
            batch.put(Table::Timeline, number.to_be_bytes(), b"".as_slice());
            store.write(batch).unwrap();
        }
        store.flush().unwrap();
    }
    let store = engine.reopen(store);
    let all = store.scan(Table::Events, b"", None, Order::Ascending, usize::MAX).unwrap();
    assert_eq!(all.len(), 1000);
    assert!(all.is_sorted());
    // Paging: each page begins where the last one ended.
    let mut upper: Option<Vec<u8>> = None;
    let mut seen = Vec::new();
    loop {
        let page =
            store.scan(Table::Timeline, b"", upper.as_deref(), Order::Descending, 7).unwrap();
        let Some((last, _)) = page.last() else { break };
        upper = Some(last.clone());
        seen.extend(keys(page));
    }
    let wanted = (0..1000_u32).rev().map(|n| n.to_be_bytes().to_vec()).collect::<Vec<_>>();
    assert_eq!(seen, wanted);
}

fn tags_are_stable_and_apart(engine: &impl Engine) {
    let store = engine.open();
    let tag = store.tag("event", b"id");
    assert_ne!(tag, store.tag("event", b"ie"));
    assert_ne!(tag, store.tag("device", b"id"));
    assert_ne!(store.tag("ab", b"c"), store.tag("a", b"bc"));
    let store = engine.reopen(store);
    assert_eq!(tag, store.tag("event", b"id"));
}

fn works_as_a_trait_object<E: Engine>(engine: &E)
where
    E::Store: Send + 'static,
{
    fn generic(store: &mut impl Store) -> Result<Option<Vec<u8>>, StoreError> {
        put(store, Table::Settings, b"theme", b"dark");
        store.flush()?;
        store.get(Table::Settings, b"theme")
    }
    let mut boxed: Box<dyn Store + Send> = Box::new(engine.open());
    assert_eq!(generic(&mut boxed), Ok(Some(b"dark".to_vec())));
}

macro_rules! conformance {
    ($engine:ident, $make:expr, [$($case:ident),* $(,)?]) => {
        mod $engine {
            $(#[test]
            fn $case() {
                super::$case(&$make);
            })*
        }
    };
    ($($engine:ident: $make:expr),* $(,)?) => {
        $(conformance!($engine, $make, [
            absent_then_present,
            delete_hides_flushed_and_unflushed,
            later_write_in_a_batch_wins,
            tables_are_apart,
            ranges,
            odd_keys_stay_in_byte_order,
            empty_and_large_values,
            a_page_of_large_values,
            flushed_survives_and_unflushed_is_whole_or_gone,
            many_entries_over_many_flushes,
            tags_are_stable_and_apart,
            works_as_a_trait_object,
        ]);)*
    };
}

conformance!(memory: crate::conformance::Memory, sled: crate::conformance::Sled::new(),
    sled_restless: crate::conformance::Sled::restless());
