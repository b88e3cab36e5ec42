//! The error of the migration runner.

mod text;

use std::time::Duration;

use self::text::{Blockers, Described, Leftover, Lines};
use super::blocker::Blocker;
use super::validate::Problem;
use crate::schema::Difference;
use crate::sqlstate::is_connection_loss;

/// The error of the migration runner. Each variant calls for a different reaction.
///
/// Its text contains the message, detail and hint of the server, so it has no source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The database cannot be reached, or the connection to it was lost. Retry when it is available.
    #[error("cannot reach the database: {}", Described { error: cause, excerpt: None })]
    Unreachable {
        /// The error of the driver.
        cause: sqlx::Error,
    },
    /// Another runner held the lock for the whole lock timeout. Retry, or inspect the holder.
    #[error("another migration run has held the lock for {} s: {holder}", waited.as_secs())]
    LockBusy {
        /// How long this runner waited.
        waited: Duration,
        /// The session that holds the lock.
        holder: Blocker,
    },
    /// Another session held a lock on a table for the whole lock timeout. The step was rolled back.
    #[error("{file} could not get its lock within {} s and was rolled back{}", waited.as_secs(), Blockers(blockers))]
    TableBusy {
        /// The migration that waited.
        file: String,
        /// How long it waited, over all attempts.
        waited: Duration,
        /// Sessions that hold locks on tables of the schema.
        blockers: Vec<Blocker>,
    },
    /// The database has an encoding in which not every record can be stored. Nothing was run.
    #[error(
        "the encoding of the database is {encoding}, but records need UTF8: create a database with encoding 'UTF8' and \
         template template0"
    )]
    Encoding {
        /// The encoding, as PostgreSQL names it.
        encoding: String,
    },
    /// The tracking table and the migrations are inconsistent. Nothing was run.
    #[error(
        "the migration history of the database does not match this program:{}",
        Lines(problems)
    )]
    Invalid {
        /// Every inconsistency.
        problems: Vec<Problem>,
    },
    /// A step failed. A transactional step was rolled back; for others see `leftover`.
    #[error("{file} failed: {}{}", Described { error: cause, excerpt: excerpt.as_deref() }, Leftover(leftover.as_deref()))]
    StepFailed {
        /// The file that failed.
        file: String,
        /// Line, column and text of the position of the error.
        excerpt: Option<String>,
        /// An invalid index that could not be dropped.
        leftover: Option<String>,
        /// The error of the server.
        cause: sqlx::Error,
    },
    /// A file ended the transaction in which it runs, so its effects were committed without its tracking row.
    #[error(
        "{file} ends its transaction; remove BEGIN, COMMIT and ROLLBACK from it, and check the changes that it committed"
    )]
    TransactionEnded {
        /// The file.
        file: String,
    },
    /// The table `schema_migrations` belongs to another tool.
    #[error(
        "{schema}.schema_migrations belongs to another tool (it lacks {}); rename or move it, or run \
         these migrations with that tool from `migrate sql`",
        lacking.join(", ")
    )]
    ForeignTrackingTable {
        /// Its schema.
        schema: String,
        /// The missing columns.
        lacking: Vec<&'static str>,
    },
    /// The migration does not exist.
    #[error("there is no migration {version}; the last one is {latest}")]
    NoSuchVersion {
        /// The requested number.
        version: i64,
        /// The newest number.
        latest: i64,
    },
    /// Reverting would lose data, which was not allowed. Nothing was reverted.
    #[error("reverting {} would lose data; use --allow-data-loss to allow that", files.join(", "))]
    DataLoss {
        /// The migrations that lose data.
        files: Vec<String>,
    },
    /// A migration cannot be reverted. Nothing was reverted.
    #[error("{file} cannot be reverted: it has no .down.sql")]
    NoWayBack {
        /// The migration.
        file: String,
    },
    /// The live schema matches no version. Nothing was recorded.
    #[error(
        "nothing was adopted: the schema matches no version; its differences from the closest, {closest}:{}",
        Lines(differences)
    )]
    NoBaseline {
        /// The version with the fewest differences.
        closest: i64,
        /// The differences.
        differences: Vec<Difference>,
    },
    /// `baseline` requires a database without a history.
    #[error(
        "this database already has a history up to {version}; run `migrate` instead of `migrate baseline`"
    )]
    AlreadyTracked {
        /// The newest tracked migration.
        version: i64,
    },
    /// These migrations have no description of the schema.
    #[error("version {version} of schema {schema} has no description to compare with")]
    NotDescribed {
        /// The schema.
        schema: String,
        /// The version.
        version: i64,
    },
    /// Any other error of the database.
    #[error("could not {doing}: {}", Described { error: cause, excerpt: None })]
    Database {
        /// The operation that failed.
        doing: &'static str,
        /// The error of the server.
        cause: sqlx::Error,
    },
}

impl MigrateError {
    /// Stable machine-readable code; the wording of errors may change.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "database_unreachable",
            Self::LockBusy { .. } => "lock_busy",
            Self::TableBusy { .. } => "table_busy",
            Self::Encoding { .. } => "encoding_unsupported",
            Self::Invalid { .. } => "history_invalid",
            Self::StepFailed { .. } => "step_failed",
            Self::TransactionEnded { .. } => "transaction_ended",
            Self::ForeignTrackingTable { .. } => "foreign_tracking_table",
            Self::NoSuchVersion { .. } => "no_such_version",
            Self::DataLoss { .. } => "data_loss",
            Self::NoWayBack { .. } => "no_way_back",
            Self::NoBaseline { .. } => "no_baseline",
            Self::AlreadyTracked { .. } => "already_tracked",
            Self::NotDescribed { .. } => "not_described",
            Self::Database { .. } => "database_error",
        }
    }

    /// For `map_err`: classifies an error of the driver.
    pub(crate) fn while_trying_to(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |cause| {
            if is_connection_loss(&cause) {
                Self::Unreachable { cause }
            } else {
                Self::Database { doing, cause }
            }
        }
    }

    /// The error of a statement of a migration file, with the position in the file.
    pub(crate) fn in_file(file: String, sql: &str, cause: sqlx::Error) -> Self {
        if is_connection_loss(&cause) {
            return Self::Unreachable { cause };
        }
        let excerpt = text::position(&cause).and_then(|at| text::excerpt(&file, sql, at));
        Self::StepFailed { file, excerpt, leftover: None, cause }
    }
}
