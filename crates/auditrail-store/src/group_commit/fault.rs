//! The cause of a failed group.

use std::error::Error;

use crate::error::StoreError;
use crate::sqlstate::{routine, sqlstate};

/// The cause of a failed group, which decides about the retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A record. The others can be written without it.
    Record,
    /// A lock or a slow server, which may concern a single record only.
    Contention,
    /// The database. Nothing can be written now.
    Outage,
}

impl Fault {
    /// Classifies the error of a statement; a failed connection attempt is always an outage.
    ///
    /// A user's trigger may raise any SQLSTATE, including those of an outage, and a row-level policy
    /// refuses a row with the SQLSTATE of a missing privilege. The server routine in the error
    /// identifies both.
    pub(super) fn of(error: &StoreError) -> Self {
        let source = error.source().and_then(|source| source.downcast_ref::<sqlx::Error>());
        let routine = source.and_then(routine);
        if matches!(routine, Some("exec_stmt_raise" | "ExecWithCheckOptions")) {
            return Self::Record;
        }
        // A prepared statement is missing, or a pooler switched to another server connection. A new
        // connection prepares it again.
        if matches!(source.and_then(sqlstate), Some("26000" | "42P05")) {
            return Self::Outage;
        }
        match error {
            StoreError::Busy { source, .. } => match sqlstate(source) {
                Some("55P03" | "57014" | "40P01" | "40001") => Self::Contention,
                _ => Self::Outage,
            },
            StoreError::Unreachable { .. }
            | StoreError::Overloaded { .. }
            | StoreError::ReadOnly { .. }
            | StoreError::PermissionDenied { .. }
            | StoreError::NotMigrated { .. } => Self::Outage,
            StoreError::IdConflict { .. }
            | StoreError::Invalid { .. }
            | StoreError::Rejected { .. }
            | StoreError::Corrupt { .. }
            | StoreError::NoRandomness { .. }
            // Not errors of a write; listed so that the compiler requires a decision for a new variant.
            | StoreError::InvalidApiKey { .. }
            | StoreError::CorruptApiKey { .. }
            | StoreError::KeyChanged
            | StoreError::NoMatch { .. }
            | StoreError::PositionUnknown { .. }
            | StoreError::Distributed
            | StoreError::DamagedTree { .. }
            | StoreError::AlteredRecord { .. }
            | StoreError::TooManyRules { .. }
            | StoreError::CorruptRule { .. }
            | StoreError::Database { .. } => Self::Record,
        }
    }
}
