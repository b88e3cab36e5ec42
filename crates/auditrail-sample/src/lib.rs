//! Sample records: a realistic month of a control plane, generated from a seed and a size.
//!
//! Forty people in two organizations, a dozen API keys and a few nightly jobs work on projects,
//! keys and secrets. As in real logs a few actors do most of the work, a few targets get most of
//! the attention while most are seen once or twice, nights and weekends are quiet, and changes
//! come in bursts. Uniform random rows would make indexes look better or worse than they are.
//! One [`Incident`] hides in the month.
//!
//! Arithmetic is on integers only, because `ln` and `pow` may differ between machines and the sample must
//! not. There is no clock, and no dependency on the other crates, so that tests can compare what those did
//! with what was generated.
//!
//! [`write_repeated`] repeats the records of a file instead.
//!
//! Read [`Sample`] first; then `schedule` (when), `actors` (who), `actions` (what), `incident`.

mod actions;
mod actors;
mod cloudtrail;
mod incident;
mod names;
mod output;
mod random;
mod record;
mod records;
mod repeat;
mod schedule;

#[cfg(test)]
mod tests;

pub use self::incident::Incident;
pub use self::record::SampleRecord;
pub use self::records::Records;
pub use self::repeat::write_repeated;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Length of the month in days.
pub const DAYS: u16 = 30;

/// The smallest sample that contains the [`Incident`].
pub const INCIDENT_MIN_RECORDS: u64 = 200;

/// First day of the default month, which lies in the past of every machine with the pinned compiler.
pub const DEFAULT_START: Date = Date::constant(2026, 3, 1);

/// Seed of the default sample; another seed gives another month of the same people.
pub const DEFAULT_SEED: u64 = 1;

/// A seed, a number of records, and the first day of the month.
///
/// Memory is constant: records are generated as they are read. Tested with up to 10,000,000 records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    seed: u64,
    records: u64,
    start: Timestamp,
}

/// A first day that cannot begin a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sample cannot start on {0}; choose a day from 1970-01-01 to 9999-10-01")]
pub struct StartError(Date);

impl Sample {
    /// A sample of exactly `records` records in the default month.
    #[must_use]
    pub fn new(seed: u64, records: u64) -> Self {
        let start = midnight(DEFAULT_START).unwrap_or(Timestamp::UNIX_EPOCH);
        Self { seed, records, start }
    }

    /// The same sample in the thirty days from `first_day`, 00:00 UTC.
    ///
    /// # Errors
    /// When the days lie before 1970, where UUIDv7 has no times, or beyond what time can hold.
    pub fn starting(mut self, first_day: Date) -> Result<Self, StartError> {
        let start = midnight(first_day).ok_or(StartError(first_day))?;
        if start < Timestamp::UNIX_EPOCH || first_day > Date::constant(9999, 10, 1) {
            return Err(StartError(first_day));
        }
        self.start = start;
        Ok(self)
    }

    /// How many records it has.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// No record is earlier.
    #[must_use]
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// Every record is earlier.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.start + SignedDuration::from_hours(24 * i64::from(DAYS))
    }

    /// The incident of this sample; none when it is smaller than [`INCIDENT_MIN_RECORDS`].
    #[must_use]
    pub fn incident(&self) -> Option<Incident> {
        (self.records >= INCIDENT_MIN_RECORDS).then(|| Incident::of(self))
    }

    /// The records, oldest first.
    #[must_use]
    pub fn iter(&self) -> Records {
        Records::new(self)
    }
}

impl IntoIterator for &Sample {
    type Item = SampleRecord;
    type IntoIter = Records;

    fn into_iter(self) -> Records {
        self.iter()
    }
}

fn midnight(day: Date) -> Option<Timestamp> {
    let zoned = day.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}
