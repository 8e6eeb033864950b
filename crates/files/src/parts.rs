//! Which parts of a file are held: one bit each.
//!
//! Must always hold: bits beyond the count are clear, and the number of set bits is known.

/// A set of part numbers below a fixed count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    words: Vec<u64>,
    count: u64,
    held: u64,
}

impl Parts {
    /// No part of `count`.
    #[must_use]
    pub fn none(count: u64) -> Self {
        let words = usize::try_from(count.div_ceil(64)).unwrap_or(0);
        Self { words: vec![0; words], count, held: 0 }
    }

    /// How many parts there are in all.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many parts are held.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.held
    }

    /// Whether every part is held.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.held == self.count
    }

    /// Whether a part is held; `false` for one that there is not.
    #[must_use]
    pub fn has(&self, part: u64) -> bool {
        let word = usize::try_from(part / 64).ok().and_then(|at| self.words.get(at));
        word.is_some_and(|word| word & bit(part) != 0)
    }

    /// Adds a part; whether it was new. A part that there is not is never new.
    pub fn insert(&mut self, part: u64) -> bool {
        if part >= self.count {
            return false;
        }
        let word = usize::try_from(part / 64).ok().and_then(|at| self.words.get_mut(at));
        let Some(word) = word else { return false };
        let new = *word & bit(part) == 0;
        *word |= bit(part);
        self.held = self.held.saturating_add(u64::from(new));
        new
    }

    /// The first part from `from` on that is not held.
    #[must_use]
    pub fn next_missing(&self, from: u64) -> Option<u64> {
        let mut part = from;
        while part < self.count {
            let word = usize::try_from(part / 64).ok().and_then(|at| self.words.get(at))?;
            // What lies before `part` in its word counts as held.
            let missing = !word & (u64::MAX << (part % 64));
            let start = part - part % 64;
            if missing != 0 {
                let found = start.saturating_add(u64::from(missing.trailing_zeros()));
                return (found < self.count).then_some(found);
            }
            part = start.saturating_add(64);
        }
        None
    }
}

fn bit(part: u64) -> u64 {
    1 << (part % 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn behaves_as_a_set(count in 0_u64..300, adds in proptest::collection::vec(0_u64..310, 0..200)) {
            let mut parts = Parts::none(count);
            let mut model = BTreeSet::new();
            for part in adds {
                prop_assert_eq!(parts.insert(part), part < count && model.insert(part));
            }
            prop_assert_eq!(parts.held(), model.len() as u64);
            prop_assert_eq!(parts.is_full(), model.len() as u64 == count);
            for from in 0..count + 2 {
                let next = (from..count).find(|part| !model.contains(part));
                prop_assert_eq!(parts.next_missing(from), next);
                prop_assert_eq!(parts.has(from), model.contains(&from));
            }
        }
    }
}
