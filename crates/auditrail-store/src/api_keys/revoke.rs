//! The UPDATE statement.

use auditrail_core::{ApiKey, ApiKeyId, RecordTime, TenantId};

use super::row::{self, columns};
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;

/// Revokes the key, of this tenant or of any, unless it is revoked already, and returns it.
pub(super) async fn active(
    mut db: Db<'_>,
    id: ApiKeyId,
    tenant: Option<&TenantId>,
    now: RecordTime,
) -> Result<Option<ApiKey>, StoreError> {
    let sql = Sql::new(concat!(
        "update control_plane.audit_api_keys set revoked_at = $2 \
          where id = $1 and revoked_at is null and ($3::text is null or tenant_id = $3) \
          returning ",
        columns!()
    ))
    .bind(id.as_uuid())
    .bind(PgTime(now))
    .bind_optional(tenant.map(AsRef::<str>::as_ref));
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to("revoke an API key"))?;
    rows.first().map(row::key).transpose()
}
