//! Lists rules.

use auditrail_core::limits::RETENTION_RULES_MAX;
use auditrail_core::{RetentionRule, TenantId};

use super::row::{self, columns};
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;

/// Rules of all tenants first, then by tenant and action.
pub(super) async fn rules(
    mut db: Db<'_>,
    tenant: Option<&TenantId>,
) -> Result<Vec<RetentionRule>, StoreError> {
    let sql = Sql::new(concat!(
        "select ",
        columns!(),
        " from control_plane.audit_log_retention_rules
          where $1::text is null or tenant_id is null or tenant_id = $1
          order by coalesce(tenant_id, '') collate \"C\", coalesce(action, '') collate \"C\"
          limit $2"
    ))
    .bind_optional(tenant.map(TenantId::as_str))
    .bind(i64::try_from(RETENTION_RULES_MAX).unwrap_or(i64::MAX));
    let doing = "list the rules of retention";
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to(doing))?;
    rows.iter().map(row::rule).collect()
}

/// All rules, which nothing else changes until the transaction ends.
pub(super) async fn lock_all(mut tx: Db<'_>) -> Result<Vec<RetentionRule>, StoreError> {
    let lock =
        Sql::new("lock table control_plane.audit_log_retention_rules in share row exclusive mode");
    tx.fetch(&lock).await.map_err(StoreError::while_trying_to("lock the rules of retention"))?;
    rules(tx, None).await
}
