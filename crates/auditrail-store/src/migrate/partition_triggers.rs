//! Triggers for each statement on partitions. PostgreSQL clones row triggers of a partitioned table to its
//! partitions, but not these, so a partition has its own.

use sqlx::{AssertSqlSafe, PgConnection};

/// Drops the triggers for each statement that partitions in `schema` have in common with their table.
pub(super) async fn drop_all(db: &mut PgConnection, schema: &str) -> Result<(), sqlx::Error> {
    let statements: Vec<String> = sqlx::query_scalar(
        "select pg_catalog.format('drop trigger %I on %I.%I', t.tgname, n.nspname, c.relname)
           from pg_catalog.pg_inherits i
           join pg_catalog.pg_class c on c.oid = i.inhrelid and c.relispartition
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
           join pg_catalog.pg_trigger t on t.tgrelid = c.oid
           join pg_catalog.pg_trigger common
             on common.tgrelid = i.inhparent and common.tgname = t.tgname
          where n.nspname = $1 and t.tgtype & 1 = 0 and not t.tgisinternal",
    )
    .bind(schema)
    .fetch_all(&mut *db)
    .await?;
    run(db, statements).await
}

/// Creates the triggers for each statement that partitions in `schema` lack and their table has, as they are there.
pub(super) async fn restore(db: &mut PgConnection, schema: &str) -> Result<(), sqlx::Error> {
    let statements: Vec<String> = sqlx::query_scalar(
        "select pg_catalog.replace(pg_catalog.pg_get_triggerdef(t.oid),
                    pg_catalog.format(' ON %I.%I ', pn.nspname, p.relname),
                    pg_catalog.format(' ON %I.%I ', n.nspname, c.relname))
                || case t.tgenabled when 'O' then '' else pg_catalog.format(
                       '; alter table only %I.%I %s trigger %I', n.nspname, c.relname,
                       case t.tgenabled when 'A' then 'enable always' when 'R' then 'enable replica'
                                        else 'disable' end, t.tgname) end
           from pg_catalog.pg_inherits i
           join pg_catalog.pg_class c on c.oid = i.inhrelid and c.relispartition
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
           join pg_catalog.pg_class p on p.oid = i.inhparent
           join pg_catalog.pg_namespace pn on pn.oid = p.relnamespace
           join pg_catalog.pg_trigger t on t.tgrelid = p.oid
          where n.nspname = $1 and t.tgtype & 1 = 0 and not t.tgisinternal
            and not exists (select from pg_catalog.pg_trigger own
                             where own.tgrelid = c.oid and own.tgname = t.tgname)",
    )
    .bind(schema)
    .fetch_all(&mut *db)
    .await?;
    run(db, statements).await
}

async fn run(db: &mut PgConnection, statements: Vec<String>) -> Result<(), sqlx::Error> {
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *db).await?;
    }
    Ok(())
}
