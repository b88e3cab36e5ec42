//! Types of PostgreSQL that have no type of their own elsewhere.

use auditrail_core::RecordTime;

/// The version of jsonb's binary format, its first byte; what follows is JSON text.
pub(super) const JSONB_VERSION: u8 = 1;
/// Microseconds from 1970 to 2000, where the binary format of `timestamptz` starts counting.
pub(super) const MICROS_1970_TO_2000: i64 = 946_684_800_000_000;

/// The id of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Xid(pub(crate) u32);

/// A time as `timestamptz`.
///
/// Reading never fails: `infinity`, `-infinity` and years RFC 3339 cannot write become the nearest
/// time that can be kept. Plain SQL may have written such a row, and it must not make every page
/// that holds it unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PgTime(pub(crate) RecordTime);

/// JSON text as `jsonb`, without parsing and printing it again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonText<'a>(pub(crate) &'a str);

/// Microseconds since 2000.
pub(super) fn micros_since_2000(time: RecordTime) -> i64 {
    // The range of RecordTime is far from the ends of i64.
    time.unix_micros().saturating_sub(MICROS_1970_TO_2000)
}
