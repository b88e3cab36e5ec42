//! What runs removed, in the tables of the log.

use std::collections::HashSet;

use auditrail_core::{Actor, RecordTime};
use uuid::Uuid;

use super::groups::RemovedRecords;
use super::session::Session;
use crate::db::Row;
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;

/// The archive of records that leave; the default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ArchiveReference {
    /// Its name.
    pub(super) name: String,
    /// SHA-256 of its manifest.
    pub(super) sha256: String,
}

/// A run without a record.
#[derive(Clone, Debug)]
pub(super) struct UnrecordedRun {
    pub(super) id: Uuid,
    pub(super) kept_at: RecordTime,
    pub(super) started_by: String,
}

/// What a run removed from a table.
#[derive(Clone, Debug)]
pub(super) struct Removal {
    pub(super) partition: String,
    pub(super) group: RemovedRecords,
    pub(super) archive: ArchiveReference,
}

/// Writes the row of a run, in the transaction of its first removal.
pub(super) async fn start(
    db: &mut Session,
    id: Uuid,
    kept_at: RecordTime,
    by: &Actor,
) -> Result<(), StoreError> {
    let sql = Sql::new(
        "insert into control_plane.audit_log_retention_runs (id, kept_at, started_by)
         values ($1, $2, $3) on conflict (id) do nothing",
    )
    .bind(id)
    .bind(PgTime(kept_at))
    .bind(by.to_string());
    db.fetch("start a run of retention", sql).await.map(drop)
}

/// Locks the row of a run until the transaction has ended and its effects are visible. `false` when the run has its
/// record already, or was forgotten because it removed nothing.
pub(super) async fn lock(db: &mut Session, run_id: Uuid) -> Result<bool, StoreError> {
    let sql = Sql::new(
        "select id from control_plane.audit_log_retention_runs
          where id = $1 and recorded_at is null for update",
    )
    .bind(run_id);
    Ok(!db.fetch("lock a run of retention", sql).await?.is_empty())
}

/// The names of the archives that removals of a run refer to.
pub(super) async fn archives(
    db: &mut Session,
    run_id: Uuid,
) -> Result<HashSet<String>, StoreError> {
    let sql = Sql::new(
        "select distinct archive from control_plane.audit_log_retention_removals
          where run_id = $1 and archive <> ''",
    )
    .bind(run_id);
    let doing = "look for the archives of a run of retention";
    let rows = db.fetch(doing, sql).await?;
    let names = rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>();
    names.map_err(StoreError::while_trying_to(doing))
}

/// Adds what the transaction removes.
pub(super) async fn add(
    db: &mut Session,
    run_id: Uuid,
    partition: &str,
    archive: &ArchiveReference,
    groups: &[RemovedRecords],
) -> Result<(), StoreError> {
    let sql = Sql::new(
        "insert into control_plane.audit_log_retention_removals as known
             (run_id, partition, archive, sha256, tenant_id, action, records, oldest, newest,
              lowest_id, highest_id)
         select $1, $2, $3, $4, removed.*
           from unnest($5::text[], $6::text[], $7::bigint[], $8::timestamptz[], $9::timestamptz[],
                       $10::uuid[], $11::uuid[]) removed
             on conflict (run_id, partition, archive, tenant_id, action) do update
            set records = known.records + excluded.records,
                oldest = least(known.oldest, excluded.oldest),
                newest = greatest(known.newest, excluded.newest),
                lowest_id = least(known.lowest_id, excluded.lowest_id),
                highest_id = greatest(known.highest_id, excluded.highest_id)",
    )
    .bind(run_id)
    .bind(partition)
    .bind(archive.name.as_str())
    .bind(archive.sha256.as_str())
    .bind_array(groups.iter().map(|group| group.tenant_id.as_deref().unwrap_or_default()))
    .bind_array(groups.iter().map(|group| group.action.as_str()))
    .bind_array(groups.iter().map(|group| i64::try_from(group.records).unwrap_or(i64::MAX)))
    .bind_array(groups.iter().map(|group| PgTime(group.oldest)))
    .bind_array(groups.iter().map(|group| PgTime(group.newest)))
    .bind_array(groups.iter().map(|group| group.lowest_id))
    .bind_array(groups.iter().map(|group| group.highest_id));
    db.fetch("list the records that leave", sql).await.map(drop)
}

/// The runs without a record, oldest first. With the leadership these are interrupted ones, and the current one.
pub(super) async fn unrecorded(db: &mut Session) -> Result<Vec<UnrecordedRun>, StoreError> {
    let sql = Sql::new(
        "select id, kept_at, started_by from control_plane.audit_log_retention_runs
          where recorded_at is null order by id limit 100",
    );
    let doing = "look for interrupted runs of retention";
    let read = |row: &Row| -> Result<UnrecordedRun, sqlx::Error> {
        let kept_at = row.get::<PgTime>(1)?.0;
        Ok(UnrecordedRun { id: row.get(0)?, kept_at, started_by: row.get(2)? })
    };
    let rows = db.fetch(doing, sql).await?;
    rows.iter().map(read).collect::<Result<_, _>>().map_err(StoreError::while_trying_to(doing))
}

/// What a run removed, largest groups first.
pub(super) async fn removals(db: &mut Session, run_id: Uuid) -> Result<Vec<Removal>, StoreError> {
    let sql = Sql::new(
        "select nullif(tenant_id, ''), action, records, oldest, newest, lowest_id, highest_id,
                partition, archive, sha256
           from control_plane.audit_log_retention_removals
          where run_id = $1
          order by records desc, partition, archive, tenant_id, action",
    )
    .bind(run_id);
    let doing = "read what a run of retention removed";
    let read = |row: &Row| -> Result<Removal, sqlx::Error> {
        let archive = ArchiveReference { name: row.get(8)?, sha256: row.get(9)? };
        Ok(Removal { group: RemovedRecords::read(row)?, partition: row.get(7)?, archive })
    };
    let rows = db.fetch(doing, sql).await?;
    rows.iter().map(read).collect::<Result<_, _>>().map_err(StoreError::while_trying_to(doing))
}

/// Marks a [locked](lock) run as recorded, in the transaction that writes its record.
pub(super) async fn finish(db: &mut Session, run_id: Uuid) -> Result<(), StoreError> {
    let sql = Sql::new(
        "update control_plane.audit_log_retention_runs set recorded_at = now() where id = $1",
    )
    .bind(run_id);
    db.fetch("complete a run of retention", sql).await.map(drop)
}

/// Deletes the row of a [locked](lock) run that removed nothing.
pub(super) async fn forget(db: &mut Session, run_id: Uuid) -> Result<(), StoreError> {
    let sql =
        Sql::new("delete from control_plane.audit_log_retention_runs where id = $1").bind(run_id);
    db.fetch("forget a run of retention that removed nothing", sql).await.map(drop)
}
