//! Consistency proofs (RFC 6962, section 2.1.2): that a tree begins with the leaves of an earlier one.

use alloc::vec::Vec;

use crate::hash::{Hash, node_hash};
use crate::span::Span;

/// Why a consistency proof does not show that a tree begins with the leaves of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsistencyError {
    /// The tree is smaller than the earlier one.
    #[error("a tree of size {to} cannot begin with the {from} leaves of another")]
    Shrunk {
        /// The size of the earlier tree.
        from: u64,
        /// The size of the tree.
        to: u64,
    },
    /// The proof is too long or too short.
    #[error("the proof has {found} hashes, but one from size {from} to size {to} has {expected}")]
    Length {
        /// The size of the earlier tree.
        from: u64,
        /// The size of the tree.
        to: u64,
        /// The length of each such proof.
        expected: usize,
        /// The length of this one.
        found: usize,
    },
    /// The proof does not lead to the root of the earlier tree, or both have the same size and other roots.
    #[error(
        "the tree of size {to} does not begin with the leaves of the tree of size {from}: the roots contradict each other"
    )]
    Fork {
        /// The size of the earlier tree.
        from: u64,
        /// The size of the tree.
        to: u64,
    },
}

/// The ranges whose hashes are the proof from a tree of size `from` to one of size `to`.
///
/// There are none if the earlier tree is empty or of the same size. `None` if the tree is smaller than the earlier one.
#[must_use]
pub fn spans(from: u64, to: u64) -> Option<Vec<Span>> {
    if from > to {
        return None;
    }
    let mut spans = Vec::new();
    if from == 0 {
        return Some(spans);
    }
    let mut rest = Span::tree(to);
    while rest.end() != from {
        let middle = rest.split();
        let (left, right) = (Span::new(rest.start(), middle), Span::new(middle, rest.end()));
        let (inside, outside) = if from <= middle { (left, right) } else { (right, left) };
        spans.push(outside);
        rest = inside;
    }
    if rest.start() > 0 {
        spans.push(rest);
    }
    spans.reverse();
    Some(spans)
}

/// Checks that the tree of size `to` begins with the leaves of the one of size `from`. Every tree begins with those of
/// the empty one.
///
/// # Errors
/// [`ConsistencyError`].
pub fn verify(
    proof: &[Hash],
    from: u64,
    from_root: &Hash,
    to: u64,
    to_root: &Hash,
) -> Result<(), ConsistencyError> {
    let spans = spans(from, to).ok_or(ConsistencyError::Shrunk { from, to })?;
    let (expected, found) = (spans.len(), proof.len());
    if expected != found {
        return Err(ConsistencyError::Length { from, to, expected, found });
    }
    let fork = ConsistencyError::Fork { from, to };
    if from == 0 {
        let is_empty = |size, root: &Hash| size > 0 || *root == crate::EMPTY_ROOT;
        let both = is_empty(from, from_root) && is_empty(to, to_root);
        return if both { Ok(()) } else { Err(fork) };
    }
    // The largest perfect subtree at the end of the earlier tree: the first hash of the proof, unless it is the tree.
    let is_first = spans.first().is_some_and(|span| span.end() == from);
    let start = if is_first { proof[0] } else { *from_root };
    let (mut earlier, mut later) = (start, start);
    for (span, hash) in spans.iter().zip(proof).skip(usize::from(is_first)) {
        if span.start() < from {
            earlier = node_hash(hash, &earlier);
            later = node_hash(hash, &later);
        } else {
            later = node_hash(&later, hash);
        }
    }
    if earlier == *from_root && later == *to_root { Ok(()) } else { Err(fork) }
}
