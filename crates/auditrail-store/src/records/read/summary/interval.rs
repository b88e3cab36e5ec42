//! The length of the buckets of a summary.

use std::fmt;
use std::str::FromStr;

use auditrail_core::ValueError;

/// Most buckets a summary lists: the latest ones with records, a year of days.
pub const BUCKETS_MAX: u16 = 366;

/// The length of a bucket of a summary. Buckets start at whole minutes, hours or days in UTC.
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
    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// The shortest interval of which [`BUCKETS_MAX`] cover a number of microseconds, or else the longest.
    pub(in crate::records) fn covering(micros: i64) -> Self {
        // A range that starts and ends within buckets touches one more than its length.
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
    fn covering_returns_the_shortest_interval() {
        let hours = |hours: i64| Interval::covering(hours * Interval::Hour.micros());
        assert_eq!([hours(0), hours(6)], [Interval::Minute; 2]);
        assert_eq!([hours(7), hours(364)], [Interval::Hour; 2]);
        assert_eq!([hours(365), hours(1_000_000)], [Interval::Day; 2]);
    }
}
