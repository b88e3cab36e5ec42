//! The table of the work in progress, `control_plane.audit_log_partition_work`.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::bound::Bound;

/// The kind of a piece of work. There is at most one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Adopt,
    Merge,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::Merge => "merge",
        }
    }
}

/// Work in progress.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) phase: String,
    pub(super) target: String,
    pub(super) sources: Vec<String>,
    pub(super) lower: Uuid,
    pub(super) upper: Uuid,
    /// The last id that was copied.
    pub(super) copied_through: Option<Uuid>,
    pub(super) copied_rows: i64,
}

/// Starts a piece of work, in place of an earlier one of its kind.
pub(super) async fn start(
    db: &mut PgConnection,
    kind: Kind,
    work: &Work,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into control_plane.audit_log_partition_work as work
             (kind, phase, target, sources, lower_id, upper_id, since_xact_id, changes)
         values ($1, $2, $3, $4, $5, $6,
                 pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()),
                 (select changes from control_plane.audit_log_maintenance))
         on conflict (kind) do update
             set phase = excluded.phase, target = excluded.target, sources = excluded.sources,
                 lower_id = excluded.lower_id, upper_id = excluded.upper_id, copied_through = null,
                 copied_rows = 0, since_xact_id = excluded.since_xact_id,
                 changes = excluded.changes, started_at = excluded.started_at,
                 updated_at = excluded.updated_at",
    )
    .bind(kind.as_str())
    .bind(&work.phase)
    .bind(&work.target)
    .bind(&work.sources)
    .bind(work.lower)
    .bind(work.upper)
    .execute(db)
    .await?;
    Ok(())
}

/// The work of this kind. Its row is locked until the end of the transaction, so that an earlier process
/// whose connection is still open cannot do the same step.
pub(super) async fn lock(db: &mut PgConnection, kind: Kind) -> Result<Option<Work>, sqlx::Error> {
    read_row(
        db,
        kind,
        "select * from control_plane.audit_log_partition_work where kind = $1 for update",
    )
    .await
}

/// Locks the row of work that was read before, as [`lock`] does. Returns false if it has ended or got further since:
/// then another process has continued it.
pub(super) async fn lock_same(
    db: &mut PgConnection,
    kind: Kind,
    work: &Work,
) -> Result<bool, sqlx::Error> {
    let now = lock(db, kind).await?;
    Ok(now.is_some_and(|now| now.phase == work.phase && now.target == work.target))
}

/// The work of this kind.
pub(super) async fn read(db: &mut PgConnection, kind: Kind) -> Result<Option<Work>, sqlx::Error> {
    read_row(db, kind, "select * from control_plane.audit_log_partition_work where kind = $1").await
}

async fn read_row(
    db: &mut PgConnection,
    kind: Kind,
    sql: &'static str,
) -> Result<Option<Work>, sqlx::Error> {
    sqlx::query(sql)
        .bind(kind.as_str())
        .try_map(|row: PgRow| {
            Ok(Work {
                phase: row.try_get("phase")?,
                target: row.try_get("target")?,
                sources: row.try_get("sources")?,
                lower: row.try_get("lower_id")?,
                upper: row.try_get("upper_id")?,
                copied_through: row.try_get("copied_through")?,
                copied_rows: row.try_get("copied_rows")?,
            })
        })
        .fetch_optional(db)
        .await
}

/// Sets the next step.
pub(super) async fn set_phase(
    db: &mut PgConnection,
    kind: Kind,
    phase: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update control_plane.audit_log_partition_work
            set phase = $2, updated_at = clock_timestamp()
          where kind = $1",
    )
    .bind(kind.as_str())
    .bind(phase)
    .execute(db)
    .await?;
    Ok(())
}

/// Ends a piece of work.
pub(super) async fn end(db: &mut PgConnection, kind: Kind) -> Result<(), sqlx::Error> {
    sqlx::query("delete from control_plane.audit_log_partition_work where kind = $1")
        .bind(kind.as_str())
        .execute(db)
        .await?;
    Ok(())
}

/// The number of permitted changes of records. It cannot change until the end of the transaction.
pub(super) async fn lock_changes(db: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select changes from control_plane.audit_log_maintenance for update")
        .fetch_one(db)
        .await
}

/// Lets a merge continue after a change that this program made itself, if the merge was valid until then,
/// with `before` changes.
pub(super) async fn keep_merge(db: &mut PgConnection, before: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update control_plane.audit_log_partition_work work
            set changes = maintained.changes
           from control_plane.audit_log_maintenance maintained
          where work.kind = 'merge' and work.changes = $1",
    )
    .bind(before)
    .execute(db)
    .await?;
    Ok(())
}

/// Whether records were erased or removed since the merge in progress started.
pub(super) async fn is_merge_outdated(db: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from control_plane.audit_log_partition_work work
                          join control_plane.audit_log_maintenance maintained
                            on maintained.changes is distinct from work.changes
                         where work.kind = 'merge')",
    )
    .fetch_one(db)
    .await
}

/// Adds to the records that the merge in progress has copied.
pub(super) async fn add_copied(
    db: &mut PgConnection,
    through: Option<Uuid>,
    rows: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update control_plane.audit_log_partition_work
            set copied_through = coalesce($1, copied_through), copied_rows = copied_rows + $2,
                updated_at = clock_timestamp()
          where kind = 'merge'",
    )
    .bind(through)
    .bind(rows)
    .execute(db)
    .await?;
    Ok(())
}

impl Work {
    /// The lower bound; `None` if the row was changed by hand.
    pub(super) fn lower_bound(&self) -> Option<Bound> {
        Bound::from_id(self.lower)
    }
}
