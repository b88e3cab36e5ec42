//! The tables that have the records: the log itself, or its partitions.

use super::session::Session;
use crate::db::Row;
use crate::error::StoreError;
use crate::identifier;
use crate::sql::Sql;

/// The partition that new records arrive in; it changes all the time, so it is never replaced.
const HOT: &str = "audit_logs_hot";

/// A table that has records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// Its name in the schema `control_plane`.
    pub(super) name: String,
    /// The bounds of its ids, as `FOR VALUES …` or `DEFAULT`, if it is a partition.
    pub(super) bounds: Option<String>,
    /// Whether it can be replaced: it is a closed partition.
    pub(super) is_closed: bool,
}

impl Table {
    /// Its name in statements.
    pub(super) fn sql(&self) -> String {
        identifier::table(&self.name)
    }
}

/// The tables, those with the lowest ids first.
pub(super) async fn list(db: &mut Session) -> Result<Vec<Table>, StoreError> {
    let sql = Sql::new(
        "select c.relname::text, pg_get_expr(c.relpartbound, c.oid)
           from pg_class log
           join pg_class c on c.oid = log.oid and log.relkind = 'r'
             or c.oid in (select inhrelid from pg_inherits where inhparent = log.oid)
                and log.relkind = 'p'
          where log.oid = 'control_plane.audit_logs'::regclass
          order by 2, 1",
    );
    let doing = "list the partitions of the log";
    let rows = db.fetch(doing, sql).await?;
    rows.iter().map(table).collect::<Result<_, _>>().map_err(StoreError::while_trying_to(doing))
}

fn table(row: &Row) -> Result<Table, sqlx::Error> {
    let (name, bounds): (String, Option<String>) = (row.get(0)?, row.get(1)?);
    let is_range = bounds.as_ref().is_some_and(|bounds| bounds.starts_with("FOR VALUES FROM"));
    Ok(Table { is_closed: is_range && name != HOT, name, bounds })
}

/// Whether a table may have expired records: whether its lowest `created_at` is before `upper`. Also whether it has
/// times that no record can have, as rows from before migration 014 may: these are never removed.
pub(super) async fn extent(
    db: &mut Session,
    table: &Table,
    upper: crate::value::PgTime,
) -> Result<Extent, StoreError> {
    let mut sql = Sql::new("select (select min(created_at) from ").bind(upper);
    sql.push(&table.sql());
    sql.push(" where created_at > '0001-01-01 00:00:00+00') < $1, exists (select from ");
    sql.push(&table.sql());
    sql.push(" where created_at <= '0001-01-01 00:00:00+00') or exists (select from ");
    sql.push(&table.sql());
    sql.push(" where created_at >= '9999-12-30 22:00:00+00')");
    let doing = "look for the oldest record of a table";
    let rows = db.fetch(doing, sql).await?;
    let read = |row: &Row| -> Result<Extent, sqlx::Error> {
        let may_expire: Option<bool> = row.get(0)?;
        Ok(Extent { may_expire: may_expire == Some(true), has_impossible_times: row.get(1)? })
    };
    let row = rows.first().ok_or(sqlx::Error::RowNotFound);
    row.and_then(read).map_err(StoreError::while_trying_to(doing))
}

/// The times in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Whether a rule may have expired for some of its records.
    pub(super) may_expire: bool,
    /// Whether it has times outside the range of records.
    pub(super) has_impossible_times: bool,
}
