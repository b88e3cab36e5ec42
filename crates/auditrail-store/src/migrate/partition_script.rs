//! Scripts that were written for a plain table, on a partitioned one.

use std::borrow::Cow;

use sqlx::PgConnection;

/// How migration 014 adds a constraint. PostgreSQL has no such constraint of a partitioned table.
const NO_INHERIT: &str = "no inherit not valid";

/// The script as it applies to the schema: on a partitioned table each constraint is one of its partitions too.
pub(super) async fn adapted<'a>(
    db: &mut PgConnection,
    schema: &str,
    sql: &'a str,
) -> Result<Cow<'a, str>, sqlx::Error> {
    if sql.contains(NO_INHERIT) && has_partitioned_table(db, schema).await? {
        return Ok(Cow::Owned(sql.replace(NO_INHERIT, "not valid")));
    }
    Ok(Cow::Borrowed(sql))
}

async fn has_partitioned_table(db: &mut PgConnection, schema: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from pg_catalog.pg_class c
                          join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                         where n.nspname = $1 and c.relkind = 'p')",
    )
    .bind(schema)
    .fetch_one(db)
    .await
}
