//! Ranges of leaves whose hashes make up proofs, and the perfect subtrees they consist of.

use alloc::vec::Vec;

use crate::hash::{Hash, node_hash};

/// A perfect subtree: the node above `2^height` leaves, from leaf `index · 2^height` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId {
    /// The levels below it; 0 is a leaf.
    pub height: u8,
    /// The number of such nodes to the left of it.
    pub index: u64,
}

/// A range of leaves that has a hash in some tree: that tree itself, or a subtree of it.
///
/// Only this crate makes one, since a range of any other bounds has no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: u64,
    end: u64,
}

impl Span {
    /// The leaves from `start` to before `end`, which are a subtree of a tree that ends there or later.
    pub(crate) const fn new(start: u64, end: u64) -> Self {
        Self { start, end }
    }

    /// All leaves of a tree of this size. That of no leaves has no nodes.
    #[must_use]
    pub const fn tree(size: u64) -> Self {
        Self::new(0, size)
    }

    /// The first leaf.
    #[must_use]
    pub const fn start(self) -> u64 {
        self.start
    }

    /// The leaf after the last one.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.end
    }

    /// The perfect subtrees it consists of, from the left.
    pub fn nodes(self) -> impl Iterator<Item = NodeId> {
        let Self { mut start, end } = self;
        core::iter::from_fn(move || {
            let widest = (end - start).checked_ilog2()?;
            let height = widest.min(start.trailing_zeros());
            let index = start >> height;
            start += 1 << height;
            Some(NodeId { height: u8::try_from(height).ok()?, index })
        })
    }

    /// Splits it where RFC 6962 does: the left part is the largest perfect subtree that leaves something for the right
    /// part. The span has at least two leaves.
    pub(crate) const fn split(self) -> u64 {
        let widest = (self.end - self.start - 1).ilog2();
        self.start + (1 << widest)
    }
}

/// The hash of perfect subtrees side by side, from the left; `None` for none.
pub(crate) fn fold(nodes: &[Hash]) -> Option<Hash> {
    let (last, others) = nodes.split_last()?;
    Some(others.iter().rev().fold(*last, |right, left| node_hash(left, &right)))
}

/// The hash of a perfect subtree above as many nodes as a power of two.
pub(crate) fn perfect(nodes: &[Hash]) -> Option<Hash> {
    if !nodes.len().is_power_of_two() {
        return None;
    }
    let mut level: Vec<Hash> = nodes.to_vec();
    while level.len() > 1 {
        level = level.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    level.first().copied()
}
