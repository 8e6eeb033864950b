//! Writes that are visible but not yet part of the layer below, and scans across both.
//!
//! Owns: the unflushed writes of an engine, by full key. Must always hold: a key in here hides the same key
//! below, a delete included. It does not know what the layer below is.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::{Batch, Entry, Order};

/// Bytes counted for a write beside its key and value: the node of the map it sits in.
const BYTES_PER_WRITE: usize = 64;

/// Unflushed writes: the value, or `None` for a delete.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overlay {
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

impl Overlay {
    pub(crate) fn apply(&mut self, batch: Batch) {
        for (key, value) in batch.into_full_keys() {
            let added = cost(&key, value.as_deref());
            let key_length = key.len();
            if let Some(old) = self.writes.insert(key, value) {
                let removed = key_length
                    .saturating_add(old.map_or(0, |value| value.len()))
                    .saturating_add(BYTES_PER_WRITE);
                self.bytes = self.bytes.saturating_sub(removed);
            }
            self.bytes = self.bytes.saturating_add(added);
        }
    }

    /// `None`: the layer below decides. `Some(None)`: deleted.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.writes.get(key).map(Option::as_deref)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// About how much memory the writes take.
    #[cfg(feature = "sled")]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    #[cfg(feature = "sled")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.writes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    pub(crate) fn take(&mut self) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        self.bytes = 0;
        std::mem::take(&mut self.writes)
    }

    pub(crate) fn clear(&mut self) {
        self.take();
    }

    /// Scans this layer over `below`, which gives the range's entries by full key in `order`.
    ///
    /// Keys come back without their first byte, the table.
    ///
    /// # Errors
    /// The first error of `below`.
    pub(crate) fn scan_over<E>(
        &self,
        (from, to): (&[u8], &[u8]),
        order: Order,
        limit: usize,
        below: impl Iterator<Item = Result<Entry, E>>,
    ) -> Result<Vec<Entry>, E> {
        let range = self
            .writes
            .range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)));
        let mut above: Box<dyn Iterator<Item = _>> = match order {
            Order::Ascending => Box::new(range),
            Order::Descending => Box::new(range.rev()),
        };
        let mut next_above = above.next();
        let mut below = below;
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        let mut next_below = below.next().transpose()?;
        while found.len() < limit {
            let first = match (&next_above, &next_below) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((above, _)), Some((below, _))) => match order {
                    Order::Ascending => above.as_slice().cmp(below),
                    Order::Descending => below.as_slice().cmp(above),
                },
            };
            if first != Ordering::Greater
                && let Some((key, value)) = next_above.take()
            {
                if let Some(value) = value {
                    found.push((without_table(key.clone()), value.clone()));
                }
                next_above = above.next();
            }
            if first != Ordering::Less
                && let Some((key, value)) = next_below.take()
            {
                if first == Ordering::Greater {
                    found.push((without_table(key), value));
                }
                if found.len() < limit {
                    next_below = below.next().transpose()?;
                }
            }
        }
        Ok(found)
    }
}

fn cost(key: &[u8], value: Option<&[u8]>) -> usize {
    key.len().saturating_add(value.map_or(0, <[u8]>::len)).saturating_add(BYTES_PER_WRITE)
}

fn without_table(mut key: Vec<u8>) -> Vec<u8> {
    if !key.is_empty() {
        key.remove(0);
    }
    key
}
