//! Deletes the expired records of a chunk.

use super::context::Context;
use super::expired::{Position, Rows, with_expired};
use super::session::Session;
use super::survey::{Chunk, GROUPS, NOT_KEPT, last, read};
use super::tables::Table;
use crate::error::StoreError;

/// Opens the guard of the table for the rest of a transaction.
pub(super) const OPEN_GUARD: &str = "set local auditrail.maintenance = 'retention'";

/// Deletes the expired ones of the next rows of a table, in the transaction of the caller, and returns them by tenant
/// and action.
pub(super) async fn chunk(
    db: &mut Session,
    context: &Context,
    table: &Table,
    position: Position,
    limit: u32,
) -> Result<Chunk, StoreError> {
    let rows = Rows::After { position, upper: context.upper, limit };
    let mut sql = with_expired(context, table, rows);
    sql.push(", gone as (delete from ").push(&table.sql());
    sql.push(" record using expired where record.id = expired.id")
        .push(" returning record.id, record.tenant_id, record.action, record.created_at)")
        .push(GROUPS)
        .push("gone group by tenant_id, action")
        .push(&last(NOT_KEPT));
    let doing = "delete expired records";
    let rows = db.fetch(doing, sql).await?;
    read(&rows).map_err(StoreError::while_trying_to(doing))
}
