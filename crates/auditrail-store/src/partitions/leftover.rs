//! Tables that an interrupted run left.

use sqlx::PgConnection;

use super::create::run;
use super::error::PartitionError;
use super::name;

/// Drops a table that an interrupted run left, if there is one. Within a transaction that keeps it from being
/// attached meanwhile.
///
/// # Errors
/// [`PartitionError::Unsuitable`] if the table is attached, or was not created by this program: its tables
/// have the guard.
pub(super) async fn drop(db: &mut PgConnection, table: &str) -> Result<(), PartitionError> {
    let failed = || PartitionError::while_trying_to("drop the table of an interrupted run");
    match is_leftover(db, table).await.map_err(failed())? {
        None => Ok(()),
        Some(true) => {
            run(db, [format!("drop table {}", name::table(table))]).await.map_err(failed())
        }
        Some(false) => {
            let reasons = vec![format!("table {}.{table} exists", name::SCHEMA)];
            Err(PartitionError::Unsuitable { reasons })
        }
    }
}

/// Whether the table is no partition and has the guard; `None` if there is no such table.
async fn is_leftover(db: &mut PgConnection, table: &str) -> Result<Option<bool>, sqlx::Error> {
    sqlx::query_scalar(
        "select not c.relispartition and exists (
                    select from pg_catalog.pg_trigger t
                     where t.tgrelid = c.oid and t.tgfoid
                         = pg_catalog.to_regprocedure('control_plane.refuse_audit_log_change()'))
           from pg_catalog.pg_class c
          where c.oid = pg_catalog.to_regclass($1)",
    )
    .bind(name::table(table))
    .fetch_optional(db)
    .await
}

/// Whether a table has the columns and checks of the log, so that it can be attached. A migration since its
/// creation may have added others.
pub(super) async fn fits(db: &mut PgConnection, table: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "with part(relation, name) as (
             select a.attrelid, a.attname || ' ' || a.atttypid
               from pg_catalog.pg_attribute a where a.attnum > 0 and not a.attisdropped
             union all
             select k.conrelid, k.conname
               from pg_catalog.pg_constraint k where k.contype = 'c')
         select pg_catalog.to_regclass($1) is not null and not exists (
             select name from part
              where relation = pg_catalog.to_regclass('control_plane.audit_logs')
             except
             select name from part where relation = pg_catalog.to_regclass($1))",
    )
    .bind(name::table(table))
    .fetch_one(db)
    .await
}

/// Whether a table of the log's schema exists.
pub(super) async fn exists(db: &mut PgConnection, table: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select pg_catalog.to_regclass($1) is not null")
        .bind(name::table(table))
        .fetch_one(db)
        .await
}
