//! Writes a rule.

use auditrail_core::{KeepDays, RetentionRule, TenantId};

use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;

/// Inserts a rule, or changes the one with its id.
pub(super) async fn rule(mut db: Db<'_>, rule: &RetentionRule) -> Result<(), StoreError> {
    let sql = Sql::new(
        "insert into control_plane.audit_log_retention_rules as rule
             (id, tenant_id, action, keep_days, created_at, created_by, changed_at, changed_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (id) do update
            set keep_days = excluded.keep_days,
                changed_at = excluded.changed_at,
                changed_by = excluded.changed_by",
    )
    .bind(rule.id.as_uuid())
    .bind_optional(rule.tenant_id.as_ref().map(TenantId::as_str))
    .bind_optional(rule.action.as_ref().map(ToString::to_string))
    .bind_optional(rule.keep_days.map(KeepDays::get))
    .bind(PgTime(rule.created_at))
    .bind(rule.created_by.to_string())
    .bind(PgTime(rule.changed_at))
    .bind(rule.changed_by.to_string());
    db.fetch(&sql).await.map_err(StoreError::while_trying_to("write a rule of retention"))?;
    Ok(())
}
