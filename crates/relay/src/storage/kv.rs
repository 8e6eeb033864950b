//! The ordered key space that the embedded engines' books are kept in, and the one in memory.

use std::collections::BTreeMap;

use super::StorageError;

/// Writes that happen together or not at all. A later one to the same key wins.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch {
    pub(super) writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Batch {
    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.writes.insert(key, Some(value));
    }

    pub(super) fn remove(&mut self, key: Vec<u8>) {
        self.writes.insert(key, None);
    }
}

pub(super) type Pair = (Vec<u8>, Vec<u8>);

/// An ordered key space. What was applied is seen at once, and safe after [`Kv::sync`].
pub(super) trait Kv: Send {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError>;
    /// The pairs from `from` up to, not including, `to`, in order, until `each` says false.
    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        each: &mut dyn FnMut(Vec<u8>, Vec<u8>) -> bool,
    ) -> Result<(), StorageError>;
    fn apply(&mut self, batch: Batch) -> Result<(), StorageError>;
    /// Everything applied outlives the process; with `durable` also the machine.
    fn sync(&mut self, durable: bool) -> Result<(), StorageError>;
    /// Which run of the machine this is, if anything outlives that and it is known.
    fn boot(&self) -> Option<String>;

    /// At most `most` pairs.
    fn range(&self, from: &[u8], to: &[u8], most: usize) -> Result<Vec<Pair>, StorageError> {
        let mut pairs = Vec::new();
        self.scan(from, to, &mut |key, value| {
            if pairs.len() < most {
                pairs.push((key, value));
            }
            pairs.len() < most
        })?;
        Ok(pairs)
    }
}

/// Nothing of it outlives the process.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pairs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Kv for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.pairs.get(key).cloned())
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        each: &mut dyn FnMut(Vec<u8>, Vec<u8>) -> bool,
    ) -> Result<(), StorageError> {
        if from < to {
            let range = self
                .pairs
                .range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)));
            for (key, value) in range {
                if !each(key.clone(), value.clone()) {
                    break;
                }
            }
        }
        Ok(())
    }

    fn apply(&mut self, batch: Batch) -> Result<(), StorageError> {
        for (key, value) in batch.writes {
            match value {
                Some(value) => self.pairs.insert(key, value),
                None => self.pairs.remove(&key),
            };
        }
        Ok(())
    }

    fn sync(&mut self, _: bool) -> Result<(), StorageError> {
        Ok(())
    }

    fn boot(&self) -> Option<String> {
        None
    }
}
