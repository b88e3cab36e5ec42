//! An index of a partitioned table, on which PostgreSQL neither creates nor drops an index concurrently.
//!
//! The index is created on the partitioned table alone, where it is invalid; then an index is built concurrently on
//! each partition and attached. With the last one the index is valid. Like the plain step, each part looks at the
//! state in the catalog first, so a run goes on where another was interrupted. A partition that is attached to
//! the table meanwhile gets its index from PostgreSQL.

use sqlx::{PgConnection, Row};
use tokio::time::Instant;

use super::attempts;
use super::concurrent::{self, State};
use super::concurrent_index::ConcurrentIndex;
use super::error::MigrateError;
use super::progress::{Event, Progress};
use super::runner::Run;
use super::step::Step;
use crate::identifier::quoted;

/// The longest name of PostgreSQL, in bytes.
const NAME_MAX: usize = 63;

/// Whether an index is, or will be, one of a partitioned table.
pub(super) async fn is_partitioned(
    run: &mut Run<'_>,
    index: &ConcurrentIndex,
) -> Result<bool, MigrateError> {
    let (schema, relation) = match index {
        ConcurrentIndex::Create { schema, table, .. } => (schema, table),
        ConcurrentIndex::Drop { schema, index } => (schema, index),
    };
    is_partitioned_relation(&mut run.connection, schema, relation)
        .await
        .map_err(MigrateError::while_trying_to("read whether the table is partitioned"))
}

/// Creates or drops the index of `step`.
pub(super) async fn run(
    run: &mut Run<'_>,
    step: Step<'_>,
    index: &ConcurrentIndex,
    started: Instant,
    progress: Progress<'_>,
) -> Result<(), MigrateError> {
    let (schema, name) = index.name();
    let ConcurrentIndex::Create { table, is_unique, rest, .. } = index else {
        // Takes an exclusive lock on the table and all partitions, for an instant.
        let sql = format!("drop index if exists {}.{}", quoted(schema), quoted(name));
        return attempts::statement(run, step, &sql, started, progress).await;
    };
    let create = if *is_unique { "create unique index" } else { "create index" };
    match state(run, schema, name).await? {
        State::Ready => {
            progress(Event::FoundReady { index: name });
            return Ok(());
        }
        State::Missing => {
            let table = format!("{}.{}", quoted(schema), quoted(table));
            let sql = format!("{create} {} on only {table} {rest}", quoted(name));
            attempts::statement(run, step, &sql, started, progress).await?;
        }
        State::Invalid | State::BeingBuilt => {}
    }
    while let Some(partition) = lacking(run, schema, name).await? {
        let own_name = name_on_partition(name, table, &partition);
        let own_index = ConcurrentIndex::Create {
            schema: schema.to_owned(),
            table: partition.clone(),
            index: own_name.clone(),
            is_unique: *is_unique,
            rest: rest.clone(),
        };
        let on = format!("{}.{}", quoted(schema), quoted(&partition));
        let sql = format!("{create} concurrently {} on {on} {rest}", quoted(&own_name));
        concurrent::run(run, step, &own_index, &sql, started, progress).await?;
        let (index, own) = (quoted(name), quoted(&own_name));
        let schema = quoted(schema);
        let sql = format!("alter index {schema}.{index} attach partition {schema}.{own}");
        attempts::statement(run, step, &sql, started, progress).await?;
    }
    Ok(())
}

/// The name of an index on a partition: that of the index, with the partition in place of the table.
fn name_on_partition(index: &str, table: &str, partition: &str) -> String {
    let mut name = if index.contains(table) {
        index.replacen(table, partition, 1)
    } else {
        format!("{partition}_{index}")
    };
    while name.len() > NAME_MAX {
        name.pop();
    }
    name
}

async fn state(run: &mut Run<'_>, schema: &str, name: &str) -> Result<State, MigrateError> {
    concurrent::state(&mut run.connection, schema, name)
        .await
        .map_err(MigrateError::while_trying_to("read the state of the index"))
}

async fn lacking(
    run: &mut Run<'_>,
    schema: &str,
    index: &str,
) -> Result<Option<String>, MigrateError> {
    partition_without(&mut run.connection, schema, index)
        .await
        .map_err(MigrateError::while_trying_to("look for partitions without the index"))
}

async fn is_partitioned_relation(
    db: &mut PgConnection,
    schema: &str,
    name: &str,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from pg_catalog.pg_class c
                          join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                         where n.nspname = $1 and c.relname = $2 and c.relkind in ('p', 'I'))",
    )
    .bind(schema)
    .bind(name)
    .fetch_one(db)
    .await
}

/// The first partition, by name, that has no part of an index of its table.
async fn partition_without(
    db: &mut PgConnection,
    schema: &str,
    index: &str,
) -> Result<Option<String>, sqlx::Error> {
    let row = sqlx::query(
        "select c.relname::text as name
           from pg_catalog.pg_class i
           join pg_catalog.pg_namespace n on n.oid = i.relnamespace
           join pg_catalog.pg_index x on x.indexrelid = i.oid
           join pg_catalog.pg_inherits h on h.inhparent = x.indrelid
           join pg_catalog.pg_class c on c.oid = h.inhrelid
          where n.nspname = $1 and i.relname = $2
            and not exists (select from pg_catalog.pg_inherits part
                              join pg_catalog.pg_index own on own.indexrelid = part.inhrelid
                             where part.inhparent = i.oid and own.indrelid = c.oid)
          order by c.relname
          limit 1",
    )
    .bind(schema)
    .bind(index)
    .fetch_optional(db)
    .await?;
    row.map(|row| row.try_get("name")).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_of_a_partition_has_its_name() {
        let name = name_on_partition("idx_audit_logs_action", "audit_logs", "audit_logs_t0199_m2");
        assert_eq!(name, "idx_audit_logs_t0199_m2_action");
        assert_eq!(name_on_partition("i", "t", "other"), "other_i");
        assert_eq!(name_on_partition(&"i".repeat(63), "t", "t_a").len(), 63);
    }
}
