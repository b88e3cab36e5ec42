//! The range of time of a histogram.

use auditrail_core::{Filters, RecordTime};

use crate::db::Db;
use crate::error::StoreError;
use crate::records::read::driving_index::DrivingIndex;
use crate::records::read::scan::Direction;
use crate::records::read::times::push_times;
use crate::sql::Sql;
use crate::value::PgTime;

/// The range of the filters, with the times of records where it is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) since: Option<RecordTime>,
    last: Last,
}

/// The end of a range.
#[derive(Clone, Copy, Debug)]
enum Last {
    /// Of the filters, exclusive.
    Until(RecordTime),
    /// The time of the newest record.
    Newest(Option<RecordTime>),
}

impl Range {
    /// The range of the filters, completed with the times of the oldest and the newest record of the index that
    /// has the latest oldest and the earliest newest one.
    ///
    /// Those times are part of the result, so for one tenant they are of the records of that tenant alone.
    pub(super) async fn of(db: Db<'_>, filters: &Filters) -> Result<Self, StoreError> {
        let (start, end) = (filters.created_at.start(), filters.created_at.end());
        if let (Some(start), Some(end)) = (start, end) {
            return Ok(Self { since: Some(start), last: Last::Until(end) });
        }
        let mut indexes = DrivingIndex::of(filters);
        if filters.tenant_id.is_some() {
            indexes.retain(|index| index.is("tenant_id"));
        }
        let (oldest, newest) = times(db, &indexes, filters).await?;
        Ok(Self {
            since: start.or(oldest),
            // Without a record there is nothing to show up to the end, or from the start on.
            last: match end {
                Some(end) => Last::Until(end),
                None => Last::Newest(newest),
            },
        })
    }

    /// The exclusive end.
    pub(super) fn until(self) -> Option<RecordTime> {
        match self.last {
            Last::Until(end) => Some(end),
            Last::Newest(newest) => newest.map(|newest| {
                RecordTime::from_stored_micros(newest.unix_micros().saturating_add(1))
            }),
        }
    }

    /// The first and the last time of the range, both inclusive; `None` when no record can match.
    pub(super) fn first_and_last(self) -> Option<(RecordTime, RecordTime)> {
        let last = match self.last {
            Last::Until(end) => RecordTime::from_stored_micros(end.unix_micros() - 1),
            Last::Newest(newest) => newest?,
        };
        self.since.map(|first| (first, last)).filter(|(first, last)| first <= last)
    }
}

/// The oldest and the newest time in the range of the filters. If an index has no record there, both are `None`.
async fn times(
    mut db: Db<'_>,
    indexes: &[DrivingIndex<'_>],
    filters: &Filters,
) -> Result<(Option<RecordTime>, Option<RecordTime>), StoreError> {
    let mut sql = Sql::new(
        "select case when bool_and(oldest is not null) then max(oldest) end,
                case when bool_and(newest is not null) then min(newest) end from (",
    )
    .unprepared();
    let mut between = "";
    for index in indexes {
        sql.push(between).push("select least(");
        push_time(&mut sql, *index, filters, Direction::Newer);
        sql.push(") as oldest, greatest(");
        push_time(&mut sql, *index, filters, Direction::Older);
        sql.push(") as newest");
        between = " union all ";
    }
    sql.push(") of_indexes");
    let rows = db.fetch(&sql).await;
    let rows = rows.map_err(StoreError::while_trying_to("find the range of a histogram"))?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound);
    let times = row.and_then(|row| Ok((row.get(0)?, row.get(1)?)));
    let (oldest, newest): (Option<PgTime>, Option<PgTime>) =
        times.map_err(StoreError::while_trying_to("read a row"))?;
    Ok((oldest.map(|PgTime(time)| time), newest.map(|PgTime(time)| time)))
}

/// Adds the first time of an index in a direction, for each form of its value.
fn push_time(sql: &mut Sql, index: DrivingIndex<'_>, filters: &Filters, direction: Direction) {
    let mut before = "(select created_at from control_plane.audit_logs where true";
    for form in [Some(index), index.mapped()].into_iter().flatten() {
        sql.push(before);
        form.push_condition(sql);
        push_times(sql, &filters.created_at);
        form.push_order(sql, direction);
        sql.push(direction.of_time()).push(" limit 1)");
        before = ", (select created_at from control_plane.audit_logs where true";
    }
}
