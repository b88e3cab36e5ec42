//! A durable queue on the local disk: records in insertion order, kept until the service has them.

#[cfg(feature = "spool")]
mod backlog;
#[cfg(feature = "spool")]
mod dead_letters;
#[cfg(feature = "spool")]
mod directory;
#[cfg(not(feature = "spool"))]
mod disabled;
#[cfg(feature = "spool")]
mod frame;
#[cfg(feature = "spool")]
mod handle;
#[cfg(feature = "spool")]
mod store;
#[cfg(all(test, feature = "spool"))]
mod tests;
#[cfg(feature = "spool")]
mod trust;
#[cfg(feature = "spool")]
mod worker;

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

#[cfg(not(feature = "spool"))]
pub(crate) use disabled::Spool;
#[cfg(feature = "spool")]
pub(crate) use handle::Spool;

use crate::entry::Entry;

/// A record of the spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SpoolItem {
    pub(crate) entry: Entry,
    /// Whether it was in the spool when the spool was opened.
    pub(crate) recovered: bool,
}

/// Consecutive records to send, and the position after them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SpoolBatch {
    pub(crate) items: Vec<SpoolItem>,
    /// Damaged records among them, which were moved to the quarantine file.
    pub(crate) quarantined: u64,
    /// The number after the last record, for [`Spool::acknowledge`].
    pub(crate) next: u64,
}

impl SpoolBatch {
    /// Whether there was nothing left to read.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.quarantined == 0
    }
}

/// The contents of a spool when it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OpenReport {
    /// Records to deliver.
    pub(crate) records: u64,
    /// Damaged database files that were moved aside.
    pub(crate) damaged_files: u64,
}

/// Why a spool cannot be opened.
#[derive(Debug)]
pub(crate) enum SpoolOpenError {
    /// Another process, or another recorder of this process, holds the directory.
    Locked,
    /// Another user may have written to the directory.
    Unsafe {
        /// What is wrong, as a sentence about the directory, and the next step.
        reason: String,
    },
    /// The directory or its files cannot be created, locked or read.
    Io(io::Error),
}

impl From<io::Error> for SpoolOpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Why an operation on the spool failed.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    /// The configured limit is reached.
    #[error("its limit of {max_bytes} bytes is reached; the service is slow or unreachable")]
    LimitReached { max_bytes: u64 },
    /// The disk is full.
    #[error("the disk of the spool is full")]
    DiskFull,
    /// An I/O error, a damaged file, or a panic of the worker.
    #[error("{0}")]
    Failed(Arc<str>),
    /// The spool was closed.
    #[error("the spool is closed")]
    Closed,
}

impl SpoolError {
    /// The worker panicked. The spool stays unusable for the rest of the process.
    pub(crate) fn worker_panicked() -> Self {
        Self::Failed(
            "the spool's worker thread panicked; restart the process to use it again".into(),
        )
    }
}

/// A refused or invalid record, and why.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    /// When it was refused.
    pub(crate) time: Timestamp,
    /// The error code.
    pub(crate) code: String,
    /// The explanation.
    pub(crate) detail: String,
    /// The record as JSON text.
    pub(crate) record: Bytes,
}

/// Receives the results of [`Spool::append`] on the spool's worker thread.
pub(crate) trait SpoolObserver: Send + 'static {
    /// These records are durable.
    fn spooled(&self, tickets: &[u64]);
    /// These records could not be made durable.
    fn spool_failed(&self, tickets: &[u64], error: &SpoolError);
    /// The database file was damaged while open and moved aside, with `records` undelivered records.
    fn damaged(&self, records: u64);
    /// So many dead letters were written, and so many were not.
    fn dead_letters(&self, written: u64, dropped: u64);
    /// The worker panicked: no result follows for any outstanding record.
    fn worker_panicked(&self);
}
