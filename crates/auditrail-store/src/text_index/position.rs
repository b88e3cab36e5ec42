//! The position of the index: the row of `audit_log_text_index`.

use crate::sql::Sql;
use crate::words::filter::VERSION;

/// Reads the position and locks it until the end of the transaction; no row if another session has locked it, or the
/// index is of another version.
pub(super) fn lock_sql() -> Sql {
    Sql::new(
        "select t.next_seq from control_plane.audit_log_text_index t where t.version = $1
            for update of t skip locked",
    )
    .bind(VERSION)
}

/// Reads how many entries are not indexed.
pub(super) fn lag_sql() -> Sql {
    Sql::new(
        "select s.next_seq - t.next_seq
           from control_plane.audit_log_text_index t cross join control_plane.audit_log_sequencer s",
    )
}

/// Advances the position.
pub(super) fn advance_sql(next_seq: i64) -> Sql {
    Sql::new("update control_plane.audit_log_text_index set next_seq = $1").bind(next_seq)
}
