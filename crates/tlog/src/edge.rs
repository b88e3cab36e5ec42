//! The right edge of a tree: what is needed to append leaves and to know the root.

use alloc::vec::Vec;

use crate::EMPTY_ROOT;
use crate::hash::{Hash, node_hash};
use crate::span::perfect;
use crate::tile::FULL_WIDTH;

/// The partial tiles of a tree, lowest level first: at most 255 hashes for each of 8 levels, 64 KiB in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    levels: Vec<Vec<Hash>>,
    size: u64,
}

/// Partial tiles that are not those of a tree of the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "level {level} of a tree of size {size} has {expected} hashes in its partial tile, not {found}"
)]
pub struct EdgeError {
    /// The level.
    pub level: usize,
    /// The size of the tree.
    pub size: u64,
    /// The hashes of the partial tile.
    pub expected: usize,
    /// Those that were given.
    pub found: usize,
}

impl Edge {
    /// That of an empty tree.
    #[must_use]
    pub const fn new() -> Self {
        Self { levels: Vec::new(), size: 0 }
    }

    /// That of a tree of this size, from its partial tiles, of which the highest levels may be missing if empty.
    ///
    /// # Errors
    /// [`EdgeError`] if a tile has another width.
    pub fn restore(size: u64, mut levels: Vec<Vec<Hash>>) -> Result<Self, EdgeError> {
        while levels.last().is_some_and(Vec::is_empty) {
            levels.pop();
        }
        let height = size.checked_ilog2().map_or(0, |bits| bits as usize / 8 + 1);
        for level in 0..height.max(levels.len()) {
            let expected = Self::width(size, level);
            let found = levels.get(level).map_or(0, Vec::len);
            if expected != found {
                return Err(EdgeError { level, size, expected, found });
            }
        }
        Ok(Self { levels, size })
    }

    /// The number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The partial tile of a level; empty if the tree has none.
    #[must_use]
    pub fn level(&self, level: usize) -> &[Hash] {
        self.levels.get(level).map_or(&[], Vec::as_slice)
    }

    /// The number of levels up to the highest one with a partial tile.
    #[must_use]
    pub const fn levels(&self) -> usize {
        self.levels.len()
    }

    /// Appends a leaf. `on_tile` receives each tile that it completes: its level, its index and its 256 hashes.
    pub fn push(&mut self, leaf: Hash, on_tile: &mut impl FnMut(u8, u64, &[Hash])) {
        self.size += 1;
        let (mut hash, mut index) = (leaf, self.size);
        for level in 0..=u8::MAX {
            let position = usize::from(level);
            if self.levels.len() == position {
                self.levels.push(Vec::new());
            }
            let tile = &mut self.levels[position];
            tile.push(hash);
            if tile.len() < FULL_WIDTH {
                return;
            }
            index >>= 8;
            on_tile(level, index - 1, tile);
            let Some(root) = perfect(tile) else { return };
            hash = root;
            tile.clear();
        }
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut root = None;
        for tile in &self.levels {
            let mut rest = tile.as_slice();
            while !rest.is_empty() {
                // The smallest subtree is the rightmost one.
                let width = 1 << rest.len().trailing_zeros();
                let (others, nodes) = rest.split_at(rest.len() - width);
                let subtree = perfect(nodes);
                root = match (subtree, root) {
                    (Some(left), Some(right)) => Some(node_hash(&left, &right)),
                    (one, None) | (None, one) => one,
                };
                rest = others;
            }
        }
        root.unwrap_or(EMPTY_ROOT)
    }

    /// The width of the partial tile of a level in a tree of this size: from 0 to 255 hashes.
    #[must_use]
    pub fn width(size: u64, level: usize) -> usize {
        let hashes = u32::try_from(8 * level).ok().and_then(|bits| size.checked_shr(bits));
        usize::try_from(hashes.unwrap_or(0) & 0xff).unwrap_or_default()
    }
}
