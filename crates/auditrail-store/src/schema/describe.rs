//! Describes a live schema.

use sqlx::PgConnection;

use super::catalog::{self, TableRow};
use super::model::{Schema, Table};
use super::settings::{PRINTING, set_all};

/// Describes the current state of the schema `schema`. A missing schema is empty. Sets the settings of the
/// session that change how PostgreSQL prints definitions.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn describe(db: &mut PgConnection, schema: &str) -> Result<Schema, sqlx::Error> {
    set_all(db, &PRINTING).await?;
    let mut live = Schema::default();
    for row in catalog::tables(db, schema).await? {
        let TableRow { name, comment, partitioned_by } = row;
        live.tables.insert(name, Table { comment, partitioned_by, ..Table::default() });
    }
    for (table, partition) in catalog::partitions(db, schema).await? {
        if let Some(table) = live.tables.get_mut(&table) {
            table.partition = Some(partition);
        }
    }
    for (table, name, column) in catalog::columns(db, schema).await? {
        if let Some(table) = live.tables.get_mut(&table) {
            table.columns.insert(name, column);
        }
    }
    for (table, name, definition) in catalog::constraints(db, schema).await? {
        if let Some(table) = live.tables.get_mut(&table) {
            table.constraints.insert(name, definition);
        }
    }
    for (table, name, index) in catalog::indexes(db, schema).await? {
        if let Some(table) = live.tables.get_mut(&table) {
            table.indexes.insert(name, index);
        }
    }
    for (table, name, trigger) in catalog::triggers(db, schema).await? {
        if let Some(table) = live.tables.get_mut(&table) {
            table.triggers.insert(name, trigger);
        }
    }
    live.functions.extend(catalog::functions(db, schema).await?);
    Ok(live)
}
