//! The limits and timeouts of a writer.

use std::time::Duration;

/// The limits and timeouts of a [`GroupWriter`](super::GroupWriter).
///
/// A limit of zero is treated as one, and a timeout of zero as a millisecond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterLimits {
    /// Connections that write in parallel.
    pub writers: usize,
    /// Most records that are queued or being written.
    pub queue_records: u32,
    /// Most bytes of records in memory that are queued or being written.
    pub queue_bytes: u32,
    /// Most records in one transaction, unless a single request has more.
    pub group_records: usize,
    /// Most bytes in one transaction, unless a single request has more.
    pub group_bytes: usize,
    /// How long one statement may take; the server's `statement_timeout`.
    pub statement_timeout: Duration,
    /// How long a statement may wait for one lock; the server's `lock_timeout`.
    pub lock_timeout: Duration,
}

impl WriterLimits {
    /// While one connection waits for the network or the disk, the others send. With a millisecond each
    /// way to the server, three connections write a third more single records than two; more of them
    /// make groups smaller.
    pub const WRITERS: usize = 3;
    /// Two of the largest HTTP batches, or two full groups being written and two that are queued.
    pub const QUEUE_RECORDS: u32 = 20_000;
    /// Enough for the largest HTTP body, which grows when it is parsed, and small for a process.
    pub const QUEUE_BYTES: u32 = 32 * 1_024 * 1_024;
    /// Larger groups are not faster per record, and requests wait longer for their end.
    pub const GROUP_RECORDS: usize = 5_000;
    /// About 5,000 records with a long user agent and some metadata.
    pub const GROUP_BYTES: usize = 4 * 1_024 * 1_024;
    /// A full group takes a few hundred milliseconds on a slow disk.
    pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
    /// A migration releases its lock after half a second; a session that holds one for longer is a mistake.
    pub const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

    pub(super) fn at_least_one(self) -> Self {
        Self {
            writers: self.writers.max(1),
            queue_records: self.queue_records.max(1),
            queue_bytes: self.queue_bytes.max(1),
            group_records: self.group_records.max(1),
            group_bytes: self.group_bytes.max(1),
            // For the server zero means no limit.
            statement_timeout: self.statement_timeout.max(Duration::from_millis(1)),
            lock_timeout: self.lock_timeout.max(Duration::from_millis(1)),
        }
    }

    /// How long to wait for the server: longer than its own timeout, so that only a failed network exceeds
    /// it.
    pub(super) fn response_timeout(&self) -> Duration {
        self.statement_timeout * 2 + CONNECT_TIMEOUT
    }
}

/// Fewer waiting records than these a free connection leaves to the one that writes already. The start
/// and the commit of a COPY cost as much as some twenty records.
pub(super) const LEAVE_RECORDS: u64 = 24;

/// How long it leaves them at most. Small groups are written in less; a large one, a slow disk or a
/// a blocked record must not delay others.
pub(super) const LEAVE_FOR: Duration = Duration::from_millis(5);

/// Requests of more records are not waited for at all: writing them takes longer than [`LEAVE_FOR`].
pub(super) const LEAVE_REQUEST_RECORDS: usize = 200;

/// How long making a connection may take. Servers that recover refuse at once; this is for networks
/// that swallow packets.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl Default for WriterLimits {
    fn default() -> Self {
        Self {
            writers: Self::WRITERS,
            queue_records: Self::QUEUE_RECORDS,
            queue_bytes: Self::QUEUE_BYTES,
            group_records: Self::GROUP_RECORDS,
            group_bytes: Self::GROUP_BYTES,
            statement_timeout: Self::STATEMENT_TIMEOUT,
            lock_timeout: Self::LOCK_TIMEOUT,
        }
    }
}
