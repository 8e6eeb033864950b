//! Randomness from a seed that was handed in: BLAKE3 in its keyed, extendable form.

use zeroize::Zeroize;

/// A stream of bytes that nobody without the seed can tell from random ones.
pub(crate) struct Random {
    seed: [u8; 32],
    counter: u64,
}

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0 }
    }

    /// 32 fresh bytes.
    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        self.counter = self.counter.wrapping_add(1);
        *blake3::keyed_hash(&self.seed, &self.counter.to_be_bytes()).as_bytes()
    }

    /// A fresh number.
    pub(crate) fn number(&mut self) -> u64 {
        self.bytes().first_chunk().copied().map_or(0, u64::from_be_bytes)
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        self.seed.zeroize();
    }
}
