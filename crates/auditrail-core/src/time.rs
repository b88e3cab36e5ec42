//! The time of a record.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::fmt::StdFmtWrite;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::ValueError;
use crate::limits::CREATED_AT_MAX_AHEAD_SECONDS;
use crate::text::JsonText;

/// RFC 3339 in UTC with six fractional digits.
const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));

/// A time in whole microseconds, the resolution of PostgreSQL's `timestamptz`.
///
/// The range is the common range of RFC 3339, `timestamptz` and the time library: from the start of
/// year 1 to 9999-12-30T22:00:00Z. Finer times are rounded down to a microsecond.
/// Displays as `2026-01-02T03:04:05.000006Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordTime(Timestamp);

impl RecordTime {
    /// The first time of the range, 0001-01-01T00:00:00Z, in microseconds since 1970.
    pub const MIN_UNIX_MICROS: i64 = -62_135_596_800_000_000;
    /// The last time of the range, 9999-12-30T22:00:00Z, in microseconds since 1970.
    pub const MAX_UNIX_MICROS: i64 = 253_402_207_200_000_000;

    /// Rounds a timestamp down to a microsecond.
    ///
    /// # Errors
    /// [`ValueError::OutOfRange`] outside the range.
    pub fn new(time: Timestamp) -> Result<Self, ValueError> {
        let nanos = time.as_nanosecond();
        let micros = i64::try_from(nanos.div_euclid(1_000)).map_err(|_| OUT_OF_RANGE)?;
        Self::from_unix_micros(micros)
    }

    /// A time from microseconds since 1970.
    ///
    /// # Errors
    /// [`ValueError::OutOfRange`] outside the range.
    pub fn from_unix_micros(micros: i64) -> Result<Self, ValueError> {
        if !(Self::MIN_UNIX_MICROS..=Self::MAX_UNIX_MICROS).contains(&micros) {
            return Err(OUT_OF_RANGE);
        }
        Timestamp::from_microsecond(micros).map(Self).map_err(|_| OUT_OF_RANGE)
    }

    /// A stored time, clamped to the range.
    ///
    /// Plain SQL can write times outside the range (`infinity`, the year 200000); such a row must not make
    /// its page unreadable.
    #[must_use]
    pub fn from_stored_micros(micros: i64) -> Self {
        let micros = micros.clamp(Self::MIN_UNIX_MICROS, Self::MAX_UNIX_MICROS);
        Self(Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Microseconds since 1970.
    #[must_use]
    pub fn unix_micros(self) -> i64 {
        self.0.as_microsecond()
    }

    /// The time as a timestamp.
    #[must_use]
    pub const fn timestamp(self) -> Timestamp {
        self.0
    }

    /// Checks that the time is ahead of `now` by no more than the allowed clock skew.
    ///
    /// # Errors
    /// [`ValueError::InFuture`] beyond [`CREATED_AT_MAX_AHEAD_SECONDS`].
    pub fn check_not_in_future(self, now: Timestamp) -> Result<(), ValueError> {
        let latest = now.as_microsecond() + CREATED_AT_MAX_AHEAD_SECONDS * 1_000_000;
        if self.unix_micros() > latest {
            return Err(ValueError::InFuture { max_ahead_seconds: CREATED_AT_MAX_AHEAD_SECONDS });
        }
        Ok(())
    }
}

const OUT_OF_RANGE: ValueError =
    ValueError::OutOfRange { range: "between the years 0001 and 9999" };

impl FromStr for RecordTime {
    type Err = ValueError;

    /// Parses RFC 3339 with `Z` or an offset; a second of 60 is read as 59.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        if has_long_year(text) {
            return Err(OUT_OF_RANGE);
        }
        if !is_rfc3339_shape(text.as_bytes()) {
            return Err(BAD_FORMAT);
        }
        let time: Timestamp = text.parse().map_err(|_| BAD_FORMAT)?;
        Self::new(time)
    }
}

const BAD_FORMAT: ValueError =
    ValueError::BadFormat { expected: "an RFC 3339 time, such as 2026-01-02T03:04:05Z" };

/// Whether the text starts with a date whose year is signed or has more than four digits.
fn has_long_year(text: &str) -> bool {
    let unsigned = text.trim_start_matches(['+', '-']);
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let signed = unsigned.len() != text.len();
    (digits > 4 || (signed && digits >= 4)) && unsigned.as_bytes().get(digits) == Some(&b'-')
}

/// Whether the text has the shape of RFC 3339; the time library checks the values.
///
/// The library also accepts week dates, missing seconds and time zone names.
fn is_rfc3339_shape(text: &[u8]) -> bool {
    const PATTERN: &[u8; 19] = b"dddd-dd-ddTdd:dd:dd";
    let Some((head, mut rest)) = text.split_first_chunk::<19>() else {
        return false;
    };
    let head_fits = head.iter().zip(PATTERN).all(|(byte, pattern)| match pattern {
        b'd' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't' | b' '),
        separator => byte == separator,
    });
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return false;
        }
        rest = &fraction[digits..];
    }
    let offset_fits = match rest {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => [h1, h2, m1, m2].iter().all(|b| b.is_ascii_digit()),
        _ => false,
    };
    head_fits && offset_fits
}

impl fmt::Display for RecordTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PRINTER.print_timestamp(&self.0, StdFmtWrite(f)).map_err(|_| fmt::Error)
    }
}

impl Serialize for RecordTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RecordTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = JsonText::deserialize(deserializer)?;
        text.as_str().parse().map_err(serde::de::Error::custom)
    }
}
