//! Transactions that read all partitions in one snapshot.
//!
//! The snapshot of a transaction at this isolation level is that of its first query. If that query waits while
//! partitions are exchanged, as at the end of a merge, it sees the new layout, but none of the records in tables that
//! were attached in it. So the transaction first takes a lock that excludes an exchange; `LOCK TABLE` itself takes no
//! snapshot (documentation of PostgreSQL, LOCK).

use crate::sql::Sql;

macro_rules! begin {
    () => {
        "begin isolation level repeatable read read only"
    };
}

macro_rules! lock_layout {
    () => {
        "lock table only control_plane.audit_logs in access share mode"
    };
}

/// Starts such a transaction, as one text; further statements may follow after a semicolon.
macro_rules! begin_snapshot {
    () => {
        concat!($crate::snapshot::begin!(), "; ", $crate::snapshot::lock_layout!())
    };
}

pub(crate) use {begin, begin_snapshot, lock_layout};

/// Starts such a transaction, as statements that can be sent together with others.
pub(crate) fn begin_sql() -> [Sql; 2] {
    [Sql::new(begin!()), lock_layout_sql()]
}

/// Excludes an exchange of partitions until the end of the transaction, whose first statement it has to be.
pub(crate) fn lock_layout_sql() -> Sql {
    Sql::new(lock_layout!())
}
