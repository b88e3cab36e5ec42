//! The error of a run.

use crate::archive::ArchiveError;
use crate::error::StoreError;

/// Why a run did not complete. What it removed before is listed in the log's tables.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetentionError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An archive could not be written or read back. Its records stay in the log.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The role does not own the log.
    #[error(
        "the role {role} does not own control_plane.audit_logs, and only its owner removes records; \
         connect as the role that runs `auditrail migrate`"
    )]
    NotOwner {
        /// The role of the connection.
        role: String,
    },
    /// The commit of a transaction was not acknowledged, so it may have taken effect or not. What it removed is listed
    /// if it did, and its archive is kept then.
    #[error(
        "it is not known whether the last removal took effect, because its commit was not acknowledged; run \
         it again: what left is listed, and its archive is kept"
    )]
    Unacknowledged {
        /// The error of the commit.
        source: StoreError,
    },
    /// The run was completed as an interrupted one by another process. The last removal was undone.
    #[error("another process completed this run, so its last removal was undone; run it again")]
    Superseded,
    /// Another process removes records or changes partitions.
    #[error("another process removes records or merges partitions now; retry when it has ended")]
    Busy,
    /// The rules, or what they depend on, changed during the run. What follows was not removed.
    #[error("the rules of retention changed during the run; run it again")]
    RulesChanged,
    /// Records changed after they were archived, for instance by an erasure. They were not removed.
    #[error(
        "records of {partition} changed while they were archived, so none was removed; run again"
    )]
    RecordsChanged {
        /// The table.
        partition: String,
    },
    /// A partition that was replaced has another number of records than it had. It is kept, detached.
    #[error(
        "the detached table control_plane.{table} should have {expected} records and has {found}; it was \
         not dropped, compare it with the log before you drop it"
    )]
    UnexpectedCount {
        /// The table.
        table: String,
        /// Records when it was replaced.
        expected: i64,
        /// Records now.
        found: i64,
    },
}

impl RetentionError {
    /// Stable machine-readable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Store(error) | Self::Unacknowledged { source: error } => error.code(),
            Self::Archive(error) => error.code(),
            Self::NotOwner { .. } => "not_owner",
            Self::Superseded => "run_superseded",
            Self::Busy => "maintenance_busy",
            Self::RulesChanged => "rules_changed",
            Self::RecordsChanged { .. } => "records_changed",
            Self::UnexpectedCount { .. } => "unexpected_count",
        }
    }

    /// Whether a lock was not free in time, so that the same step may succeed after a pause.
    pub(super) fn is_lock_timeout(&self) -> bool {
        matches!(self, Self::Store(StoreError::Busy { .. }))
    }
}
