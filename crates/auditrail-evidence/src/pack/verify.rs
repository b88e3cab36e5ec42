//! Verifies a pack.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope};

use tlog::{Accepted, Hash, Policy, SignedNote};

use super::container::{Directory, PackSource};
use super::error::PackError;
use super::lines::{Hashes, Leaves, Part, Parts};
use super::names;
use super::range::{PackRange, RANGE_MAX};
use super::tree::{Counts, PackTree};
use crate::fields::{FIELDS, FieldName};

/// The longest checkpoint, in bytes; its parser refuses less.
const CHECKPOINT_MAX: usize = 2 * 1024 * 1024;
/// Parts that a thread has before it: one in work, and one that waits.
const AHEAD: usize = 2;

/// A pack that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedPack {
    /// The checkpoint, with its cosignatures.
    pub checkpoint: Accepted,
    /// What the pack has. The filters are only what the pack says.
    pub range: PackRange,
    /// The number of records that withhold a field, for each field that at least one withholds.
    pub withheld: BTreeMap<FieldName, u64>,
    /// The number of records of which a field was erased, says the pack.
    pub erased: BTreeMap<FieldName, u64>,
}

/// Verifies a pack under a policy, on this thread and some more, which hash the records. `progress` receives the number of
/// lines that were verified. The result does not depend on the number of threads.
///
/// # Errors
/// [`PackError`], that of the first line that is not valid.
pub fn verify<S: PackSource + ?Sized>(
    source: &S,
    policy: &Policy,
    threads: usize,
    progress: &mut dyn FnMut(u64),
) -> Result<VerifiedPack, PackError> {
    let directory = Directory::read(source)?;
    let range = PackRange::parse(&directory.content(source, names::RANGE, RANGE_MAX)?)?;
    let note = directory.content(source, names::CHECKPOINT, CHECKPOINT_MAX)?;
    let checkpoint = policy.verify(&SignedNote::parse(&note)?)?;
    let mut hashes = Hashes::new(directory.open(source, names::HASHES)?);
    let mut parts = Parts::new(directory.open(source, names::RECORDS)?);
    let mut tree = PackTree::new(&range, &checkpoint.checkpoint, || hashes.next())?;
    thread::scope(|scope| {
        let mut threads = Threads::start(scope, threads);
        while let Some(part) = parts.next()? {
            if let Some(leaves) = threads.add(part)? {
                add(&mut tree, leaves, progress)?;
            }
        }
        while let Some(leaves) = threads.next()? {
            add(&mut tree, leaves, progress)?;
        }
        Ok::<_, PackError>(())
    })?;
    let Counts { withheld, erased, .. } = tree.finish()?;
    let by_name = |counts: [u64; FIELDS.len()]| {
        FIELDS.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect()
    };
    Ok(VerifiedPack { withheld: by_name(withheld), erased: by_name(erased), checkpoint, range })
}

fn add<H: FnMut() -> Result<Option<Hash>, PackError>>(
    tree: &mut PackTree<'_, H>,
    leaves: Leaves,
    progress: &mut dyn FnMut(u64),
) -> Result<(), PackError> {
    leaves.leaves.iter().try_for_each(|leaf| tree.add(leaf))?;
    progress(tree.counts.records + tree.counts.left);
    leaves.error.map_or(Ok(()), Err)
}

/// Threads that compute leaves. Parts are spread in turn, so that results are in the order of the parts.
struct Threads {
    to: Vec<(SyncSender<Part>, Receiver<Leaves>)>,
    /// The threads whose results are to come, by their index.
    pending: VecDeque<usize>,
    next: usize,
}

impl Threads {
    fn start<'scope>(scope: &'scope Scope<'scope, '_>, threads: usize) -> Self {
        let start = |_| {
            let (to, parts) = sync_channel::<Part>(AHEAD);
            let (results, from) = sync_channel(AHEAD);
            scope.spawn(move || {
                // The channels end with the verification.
                parts.iter().map(|part| part.leaves()).try_for_each(|leaves| results.send(leaves))
            });
            (to, from)
        };
        Self { to: (0..threads.max(1)).map(start).collect(), pending: VecDeque::new(), next: 0 }
    }

    /// Adds a part. Returns the leaves of an earlier one if all threads have enough to do.
    fn add(&mut self, part: Part) -> Result<Option<Leaves>, PackError> {
        let is_full = self.pending.len() >= self.to.len() * AHEAD;
        let earlier = if is_full { self.next()? } else { None };
        self.to[self.next].0.send(part).map_err(|_| PackError::Thread)?;
        self.pending.push_back(self.next);
        self.next = (self.next + 1) % self.to.len();
        Ok(earlier)
    }

    /// The leaves of the oldest part; `None` if all were returned.
    fn next(&mut self) -> Result<Option<Leaves>, PackError> {
        let Some(index) = self.pending.pop_front() else { return Ok(None) };
        self.to[index].1.recv().map(Some).map_err(|_| PackError::Thread)
    }
}
