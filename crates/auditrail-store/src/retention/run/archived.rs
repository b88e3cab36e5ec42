//! What archives need from the database.

use auditrail_core::SeqBounds;

use super::context::Context;
use super::error::RetentionError;
use super::session::Session;
use crate::archive::{ArchiveError, ArchiveWriter, blocking};
use crate::error::StoreError;
use crate::sql::Sql;

/// Adds lines to an archive.
pub(super) async fn write(
    mut writer: ArchiveWriter,
    lines: Vec<String>,
) -> Result<ArchiveWriter, ArchiveError> {
    if lines.is_empty() {
        return Ok(writer);
    }
    blocking(move || writer.write(&lines).map(|()| writer)).await
}

/// Bounds of the positions of an archive's records: those of the entries of their transactions. `None` without an
/// order.
pub(super) async fn seq_bounds(
    db: &mut Session,
    context: &Context,
    writer: &ArchiveWriter,
) -> Result<Option<SeqBounds>, RetentionError> {
    if !context.has_order {
        return Ok(None);
    }
    let doing = "look up the positions of archived records";
    let xact_id = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
    let (lowest, highest) = writer.xact_ids();
    let sql = Sql::new(
        "select min(first_seq), max(first_seq + records - 1) from control_plane.audit_log_entries
          where highest_xact_id >= $1 and lowest_xact_id <= $2",
    )
    .bind(xact_id(lowest))
    .bind(xact_id(highest));
    let rows = db.fetch(doing, sql).await?;
    let bound = |column| -> Result<Option<u64>, StoreError> {
        let value: Option<Option<i64>> = rows
            .first()
            .map(|row| row.get(column))
            .transpose()
            .map_err(StoreError::while_trying_to(doing))?;
        Ok(value.flatten().and_then(|seq| u64::try_from(seq).ok()))
    };
    let (lowest, highest) = (bound(0)?, bound(1)?);
    Ok(lowest.zip(highest).map(|(lowest, highest)| SeqBounds { lowest, highest }))
}
