//! Lists keys in pages.

use auditrail_core::{ApiKey, ApiKeyId, PageSize, TenantId};

use super::row::{self, columns};
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;

/// A page of keys, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyPage {
    /// The keys.
    pub keys: Vec<ApiKey>,
    /// Whether more keys follow.
    pub has_more: bool,
}

/// Up to `size` keys after `after`, ordered by id and so by age.
pub(super) async fn page(
    mut db: Db<'_>,
    tenant: Option<&TenantId>,
    after: Option<ApiKeyId>,
    size: PageSize,
) -> Result<ApiKeyPage, StoreError> {
    let sql = Sql::new(concat!(
        "select ",
        columns!(),
        " from control_plane.audit_api_keys
          where ($1::text is null or tenant_id = $1) and ($2::uuid is null or id > $2)
          order by id
          limit $3"
    ))
    .bind_optional(tenant.map(AsRef::<str>::as_ref))
    .bind_optional(after.as_ref().map(ApiKeyId::as_uuid))
    .bind(i64::from(size.get()) + 1);
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to("list API keys"))?;
    let size = usize::from(size.get());
    let keys: Result<_, _> = rows.iter().take(size).map(row::key).collect();
    Ok(ApiKeyPage { keys: keys?, has_more: rows.len() > size })
}
