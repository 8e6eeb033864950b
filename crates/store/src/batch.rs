//! A batch: writes that happen together or not at all.
//!
//! Owns: the order of the writes. Must always hold: where one key is written twice, the later write wins.

use crate::Table;

/// Puts and deletes that become visible, and durable, together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    writes: Vec<Write>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Write {
    table: Table,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

impl Batch {
    /// A batch without writes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to `value`, whether or not it was there before.
    pub fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.writes.push(Write { table, key: key.into(), value: Some(value.into()) });
    }

    /// Removes `key`; nothing happens where it is absent.
    pub fn delete(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.writes.push(Write { table, key: key.into(), value: None });
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// The number of writes, counting a key written twice twice.
    #[must_use]
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Adds the writes of `other` after those of this batch.
    pub fn merge(&mut self, other: Batch) {
        self.writes.extend(other.writes);
    }

    /// The writes in order; `None` as value is a delete.
    pub fn iter(&self) -> impl Iterator<Item = (Table, &[u8], Option<&[u8]>)> {
        self.writes.iter().map(|write| (write.table, write.key.as_slice(), write.value.as_deref()))
    }

    /// The writes in order with the table's number in front of the key, as engines keep them.
    pub(crate) fn into_full_keys(self) -> impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)> {
        self.writes.into_iter().map(|write| (write.table.full_key(&write.key), write.value))
    }
}
