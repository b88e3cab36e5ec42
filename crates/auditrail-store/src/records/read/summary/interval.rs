//! The choice of the length of buckets.

use auditrail_core::Interval;

/// Most buckets a summary lists: the latest ones with records, a year of days.
pub const BUCKETS_MAX: u16 = 366;

/// The shortest interval of which [`BUCKETS_MAX`] cover a number of microseconds, or else the longest.
pub(super) fn covering(micros: i64) -> Interval {
    // A range that starts and ends within buckets touches one more than its length.
    let fits = |interval: &Interval| micros / interval.micros() + 2 <= i64::from(BUCKETS_MAX);
    Interval::ALL.into_iter().find(fits).unwrap_or(Interval::Day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covering_returns_the_shortest_interval() {
        let hours = |hours: i64| covering(hours * Interval::Hour.micros());
        assert_eq!([hours(0), hours(6)], [Interval::Minute; 2]);
        assert_eq!([hours(7), hours(364)], [Interval::Hour; 2]);
        assert_eq!([hours(365), hours(1_000_000)], [Interval::Day; 2]);
    }
}
