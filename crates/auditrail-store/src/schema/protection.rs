//! What protects the records beside the definitions of the schema, and how a live database weakens it.
//!
//! The expectations are the same for every version, so they are not part of the descriptions: tables are
//! permanent, have no rules, policies or relatives other than partitions in their schema, and belong to one
//! owner, as do the functions; no role has more privileges than [`grants`](crate::grants) prints, and none on
//! a partition; no setting of a database or role opens the
//! guard or names an actor; and the triggers that capture row changes are enabled.

use sqlx::PgConnection;

use super::difference::{Difference, Finding};
use super::model::Schema;
use super::protection_catalog as catalog;

/// The names of the functions that only the owner, and roles it chose, may execute.
const PRIVATE_FUNCTIONS: [&str; 3] = ["record_row_change", "audit_table", "stop_audit_table"];

/// The encoding without which not every record can be stored.
pub(crate) const ENCODING: &str = "UTF8";

/// How the live schema `schema` is protected less than it should be. `expected` has the tables and functions
/// to look at; others belong to the application.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn weaknesses(
    db: &mut PgConnection,
    schema: &str,
    expected: &Schema,
) -> Result<Vec<Difference>, sqlx::Error> {
    let tables: Vec<String> = expected.tables.keys().cloned().collect();
    let partitions = catalog::partitions(db, schema, &tables).await?;
    // Partitions are protected as their table is, but have no privileges of their own.
    let all = [tables.as_slice(), &partitions].concat();
    let functions: Vec<String> = expected.functions.keys().cloned().collect();
    let mut out = different_tables(db, &all).await?;
    let mut extras = catalog::rules(db, &all).await?;
    extras.extend(catalog::policies(db, &all).await?);
    extras.extend(catalog::relatives(db, schema, &all).await?);
    extras.extend(catalog::table_privileges(db, schema, &tables).await?);
    extras.extend(catalog::column_privileges(db, schema, &tables).await?);
    extras.extend(catalog::partition_privileges(db, &partitions).await?);
    extras.extend(catalog::schema_privileges(db, schema).await?);
    extras.extend(catalog::public_functions(db, schema, &PRIVATE_FUNCTIONS).await?);
    extras.extend(catalog::settings(db).await?);
    out.extend(extras.into_iter().map(|object| Difference { object, finding: Finding::Extra }));
    for (object, owner, found) in catalog::foreign_owners(db, schema, &all, &functions).await? {
        out.push(different(&object, "owner", &owner, &found));
    }
    for (object, fires) in catalog::disabled_captures(db, schema).await? {
        out.push(different(&object, "firing mode", "origin", &fires));
    }
    for object in catalog::uncaptured_children(db, schema).await? {
        out.push(Difference { object, finding: Finding::Missing });
    }
    out.sort_by(|a, b| a.object.cmp(&b.object));
    Ok(out)
}

/// The encoding of the database, and the properties of the tables.
async fn different_tables(
    db: &mut PgConnection,
    tables: &[String],
) -> Result<Vec<Difference>, sqlx::Error> {
    let mut out = Vec::new();
    let encoding = catalog::encoding(db).await?;
    if encoding != ENCODING {
        out.push(different("database", "encoding", ENCODING, &encoding));
    }
    for row in catalog::tables(db, tables).await? {
        let object = format!("table {}", row.name);
        if row.persistence != "permanent" {
            out.push(different(&object, "persistence", "permanent", &row.persistence));
        }
        if row.has_row_security {
            out.push(different(&object, "row security", "disabled", "enabled"));
        }
    }
    for (object, collation) in catalog::collations(db, tables).await? {
        out.push(different(&object, "collation", "default", &collation));
    }
    Ok(out)
}

fn different(object: &str, property: &'static str, expected: &str, found: &str) -> Difference {
    let quoted = |text: &str| format!("`{text}`");
    Difference {
        object: object.to_owned(),
        finding: Finding::Different { property, expected: quoted(expected), found: quoted(found) },
    }
}
