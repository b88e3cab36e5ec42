//! The state of the log: the row of `audit_log_tree`.

use crate::db::Row;
use crate::sql::Sql;

/// The state, and how far the sequence is.
#[derive(Debug)]
pub(super) struct Position {
    /// The number of entries.
    pub(super) size: i64,
    /// Earlier records may have left before they were sealed.
    pub(super) followed_from: i64,
    pub(super) sequence: Sequence,
}

/// How far the sequence is.
#[derive(Clone, Debug)]
pub(super) struct Sequence {
    pub(super) next_seq: i64,
    /// Every record that is visible in this snapshot has a lower seq than `next_seq`.
    pub(super) done: Option<String>,
}

impl Position {
    pub(super) fn read(row: &Row) -> Result<Self, sqlx::Error> {
        let done: Option<&str> = row.get(3)?;
        let sequence = Sequence { next_seq: row.get(2)?, done: done.map(str::to_owned) };
        Ok(Self { size: row.get(0)?, followed_from: row.get(1)?, sequence })
    }
}

/// Reads the state and locks it until the end of the transaction; no row if another session has locked it.
pub(super) fn lock_sql() -> Sql {
    Sql::new(
        "select t.size, t.followed_from, s.next_seq, s.done::text
           from control_plane.audit_log_tree t cross join control_plane.audit_log_sequencer s
            for update of t skip locked",
    )
}

/// Reads the number of entries, and of records with a seq.
pub(super) fn look_sql() -> Sql {
    Sql::new(
        "select t.size, s.next_seq
           from control_plane.audit_log_tree t cross join control_plane.audit_log_sequencer s",
    )
}

/// Makes the commit of the transaction durable, where a setting of the role or the database is that it is not: a signed
/// checkpoint must not outlive what it is about.
pub(super) fn durable_sql() -> Sql {
    Sql::new(
        "select set_config('synchronous_commit', 'on', true)
          where current_setting('synchronous_commit') = 'off'",
    )
}

/// Advances the state; `done` is a snapshot of which every visible record has an entry now, if known.
pub(super) fn advance_sql(size: i64, done: Option<&str>) -> Sql {
    Sql::new(
        "update control_plane.audit_log_tree
            set size = $1, sealed_at = now(), done = coalesce($2::text::pg_snapshot, done)",
    )
    .bind(size)
    .bind_optional(done)
}
