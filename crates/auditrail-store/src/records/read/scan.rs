//! In which direction of time a search reads, and where it starts.

use auditrail_core::{Cursor, RecordTime};

use super::times::is_edge;
use crate::sql::Sql;
use crate::value::PgTime;

/// The direction of a scan in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::records) enum Direction {
    /// From newer to older records: `created_at desc, id desc`.
    Older,
    /// From older to newer records: `created_at, id`. Every index serves it backwards.
    Newer,
}

impl Direction {
    /// The other direction.
    pub(in crate::records) const fn reversed(self) -> Self {
        match self {
            Self::Older => Self::Newer,
            Self::Newer => Self::Older,
        }
    }

    /// The end of an ORDER BY.
    pub(in crate::records) const fn order(self) -> &'static str {
        match self {
            Self::Older => "created_at desc, id desc",
            Self::Newer => "created_at, id",
        }
    }

    /// The order of a column.
    pub(in crate::records) const fn of_column(self) -> &'static str {
        match self {
            Self::Older => "",
            Self::Newer => " desc",
        }
    }

    /// The order of times alone.
    pub(in crate::records) const fn of_time(self) -> &'static str {
        match self {
            Self::Older => "created_at desc",
            Self::Newer => "created_at",
        }
    }

    /// How rows that come later in the scan compare.
    pub(in crate::records) const fn beyond(self) -> &'static str {
        match self {
            Self::Older => "<",
            Self::Newer => ">",
        }
    }

    /// A time that comes so much later in the scan; `None` beyond the range of times.
    pub(in crate::records) fn later(self, time: RecordTime, micros: i64) -> Option<RecordTime> {
        let micros = match self {
            Self::Older => time.unix_micros().checked_sub(micros),
            Self::Newer => time.unix_micros().checked_add(micros),
        };
        RecordTime::from_unix_micros(micros?).ok()
    }

    /// The microseconds by which a time comes later in the scan than another.
    pub(in crate::records) fn micros_between(self, time: RecordTime, later: RecordTime) -> i64 {
        let micros = later.unix_micros().saturating_sub(time.unix_micros());
        if self == Self::Older { micros.saturating_neg() } else { micros }
    }
}

/// A scan of the matches in the order of time.
#[derive(Clone, Copy, Debug)]
pub(in crate::records) struct Scan {
    pub(in crate::records) direction: Direction,
    /// Where it starts; `None` for the first match in the direction.
    pub(in crate::records) start: Option<ScanStart>,
    /// How many matches are skipped.
    pub(in crate::records) skipped: u64,
    /// Whether its last statement is that of the transaction.
    pub(in crate::records) is_last: bool,
}

/// The record where a scan starts.
#[derive(Clone, Copy, Debug)]
pub(in crate::records) struct ScanStart {
    pub(in crate::records) cursor: Cursor,
    /// Whether the scan includes the record itself.
    pub(in crate::records) includes: bool,
}

impl Scan {
    /// Of all matches, newest first.
    pub(in crate::records) const fn newest_first() -> Self {
        Self { direction: Direction::Older, start: None, skipped: 0, is_last: true }
    }

    /// Adds the condition that a row is in the scan.
    ///
    /// A cursor at either end of the printable range may stand for a row beyond it, such as one with
    /// `infinity`, so its time is then read from that row. Otherwise such rows would repeat on every page or
    /// be skipped.
    pub(in crate::records) fn push_start(self, sql: &mut Sql) {
        let Some(ScanStart { cursor: Cursor { created_at, id }, includes }) = self.start else {
            return;
        };
        sql.push(" and (created_at, id) ").push(self.direction.beyond());
        sql.push(if includes { "= (" } else { " (" });
        if is_edge(created_at) {
            sql.push(
                "coalesce((select own.created_at from control_plane.audit_logs own where own.id = ",
            )
            .push_bind(*id.as_uuid())
            .push("), ")
            .push_bind(PgTime(created_at))
            .push(")");
        } else {
            sql.push_bind(PgTime(created_at));
        }
        sql.push(", ").push_bind(*id.as_uuid()).push(")");
    }

    /// Adds the condition of [`push_start`](Self::push_start) on the time alone, which more rows fulfil.
    pub(in crate::records) fn push_start_time(self, sql: &mut Sql) {
        if let Some(ScanStart { cursor, .. }) = self.start
            && !is_edge(cursor.created_at)
        {
            sql.push(" and created_at ").push(self.direction.beyond()).push("= ");
            sql.push_bind(PgTime(cursor.created_at));
        }
    }

    /// Adds the condition that a row is within a window of time, which ends with the time `edge`.
    pub(in crate::records) fn push_window(self, sql: &mut Sql, edge: Option<PgTime>) {
        if let Some(edge) = edge {
            sql.push(" and created_at ").push(self.direction.reversed().beyond()).push("= ");
            sql.push_bind(edge);
        }
    }
}
