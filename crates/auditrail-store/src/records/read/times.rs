//! Conditions on the time of a record.

use auditrail_core::{RecordTime, TimeRange};

use crate::sql::Sql;
use crate::value::PgTime;

/// Adds the conditions of a range of time.
pub(in crate::records) fn push_times(sql: &mut Sql, range: &TimeRange) {
    if let Some(start) = range.start() {
        sql.push(" and created_at >= ").push_bind(PgTime(start));
    }
    if let Some(end) = range.end() {
        sql.push(" and created_at < ").push_bind(PgTime(end));
    }
}

/// Whether a time is an end of the range, and so may be a clamped one.
pub(in crate::records) fn is_edge(time: RecordTime) -> bool {
    [RecordTime::MIN_UNIX_MICROS, RecordTime::MAX_UNIX_MICROS].contains(&time.unix_micros())
}
