//! Whose fault a failed group is.

use std::error::Error;

use crate::error::StoreError;
use crate::sqlstate::{routine, sqlstate};

/// Whose fault a failed group is, which says what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Some record's. The others can be written without it.
    Record,
    /// Somebody holds a lock or the server is slow; perhaps it is about one record only.
    Contention,
    /// The database's. Nothing can be written now.
    Outage,
}

impl Fault {
    /// Sorts the error of a statement; one of making a connection is always an outage.
    ///
    /// A trigger of the user's may raise any SQLSTATE, also one of those that tell of an outage, and
    /// a row-level policy refuses a row as if the role had no rights; the routine of the server that
    /// reports it gives both away.
    pub(super) fn of(error: &StoreError) -> Self {
        let source = error.source().and_then(|source| source.downcast_ref::<sqlx::Error>());
        let routine = source.and_then(routine);
        if matches!(routine, Some("exec_stmt_raise" | "ExecWithCheckOptions")) {
            return Self::Record;
        }
        // What a connection has prepared is gone, or is not there with the server that a pooler has
        // put behind it: a new connection prepares it again.
        if matches!(source.and_then(sqlstate), Some("26000" | "42P05")) {
            return Self::Outage;
        }
        match error {
            StoreError::Busy { source, .. } => match sqlstate(source) {
                Some("55P03" | "57014" | "40P01" | "40001") => Self::Contention,
                _ => Self::Outage,
            },
            StoreError::Unreachable { .. }
            | StoreError::ReadOnly { .. }
            | StoreError::PermissionDenied { .. }
            | StoreError::NotMigrated { .. } => Self::Outage,
            StoreError::IdConflict { .. }
            | StoreError::Invalid { .. }
            | StoreError::Rejected { .. }
            | StoreError::Corrupt { .. }
            | StoreError::NoRandomness { .. }
            // No write of records has to do with keys; listed so that a new variant is thought about.
            | StoreError::InvalidApiKey { .. }
            | StoreError::CorruptApiKey { .. }
            | StoreError::KeyChanged
            | StoreError::Database { .. } => Self::Record,
        }
    }
}
