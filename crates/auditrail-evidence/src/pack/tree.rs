//! Compares lines with the tree of the log.

use tlog::{Checkpoint, CompactRange, Hash};

use super::error::PackError;
use super::line::Leaf;
use super::range::PackRange;
use crate::fields::FIELDS;

/// What the lines so far have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) records: u64,
    pub(super) left: u64,
    /// The records that withhold a field, by its index.
    pub(super) withheld: [u64; FIELDS.len()],
    /// The records of which a field was erased.
    pub(super) erased: [u64; FIELDS.len()],
}

/// The tree up to a line. `H` returns the next hash of the pack, `None` at their end.
pub(super) struct PackTree<'a, H> {
    range: &'a PackRange,
    checkpoint: &'a Checkpoint,
    next_hash: H,
    whole: CompactRange,
    last_seq: Option<u64>,
    pub(super) counts: Counts,
}

impl<'a, H: FnMut() -> Result<Option<Hash>, PackError>> PackTree<'a, H> {
    pub(super) fn new(
        range: &'a PackRange,
        checkpoint: &'a Checkpoint,
        next_hash: H,
    ) -> Result<Self, PackError> {
        let (to_seq, size) = (range.to_seq, checkpoint.size());
        if to_seq >= size {
            return Err(PackError::BeyondCheckpoint { to_seq, size });
        }
        let (whole, counts) = (CompactRange::new(0), Counts::default());
        Ok(Self { range, checkpoint, next_hash, whole, last_seq: None, counts })
    }

    /// Adds the next line.
    pub(super) fn add(&mut self, leaf: &Leaf) -> Result<(), PackError> {
        let Leaf { seq, id, .. } = *leaf;
        let PackRange { from_seq, to_seq, .. } = *self.range;
        if let Some(before) = self.last_seq.filter(|before| *before >= seq) {
            return Err(PackError::Order { seq, before });
        }
        if !(from_seq..=to_seq).contains(&seq) {
            return Err(PackError::OutOfRange { id, seq, from_seq, to_seq });
        }
        self.require_complete_before(seq)?;
        if leaf.is_left && !self.range.is_complete() {
            return Err(PackError::LeftWithFilters { seq });
        }
        self.extend(seq)?;
        if (self.next_hash)()?.ok_or(PackError::HashesEnd { seq })? != leaf.hash {
            return Err(PackError::OtherEntry { id, seq });
        }
        self.whole.push(leaf.hash);
        self.last_seq = Some(seq);
        self.count(leaf);
        Ok(())
    }

    /// Compares the root, after the last line.
    pub(super) fn finish(mut self) -> Result<Counts, PackError> {
        let PackRange { from_seq, to_seq, records, left, .. } = *self.range;
        let size = self.checkpoint.size();
        self.require_complete_before(to_seq + 1)?;
        let counts = self.counts;
        if (counts.records, counts.left) != (records, left) {
            return Err(PackError::Count {
                records: counts.records,
                left: counts.left,
                declared_records: records,
                declared_left: left,
            });
        }
        self.extend(size)?;
        if (self.next_hash)()?.is_some() {
            return Err(PackError::HashesLeft { lines: counts.records + counts.left });
        }
        if self.whole.root() != *self.checkpoint.root() {
            return Err(PackError::OtherRoot { from_seq, to_seq, size });
        }
        Ok(counts)
    }

    /// Checks that a complete pack has no gap before this seq.
    fn require_complete_before(&self, seq: u64) -> Result<(), PackError> {
        let PackRange { from_seq, to_seq, .. } = *self.range;
        let expected = self.last_seq.map_or(from_seq, |last| last + 1);
        if self.range.is_complete() && seq != expected {
            return Err(PackError::Missing { seq: expected, from_seq, to_seq });
        }
        Ok(())
    }

    /// Adds the leaves up to before `end`, by the hashes of the pack.
    fn extend(&mut self, end: u64) -> Result<(), PackError> {
        let next_hash = &mut self.next_hash;
        self.whole.extend(end, |_| next_hash()?.ok_or(PackError::HashesEnd { seq: end }))
    }

    fn count(&mut self, leaf: &Leaf) {
        self.counts.records += u64::from(!leaf.is_left);
        self.counts.left += u64::from(leaf.is_left);
        for field in FIELDS.map(|field| field.index()) {
            self.counts.withheld[field] += u64::from(leaf.withheld >> field & 1);
            self.counts.erased[field] += u64::from(leaf.erased >> field & 1);
        }
    }
}
