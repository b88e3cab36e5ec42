//! The statistics of a writer.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::histogram::Histogram;
use crate::error::StoreError;

/// The statistics of a [`GroupWriter`](super::GroupWriter) since its start.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WriterStats {
    /// Queued requests.
    pub queued_requests: u64,
    /// Their records.
    pub queued_records: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// Records that are being written, or that wait for the end of an outage.
    pub in_flight_records: u64,
    /// Running workers; fewer than configured only during shutdown.
    pub writers: u64,
    /// Committed transactions.
    pub commits: u64,
    /// Groups that were written by INSERT, because an id was taken.
    pub fallbacks: u64,
    /// Groups that were split to isolate the request that made them fail.
    pub splits: u64,
    /// Failures of the database: of a connection attempt, or of a group that is retried.
    pub failures: u64,
    /// Written records.
    pub created: u64,
    /// Records that were stored before.
    pub duplicates: u64,
    /// Records whose id belongs to other content.
    pub conflicts: u64,
    /// Requests that the database rejected because of a record.
    pub refused: u64,
    /// The duration of the last committed group, from its first byte to the commit.
    pub last_commit: Option<Duration>,
    /// The durations of committed groups, in seconds.
    pub commit_seconds: Histogram,
    /// The sizes of committed groups, in records, including duplicates.
    pub commit_records: Histogram,
    /// How long the oldest request has been queued; `None` when the queue is empty.
    pub oldest_queued: Option<Duration>,
    /// When the database last failed.
    pub last_error_at: Option<Instant>,
    /// The current outage of the database, if any.
    pub outage: Option<Arc<StoreError>>,
}

/// From half a millisecond, a commit on a fast disk, to the statement timeout.
const COMMIT_SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// From a single record to the largest batch.
const COMMIT_RECORDS: &[f64] =
    &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0];

impl Default for WriterStats {
    fn default() -> Self {
        Self {
            queued_requests: 0,
            queued_records: 0,
            queued_bytes: 0,
            in_flight_records: 0,
            writers: 0,
            commits: 0,
            fallbacks: 0,
            splits: 0,
            failures: 0,
            created: 0,
            duplicates: 0,
            conflicts: 0,
            refused: 0,
            last_commit: None,
            commit_seconds: Histogram::new(COMMIT_SECONDS),
            commit_records: Histogram::new(COMMIT_RECORDS),
            oldest_queued: None,
            last_error_at: None,
            outage: None,
        }
    }
}
