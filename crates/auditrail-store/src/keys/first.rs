//! Whether there has ever been a key.

use sqlx::PgConnection;

use crate::error::StoreError;

/// Whether the table is empty, and stays so for everybody else until the transaction ends.
pub(super) async fn is_none_there(tx: &mut PgConnection) -> Result<bool, StoreError> {
    let doing = "find out whether there are API keys";
    sqlx::query("lock table control_plane.audit_api_keys in share row exclusive mode")
        .execute(&mut *tx)
        .await
        .map_err(StoreError::while_trying_to(doing))?;
    sqlx::query_scalar("select not exists (select from control_plane.audit_api_keys)")
        .fetch_one(tx)
        .await
        .map_err(StoreError::while_trying_to(doing))
}
