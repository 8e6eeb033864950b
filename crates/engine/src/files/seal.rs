//! How a file rests: its parts sealed one by one, its tree behind them.
//!
//! Part `n` is sealed with XChaCha20-Poly1305 under the file's own random key, with `n` as the nonce
//! and the file's name on disk and size as the associated data: no part opens as another one, or in
//! another file. Each part is 16 bytes longer sealed than open, so every place follows from its number.
//! A key seals each number with one content only: every content that is taken in or fetched has a key
//! of its own, and of a fetched one only what the file's id vouches for is ever sealed.

use anser_files::tree;
use anser_node::Resting;
use anser_proto::limits::PART_BYTES;
use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};

const TAG_BYTES: usize = 16;
const SEALED_PART_BYTES: u64 = (PART_BYTES + TAG_BYTES) as u64;

/// Seals and opens the blocks of one file.
pub(super) struct Seal {
    cipher: XChaCha20Poly1305,
    bound: Vec<u8>,
    size_bytes: u64,
}

impl Seal {
    pub(super) fn new(resting: &Resting) -> Self {
        let mut bound = resting.rest.name.to_vec();
        bound.extend_from_slice(&resting.size_bytes.to_be_bytes());
        let cipher = XChaCha20Poly1305::new(resting.rest.key.as_slice().into());
        Self { cipher, bound, size_bytes: resting.size_bytes }
    }

    /// How many parts the file has.
    pub(super) fn parts(&self) -> u64 {
        tree::part_count(self.size_bytes)
    }

    /// Where block `number` begins: the parts, then the tree in blocks as long as parts.
    pub(super) fn offset(&self, number: u64) -> u64 {
        let parts = self.parts();
        if number <= parts.saturating_sub(1) {
            return number.saturating_mul(SEALED_PART_BYTES);
        }
        let content = self.size_bytes.saturating_add(parts.saturating_mul(TAG_BYTES as u64));
        content.saturating_add(number.saturating_sub(parts).saturating_mul(SEALED_PART_BYTES))
    }

    /// How long block `number` is sealed; `None` where there is none.
    pub(super) fn sealed_bytes(&self, number: u64) -> Option<usize> {
        let parts = self.parts();
        let open = match number.checked_sub(parts) {
            None => tree::part_bytes(self.size_bytes, number),
            Some(block) => tree::part_bytes(tree::node_bytes(self.size_bytes), block),
        };
        open.map(|bytes| bytes.saturating_add(TAG_BYTES))
    }

    /// How many blocks there are in all.
    pub(super) fn blocks(&self) -> u64 {
        self.parts().saturating_add(tree::part_count(tree::node_bytes(self.size_bytes)))
    }

    /// Seals a block in place. Whether it could be.
    #[must_use]
    pub(super) fn seal(&self, number: u64, block: &mut Vec<u8>) -> bool {
        let sealed = self.cipher.encrypt_in_place_detached(&nonce(number), &self.bound, block);
        sealed.map(|tag| block.extend_from_slice(&tag)).is_ok()
    }

    /// Opens a block in place. Whether it is the one that was sealed.
    #[must_use]
    pub(super) fn open(&self, number: u64, block: &mut Vec<u8>) -> bool {
        let Some(content) = block.len().checked_sub(TAG_BYTES) else { return false };
        let tag = Tag::clone_from_slice(block.get(content..).unwrap_or_default());
        block.truncate(content);
        self.cipher.decrypt_in_place_detached(&nonce(number), &self.bound, block, &tag).is_ok()
    }
}

fn nonce(number: u64) -> XNonce {
    let mut nonce = XNonce::default();
    if let Some(head) = nonce.first_chunk_mut() {
        *head = number.to_be_bytes();
    }
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;
    use anser_node::Rest;
    use anser_proto::FileId;

    fn resting(name: u8, key: u8, size_bytes: u64) -> Resting {
        let rest = Rest { name: [name; 16], key: [key; 32].into() };
        Resting { rest, file: FileId([0; 32]), size_bytes }
    }

    #[test]
    fn a_block_opens_only_at_its_place_in_its_file() {
        let size = 200_000;
        let seal = Seal::new(&resting(1, 2, size));
        let mut sealed = b"content".to_vec();
        assert!(seal.seal(3, &mut sealed));
        let opens = |seal: &Seal, number| {
            let mut block = sealed.clone();
            seal.open(number, &mut block) && block == b"content"
        };
        assert!(opens(&seal, 3));
        assert!(!opens(&seal, 2));
        for other in [resting(9, 2, size), resting(1, 9, size), resting(1, 2, size + 1)] {
            assert!(!opens(&Seal::new(&other), 3));
        }
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(!seal.open(3, &mut changed), "{at}");
        }
        assert!(!seal.open(3, &mut vec![0; 15]));
    }

    #[test]
    fn blocks_lie_one_behind_the_other() {
        for size in [0, 1, 65_536, 65_537, 3 * 65_536, 70_000_000] {
            let seal = Seal::new(&resting(1, 2, size));
            let mut end = 0;
            for number in 0..seal.blocks() {
                assert_eq!(seal.offset(number), end, "{size}: {number}");
                end += seal.sealed_bytes(number).unwrap() as u64;
            }
            assert_eq!(seal.sealed_bytes(seal.blocks()), None);
            let content = size + 16 * seal.blocks() + tree::node_bytes(size);
            assert_eq!(end, content);
        }
    }
}
