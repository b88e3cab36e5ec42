//! The error of the store.

use auditrail_core::{ApiKeyId, FeedPosition, FieldError, RecordId, RetentionRuleId, ValueError};

use crate::sqlstate::{KEY_CHANGED, is_connection_loss, sqlstate};

/// The error of the store. Each variant calls for a different reaction.
///
/// The message of the driver is the source and never part of the text, because it may quote a row.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database cannot be reached, or the connection was lost. Retry with the same ids.
    ///
    /// A write whose commit was in flight when the connection was lost may have been applied. A retry
    /// with the same id finds it, and writes nothing twice.
    #[error("the database cannot be reached; retry when it is available")]
    Unreachable {
        /// The error of the driver.
        source: sqlx::Error,
    },
    /// A temporary failure of the server: a timeout, a lock, not enough memory or disk space, an I/O
    /// error. Retry later.
    #[error("could not {doing}: the database is too busy or out of resources; retry later")]
    Busy {
        /// The operation that failed.
        doing: &'static str,
        /// The error of the server.
        source: sqlx::Error,
    },
    /// All connections of this process for such operations are in use. Nothing was read or written. Retry
    /// later.
    #[error("could not {doing}: all connections are in use; retry later")]
    Overloaded {
        /// The operation that failed.
        doing: &'static str,
    },
    /// The id belongs to a record with other content. Use another id.
    #[error("a record with the id {id} and other content is already there")]
    IdConflict {
        /// The id.
        id: RecordId,
    },
    /// No record with this id matches the filters of the search around it.
    #[error("no record with the id {id} matches these filters")]
    NoMatch {
        /// The id.
        id: RecordId,
    },
    /// A record of the batch breaks a rule that depends on the clock. Nothing was written.
    #[error("record {index} cannot be written: {error}")]
    Invalid {
        /// Its index in the batch, from 0.
        index: usize,
        /// The field and what is wrong with it.
        error: FieldError,
    },
    /// A rule of the database refused a record. Nothing was written.
    #[error("the rule {rule} of the database rejected a record")]
    Rejected {
        /// The name of the constraint, or the SQLSTATE where no constraint is named.
        rule: String,
        /// The error of the server.
        source: sqlx::Error,
    },
    /// The database role lacks a privilege. Grant it.
    #[error(
        "could not {doing}: the role lacks the privilege; `auditrail migrate grants` prints the SQL \
         that grants it"
    )]
    PermissionDenied {
        /// The operation that failed.
        doing: &'static str,
        /// The error of the server.
        source: sqlx::Error,
    },
    /// The table does not exist, or is older than this program. Run the migrations.
    #[error("the schema of the audit log is missing or too old; run `auditrail migrate`")]
    NotMigrated {
        /// The error of the server.
        source: sqlx::Error,
    },
    /// The server is read-only. Connect to the primary.
    #[error("the database is read-only; connect to the primary")]
    ReadOnly {
        /// The error of the server.
        source: sqlx::Error,
    },
    /// A row breaks a rule the schema should hold. Compare the schema with `auditrail migrate verify`.
    #[error("the stored record {id} breaks a rule of the table; run `auditrail migrate verify`")]
    Corrupt {
        /// The id of the row.
        id: RecordId,
        /// What is wrong with it.
        source: ValueError,
    },
    /// The new API key is invalid. Nothing was written.
    #[error("the API key cannot be created: {error}")]
    InvalidApiKey {
        /// The field and what is wrong with it.
        error: FieldError,
    },
    /// The row of a key breaks a rule the schema should hold. Compare the schema with
    /// `auditrail migrate verify`.
    #[error("the stored API key {id} breaks a rule of the table; run `auditrail migrate verify`")]
    CorruptApiKey {
        /// The id of the row.
        id: ApiKeyId,
        /// What is wrong with it.
        source: ValueError,
    },
    /// There are as many rules of retention as there can be. Remove one, or use prefixes of actions.
    #[error("there are {max} rules of retention already, which is the maximum; remove one first")]
    TooManyRules {
        /// The maximum.
        max: usize,
    },
    /// The row of a rule of retention breaks a rule the schema should hold. Compare the schema with
    /// `auditrail migrate verify`.
    #[error(
        "the rule of retention {id} breaks a rule of the table; run `auditrail migrate verify`"
    )]
    CorruptRule {
        /// The id of the row.
        id: RetentionRuleId,
        /// What is wrong with it.
        source: ValueError,
    },
    /// The API key of the call was revoked or changed since it was looked up. Nothing was read. Look it
    /// up again.
    #[error("the API key was revoked or changed meanwhile")]
    KeyChanged,
    /// The log has no such position: the database lost its newest records, such as when it was restored to an
    /// earlier state, or the position is of another log. Nothing was read. Continue from a position that the
    /// caller stored earlier, or from the start.
    #[error(
        "the log has no record at the position {position}{}; it was restored to an earlier state, or the \
         position is of another log: continue from an earlier position, or from the start",
        match head {
            None => String::new(),
            Some(head) => format!(": its last record has the seq {head}"),
        }
    )]
    PositionUnknown {
        /// The position.
        position: FeedPosition,
        /// The seq of the last record, if it is before the position; else the record there has another id.
        head: Option<i64>,
    },
    /// The records are spread over several servers, whose ids of transactions are unrelated: the sequencer would
    /// skip records. Keep the table on one server.
    #[error(
        "the records cannot be sequenced: control_plane.audit_logs is a distributed table of Citus, and the ids of \
         transactions differ between its servers; make it a local table again"
    )]
    Distributed,
    /// The rows of the transparency log do not fit together: they were changed by other means, or are from different
    /// backups. Nothing is added to the log, and no proof is made, until the database is restored.
    #[error(
        "the transparency log is damaged: {detail}; compare it with a kept checkpoint by `auditrail verify log`, and \
         restore the database from a backup"
    )]
    DamagedTree {
        /// What is wrong, as part of a sentence.
        detail: String,
    },
    /// A record is not the one that was sealed: its fields, its time or its record key were changed by other means than
    /// erasure. No proof is made of it. Restore it from a backup.
    #[error(
        "record {id} is not the one that the transparency log has as entry {seq}: it was changed after it was sealed; \
         restore it from a backup"
    )]
    AlteredRecord {
        /// The id of the record.
        id: RecordId,
        /// The index of its entry.
        seq: u64,
    },
    /// No random bytes for an id or a key.
    #[error("could not obtain random bytes from the operating system")]
    NoRandomness {
        /// The error of the operating system.
        source: getrandom::Error,
    },
    /// Any other error of the database.
    #[error("could not {doing}")]
    Database {
        /// The operation that failed.
        doing: &'static str,
        /// The error of the driver.
        source: sqlx::Error,
    },
}

impl StoreError {
    /// Stable machine-readable code; the wording of errors may change.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "database_unreachable",
            Self::Busy { .. } => "database_busy",
            Self::Overloaded { .. } => "overloaded",
            Self::IdConflict { .. } => "id_conflict",
            Self::NoMatch { .. } => "not_found",
            Self::Invalid { error, .. } => error.code.as_str(),
            Self::Rejected { .. } => "rejected_by_database",
            Self::PermissionDenied { .. } => "permission_denied",
            Self::NotMigrated { .. } => "not_migrated",
            Self::ReadOnly { .. } => "read_only",
            Self::Corrupt { .. } => "corrupt_record",
            Self::InvalidApiKey { error } => error.code.as_str(),
            Self::CorruptApiKey { .. } => "corrupt_key",
            Self::TooManyRules { .. } => "too_many_rules",
            Self::CorruptRule { .. } => "corrupt_rule",
            Self::KeyChanged => "key_changed",
            Self::PositionUnknown { .. } => "position_unknown",
            Self::Distributed => "distributed_table",
            Self::DamagedTree { .. } => "damaged_tree",
            Self::AlteredRecord { .. } => "altered_record",
            Self::NoRandomness { .. } => "no_randomness",
            Self::Database { .. } => "database_error",
        }
    }

    /// Whether the same call may succeed later without any change.
    #[must_use]
    pub const fn is_worth_retrying(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Busy { .. } | Self::Overloaded { .. })
    }

    /// For `map_err`: classifies an error of the driver by the reaction it calls for.
    pub(crate) fn while_trying_to(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::classify(doing, source)
    }

    fn classify(doing: &'static str, source: sqlx::Error) -> Self {
        let code = sqlstate(&source).map(str::to_owned);
        let code = code.as_deref().unwrap_or_default();
        match (code, code.get(..2).unwrap_or_default()) {
            (KEY_CHANGED, _) => Self::KeyChanged,
            // Cancelled or timed out, lock timeout, serialization failure, deadlock, resources, and
            // errors of the system below the server.
            ("57014" | "55P03" | "40001" | "40P01", _) | (_, "53" | "58") => {
                Self::Busy { doing, source }
            }
            _ if is_connection_loss(&source) => Self::Unreachable { source },
            // Class 28: authentication failed. 3D000: the database does not exist (yet).
            ("3D000", _) | (_, "28") => Self::Unreachable { source },
            ("42501", _) => Self::PermissionDenied { doing, source },
            ("42P01" | "42703" | "3F000", _) => Self::NotMigrated { source },
            ("25006", _) => Self::ReadOnly { source },
            // Class 22: a value its type cannot hold. Class 23: a constraint.
            (_, "22" | "23") => {
                let rule = source.as_database_error().and_then(|e| e.constraint());
                let rule = rule.unwrap_or(code).to_owned();
                Self::Rejected { rule, source }
            }
            _ => Self::Database { doing, source },
        }
    }
}
