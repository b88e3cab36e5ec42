//! How long the buckets of a summary are.

use std::fmt;
use std::str::FromStr;

use auditrail_core::ValueError;

/// Most buckets a summary lists: the latest ones with records, a year of days.
pub const BUCKETS_MAX: u16 = 366;

/// How long a bucket of a summary is. It starts at a whole one in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Interval {
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
}

impl Interval {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// The shortest of which [`BUCKETS_MAX`] show so many microseconds, or else the longest there is.
    pub(in crate::records) fn to_show(micros: i64) -> Self {
        // A span that starts and ends inside of buckets touches one more than it is long.
        let fits = |interval: &Self| micros / interval.micros() + 2 <= i64::from(BUCKETS_MAX);
        [Self::Minute, Self::Hour].into_iter().find(fits).unwrap_or(Self::Day)
    }

    const fn micros(self) -> i64 {
        match self {
            Self::Minute => 60 * 1_000_000,
            Self::Hour => 60 * 60 * 1_000_000,
            Self::Day => 24 * 60 * 60 * 1_000_000,
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Interval {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        [Self::Minute, Self::Hour, Self::Day]
            .into_iter()
            .find(|interval| interval.as_str() == text)
            .ok_or(ValueError::UnknownValue { expected: "minute, hour, day" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_that_shows_everything_is_taken() {
        let hours = |hours: i64| Interval::to_show(hours * Interval::Hour.micros());
        assert_eq!([hours(0), hours(6)], [Interval::Minute; 2]);
        assert_eq!([hours(7), hours(364)], [Interval::Hour; 2]);
        assert_eq!([hours(365), hours(1_000_000)], [Interval::Day; 2]);
    }
}
