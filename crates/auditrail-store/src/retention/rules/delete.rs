//! Deletes a rule.

use auditrail_core::{RetentionRule, RetentionRuleId};

use super::row::{self, columns};
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;

/// Deletes the rule with this id, and returns it.
pub(super) async fn rule(
    mut db: Db<'_>,
    id: RetentionRuleId,
) -> Result<Option<RetentionRule>, StoreError> {
    let sql = Sql::new(concat!(
        "delete from control_plane.audit_log_retention_rules where id = $1 returning ",
        columns!()
    ))
    .bind(id.as_uuid());
    let doing = "remove a rule of retention";
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to(doing))?;
    rows.first().map(row::rule).transpose()
}
