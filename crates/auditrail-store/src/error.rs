//! Why the store refused or failed.

use auditrail_core::{ApiKeyId, FieldError, RecordId, ValueError};

use crate::sqlstate::{KEY_CHANGED, is_connection_loss, sqlstate};

/// Why the store refused or failed. Each variant is something else to do about it.
///
/// The driver's own words are in the source, never in the text of the error: they may quote a row.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database cannot be reached, or the connection was lost. Try again with the same ids.
    ///
    /// When it was lost while a write was being committed, nobody knows whether the write took hold;
    /// a repetition with the same id finds out, and writes nothing twice.
    #[error("the database cannot be reached; try again when it is up")]
    Unreachable {
        /// What the driver said.
        source: sqlx::Error,
    },
    /// The server gave up for now: a timeout, a lock, too little memory or disk, a disk that fails.
    /// Try again later.
    #[error("could not {doing}: the database is too busy or out of resources; try again later")]
    Busy {
        /// What was being done.
        doing: &'static str,
        /// What the server said.
        source: sqlx::Error,
    },
    /// Another record has this id. Use another id, or find out who uses the same one.
    #[error("a record with the id {id} and other content is already there")]
    IdConflict {
        /// The id.
        id: RecordId,
    },
    /// A record of the batch breaks a rule that depends on the clock. Nothing was written.
    #[error("record {index} cannot be written: {error}")]
    Invalid {
        /// Its place in the batch, from 0.
        index: usize,
        /// The field and what is wrong with it.
        error: FieldError,
    },
    /// A rule of the database refused a record. Nothing was written.
    #[error("the database refused a record by its rule {rule}")]
    Rejected {
        /// The name of the constraint, or the SQLSTATE where no constraint is named.
        rule: String,
        /// What the server said.
        source: sqlx::Error,
    },
    /// The role of this program may not do that. Have its rights granted.
    #[error(
        "could not {doing}: the role lacks the right; `auditrail migrate grants` prints the SQL that \
         gives it"
    )]
    PermissionDenied {
        /// What was being done.
        doing: &'static str,
        /// What the server said.
        source: sqlx::Error,
    },
    /// The table is not there, or not as new as this program. Migrate.
    #[error("the audit log's table is missing or too old; run `auditrail migrate`")]
    NotMigrated {
        /// What the server said.
        source: sqlx::Error,
    },
    /// The server takes no writes. Connect to the primary.
    #[error("the database is read-only; connect to the primary")]
    ReadOnly {
        /// What the server said.
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
    /// A key cannot be made like that. Nothing was written.
    #[error("the API key cannot be made: {error}")]
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
    /// The API key of the call was revoked or changed since it was looked up. Nothing was read. Look it
    /// up again.
    #[error("the API key was revoked or changed meanwhile")]
    KeyChanged,
    /// The operating system gave no random bytes for an id or a key.
    #[error("the operating system gave no random bytes for an id or a key")]
    NoRandomness {
        /// What it said.
        source: getrandom::Error,
    },
    /// The server refused something else.
    #[error("could not {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the driver said.
        source: sqlx::Error,
    },
}

impl StoreError {
    /// Stable machine name; the wording of errors may change, this does not.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "database_unreachable",
            Self::Busy { .. } => "database_busy",
            Self::IdConflict { .. } => "id_conflict",
            Self::Invalid { error, .. } => error.code.as_str(),
            Self::Rejected { .. } => "rejected_by_database",
            Self::PermissionDenied { .. } => "permission_denied",
            Self::NotMigrated { .. } => "not_migrated",
            Self::ReadOnly { .. } => "read_only",
            Self::Corrupt { .. } => "corrupt_record",
            Self::InvalidApiKey { error } => error.code.as_str(),
            Self::CorruptApiKey { .. } => "corrupt_key",
            Self::KeyChanged => "key_changed",
            Self::NoRandomness { .. } => "no_randomness",
            Self::Database { .. } => "database_error",
        }
    }

    /// Whether the same call may well succeed later, with nothing changed but the time.
    #[must_use]
    pub const fn is_worth_retrying(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Busy { .. })
    }

    /// For `map_err`: sorts a driver error by what the caller can do about it.
    pub(crate) fn while_trying_to(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::sort(doing, source)
    }

    fn sort(doing: &'static str, source: sqlx::Error) -> Self {
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
            // Class 28: the server does not let us in. 3D000: it has no such database (yet).
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
