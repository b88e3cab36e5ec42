//! Compact ranges: leaves side by side, as the fewest perfect subtrees.

use alloc::vec::Vec;

use crate::hash::{Hash, node_hash};
use crate::span::{NodeId, Span, fold};
use crate::{EMPTY_ROOT, SIZE_MAX};

/// Leaves from some leaf on, without a gap. It has at most two hashes for each level of the tree, and grows at its end: by
/// a leaf, or by leaves of which only the hashes of perfect subtrees are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompactRange {
    start: u64,
    end: u64,
    /// The height and the hash of each subtree, from the left.
    nodes: Vec<(u8, Hash)>,
}

/// A range that would end before it does now, or beyond the largest tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a range of leaves that ends at {end} cannot end at {other}")]
pub struct RangeError {
    /// The leaf after its last one.
    pub end: u64,
    /// Where it was to end.
    pub other: u64,
}

impl CompactRange {
    /// An empty range, before this leaf.
    #[must_use]
    pub const fn new(start: u64) -> Self {
        Self { start, end: start, nodes: Vec::new() }
    }

    /// Its first leaf.
    #[must_use]
    pub const fn start(&self) -> u64 {
        self.start
    }

    /// The leaf after its last one.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Whether it has no leaf.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.append(0, leaf);
    }

    /// Adds the leaves up to before `end`. `hash_of` returns the hash of each perfect subtree that they consist of, from
    /// the left, and is called at most twice for each level of the tree.
    ///
    /// # Errors
    /// That of `hash_of`, and [`RangeError`]. Then a part of the leaves may have been added.
    pub fn extend<E: From<RangeError>>(
        &mut self,
        end: u64,
        mut hash_of: impl FnMut(NodeId) -> Result<Hash, E>,
    ) -> Result<(), E> {
        if end < self.end || end > SIZE_MAX {
            return Err(RangeError { end: self.end, other: end }.into());
        }
        for node in Span::new(self.end, end).nodes() {
            let hash = hash_of(node)?;
            self.append(node.height, hash);
        }
        Ok(())
    }

    /// The hashes of the perfect subtrees, from the left: those for which [`extend`](Self::extend) asks to add this range
    /// to the one before it.
    pub fn hashes(&self) -> impl Iterator<Item = Hash> {
        self.nodes.iter().map(|(_, hash)| *hash)
    }

    /// The hash of the range. If it starts at leaf 0, this is the root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let hashes: Vec<Hash> = self.hashes().collect();
        fold(&hashes).unwrap_or(EMPTY_ROOT)
    }

    /// Adds a perfect subtree, whose place is after the end. While the last one is a right child whose sibling is there,
    /// both become their parent.
    fn append(&mut self, mut height: u8, mut hash: Hash) {
        let mut index = self.end >> height;
        self.end += 1 << height;
        while let Some((_, left)) =
            self.nodes.pop_if(|(other, _)| *other == height && index % 2 == 1)
        {
            hash = node_hash(&left, &hash);
            height += 1;
            index >>= 1;
        }
        self.nodes.push((height, hash));
    }
}
