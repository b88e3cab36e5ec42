//! Which of some records match filters.

use std::collections::HashSet;

use auditrail_core::Filters;
use uuid::Uuid;

use super::conditions::Conditions;
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;

/// The ids of those that match. Intents match as in an export.
pub(crate) async fn matching(
    mut db: Db<'_>,
    filters: &Filters,
    ids: &[Uuid],
) -> Result<HashSet<Uuid>, StoreError> {
    let doing = "filter records";
    let mut sql = Sql::new("select id");
    Conditions::without_index(filters).with_all_intents().push_from_where(&mut sql);
    sql.push(" and id = any(").push_bind_array(ids).push(")");
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to(doing))?;
    let ids = rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>();
    ids.map_err(StoreError::while_trying_to(doing))
}
