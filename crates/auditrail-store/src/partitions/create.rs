//! Creates partitions.

use sqlx::{AssertSqlSafe, PgConnection};

use super::bound::Bound;
use super::definition::Definition;
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

/// The statement that attaches a partition.
pub(super) fn attach(partition: &str, lower: Bound, upper: Bound) -> String {
    format!(
        "alter table {} attach partition {} for values from ('{}') to ('{}')",
        name::table(name::LOG),
        name::table(partition),
        lower.id(),
        upper.id()
    )
}

/// The statements that rename a table and those of its indexes that are named after it.
pub(super) fn rename(from: &str, to: &str, indexes: &[String]) -> Vec<String> {
    let renamed = |name: &str, new: &str| {
        format!("alter index {} rename to {}", name::table(name), name::quoted(new))
    };
    let mut all = vec![format!("alter table {} rename to {}", name::table(from), name::quoted(to))];
    for index in indexes.iter().filter(|index| index.contains(from)) {
        all.push(renamed(index, &index.replacen(from, to, 1)));
    }
    all
}

/// The statement that locks tables against everything. Each is locked by itself: the lock of the partitioned table would
/// include its partitions, of which one or the other is being vacuumed most of the time.
pub(super) fn lock<'a>(tables: impl IntoIterator<Item = &'a str>) -> String {
    let tables: Vec<_> =
        tables.into_iter().map(|table| format!("only {}", name::table(table))).collect();
    format!("lock table {} in access exclusive mode", tables.join(", "))
}

/// The statement that updates the statistics of a table, unless it is being vacuumed or analyzed.
pub(super) fn analyze(table: &str) -> String {
    format!("analyze (skip_locked) {}", name::table(table))
}

/// The names of the indexes of a table.
pub(super) async fn index_names(
    db: &mut PgConnection,
    table: &str,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select i.relname::text
           from pg_catalog.pg_index x
           join pg_catalog.pg_class i on i.oid = x.indexrelid
          where x.indrelid = pg_catalog.to_regclass($1)",
    )
    .bind(name::table(table))
    .fetch_all(db)
    .await
}
