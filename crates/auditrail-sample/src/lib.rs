//! A believable month of a control plane, the same for the same seed and size.
//!
//! Forty people in two organizations, a dozen API keys and a few nightly jobs work on projects,
//! keys and secrets. As in real logs a few actors do most of the work, a few targets get most of
//! the attention while most are seen once or twice, nights and weekends are quiet, and changes
//! come in bursts. Uniform random rows would make indexes look better or worse than they are.
//! One [`Incident`] hides in the month.
//!
//! Absent on purpose: floating point, the clock, and the types of the other crates. Arithmetic is
//! on integers only, because `ln` and `pow` may differ between machines and the sample must not.
//!
//! Read [`Sample`] first; then `pace` (when), `cast` (who), `acts` (what), `incident`.

mod acts;
mod cast;
mod cloudtrail;
mod dice;
mod incident;
mod names;
mod output;
mod pace;
mod record;
mod records;
mod repeat;

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

/// The smallest sample that contains the [`Incident`]; a smaller one has no room for it.
pub const INCIDENT_MIN_RECORDS: u64 = 200;

/// First day of the default month. The compiler this project is pinned to is younger than that
/// month's end, so no machine that builds the sample takes its records to be in the future.
pub const DEFAULT_START: Date = Date::constant(2026, 3, 1);

/// Seed of the default sample. Any other gives another month with the same people in it.
pub const DEFAULT_SEED: u64 = 1;

/// What to write: a seed, a number of records, and the first day of the month.
///
/// Memory stays constant whatever the size: records are made as they are read. It was run with up
/// to 10,000,000 records; nothing in it breaks beyond.
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

    /// Decides everything that is not fixed.
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
