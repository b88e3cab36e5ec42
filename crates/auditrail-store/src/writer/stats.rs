//! What a writer tells about itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::StoreError;

/// What a [`GroupWriter`](super::GroupWriter) is doing, and has done since it was started.
#[derive(Clone, Debug, Default)]
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
    /// When the database failed last.
    pub last_error_at: Option<Instant>,
    /// Why nothing can be written at present; `None` while all is well.
    pub outage: Option<Arc<StoreError>>,
}
