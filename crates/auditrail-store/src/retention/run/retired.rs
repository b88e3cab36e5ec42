//! The tables of partitions that were replaced.

use super::error::RetentionError;
use super::session::Session;
use crate::db::Row;
use crate::error::StoreError;
use crate::identifier;
use crate::sql::Sql;

/// The start of their names.
pub(super) const PREFIX: &str = "audit_logs_retired_";

/// Drops the tables of replaced partitions, also those of interrupted runs, and returns their number. Before that their
/// records are counted once more: a table that has other records than when it was replaced is not dropped.
pub(super) async fn drop_all(db: &mut Session) -> Result<usize, RetentionError> {
    let tables = list(db).await?;
    for (name, expected) in &tables {
        let found = count(db, name).await?;
        if found != *expected {
            let (table, expected) = (name.clone(), *expected);
            return Err(RetentionError::UnexpectedCount { table, expected, found });
        }
        let statement = format!("drop table {}", identifier::table(name));
        db.execute("drop a partition that was replaced", statement).await?;
    }
    Ok(tables.len())
}

/// Their names, and the number of records of each when it was replaced.
async fn list(db: &mut Session) -> Result<Vec<(String, i64)>, StoreError> {
    let doing = "look for partitions that were replaced";
    let sql = Sql::new(
        "select relname::text, obj_description(oid, 'pg_class')
           from pg_class
          where relnamespace = 'control_plane'::regnamespace and relkind = 'r'
            and not relispartition and starts_with(relname::text, $1)",
    )
    .bind(PREFIX);
    let read = |row: &Row| -> Result<(String, i64), sqlx::Error> {
        let expected: Option<&str> = row.get(1)?;
        // A table without its number is never dropped.
        Ok((row.get(0)?, expected.and_then(|number| number.parse().ok()).unwrap_or(-1)))
    };
    let rows = db.fetch(doing, sql).await?;
    rows.iter().map(read).collect::<Result<_, _>>().map_err(StoreError::while_trying_to(doing))
}

/// The number of records, however long it takes: nothing else uses the table.
async fn count(db: &mut Session, name: &str) -> Result<i64, StoreError> {
    let doing = "count the records of a partition that was replaced";
    let mut sql = Sql::new("select count(*) from ");
    sql.push(&identifier::table(name));
    db.set_unbounded(true).await?;
    let counted = db.fetch(doing, sql).await;
    db.set_unbounded(false).await?;
    let rows = counted?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound);
    row.and_then(|row| row.get(0)).map_err(StoreError::while_trying_to(doing))
}
