//! Counts of records over time.

use serde::{Deserialize, Serialize};

/// Counts of the matching records by buckets of time.
///
/// Counting starts with the newest bucket and ends after about 0.8 seconds. A bucket that was not counted by then has
/// no count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Histogram {
    /// Start of the range, inclusive: `since`, or the time of the oldest record that can match; `null` if there is
    /// neither.
    #[cfg_attr(feature = "openapi", schema(format = "date-time"))]
    pub since: Option<String>,
    /// End of the range, exclusive: `until`, or just after the newest record that can match; `null` if there is
    /// neither.
    #[cfg_attr(feature = "openapi", schema(format = "date-time"))]
    pub until: Option<String>,
    /// Width of each bucket in seconds, one of a fixed list; `null` without buckets.
    pub width_seconds: Option<u64>,
    /// Whether every bucket was counted.
    pub complete: bool,
    /// Number of records in the counted buckets.
    pub total: u64,
    /// All buckets of the range, earliest first, also those without records; none if the range is open and no record
    /// can match.
    pub buckets: Vec<HistogramBucket>,
}

/// Number of records in a bucket of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistogramBucket {
    /// Start of the bucket, aligned in UTC. The first may be before the range; only records in the range are counted.
    #[cfg_attr(feature = "openapi", schema(format = "date-time"))]
    pub start: String,
    /// Number of matching records; `null` if they were not counted.
    pub count: Option<u64>,
    /// Whether the records were counted.
    pub complete: bool,
}
