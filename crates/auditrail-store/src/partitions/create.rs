//! Creates partitions.

use sqlx::{AssertSqlSafe, PgConnection};

use super::definition::Definition;
use super::{name, properties};

/// Runs statements one after the other.
pub(super) async fn run(
    db: &mut PgConnection,
    statements: impl IntoIterator<Item = String>,
) -> Result<(), sqlx::Error> {
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *db).await?;
    }
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
