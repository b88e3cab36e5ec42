//! Keys in pages.

use auditrail_core::{KeyId, PageSize, TenantId};
use sqlx::PgConnection;

use super::KeyPage;
use super::row::{self, columns};
use crate::error::StoreError;

/// Up to `size` keys after `after`, by id, which is by age, and whether there are more.
pub(super) async fn page(
    db: &mut PgConnection,
    tenant: Option<&TenantId>,
    after: Option<KeyId>,
    size: PageSize,
) -> Result<KeyPage, StoreError> {
    let found = sqlx::query(concat!(
        "select ",
        columns!(),
        " from control_plane.audit_api_keys
          where ($1::text is null or tenant_id = $1) and ($2::uuid is null or id > $2)
          order by id
          limit $3"
    ))
    .bind(tenant.map(AsRef::<str>::as_ref))
    .bind(after.as_ref().map(KeyId::as_uuid))
    .bind(i64::from(size.get()) + 1)
    .fetch_all(db)
    .await
    .map_err(StoreError::while_trying_to("list API keys"))?;
    let size = usize::from(size.get());
    let keys: Result<_, _> = found.iter().take(size).map(row::key).collect();
    Ok(KeyPage { keys: keys?, has_more: found.len() > size })
}
