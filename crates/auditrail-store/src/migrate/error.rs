//! What can go wrong with migrations, and where in a file the server found it.

mod text;

use std::time::Duration;

use self::text::{Blockers, Described, Leftover, Lines};
use super::blocker::Blocker;
use super::validate::Problem;
use crate::schema::Difference;
use crate::sqlstate::is_connection_loss;

/// Why the runner stopped. Each variant is something else to do about it.
///
/// Its text holds the server's own words, detail and hint, so there is no source to print after it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The database cannot be reached, or the connection to it was lost. Try again when it is up.
    #[error("cannot reach the database: {}", Described { error: cause, excerpt: None })]
    Unreachable {
        /// What the driver said.
        cause: sqlx::Error,
    },
    /// Another runner is at work and was so for the whole lock timeout. Try again, or see who it is.
    #[error("another migration run has held the lock for {} s: {holder}", waited.as_secs())]
    LockBusy {
        /// How long this runner waited.
        waited: Duration,
        /// Who holds the lock.
        holder: Blocker,
    },
    /// Somebody held a table of the schema for the whole lock timeout. The step was rolled back.
    #[error("{file} could not get its lock within {} s; nothing of it was kept{}", waited.as_secs(), Blockers(blockers))]
    TableBusy {
        /// The migration that waited.
        file: String,
        /// How long it waited, over all attempts.
        waited: Duration,
        /// Sessions that hold locks on tables of the schema.
        blockers: Vec<Blocker>,
    },
    /// The tracking table and the migrations do not fit together. Nothing was run.
    #[error("the database's history does not fit this program:{}", Lines(problems))]
    Invalid {
        /// Everything that does not fit.
        problems: Vec<Problem>,
    },
    /// A step failed. A transactional one was rolled back; `leftover` tells of any other.
    #[error("{file} failed: {}{}", Described { error: cause, excerpt: excerpt.as_deref() }, Leftover(leftover.as_deref()))]
    StepFailed {
        /// The file that failed.
        file: String,
        /// Line, column and text of the place the server complained about.
        excerpt: Option<String>,
        /// An invalid index that could not be removed.
        leftover: Option<String>,
        /// What the server said.
        cause: sqlx::Error,
    },
    /// A file ended the transaction it runs in, so its effects and its tracking row came apart.
    #[error(
        "{file} ends its own transaction; remove BEGIN, COMMIT and ROLLBACK from it and check what it left"
    )]
    TransactionEnded {
        /// The file.
        file: String,
    },
    /// A table named `schema_migrations` is there and is not this runner's.
    #[error(
        "{schema}.schema_migrations belongs to another tool (it lacks {}); rename or move it, or run \
         these migrations with that tool from `migrate sql`",
        lacking.join(", ")
    )]
    ForeignTrackingTable {
        /// The schema it is in.
        schema: String,
        /// The columns it would have to have.
        lacking: Vec<&'static str>,
    },
    /// There is no such migration.
    #[error("there is no migration {version}; the last one is {latest}")]
    NoSuchVersion {
        /// The number asked for.
        version: i64,
        /// The newest number.
        latest: i64,
    },
    /// Undoing would lose data, and nobody allowed that. Nothing was undone.
    #[error("undoing {} would lose data; say --allow-data-loss if that is what you want", files.join(", "))]
    DataLoss {
        /// The migrations that lose data when undone.
        files: Vec<String>,
    },
    /// A migration has no way back. Nothing was undone.
    #[error("{file} cannot be undone: it has no .down.sql")]
    NoWayBack {
        /// The migration.
        file: String,
    },
    /// `baseline` found no version that the live schema matches. Nothing was noted.
    #[error(
        "nothing was adopted: the schema is closest to version {closest}, and there{}",
        Lines(differences)
    )]
    NoBaseline {
        /// The version with the fewest differences.
        closest: i64,
        /// What differs from it.
        differences: Vec<Difference>,
    },
    /// `baseline` is for a database without history; this one has some.
    #[error(
        "this database already has a history up to {version}; run `migrate` instead of `migrate baseline`"
    )]
    AlreadyTracked {
        /// The newest tracked migration.
        version: i64,
    },
    /// These migrations carry no description of the schema, so it cannot be compared.
    #[error("version {version} of schema {schema} has no description to compare with")]
    NotDescribed {
        /// The schema.
        schema: String,
        /// The version.
        version: i64,
    },
    /// The server refused something else.
    #[error("could not {doing}: {}", Described { error: cause, excerpt: None })]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the server said.
        cause: sqlx::Error,
    },
}

impl MigrateError {
    /// Stable machine name; the wording of errors may change, this does not.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "database_unreachable",
            Self::LockBusy { .. } => "lock_busy",
            Self::TableBusy { .. } => "table_busy",
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

    /// For `map_err`: sorts a driver error into "unreachable" and "refused while doing".
    pub(crate) fn while_trying_to(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |cause| match is_connection_loss(&cause) {
            true => Self::Unreachable { cause },
            false => Self::Database { doing, cause },
        }
    }

    /// For the text of a migration file: adds the place in the file.
    pub(crate) fn in_file(file: String, sql: &str, cause: sqlx::Error) -> Self {
        if is_connection_loss(&cause) {
            return Self::Unreachable { cause };
        }
        let excerpt = text::position(&cause).and_then(|at| text::excerpt(&file, sql, at));
        Self::StepFailed { file, excerpt, leftover: None, cause }
    }
}
