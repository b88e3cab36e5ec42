//! Hashes from tiles: the nodes of proofs and the root.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::EMPTY_ROOT;
use crate::hash::Hash;
use crate::span::{NodeId, Span, fold, perfect};
use crate::tile::{Resource, TilePath};

/// Tiles of hashes, from anywhere. They are not to be trusted before a proof from them was verified.
#[derive(Clone, Debug, Default)]
pub struct Tiles(BTreeMap<(u8, u64), Vec<Hash>>);

/// A hash that no tile has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tile {index} of level {level} is missing or too short")]
pub struct MissingNode {
    /// The level of the tile.
    pub level: u8,
    /// The index of the tile.
    pub index: u64,
}

/// The tiles that have the hashes of these ranges in a tree of this size. Where a tree has grown, the full tile
/// serves in place of a partial one.
#[must_use]
pub fn tiles_of(spans: &[Span], size: u64) -> BTreeSet<TilePath> {
    let nodes = spans.iter().flat_map(|span| span.nodes());
    let tile = |node: NodeId| {
        let (level, index, _) = node.in_tile();
        TilePath::in_tree(Resource::Hashes(level), index, size)
    };
    nodes.filter_map(tile).collect()
}

/// The tiles that have the hashes of the perfect subtrees of the leaves from `start` to before `end`, for
/// [`CompactRange::extend`](crate::CompactRange::extend), in a tree of this size.
#[must_use]
pub fn tiles_of_range(start: u64, end: u64, size: u64) -> BTreeSet<TilePath> {
    if start >= end { BTreeSet::new() } else { tiles_of(&[Span::new(start, end)], size) }
}

impl Tiles {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds the hashes of a tile. Of two with the same index the wider one stays.
    pub fn insert(&mut self, level: u8, index: u64, hashes: Vec<Hash>) {
        let tile = self.0.entry((level, index)).or_default();
        if tile.len() < hashes.len() {
            *tile = hashes;
        }
    }

    /// The hash of a node.
    ///
    /// # Errors
    /// [`MissingNode`].
    pub fn node(&self, node: NodeId) -> Result<Hash, MissingNode> {
        let (level, index, range) = node.in_tile();
        let hashes = self.0.get(&(level, index)).and_then(|tile| tile.get(range));
        hashes.and_then(perfect).ok_or(MissingNode { level, index })
    }

    /// The hash of a range.
    ///
    /// # Errors
    /// [`MissingNode`].
    pub fn span(&self, span: Span) -> Result<Hash, MissingNode> {
        let nodes = span.nodes().map(|node| self.node(node)).collect::<Result<Vec<_>, _>>()?;
        Ok(fold(&nodes).unwrap_or(EMPTY_ROOT))
    }

    /// The hashes of a proof, of which these are the ranges.
    ///
    /// # Errors
    /// [`MissingNode`].
    pub fn proof(&self, spans: &[Span]) -> Result<Vec<Hash>, MissingNode> {
        spans.iter().map(|span| self.span(*span)).collect()
    }
}

impl TilePath {
    /// Splits the bytes of this tile into its hashes; `None` if their number is another one.
    #[must_use]
    pub fn hashes(self, bytes: &[u8]) -> Option<Vec<Hash>> {
        if bytes.len() != self.width() * Hash::BYTES {
            return None;
        }
        let hashes = bytes.chunks_exact(Hash::BYTES).map(|hash| hash.try_into().map(Hash));
        hashes.collect::<Result<_, _>>().ok()
    }
}
