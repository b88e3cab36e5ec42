//! PostgreSQL types without an equivalent in another crate.

use auditrail_core::RecordTime;

/// The version of the binary format of jsonb, its first byte; JSON text follows.
pub(super) const JSONB_VERSION: u8 = 1;
/// Microseconds from 1970 to 2000, the epoch of the binary format of `timestamptz`.
pub(super) const MICROS_1970_TO_2000: i64 = 946_684_800_000_000;

/// The id of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Xid(pub(crate) u32);

/// The id of a transaction that is never reused, as `xid8`: `audit_logs.xact_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct XactId(pub(crate) u64);

/// A time as `timestamptz`.
///
/// Decoding never fails: `infinity`, `-infinity` and years beyond RFC 3339 are clamped to the range. Plain
/// SQL can write such a row, which must not make its page unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PgTime(pub(crate) RecordTime);

/// JSON text as `jsonb`, without parsing it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonText<'a>(pub(crate) &'a str);

/// Microseconds since 2000.
pub(super) fn micros_since_2000(time: RecordTime) -> i64 {
    // The range of RecordTime is well within i64.
    time.unix_micros().saturating_sub(MICROS_1970_TO_2000)
}
