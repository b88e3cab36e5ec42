//! Makes the file `hashes`.

use tlog::{CompactRange, Hash, NodeId, RangeError};

/// The hashes of a pack, made from the leaves in their order. `write` receives each hash of the file.
#[derive(Debug)]
pub struct PackHashes {
    /// Every leaf up to the last line.
    whole: CompactRange,
    /// The leaves after it.
    gap: CompactRange,
}

impl Default for PackHashes {
    fn default() -> Self {
        Self::new()
    }
}

impl PackHashes {
    /// Before leaf 0.
    #[must_use]
    pub const fn new() -> Self {
        Self { whole: CompactRange::new(0), gap: CompactRange::new(0) }
    }

    /// The seq of the next leaf.
    #[must_use]
    pub const fn next_seq(&self) -> u64 {
        self.gap.end()
    }

    /// Adds a leaf that has a line.
    pub fn shown(&mut self, leaf: Hash, write: &mut impl FnMut(Hash)) {
        self.end_gap(write);
        write(leaf);
        self.whole.push(leaf);
        self.gap = CompactRange::new(self.whole.end());
    }

    /// Adds a leaf that has none.
    pub fn hidden(&mut self, leaf: Hash) {
        self.gap.push(leaf);
    }

    /// Adds the leaves up to before `end`, which have no lines, by the hashes of perfect subtrees.
    ///
    /// # Errors
    /// Those of [`CompactRange::extend`].
    pub fn hidden_until<E: From<RangeError>>(
        &mut self,
        end: u64,
        hash_of: impl FnMut(NodeId) -> Result<Hash, E>,
    ) -> Result<(), E> {
        self.gap.extend(end, hash_of)
    }

    /// Ends the file. Returns the root of the tree of all leaves.
    pub fn finish(mut self, write: &mut impl FnMut(Hash)) -> Hash {
        self.end_gap(write);
        self.whole.root()
    }

    fn end_gap(&mut self, write: &mut impl FnMut(Hash)) {
        let end = self.gap.end();
        let mut hashes = self.gap.hashes();
        let next = |_: NodeId| {
            let hash = hashes.next().ok_or(RangeError { end, other: end })?;
            write(hash);
            Ok::<_, RangeError>(hash)
        };
        // The gap starts where the range ends, so it has the hashes that extend it.
        let extended = self.whole.extend(end, next);
        debug_assert!(extended.is_ok());
    }
}
