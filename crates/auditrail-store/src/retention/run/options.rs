//! How a run is done, and what it reports meanwhile.

use std::time::Duration;

use auditrail_core::Actor;

use crate::archive::ArchiveDir;
use crate::partitions::Limits;

/// Most records of a partition that are copied to replace it.
const KEPT_MAX: usize = 100_000;

/// How a run is done.
pub struct RetentionOptions<'a> {
    /// The actor of the run's record.
    pub by: Actor,
    /// Where records are archived before they are removed; `None` removes them without.
    pub archive: Option<ArchiveDir>,
    /// Whether to end early. Asked between two transactions.
    pub stop: &'a (dyn Fn() -> bool + Send + Sync),
    /// Receives each step.
    pub on_step: &'a mut (dyn FnMut(RetentionStep) + Send),
    /// How much work is done at once.
    pub limits: RunLimits,
}

impl std::fmt::Debug for RetentionOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RetentionOptions")
            .field("by", &self.by)
            .field("archive", &self.archive)
            .finish_non_exhaustive()
    }
}

/// How much work is done at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLimits {
    /// Rows that a statement looks at. Memory and the duration of a statement follow from it.
    pub rows: u32,
    /// Records in an archive of a table from which records are deleted, and so in its transaction.
    pub archived: u64,
    /// Most records of a partition that are copied to replace it.
    pub kept_max: usize,
    /// The hot partition is closed during the run when it has about this number of records: no other process can.
    pub hot_rows: i64,
    /// How often to look for that.
    pub hot_look: Duration,
    /// Whether to pause after each transaction for as long as it took, so that a run uses half of a processor and
    /// of a disk at most.
    pub pauses: bool,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            rows: 5_000,
            archived: 50_000,
            kept_max: KEPT_MAX,
            hot_rows: Limits::default().hot_rows,
            hot_look: Duration::from_secs(5),
            pauses: true,
        }
    }
}

/// A step of a run, reported when it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetentionStep {
    /// The records of an interrupted run were recorded.
    CompletedRun,
    /// Records of a table were looked at, in one statement. Other steps report what was done with those that have
    /// expired.
    LookedAt {
        /// The table.
        partition: String,
        /// Records that were looked at.
        records: u64,
    },
    /// A table was looked at: so many records of it have expired, and will be removed by an exchange.
    Surveyed {
        /// The table.
        partition: String,
        /// Records that have expired.
        expired: u64,
        /// Records that stay.
        kept: u64,
    },
    /// An archive is complete, on disk and was read back. Its records are still in the log.
    Archived {
        /// Its name.
        archive: String,
        /// Its records.
        records: u64,
    },
    /// What stays of a partition was copied, in a transaction that is open.
    Copied {
        /// The partition.
        partition: String,
    },
    /// A partition was replaced. Its expired records left the log.
    Exchanged {
        /// The partition.
        partition: String,
        /// Records that left.
        records: u64,
    },
    /// The table of a partition that was replaced was dropped.
    Dropped,
    /// Records were deleted, in a transaction that is open.
    Deleting {
        /// The table.
        partition: String,
    },
    /// Records were deleted.
    Deleted {
        /// The table.
        partition: String,
        /// Records that left with this transaction.
        records: u64,
    },
    /// The hot partition was full, and was closed.
    Closed {
        /// The name of the closed partition.
        partition: String,
    },
    /// The run was recorded.
    Recorded,
}
