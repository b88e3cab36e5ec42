//! What a writer tells about itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::histogram::Histogram;
use crate::error::StoreError;

/// What a [`GroupWriter`](super::GroupWriter) is doing, and has done since it was started.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WriterStats {
    /// Requests that wait for a connection to become free.
    pub queued_requests: u64,
    /// Their records.
    pub queued_records: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// Records that are being written, or that wait for the database to come back.
    pub in_flight_records: u64,
    /// Writers that run; fewer than asked for only while closing.
    pub writers: u64,
    /// Transactions that were committed.
    pub commits: u64,
    /// Groups in which some id was there already, so that they were written by INSERT.
    pub fallbacks: u64,
    /// Groups that were cut in two to find the request that made them fail.
    pub splits: u64,
    /// Times the database failed: no connection could be made, or a group has to be tried again.
    pub failures: u64,
    /// Records that were written.
    pub created: u64,
    /// Records that were there already.
    pub duplicates: u64,
    /// Records whose id belongs to other content.
    pub conflicts: u64,
    /// Requests that the database refused for one of their records.
    pub refused: u64,
    /// How long the last committed group took, from its first byte to the commit.
    pub last_commit: Option<Duration>,
    /// How long each committed group took, in seconds.
    pub commit_seconds: Histogram,
    /// How many records each committed group had, those that were there already among them.
    pub commit_records: Histogram,
    /// How long the oldest request has waited for a connection to become free; `None` when none does.
    pub oldest_queued: Option<Duration>,
    /// When the database failed last.
    pub last_error_at: Option<Instant>,
    /// Why nothing can be written at present; `None` while all is well.
    pub outage: Option<Arc<StoreError>>,
}

/// From half a millisecond, which is a fast disk's commit, to the statement timeout and its retry.
const COMMIT_SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// From a request alone to the largest batch.
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
