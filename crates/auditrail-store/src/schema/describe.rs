//! Reads the description of a live schema.

use sqlx::PgConnection;

use super::catalog;
use super::model::{Schema, Table};

/// Describes the schema named `schema` as it is now. A schema that is not there is empty.
///
/// # Errors
/// When the catalogue cannot be read.
pub async fn describe(db: &mut PgConnection, schema: &str) -> Result<Schema, sqlx::Error> {
    // What the catalogue prints leaves out schemas on the search path; an empty one names them all.
    catalog::forget_search_path(db).await?;
    let mut found = Schema::default();
    for row in catalog::tables(db, schema).await? {
        let table = Table { comment: row.comment, ..Table::default() };
        found.tables.insert(row.name, table);
    }
    for (table, name, column) in catalog::columns(db, schema).await? {
        if let Some(table) = found.tables.get_mut(&table) {
            table.columns.insert(name, column);
        }
    }
    for (table, name, definition) in catalog::constraints(db, schema).await? {
        if let Some(table) = found.tables.get_mut(&table) {
            table.constraints.insert(name, definition);
        }
    }
    for (table, name, index) in catalog::indexes(db, schema).await? {
        if let Some(table) = found.tables.get_mut(&table) {
            table.indexes.insert(name, index);
        }
    }
    for (table, name, trigger) in catalog::triggers(db, schema).await? {
        if let Some(table) = found.tables.get_mut(&table) {
            table.triggers.insert(name, trigger);
        }
    }
    found.functions.extend(catalog::functions(db, schema).await?);
    Ok(found)
}
