//! The error of partition maintenance.

use std::fmt;
use std::time::Duration;

use crate::blocker::Blocker;
use crate::sqlstate::{is_connection_loss, is_lock_failure};

/// Why an operation on the partitions failed. Whatever was complete before the failure stays, and the next
/// run resumes from there; no record is lost or duplicated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartitionError {
    /// The database cannot be reached, or the connection was lost. Retry.
    #[error("the database cannot be reached; run the command again when it is available")]
    Unreachable {
        /// The error of the driver.
        #[source]
        cause: sqlx::Error,
    },
    /// Another process maintains the partitions of this database.
    #[error("another process is changing the partitions of this database; wait for it")]
    AnotherProcess,
    /// A table lock was not granted within the time allowed. Nothing was changed by this step.
    #[error(
        "could not {doing}: its lock was not granted within {} s{}; run the command again when these \
         transactions have ended",
        waited.as_secs(),
        Blockers(blockers)
    )]
    Busy {
        /// The operation.
        doing: &'static str,
        /// The time spent in attempts and pauses.
        waited: Duration,
        /// Sessions with locks on tables of the log.
        blockers: Vec<Blocker>,
    },
    /// The schema is missing, or older than this program.
    #[error("the schema of the audit log is missing or too old; run `auditrail migrate`")]
    NotMigrated,
    /// The table is not partitioned yet.
    #[error("control_plane.audit_logs is not partitioned; run `auditrail partition adopt`")]
    NotPartitioned,
    /// The role may not change the table.
    #[error(
        "the role {role} does not own control_plane.audit_logs; connect as {owner}, the role that runs \
         `auditrail migrate`"
    )]
    NotOwner {
        /// The role of the connection.
        role: String,
        /// The owner of the table.
        owner: String,
    },
    /// The table is distributed by Citus, which has shards in place of these partitions.
    #[error(
        "control_plane.audit_logs is distributed by Citus; it cannot be partitioned by this program. \
         Retention deletes records there"
    )]
    Citus,
    /// Objects of the application depend on the table, or its definition cannot be carried over.
    #[error(
        "control_plane.audit_logs cannot be partitioned yet: {}. Drop these, run the command again, and \
         create them again",
        reasons.join("; ")
    )]
    Unsuitable {
        /// The objects, each with the reason.
        reasons: Vec<String>,
    },
    /// Any other error of the database.
    #[error("could not {doing}")]
    Database {
        /// The operation.
        doing: &'static str,
        /// The error of the server.
        #[source]
        cause: sqlx::Error,
    },
}

impl PartitionError {
    /// Stable machine-readable code; the wording of errors may change.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "database_unreachable",
            Self::AnotherProcess => "lock_busy",
            Self::Busy { .. } => "table_busy",
            Self::NotMigrated => "not_migrated",
            Self::NotPartitioned => "not_partitioned",
            Self::NotOwner { .. } => "not_owner",
            Self::Citus => "citus",
            Self::Unsuitable { .. } => "unsuitable",
            Self::Database { .. } => "database_error",
        }
    }

    /// For `map_err`: classifies an error of the driver.
    pub(super) fn while_trying_to(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |cause| {
            if is_connection_loss(&cause) {
                Self::Unreachable { cause }
            } else {
                Self::Database { doing, cause }
            }
        }
    }

    /// Whether a lock timeout expired, so that the step is worth another attempt.
    pub(crate) fn is_lock_failure(&self) -> bool {
        matches!(self, Self::Database { cause, .. } if is_lock_failure(cause))
    }
}

/// `, held by …`, or nothing.
struct Blockers<'a>(&'a [Blocker]);

impl fmt::Display for Blockers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, blocker) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "; held by " } else { ", " })?;
            blocker.fmt(f)?;
        }
        Ok(())
    }
}
