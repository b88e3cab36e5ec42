//! The entries of the sequencer: the ids of records in the order of their seq.

use auditrail_core::{FeedPosition, RecordId};
use uuid::Uuid;

use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::sql::Sql;

/// The bytes of an id.
const ID_BYTES: usize = 16;

/// The entries after a position.
#[derive(Debug)]
pub(super) struct Entries {
    /// The seq of the first of `ids`.
    pub(super) first_seq: i64,
    pub(super) ids: Vec<Uuid>,
    /// The id of the entry at the position.
    pub(super) id_at_position: Option<RecordId>,
    /// The seq of the last entry of the log; -1 without any.
    pub(super) head: i64,
}

impl Entries {
    /// The position after the last of them.
    pub(super) fn last(&self) -> FeedPosition {
        let seq = self.first_seq + i64::try_from(self.ids.len()).unwrap_or(i64::MAX) - 1;
        FeedPosition { seq, id: self.ids.last().copied().map(RecordId::from) }
    }
}

/// At most `max` entries after a position.
///
/// Entries have no gaps, so a range of seq bounds their number.
///
/// # Errors
/// [`StoreError::PositionUnknown`] if the log ends before the position, or has another record there.
pub(super) async fn after(
    mut db: Db<'_>,
    position: FeedPosition,
    max: usize,
) -> Result<Entries, StoreError> {
    let doing = "read the sequence of records";
    let from = position.seq.max(0);
    let sql = after_sql(from, position.seq.saturating_add(i64::try_from(max).unwrap_or(i64::MAX)));
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to(doing))?;
    let parts: Vec<Part> = rows
        .iter()
        .map(Part::read)
        .collect::<Result<_, _>>()
        .map_err(StoreError::while_trying_to(doing))?;
    let head = parts.first().map_or(-1, |part| part.head);
    if position.seq > head {
        return Err(StoreError::PositionUnknown { position, head: Some(head) });
    }
    let mut ids = parts.iter().flat_map(|part| part.ids.iter().copied());
    let at_position = if position.seq < 0 { None } else { ids.next().map(RecordId::from) };
    if at_position.is_some_and(|id| !position.is_of(id)) {
        return Err(StoreError::PositionUnknown { position, head: None });
    }
    let ids = ids.take(max).collect();
    Ok(Entries { first_seq: position.seq + 1, ids, id_at_position: at_position, head })
}

/// The ids of at most `max` entries after a position.
///
/// # Errors
/// As [`after`].
pub(crate) async fn entry_ids(
    db: Db<'_>,
    position: FeedPosition,
    max: usize,
) -> Result<Vec<Uuid>, StoreError> {
    Ok(after(db, position, max).await?.ids)
}

/// A position with the id of its entry.
///
/// # Errors
/// As [`after`].
pub(in crate::records) async fn known(
    db: Db<'_>,
    position: FeedPosition,
) -> Result<FeedPosition, StoreError> {
    let id = after(db, position, 0).await?.id_at_position;
    Ok(FeedPosition { id, ..position })
}

/// The ids of the rows from a seq to another, without those before the first seq.
fn after_sql(from: i64, to: i64) -> Sql {
    Sql::new(
        "select substr(entries.ids, 16 * least(greatest($1 - entries.first_seq, 0), entries.records)::integer + 1),
                (select last.first_seq + last.records - 1
                   from control_plane.audit_log_entries last
                  order by last.first_seq desc
                  limit 1)
           from control_plane.audit_log_entries entries
          where entries.first_seq >= coalesce((select before.first_seq
                                                 from control_plane.audit_log_entries before
                                                where before.first_seq <= $1
                                                order by before.first_seq desc
                                                limit 1), 0)
            and entries.first_seq <= $2
          order by entries.first_seq",
    )
    .bind(from)
    .bind(to)
}

/// A row of entries.
struct Part {
    ids: Vec<Uuid>,
    head: i64,
}

impl Part {
    fn read(row: &Row) -> Result<Self, sqlx::Error> {
        let ids: &[u8] = row.get(0)?;
        let ids = ids.chunks_exact(ID_BYTES).map(Uuid::from_slice).collect::<Result<_, _>>();
        Ok(Self { ids: ids.map_err(|error| sqlx::Error::Decode(error.into()))?, head: row.get(1)? })
    }
}

/// The position after the last entry of the log.
pub(in crate::records) async fn head(mut db: Db<'_>) -> Result<FeedPosition, StoreError> {
    let doing = "read the head of the sequence";
    let sql = Sql::new(
        "select first_seq + records - 1, substr(ids, 16 * records - 15)
           from control_plane.audit_log_entries
          order by first_seq desc
          limit 1",
    );
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to(doing))?;
    let position = rows.first().map(|row| {
        let id: &[u8] = row.get(1)?;
        let id = Uuid::from_slice(id).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(FeedPosition { seq: row.get(0)?, id: Some(RecordId::from(id)) })
    });
    let position = position.transpose().map_err(StoreError::while_trying_to(doing))?;
    Ok(position.unwrap_or(FeedPosition::START))
}
