//! The tree of a log, computed from its entries and compared with its tiles and checkpoints.

use std::iter::Peekable;
use std::vec;

use auditrail_evidence::LogEntry;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tlog::{Checkpoint, Edge, Hash, Resource, TilePath, leaf_hash};

use super::ids::{Duplicate, Ids};
use super::input::{Named, invalid};
use super::source::{Part, Source};
use crate::error::Error;
use crate::output::progress::Meter;

/// Parts of the log that are requested at once. Each takes less than 100 KB.
const AHEAD: usize = 8;

/// What was found in a log that is valid.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    /// Tiles of hashes that were compared.
    pub(super) tiles: u64,
    /// Entries without content: their record had left before it was sealed.
    pub(super) absent: u64,
}

/// Verifies that a log has the entries of its checkpoint and continues the kept ones.
///
/// Tiles and entries are compared with each other first, because they name the place of a change. A tree that
/// contradicts the checkpoint is that of changed data; only one that agrees with it shows a fork.
pub(super) async fn verify(
    source: &Source,
    checkpoint: &Checkpoint,
    kept: &[Named],
    meter: &mut Meter,
) -> Result<Found, Error> {
    let size = checkpoint.size();
    let mut kept: Vec<&Named> = kept.iter().collect();
    kept.sort_by_key(|named| named.size());
    let kept = kept.into_iter().peekable();
    let mut tree = Tree {
        source,
        size,
        edge: Edge::new(),
        ids: Ids::new(),
        found: Found::default(),
        kept,
        contradiction: None,
    };
    tree.compare_kept();
    let paths = (0..size.div_ceil(256))
        .filter_map(|index| TilePath::in_tree(Resource::Entries, index, size));
    let mut parts = stream::iter(paths).map(|path| source.part(path)).buffered(AHEAD);
    while let Some(part) = parts.try_next().await? {
        tree.add(&part).await?;
        meter.update(tree.edge.size(), tree.edge.size());
    }
    tree.compare_edge().await?;
    tree.finish(checkpoint)
}

struct Tree<'a> {
    source: &'a Source,
    size: u64,
    edge: Edge,
    ids: Ids,
    found: Found,
    /// Earlier checkpoints, smallest first, of which the tree has not reached the size.
    kept: Peekable<vec::IntoIter<&'a Named>>,
    /// The first of them that has another root.
    contradiction: Option<&'a Named>,
}

impl Tree<'_> {
    /// Adds entries, compares them with their hashes, and compares the tiles that they complete.
    async fn add(&mut self, part: &Part) -> Result<(), Error> {
        let mut completed = Vec::new();
        for (bytes, expected) in part.entries.iter().zip(&part.hashes) {
            let number = self.edge.size();
            let entry = LogEntry::parse(bytes).map_err(|error| {
                invalid(format!(
                    "entry {number}, in {}, is not that of an audit record: {error}",
                    part.path
                ))
            })?;
            let leaf = leaf_hash(bytes);
            if leaf != *expected {
                let path = TilePath::in_tree(Resource::Hashes(0), part.path.index(), self.size);
                let path = path.unwrap_or(part.path);
                return Err(invalid(format!(
                    "entry {number}, in {}, is not the one whose hash is in {path}: one of them was changed",
                    part.path
                )));
            }
            self.found.absent += u64::from(matches!(entry, LogEntry::Absent(_)));
            self.ids.push(entry.id(), number)?;
            self.edge.push(leaf, &mut |level, index, hashes| {
                if level > 0 {
                    completed.push((level, index, hashes.to_vec()));
                }
            });
            self.compare_kept();
        }
        self.found.tiles += 1;
        for (level, index, hashes) in completed {
            self.compare(level, index, &hashes).await?;
        }
        Ok(())
    }

    /// Compares the partial tiles above level 0.
    async fn compare_edge(&mut self) -> Result<(), Error> {
        for level in 1..self.edge.levels() {
            let hashes = self.edge.level(level).to_vec();
            let before = self.size >> (8 * (level + 1));
            if let (Ok(level), false) = (u8::try_from(level), hashes.is_empty()) {
                self.compare(level, before, &hashes).await?;
            }
        }
        Ok(())
    }

    /// Compares a tile of the source with the hashes that were computed.
    async fn compare(&mut self, level: u8, index: u64, hashes: &[Hash]) -> Result<(), Error> {
        let Some(path) = TilePath::in_tree(Resource::Hashes(level), index, self.size) else {
            return Ok(());
        };
        let found = self.source.hashes(path).await?;
        self.found.tiles += 1;
        let Some(position) = found.iter().zip(hashes).position(|(a, b)| a != b) else {
            return Ok(());
        };
        let width = 1_u64 << (8 * u32::from(level));
        let first = (index * 256 + position as u64) * width;
        Err(invalid(format!(
            "hash {position} of {path} is not that of the entries {first} to {}: the tile was changed",
            first + width - 1
        )))
    }

    /// Compares the root with the kept checkpoints of this size.
    fn compare_kept(&mut self) {
        let size = self.edge.size();
        while let Some(named) = self.kept.next_if(|named| named.size() == size) {
            if *named.accepted.checkpoint.root() != self.edge.root() {
                self.contradiction.get_or_insert(named);
            }
        }
    }

    fn finish(self, checkpoint: &Checkpoint) -> Result<Found, Error> {
        let (name, size) = (self.source.name(), self.size);
        if self.edge.root() != *checkpoint.root() {
            return Err(invalid(format!(
                "the {size} entries of {name} do not have the root of the checkpoint of this size: entries were \
                 changed, removed, inserted or reordered"
            )));
        }
        if let Some(named) = self.contradiction {
            return Err(invalid(forked(named, size)));
        }
        match self.ids.duplicate()? {
            Some(Duplicate { id, entries: (first, second) }) => Err(invalid(format!(
                "entries {first} and {second} are both of record {id}; a log has one entry a record"
            ))),
            None => Ok(self.found),
        }
    }
}

/// The log has signed two histories.
pub(super) fn forked(kept: &Named, size: u64) -> String {
    format!(
        "fork: the log of size {size} does not continue {}, which has another root for its first {} entries; keep both \
         checkpoints, which are signed, as evidence",
        kept.file,
        kept.size()
    )
}
