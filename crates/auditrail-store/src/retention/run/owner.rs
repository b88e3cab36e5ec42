//! Whether the role of a run owns the log.

use super::error::RetentionError;
use super::session::Session;
use crate::error::StoreError;
use crate::sql::Sql;

/// Checks that the current role is, or has the privileges of, the owner of the log. The guard of the table refuses
/// others too, but only when the first record is to leave.
pub(super) async fn check(db: &mut Session) -> Result<(), RetentionError> {
    let doing = "look up the owner of the log";
    let sql = Sql::new(
        "select pg_has_role(current_user, relowner, 'USAGE'), current_user::text
           from pg_class where oid = 'control_plane.audit_logs'::regclass",
    );
    let rows = db.fetch(doing, sql).await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound);
    let row = row.map_err(StoreError::while_trying_to(doing))?;
    if row.get(0).map_err(StoreError::while_trying_to(doing))? {
        return Ok(());
    }
    let role = row.get(1).map_err(StoreError::while_trying_to(doing))?;
    Err(RetentionError::NotOwner { role })
}
