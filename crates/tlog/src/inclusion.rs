//! Inclusion proofs (RFC 6962, section 2.1.1): that a leaf is in a tree.

use alloc::vec::Vec;

use crate::hash::{Hash, node_hash};
use crate::span::Span;

/// Why an inclusion proof does not show that a leaf is in a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InclusionError {
    /// The tree has no such leaf.
    #[error("index {index} is not in a tree of size {size}")]
    OutOfRange {
        /// The index.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The proof is too long or too short.
    #[error(
        "the proof has {found} hashes, but one of index {index} in a tree of size {size} has {expected}"
    )]
    Length {
        /// The index.
        index: u64,
        /// The size of the tree.
        size: u64,
        /// The length of each such proof.
        expected: usize,
        /// The length of this one.
        found: usize,
    },
    /// The proof leads to another root.
    #[error("the proof of index {index} does not lead to the root of the tree of size {size}")]
    OtherRoot {
        /// The index.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
}

/// The ranges whose hashes are the proof of a leaf in a tree, from the sibling of the leaf to the child of the root.
/// `None` if the tree has no such leaf.
#[must_use]
pub fn spans(index: u64, size: u64) -> Option<Vec<Span>> {
    if index >= size {
        return None;
    }
    let mut spans = Vec::new();
    let mut rest = Span::tree(size);
    while rest.end() - rest.start() > 1 {
        let middle = rest.split();
        let (left, right) = (Span::new(rest.start(), middle), Span::new(middle, rest.end()));
        let (inside, outside) = if index < middle { (left, right) } else { (right, left) };
        spans.push(outside);
        rest = inside;
    }
    spans.reverse();
    Some(spans)
}

/// Checks that the leaf with this hash has this index in the tree of this size and root.
///
/// # Errors
/// [`InclusionError`].
pub fn verify(
    proof: &[Hash],
    leaf: &Hash,
    index: u64,
    size: u64,
    root: &Hash,
) -> Result<(), InclusionError> {
    let spans = spans(index, size).ok_or(InclusionError::OutOfRange { index, size })?;
    let (expected, found) = (spans.len(), proof.len());
    if expected != found {
        return Err(InclusionError::Length { index, size, expected, found });
    }
    let computed = spans.iter().zip(proof).fold(*leaf, |hash, (span, sibling)| {
        if span.start() > index { node_hash(&hash, sibling) } else { node_hash(sibling, &hash) }
    });
    if computed == *root { Ok(()) } else { Err(InclusionError::OtherRoot { index, size }) }
}
