//! The storage trait: what the core asks of every engine.
//!
//! Must always hold, in every engine:
//! - a written batch is visible to the next read of the same store, whole;
//! - after `flush` returns `Ok`, everything written before it survives a crash;
//! - a crash before that may lose batches, the latest first, but never a part of one;
//! - a scan gives each key at most once, in byte order, and only keys of its table.
//!
//! It does not know what the bytes mean, what time it is, or who else holds a copy.

use crate::{Batch, Order, StoreError, Table};

/// An entry as a scan returns it: the key without its table, and the value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// An ordered key-value store with tables, atomic batches and paged scans.
pub trait Store {
    /// The value of `key`, if there is one.
    ///
    /// # Errors
    /// [`StoreError`]; the store is unchanged.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The entries with `lower <= key < upper` (`upper` `None`: to the end of the table), at most `limit` of
    /// them, from the end that `order` starts at. An empty or inverted range gives nothing.
    ///
    /// # Errors
    /// [`StoreError`]; the store is unchanged.
    fn scan(
        &self,
        table: Table,
        lower: &[u8],
        upper: Option<&[u8]>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError>;

    /// Writes a batch: all of it, visible to reads at once, durable after the next [`Store::flush`].
    ///
    /// # Errors
    /// [`StoreError`]; either the whole batch is visible or none of it, and it is not durable.
    fn write(&mut self, batch: Batch) -> Result<(), StoreError>;

    /// Makes everything written before durable: it is on disk when this returns `Ok`.
    ///
    /// # Errors
    /// [`StoreError`]; what was written since the last successful flush may be lost in a crash. It stays
    /// visible, and calling `flush` again tries again.
    fn flush(&mut self) -> Result<(), StoreError>;

    /// Whether [`Store::rest`] has something to do.
    fn wants_rest(&self) -> bool {
        false
    }

    /// Upkeep that may take up to about a second: for a moment when nobody waits. Never required; an engine
    /// that needs it does it within a flush when there is no such moment for long.
    ///
    /// # Errors
    /// As [`Store::flush`].
    fn rest(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// A keyed hash of `bytes` for use inside keys, so that a key shows nothing of the id it stands for.
    ///
    /// The same for the whole life of a store, different between stores and between domains.
    fn tag(&self, domain: &'static str, bytes: &[u8]) -> [u8; 16];
}

impl<S: Store + ?Sized> Store for Box<S> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).get(table, key)
    }

    fn scan(
        &self,
        table: Table,
        lower: &[u8],
        upper: Option<&[u8]>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        (**self).scan(table, lower, upper, order, limit)
    }

    fn write(&mut self, batch: Batch) -> Result<(), StoreError> {
        (**self).write(batch)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        (**self).flush()
    }

    fn wants_rest(&self) -> bool {
        (**self).wants_rest()
    }

    fn rest(&mut self) -> Result<(), StoreError> {
        (**self).rest()
    }

    fn tag(&self, domain: &'static str, bytes: &[u8]) -> [u8; 16] {
        (**self).tag(domain, bytes)
    }
}
