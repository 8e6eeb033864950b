//! The store in memory: for simulations, tests and programs that keep nothing.
//!
//! Owns: what a disk would hold (`durable`) and what a crash would lose (`unflushed`), kept apart so that a
//! simulation can crash at any instant. A clone is a store of its own; the durable part is shared until one
//! of the two changes it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Bound;
use std::sync::Arc;

use crate::overlay::Overlay;
use crate::{Batch, Entry, Order, Store, StoreError, Table, tag};

/// A store that lives as long as its value does.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    durable: Arc<BTreeMap<Vec<u8>, Arc<[u8]>>>,
    unflushed: Overlay,
    tag_key: [u8; 32],
}

impl MemoryStore {
    /// An empty store. All stores made so give the same tags.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store whose tags are keyed by `tag_key`.
    #[must_use]
    pub fn with_tag_key(tag_key: [u8; 32]) -> Self {
        Self { tag_key, ..Self::default() }
    }

    /// Drops everything that was not flushed, as a process killed at this instant would.
    pub fn crash(&mut self) {
        self.unflushed.clear();
    }

    /// The store as a process killed at this instant would find it again. Costs nothing until one of the two
    /// is flushed.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self {
            durable: Arc::clone(&self.durable),
            unflushed: Overlay::default(),
            tag_key: self.tag_key,
        }
    }
}

impl Store for MemoryStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let key = table.full_key(key);
        Ok(match self.unflushed.get(&key) {
            Some(value) => value.map(<[u8]>::to_vec),
            None => self.durable.get(&key).map(|value| value.to_vec()),
        })
    }

    fn scan(
        &self,
        table: Table,
        lower: &[u8],
        upper: Option<&[u8]>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let Some((from, to)) = table.full_range(lower, upper) else {
            return Ok(Vec::new());
        };
        let range = self
            .durable
            .range::<[u8], _>((Bound::Included(from.as_slice()), Bound::Excluded(to.as_slice())))
            .map(|(key, value)| Ok::<_, Infallible>((key.clone(), value.to_vec())));
        let found = match order {
            Order::Ascending => self.unflushed.scan_over((&from, &to), order, limit, range),
            Order::Descending => self.unflushed.scan_over((&from, &to), order, limit, range.rev()),
        };
        match found {
            Ok(entries) => Ok(entries),
            Err(never) => match never {},
        }
    }

    fn write(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.unflushed.apply(batch);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if self.unflushed.is_empty() {
            return Ok(());
        }
        let durable = Arc::make_mut(&mut self.durable);
        for (key, value) in self.unflushed.take() {
            match value {
                Some(value) => durable.insert(key, value.into()),
                None => durable.remove(&key),
            };
        }
        Ok(())
    }

    fn tag(&self, domain: &'static str, bytes: &[u8]) -> [u8; 16] {
        tag::tag(&self.tag_key, domain, bytes)
    }
}
