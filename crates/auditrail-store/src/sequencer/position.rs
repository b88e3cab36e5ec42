//! The position of the sequencer: the row of `audit_log_sequencer`.

use std::time::Duration;

use super::entries::Candidate;
use crate::db::Row;
use crate::sql::Sql;
use crate::value::XactId;

/// The position.
#[derive(Debug)]
pub(super) struct Position {
    pub(super) next_seq: i64,
    /// Whether its snapshots are of this cluster and database.
    pub(super) is_same_cluster: bool,
    /// Whether every record that was there at the start has a seq.
    pub(super) is_recovered: bool,
    /// The target of the round in progress.
    pub(super) target: Option<String>,
    pub(super) restored_until: Option<XactId>,
    pub(super) last_sequenced: Option<Duration>,
}

impl Position {
    /// Reads the columns of [`read_sql`] and [`lock_sql`].
    pub(super) fn read(row: &Row) -> Result<Self, sqlx::Error> {
        let millis: Option<i64> = row.get(5)?;
        let last_sequenced =
            millis.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or_default()));
        Ok(Self {
            next_seq: row.get(0)?,
            is_same_cluster: row.get(1)?,
            is_recovered: row.get(2)?,
            target: row.get(3)?,
            restored_until: row.get(4)?,
            last_sequenced,
        })
    }
}

/// A restored row has the `xmin` of the transaction that restored it, and the `xact_id` of the one that wrote it.
macro_rules! position {
    ($lock:literal) => {
        concat!(
            "select s.next_seq,
                    coalesce(s.cluster = $1 and s.xmin = xid(s.xact_id), false),
                    s.done is not null,
                    s.target::text,
                    s.restored_until,
                    (extract(epoch from clock_timestamp() - s.sequenced_at) * 1000)::bigint
               from control_plane.audit_log_sequencer s",
            $lock
        )
    };
}

/// Reads the position.
pub(super) fn read_sql(cluster: &str) -> Sql {
    Sql::new(position!("")).bind(cluster)
}

/// Reads the position and locks it until the end of the transaction; no row if another session has locked it.
pub(super) fn lock_sql(cluster: &str) -> Sql {
    Sql::new(position!(" for update of s skip locked")).bind(cluster)
}

/// Begins a recovery, and returns its target. `restored_until` is the highest id of a transaction in the table: the
/// recovery looks at all records up to it, and later rounds expect entries for them.
pub(super) fn begin_recovery_sql(cluster: &str) -> Sql {
    Sql::new(
        "update control_plane.audit_log_sequencer
            set cluster = $1, done = null, target = pg_current_snapshot(),
                after_xact_id = null, after_id = null,
                restored_until = (select r.xact_id from control_plane.audit_logs r
                                   order by r.xact_id desc limit 1),
                xact_id = pg_current_xact_id()
         returning target::text",
    )
    .bind(cluster)
}

/// Makes the next step begin a recovery.
pub(super) fn forget_sql() -> Sql {
    Sql::new(
        "update control_plane.audit_log_sequencer
            set cluster = null, xact_id = pg_current_xact_id()",
    )
    .unprepared()
}

/// Advances the position within the round.
pub(super) fn advance_sql(next_seq: i64, last: Candidate) -> Sql {
    Sql::new(
        "update control_plane.audit_log_sequencer
            set next_seq = $1, target = coalesce(target, pg_current_snapshot()),
                after_xact_id = $2, after_id = $3,
                sequenced_at = case when next_seq = $1 then sequenced_at
                                    else clock_timestamp() end,
                xact_id = pg_current_xact_id()",
    )
    .bind(next_seq)
    .bind(last.xact_id)
    .bind(last.id)
}

/// Completes the round.
pub(super) fn complete_sql(next_seq: i64) -> Sql {
    Sql::new(
        "update control_plane.audit_log_sequencer
            set next_seq = $1, done = coalesce(target, pg_current_snapshot()), target = null,
                after_xact_id = null, after_id = null,
                sequenced_at = case when next_seq = $1 then sequenced_at
                                    else clock_timestamp() end,
                xact_id = pg_current_xact_id()",
    )
    .bind(next_seq)
}
