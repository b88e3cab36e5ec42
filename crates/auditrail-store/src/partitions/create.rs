//! Creates partitions.

use sqlx::{AssertSqlSafe, PgConnection};

use super::definition::Definition;
use super::error::PartitionError;
use super::{name, properties};

/// Runs statements in one round trip.
pub(super) async fn run(
    db: &mut PgConnection,
    statements: impl IntoIterator<Item = String>,
) -> Result<(), sqlx::Error> {
    let mut script = String::new();
    for statement in statements {
        script.push_str(&statement);
        script.push_str(";\n");
    }
    sqlx::raw_sql(AssertSqlSafe(script)).execute(db).await?;
    Ok(())
}

/// The statements that create a table with the columns, checks and guard of the log, without indexes. No
/// role but the owner has privileges on it.
pub(super) fn table(partition: &str, definition: &Definition) -> Vec<String> {
    let mut all = vec![format!(
        "create table {} (like {} including all excluding indexes excluding constraints \
         excluding statistics)",
        name::table(partition),
        name::table(name::LOG)
    )];
    all.extend(definition.checks.iter().map(|check| check.add(partition)));
    all.extend(definition.guard(partition));
    all.push(properties::revoke(partition));
    all
}

/// The statements that create the indexes of the log on a partition.
pub(super) fn indexes(partition: &str, definition: &Definition) -> Vec<String> {
    let named = |name: &str| name::in_partition(name, partition);
    definition.indexes.iter().map(|index| index.create(&named(&index.name), partition)).collect()
}

/// Drops a table that an interrupted run left, if there is one. Within a transaction that keeps it from being
/// attached meanwhile.
///
/// # Errors
/// [`PartitionError::Unsuitable`] if the table is attached, or was not created by this program: its tables
/// have the guard.
pub(super) async fn drop_leftover(
    db: &mut PgConnection,
    table: &str,
) -> Result<(), PartitionError> {
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
