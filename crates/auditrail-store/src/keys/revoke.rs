//! The UPDATE statement.

use auditrail_core::{ApiKey, KeyId, RecordTime, TenantId};
use sqlx::PgConnection;

use super::row::{self, columns};
use crate::error::StoreError;
use crate::wire::PgTime;

/// Revokes the key, of this tenant or of any, unless it is revoked already, and returns it as it is
/// then.
pub(super) async fn active(
    db: &mut PgConnection,
    id: KeyId,
    tenant: Option<&TenantId>,
    now: RecordTime,
) -> Result<Option<ApiKey>, StoreError> {
    let revoked = sqlx::query(concat!(
        "update control_plane.audit_api_keys set revoked_at = $2 \
          where id = $1 and revoked_at is null and ($3::text is null or tenant_id = $3) \
          returning ",
        columns!()
    ))
    .bind(id.as_uuid())
    .bind(PgTime(now))
    .bind(tenant.map(AsRef::<str>::as_ref))
    .fetch_optional(db)
    .await
    .map_err(StoreError::while_trying_to("revoke an API key"))?;
    revoked.as_ref().map(row::key).transpose()
}
