//! The BLAKE3 tree of a file, seen in parts of 64 KiB, and the proof that a part belongs to it.
//!
//! A part is 64 chunks of BLAKE3, so its chaining value is a node of the file's hash tree (the BLAKE3
//! paper, section 2.1). The nodes of one level are joined in pairs, an odd last one goes up as it is,
//! until two are left, whose join is the file's id. The proof of a part is its siblings from the
//! bottom up, so a part is checked by itself, in constant memory, against nothing but id and size.
//!
//! A file of one part has no nodes, and an empty one no parts either: their ids are hashes at once.

use anser_proto::{FileId, limits};
use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root,
};

const PART_BYTES: u64 = limits::PART_BYTES as u64;
/// Length of a node of the tree, in bytes.
const NODE_BYTES: usize = 32;

/// How many parts a file of this size has; none when it is empty.
#[must_use]
pub fn part_count(size_bytes: u64) -> u64 {
    size_bytes.div_ceil(PART_BYTES)
}

/// How long a part is, in bytes; `None` where there is no such part.
#[must_use]
pub fn part_bytes(size_bytes: u64, part: u64) -> Option<usize> {
    let left = size_bytes.checked_sub(part.checked_mul(PART_BYTES)?)?;
    let bytes = usize::try_from(left.min(PART_BYTES)).ok()?;
    (bytes > 0).then_some(bytes)
}

/// The id of a content that is in memory.
#[must_use]
pub fn id_of(content: &[u8]) -> FileId {
    FileId(*blake3::hash(content).as_bytes())
}

/// Whether `data` is part `part` of the file `file` of `size_bytes`.
#[must_use]
pub fn verify(
    file: &FileId,
    size_bytes: u64,
    part: u64,
    data: &[u8],
    proof: &[ChainingValue],
) -> bool {
    if size_bytes > limits::FILE_BYTES || part_bytes(size_bytes, part) != Some(data.len()) {
        return false;
    }
    let mut width = part_count(size_bytes);
    if width == 1 {
        return proof.is_empty() && id_of(data) == *file;
    }
    let (mut value, mut index, mut siblings) = (chaining_value(part, data), part, proof.iter());
    loop {
        if index ^ 1 < width {
            let Some(sibling) = siblings.next() else { return false };
            let (left, right) = if index % 2 == 0 { (&value, sibling) } else { (sibling, &value) };
            if width == 2 {
                let root = merge_subtrees_root(left, right, Mode::Hash);
                return siblings.next().is_none() && root.as_bytes() == file.as_bytes();
            }
            value = merge_subtrees_non_root(left, right, Mode::Hash);
        }
        (index, width) = (index / 2, width.div_ceil(2));
    }
}

/// The node of a part of a file that has more than one. The length was checked: the hasher would
/// refuse more than a part loudly.
fn chaining_value(part: u64, data: &[u8]) -> ChainingValue {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(part.saturating_mul(PART_BYTES));
    hasher.update(data);
    hasher.finalize_non_root()
}

/// Builds the tree of a file while its parts go by.
#[derive(Clone, Debug, Default)]
pub struct TreeBuilder {
    leaves: Vec<ChainingValue>,
    only: Option<FileId>,
    size_bytes: u64,
}

impl TreeBuilder {
    /// Takes the next part: [`limits::PART_BYTES`] of it, or less when it is the last one. Whether
    /// it was taken: nothing fits behind a part that is not full, nor beyond the largest file.
    pub fn push(&mut self, data: &[u8]) -> bool {
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        let size_bytes = self.size_bytes.saturating_add(length);
        if data.is_empty()
            || length > PART_BYTES
            || !self.size_bytes.is_multiple_of(PART_BYTES)
            || size_bytes > limits::FILE_BYTES
        {
            return false;
        }
        let part = self.size_bytes / PART_BYTES;
        self.only = (part == 0).then(|| id_of(data));
        self.leaves.push(chaining_value(part, data));
        self.size_bytes = size_bytes;
        true
    }

    /// How much was taken, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The whole tree.
    #[must_use]
    pub fn finish(self) -> Tree {
        let size_bytes = self.size_bytes;
        if self.leaves.len() < 2 {
            let root = self.only.unwrap_or_else(|| id_of(&[]));
            return Tree { root, size_bytes, nodes: Vec::new() };
        }
        let (mut nodes, mut below) = (self.leaves, 0);
        loop {
            let level = nodes.get(below..).unwrap_or_default();
            if let [left, right] = level {
                let root = merge_subtrees_root(left, right, Mode::Hash);
                return Tree { root: FileId(*root.as_bytes()), size_bytes, nodes };
            }
            let above: Vec<ChainingValue> = level
                .chunks(2)
                .filter_map(|pair| match pair {
                    [left, right] => Some(merge_subtrees_non_root(left, right, Mode::Hash)),
                    [odd] => Some(*odd),
                    _ => None,
                })
                .collect();
            below = nodes.len();
            nodes.extend(above);
        }
    }
}

/// The tree of a whole file: enough to prove any part of it. It takes a thousandth of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    root: FileId,
    size_bytes: u64,
    /// Level after level from the bottom up, without the root.
    nodes: Vec<ChainingValue>,
}

impl Tree {
    /// The file's id.
    #[must_use]
    pub fn root(&self) -> FileId {
        self.root
    }

    /// The file's size, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The siblings of a part from the bottom up; `None` where there is no such part.
    #[must_use]
    pub fn proof(&self, part: u64) -> Option<Vec<ChainingValue>> {
        let (mut width, mut index, mut level) = (part_count(self.size_bytes), part, 0_u64);
        if part >= width {
            return None;
        }
        let mut proof = Vec::with_capacity(limits::PROOF_STEPS);
        while width > 1 {
            let sibling = index ^ 1;
            if sibling < width {
                let at = usize::try_from(level.saturating_add(sibling)).ok()?;
                proof.push(*self.nodes.get(at)?);
            }
            level = level.saturating_add(width);
            (index, width) = (index / 2, width.div_ceil(2));
        }
        Some(proof)
    }

    /// The nodes, to be kept with the file; [`node_bytes`] of them.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.nodes.concat()
    }

    /// The tree that was kept with a file. Only the length is checked: what is kept must be what was
    /// written.
    #[must_use]
    pub fn from_bytes(root: FileId, size_bytes: u64, bytes: &[u8]) -> Option<Self> {
        let fits = u64::try_from(bytes.len()).ok() == Some(node_bytes(size_bytes));
        let (nodes, _) = bytes.as_chunks::<NODE_BYTES>();
        fits.then(|| Self { root, size_bytes, nodes: nodes.to_vec() })
    }
}

/// How long the nodes of a file of this size are in all, in bytes.
#[must_use]
pub fn node_bytes(size_bytes: u64) -> u64 {
    let (mut width, mut nodes) = (part_count(size_bytes), 0_u64);
    while width > 1 {
        nodes = nodes.saturating_add(width);
        width = width.div_ceil(2);
    }
    nodes.saturating_mul(NODE_BYTES as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn content(size: usize) -> Vec<u8> {
        (0..size).map(|at| (at.wrapping_mul(31) ^ (at >> 8) ^ (at >> 16)) as u8).collect()
    }

    fn tree(content: &[u8]) -> Tree {
        let mut builder = TreeBuilder::default();
        for part in content.chunks(limits::PART_BYTES) {
            assert!(builder.push(part));
        }
        builder.finish()
    }

    fn part_of(content: &[u8], part: u64) -> &[u8] {
        content.chunks(limits::PART_BYTES).nth(part as usize).unwrap()
    }

    /// Sizes at which the shape of the tree changes, a byte around them too.
    fn sizes() -> Vec<usize> {
        let mut sizes = vec![0, 1, 1_024, 1_025];
        for parts in [1, 2, 3, 4, 5, 7, 8, 9, 16, 17] {
            let size = parts * limits::PART_BYTES;
            sizes.extend([size - 1, size, size + 1]);
        }
        sizes
    }

    #[test]
    fn the_root_is_the_hash_and_every_part_is_proven() {
        for size in sizes() {
            let content = content(size);
            let tree = tree(&content);
            assert_eq!(tree.root(), id_of(&content), "{size}");
            let size_bytes = size as u64;
            for part in 0..part_count(size_bytes) {
                let proof = tree.proof(part).unwrap();
                assert!(proof.len() <= limits::PROOF_STEPS);
                let data = part_of(&content, part);
                assert!(verify(&tree.root(), size_bytes, part, data, &proof), "{size}: {part}");
            }
            assert_eq!(tree.proof(part_count(size_bytes)), None);
            let kept = Tree::from_bytes(tree.root(), size_bytes, &tree.to_bytes());
            assert_eq!(kept, Some(tree));
        }
    }

    #[test]
    fn the_largest_file_has_as_many_steps_as_the_limit_says() {
        let mut width = part_count(limits::FILE_BYTES);
        let mut steps = 0;
        while width > 1 {
            (width, steps) = (width.div_ceil(2), steps + 1);
        }
        assert_eq!(steps, limits::PROOF_STEPS);
        assert!(!verify(
            &FileId([0; 32]),
            limits::FILE_BYTES + 1,
            0,
            &[0; limits::PART_BYTES],
            &[]
        ));
    }

    #[test]
    fn nothing_fits_behind_a_part_that_is_not_full() {
        let mut builder = TreeBuilder::default();
        assert!(!builder.push(&[]));
        assert!(!builder.push(&vec![0; limits::PART_BYTES + 1]));
        assert!(builder.push(&[1]));
        assert!(!builder.push(&[2]));
        assert_eq!((builder.size_bytes(), builder.finish().root()), (1, id_of(&[1])));
    }

    #[test]
    fn another_number_size_or_proof_is_refused() {
        let content = content(5 * limits::PART_BYTES + 100);
        let (tree, size) = (tree(&content), content.len() as u64);
        let root = tree.root();
        for part in 0..6 {
            let (data, proof) = (part_of(&content, part), tree.proof(part).unwrap());
            for other in (0..8).filter(|other| *other != part) {
                assert!(!verify(&root, size, other, data, &proof), "{part} as {other}");
                let foreign = tree.proof(other).unwrap_or_default();
                assert!(!verify(&root, size, part, data, &foreign));
            }
            let mut longer = proof.clone();
            longer.push([0; 32]);
            assert!(!verify(&root, size, part, data, &longer));
            assert!(!verify(&root, size, part, data, &proof[..proof.len() - 1]));
            assert!(!verify(&root, size, part, &data[1..], &proof));
        }
    }

    #[test]
    fn with_another_size_the_last_part_is_never_proven() {
        let content = content(5 * limits::PART_BYTES + 100);
        let (tree, size) = (tree(&content), content.len() as u64);
        let part = limits::PART_BYTES as u64;
        for wrong in [1, 100, part, size - part, size - 1, size + 1, size + part, size * 2] {
            let last = part_count(wrong) - 1;
            for true_part in 0..6 {
                let mut data = part_of(&content, true_part).to_vec();
                data.resize(part_bytes(wrong, last).unwrap(), 0);
                let proof = tree.proof(true_part).unwrap();
                assert!(!verify(&tree.root(), wrong, last, &data, &proof), "{wrong} {true_part}");
            }
        }
        assert!(!verify(&tree.root(), 0, 0, &[], &[]));
    }

    #[test]
    fn an_inner_node_is_no_content() {
        // The join of two nodes, given as if it were the file's whole content.
        let content = content(2 * limits::PART_BYTES);
        let tree = tree(&content);
        assert!(!verify(&tree.root(), 64, 0, &tree.to_bytes(), &[]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_size_agrees_with_the_hash(size in 0_usize..1_500_000, part in any::<prop::sample::Index>()) {
            let content = content(size);
            let tree = tree(&content);
            prop_assert_eq!(tree.root(), id_of(&content));
            if size > 0 {
                let part = part.index(part_count(size as u64) as usize) as u64;
                let proof = tree.proof(part).unwrap();
                prop_assert!(verify(&tree.root(), size as u64, part, part_of(&content, part), &proof));
            }
        }

        #[test]
        fn every_flipped_bit_is_noticed(
            size in 1_usize..400_000,
            part in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(),
            bit in 0_u8..8,
        ) {
            let content = content(size);
            let tree = tree(&content);
            let part = part.index(part_count(size as u64) as usize) as u64;
            let mut data = part_of(&content, part).to_vec();
            let proof = tree.proof(part).unwrap();
            let at_data = at.index(data.len());
            data[at_data] ^= 1_u8 << bit;
            prop_assert!(!verify(&tree.root(), size as u64, part, &data, &proof));
            data[at_data] ^= 1_u8 << bit;
            prop_assert!(verify(&tree.root(), size as u64, part, &data, &proof));
            if !proof.is_empty() {
                let mut proof = proof.clone();
                let step = at.index(proof.len());
                proof[step][at.index(32)] ^= 1_u8 << bit;
                prop_assert!(!verify(&tree.root(), size as u64, part, &data, &proof));
            }
        }
    }
}
