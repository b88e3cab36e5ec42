//! Queries of `pg_catalog`, one per function. Names are returned schema-qualified.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::model::{Column, Function, Index, Partition, Trigger};

/// A table, its comment and how it is partitioned.
pub(super) struct TableRow {
    pub(super) name: String,
    pub(super) comment: Option<String>,
    pub(super) partitioned_by: Option<String>,
}

pub(super) async fn tables(
    db: &mut PgConnection,
    schema: &str,
) -> Result<Vec<TableRow>, sqlx::Error> {
    sqlx::query(
        "select n.nspname || '.' || c.relname as name, obj_description(c.oid, 'pg_class') as comment,
                pg_get_partkeydef(c.oid) as partitioned_by
           from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
          where n.nspname = $1 and c.relkind in ('r', 'p') and c.relname <> 'schema_migrations'
             or n.nspname = $1 and c.relkind = 'f' and c.relispartition",
    )
    .bind(schema)
    .try_map(|row: PgRow| {
        Ok(TableRow {
            name: row.try_get("name")?,
            comment: row.try_get("comment")?,
            partitioned_by: row.try_get("partitioned_by")?,
        })
    })
    .fetch_all(db)
    .await
}

/// The tables that are partitions. PostgreSQL 13 cannot detach concurrently and lacks the column for it.
pub(super) async fn partitions(
    db: &mut PgConnection,
    schema: &str,
) -> Result<Vec<(String, Partition)>, sqlx::Error> {
    sqlx::query(
        "select n.nspname || '.' || c.relname as name, pn.nspname || '.' || p.relname as parent,
                pg_get_expr(c.relpartbound, c.oid) as bounds,
                case c.relkind when 'r' then 'table' when 'p' then 'partitioned table'
                               else 'foreign table' end as kind,
                coalesce((to_jsonb(i) ->> 'inhdetachpending')::boolean, false) as detaching
           from pg_inherits i
           join pg_class c on c.oid = i.inhrelid
           join pg_namespace n on n.oid = c.relnamespace
           join pg_class p on p.oid = i.inhparent
           join pg_namespace pn on pn.oid = p.relnamespace
          where n.nspname = $1 and c.relispartition and c.relkind in ('r', 'p', 'f')",
    )
    .bind(schema)
    .try_map(|row: PgRow| {
        let partition = Partition {
            of: row.try_get("parent")?,
            bounds: row.try_get("bounds")?,
            kind: row.try_get("kind")?,
            attached: !row.try_get::<bool, _>("detaching")?,
        };
        Ok((row.try_get("name")?, partition))
    })
    .fetch_all(db)
    .await
}

pub(super) async fn columns(
    db: &mut PgConnection,
    schema: &str,
) -> Result<Vec<(String, String, Column)>, sqlx::Error> {
    sqlx::query(
        "select n.nspname || '.' || c.relname as table_name, a.attname::text as name,
                format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as not_null,
                pg_get_expr(d.adbin, d.adrelid) as default,
                col_description(c.oid, a.attnum) as comment
           from pg_attribute a
           join pg_class c on c.oid = a.attrelid
           join pg_namespace n on n.oid = c.relnamespace
           left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
          where n.nspname = $1 and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped",
    )
    .bind(schema)
    .try_map(|row: PgRow| {
        let column = Column {
            data_type: row.try_get("type")?,
            not_null: row.try_get("not_null")?,
            default: row.try_get("default")?,
            comment: row.try_get("comment")?,
        };
        Ok((row.try_get("table_name")?, row.try_get("name")?, column))
    })
    .fetch_all(db)
    .await
}

/// Without `contype = 'n'`: since PostgreSQL 18, not-null is a constraint with its own row.
pub(super) async fn constraints(
    db: &mut PgConnection,
    schema: &str,
) -> Result<Vec<(String, String, String)>, sqlx::Error> {
    sqlx::query(
        "select n.nspname || '.' || c.relname as table_name, k.conname::text as name,
                pg_get_constraintdef(k.oid) as definition
           from pg_constraint k
           join pg_class c on c.oid = k.conrelid
           join pg_namespace n on n.oid = c.relnamespace
          where n.nspname = $1 and k.contype <> 'n'",
    )
    .bind(schema)
    .try_map(|row: PgRow| {
        Ok((row.try_get("table_name")?, row.try_get("name")?, row.try_get("definition")?))
    })
    .fetch_all(db)
    .await
}

/// `ON ONLY`, which is printed for an index of a partitioned table, is printed as `ON`.
pub(super) async fn indexes(
    db: &mut PgConnection,
    schema: &str,
) -> Result<Vec<(String, String, Index)>, sqlx::Error> {
    sqlx::query(
        "select n.nspname || '.' || c.relname as table_name, i.relname::text as name,
                regexp_replace(pg_get_indexdef(i.oid), ' ON ONLY ', ' ON ') as definition,
                x.indisunique as unique, x.indisvalid and x.indisready as valid,
                parent.relname::text as part_of
           from pg_index x
           join pg_class i on i.oid = x.indexrelid
           join pg_class c on c.oid = x.indrelid
           join pg_namespace n on n.oid = c.relnamespace
           left join pg_inherits h on h.inhrelid = i.oid
           left join pg_class parent on parent.oid = h.inhparent
          where n.nspname = $1",
    )
    .bind(schema)
    .try_map(|row: PgRow| {
        let index = Index {
            definition: row.try_get("definition")?,
            unique: row.try_get("unique")?,
            valid: row.try_get("valid")?,
            part_of: row.try_get("part_of")?,
        };
        Ok((row.try_get("table_name")?, row.try_get("name")?, index))
    })
    .fetch_all(db)
    .await
}

/// Up to version 14, PostgreSQL marks the clone of a row trigger on a partition as internal.
pub(super) async fn triggers(
    db: &mut PgConnection,
    schema: &str,
) -> Result<Vec<(String, String, Trigger)>, sqlx::Error> {
    sqlx::query(
        "select n.nspname || '.' || c.relname as table_name, t.tgname::text as name,
                pg_get_triggerdef(t.oid) as definition,
                case t.tgenabled when 'O' then 'origin' when 'A' then 'always'
                                 when 'R' then 'replica' else 'disabled' end as fires
           from pg_trigger t
           join pg_class c on c.oid = t.tgrelid
           join pg_namespace n on n.oid = c.relnamespace
          where n.nspname = $1
            and (not t.tgisinternal or t.tgparentid <> 0 and t.tgconstraint = 0)",
    )
    .bind(schema)
    .try_map(|row: PgRow| {
        let trigger =
            Trigger { definition: row.try_get("definition")?, fires: row.try_get("fires")? };
        Ok((row.try_get("table_name")?, row.try_get("name")?, trigger))
    })
    .fetch_all(db)
    .await
}

pub(super) async fn functions(
    db: &mut PgConnection,
    schema: &str,
) -> Result<Vec<(String, Function)>, sqlx::Error> {
    sqlx::query(
        "select n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid)
                || ')' as name,
                pg_get_function_result(p.oid) as returns, l.lanname::text as language,
                coalesce(p.proconfig, '{}') as settings, p.prosecdef as security_definer,
                p.prosrc as source, obj_description(p.oid, 'pg_proc') as comment
           from pg_proc p
           join pg_namespace n on n.oid = p.pronamespace
           join pg_language l on l.oid = p.prolang
          where n.nspname = $1 and p.prokind in ('f', 'p')",
    )
    .bind(schema)
    .try_map(|row: PgRow| {
        let function = Function {
            returns: row.try_get::<Option<String>, _>("returns")?.unwrap_or_default(),
            language: row.try_get("language")?,
            settings: row.try_get("settings")?,
            security_definer: row.try_get("security_definer")?,
            source: row.try_get("source")?,
            comment: row.try_get("comment")?,
        };
        Ok((row.try_get("name")?, function))
    })
    .fetch_all(db)
    .await
}
