//! The buckets of a histogram over time.

use std::fmt;
use std::str::FromStr;

use super::paging::parse_number;
use crate::error::ValueError;
use crate::limits::{BARS_DEFAULT, BARS_MAX};
use crate::time::RecordTime;

const MICROS: i64 = 1_000_000;
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Most buckets of a histogram: 1 to [`BARS_MAX`], [`BARS_DEFAULT`] by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bars(u16);

impl Bars {
    /// A number of buckets.
    ///
    /// # Errors
    /// [`ValueError::OutOfRange`] for 0 and above [`BARS_MAX`].
    pub const fn new(bars: u16) -> Result<Self, ValueError> {
        if bars == 0 || bars > BARS_MAX {
            return Err(BARS_RANGE);
        }
        Ok(Self(bars))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

const BARS_RANGE: ValueError = ValueError::OutOfRange { range: "between 1 and 200" };

impl Default for Bars {
    fn default() -> Self {
        Self(BARS_DEFAULT)
    }
}

impl FromStr for Bars {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bars = parse_number(text)?;
        Self::new(u16::try_from(bars).map_err(|_| BARS_RANGE)?)
    }
}

impl fmt::Display for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The width of the buckets of a histogram, one of a fixed list.
///
/// Buckets are aligned in UTC: each starts a whole number of widths after 0001-01-01T00:00:00Z. So a bucket of up
/// to a day starts at a whole multiple of its width within the day, and one of seven days on a Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BucketWidth(u64);

impl BucketWidth {
    /// Every width in seconds, the shortest first: 1 s to 30 s, 1 min to 30 min, 1 h to 12 h, then 1, 7, 30, 90,
    /// 365 and 3,650 days, 100 years and all of time.
    pub const SECONDS: [u64; 21] = [
        1,
        5,
        10,
        30,
        MINUTE,
        5 * MINUTE,
        10 * MINUTE,
        30 * MINUTE,
        HOUR,
        3 * HOUR,
        6 * HOUR,
        12 * HOUR,
        DAY,
        7 * DAY,
        30 * DAY,
        90 * DAY,
        365 * DAY,
        3_650 * DAY,
        36_525 * DAY,
        365_250 * DAY,
        3_652_500 * DAY,
    ];

    /// The shortest width of which at most `bars` buckets hold every time from `first` to `last`, inclusive.
    #[must_use]
    pub fn covering(first: RecordTime, last: RecordTime, bars: Bars) -> Self {
        let fits =
            |width: &Self| width.number_of(last) - width.number_of(first) < i64::from(bars.0);
        // The longest holds all of time in one bucket.
        let longest = Self::SECONDS[Self::SECONDS.len() - 1];
        Self::SECONDS.into_iter().map(Self).find(fits).unwrap_or(Self(longest))
    }

    /// The width in seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// The starts of the buckets that hold every time from `first` to `last`, inclusive, earliest first.
    #[must_use]
    pub fn starts(self, first: RecordTime, last: RecordTime) -> Vec<RecordTime> {
        let start = |number: i64| {
            RecordTime::from_stored_micros(RecordTime::MIN_UNIX_MICROS + number * self.micros())
        };
        (self.number_of(first)..=self.number_of(last)).map(start).collect()
    }

    /// The number of the bucket that holds a time, from 0.
    fn number_of(self, time: RecordTime) -> i64 {
        (time.unix_micros() - RecordTime::MIN_UNIX_MICROS) / self.micros()
    }

    fn micros(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX / MICROS) * MICROS
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> RecordTime {
        text.parse().unwrap()
    }

    fn any_time() -> impl Strategy<Value = RecordTime> {
        (RecordTime::MIN_UNIX_MICROS..=RecordTime::MAX_UNIX_MICROS)
            .prop_map(RecordTime::from_stored_micros)
    }

    #[test]
    fn buckets_are_aligned_in_utc() {
        for (first, last, bars, seconds, start) in [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z", 60, 1, "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05Z", "2026-01-02T03:59:00Z", 60, MINUTE, "2026-01-02T03:04:00Z"),
            (
                "2026-01-02T03:04:05Z",
                "2026-01-02T04:04:00Z",
                60,
                5 * MINUTE,
                "2026-01-02T03:00:00Z",
            ),
            ("2026-01-02T03:04:05Z", "2026-01-02T23:00:00Z", 4, 6 * HOUR, "2026-01-02T00:00:00Z"),
            // A Monday.
            ("2026-01-02T03:04:05Z", "2026-01-20T00:00:00Z", 4, 7 * DAY, "2025-12-29T00:00:00Z"),
            (
                "0001-01-01T00:00:00Z",
                "9999-12-30T22:00:00Z",
                1,
                3_652_500 * DAY,
                "0001-01-01T00:00:00Z",
            ),
        ] {
            let (first, last) = (time(first), time(last));
            let width = BucketWidth::covering(first, last, Bars::new(bars).unwrap());
            assert_eq!((width.seconds(), width.starts(first, last)[0]), (seconds, time(start)));
        }
    }

    proptest! {
        #[test]
        fn buckets_cover_the_range_within_the_number_of_bars(
            one in any_time(),
            other in any_time(),
            bars in 1..=BARS_MAX,
        ) {
            let (first, last) = (one.min(other), one.max(other));
            let width = BucketWidth::covering(first, last, Bars::new(bars).unwrap());
            let starts = width.starts(first, last);
            prop_assert!((1..=usize::from(bars)).contains(&starts.len()));
            prop_assert!(starts[0] <= first);
            let end = |start: RecordTime| start.unix_micros() + width.micros();
            prop_assert!(starts.windows(2).all(|two| end(two[0]) == two[1].unix_micros()));
            let newest = starts[starts.len() - 1];
            prop_assert!(newest <= last && last.unix_micros() < end(newest));
        }
    }

    #[test]
    fn number_of_bars_is_bounded() {
        assert_eq!("200".parse(), Bars::new(200));
        for wrong in ["0", "201", "-1", "", "x", "99999999999999999999"] {
            assert!(wrong.parse::<Bars>().is_err(), "{wrong}");
        }
    }
}
