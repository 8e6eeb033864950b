//! Random operations against a plain map, with crashes and reopenings.

use std::collections::BTreeMap;

use anser_store::{Batch, Order, Store, Table};
use proptest::prelude::*;

use crate::conformance::{Engine, Memory, Sled};

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<(Table, Vec<u8>, Option<Vec<u8>>)>),
    Flush,
    Rest,
    Reopen,
    Get(Table, Vec<u8>),
    Scan { table: Table, lower: Vec<u8>, upper: Option<Vec<u8>>, order: Order, limit: usize },
}

fn table() -> impl Strategy<Value = Table> {
    // Neighbours, so that a scan over the edge of a table would show.
    prop::sample::select(vec![Table::Meta, Table::Identity, Table::Summaries])
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    // Few and short, so that keys meet again and are prefixes of each other.
    prop::collection::vec(prop::sample::select(vec![0_u8, 1, 0x7f, 0xff]), 0..4)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (any::<u8>(), 4_000..20_000_usize).prop_map(|(byte, len)| vec![byte; len]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let write = (table(), key(), prop::option::weighted(0.7, value()));
    let scan = (table(), key(), prop::option::of(key()), any::<bool>(), 0..12_usize);
    prop_oneof![
        6 => prop::collection::vec(write, 0..8).prop_map(Step::Write),
        2 => Just(Step::Flush),
        1 => Just(Step::Rest),
        1 => Just(Step::Reopen),
        4 => (table(), key()).prop_map(|(table, key)| Step::Get(table, key)),
        4 => scan.prop_map(|(table, lower, upper, up, limit)| Step::Scan {
            table,
            lower,
            upper,
            order: if up { Order::Ascending } else { Order::Descending },
            limit,
        }),
    ]
}

type Model = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

fn run(engine: &impl Engine, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut store = engine.open();
    let (mut durable, mut visible) = (Model::new(), Model::new());
    for step in steps {
        match step {
            Step::Write(writes) => {
                let mut batch = Batch::new();
                for (table, key, value) in writes {
                    match value {
                        Some(value) => {
                            batch.put(table, key.clone(), value.clone());
                            visible.insert((table, key), value);
                        }
                        None => {
                            batch.delete(table, key.clone());
                            visible.remove(&(table, key));
                        }
                    }
                }
                store.write(batch).unwrap();
            }
            Step::Flush => {
                store.flush().unwrap();
                durable = visible.clone();
            }
            Step::Rest => {
                store.flush().unwrap();
                store.rest().unwrap();
                assert!(!store.wants_rest());
                durable = visible.clone();
            }
            Step::Reopen => {
                // Both engines lose exactly what was not flushed, as long as that is little.
                store = engine.reopen(store);
                visible = durable.clone();
            }
            Step::Get(table, key) => {
                let found = store.get(table, &key).unwrap();
                prop_assert_eq!(found, visible.get(&(table, key)).cloned());
            }
            Step::Scan { table, lower, upper, order, limit } => {
                let found = store.scan(table, &lower, upper.as_deref(), order, limit).unwrap();
                let mut wanted = visible
                    .iter()
                    .filter(|((at, key), _)| {
                        *at == table
                            && *key >= lower
                            && upper.as_ref().is_none_or(|upper| key < upper)
                    })
                    .map(|((_, key), value)| (key.clone(), value.clone()))
                    .collect::<Vec<_>>();
                if order == Order::Descending {
                    wanted.reverse();
                }
                wanted.truncate(limit);
                prop_assert_eq!(found, wanted);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]
    #[test]
    fn memory(steps in prop::collection::vec(step(), 1..60)) {
        run(&Memory, steps)?;
    }
}

proptest! {
    // Each case opens a database several times.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn sled(steps in prop::collection::vec(step(), 1..60)) {
        run(&Sled::restless(), steps)?;
    }
}
