//! Records on the local disk, in the order they came, until the service has them.

#[cfg(not(feature = "spool"))]
mod absent;
#[cfg(feature = "spool")]
mod backlog;
#[cfg(feature = "spool")]
mod directory;
#[cfg(feature = "spool")]
mod frame;
#[cfg(feature = "spool")]
mod present;
#[cfg(feature = "spool")]
mod store;
#[cfg(all(test, feature = "spool"))]
mod tests;
#[cfg(feature = "spool")]
mod thread;

use std::sync::Arc;

use bytes::Bytes;

use crate::recorder::RecordError;

#[cfg(not(feature = "spool"))]
pub(crate) use absent::Spool;
#[cfg(feature = "spool")]
pub(crate) use present::Spool;

/// A record of the spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SpoolItem {
    /// Its JSON text.
    pub(crate) text: Bytes,
    /// Whether it was there when the spool was opened.
    pub(crate) recovered: bool,
}

/// Records to send, and where the next ones are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SpoolBatch {
    pub(crate) items: Vec<SpoolItem>,
    /// Damaged records among them, which were put aside.
    pub(crate) quarantined: u64,
    /// The place after the last of them.
    pub(crate) next: u64,
}

impl SpoolBatch {
    /// Whether everything was read already.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.quarantined == 0
    }
}

/// What was found when a spool was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Records.
    pub(crate) records: u64,
    /// Files that were damaged and put aside as a whole.
    pub(crate) damaged_files: u64,
}

/// Why the spool did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    /// No room on the disk.
    #[error("the disk of the spool is full")]
    Full,
    /// The disk fails.
    #[error("{0}")]
    Failed(Arc<str>),
    /// The spool was closed.
    #[error("the spool is closed")]
    Closed,
}

impl SpoolError {
    /// What keeps the spool failed for good.
    pub(crate) fn gone() -> Self {
        Self::Failed("its thread has panicked, so only a new process can use it again".into())
    }
}

impl From<SpoolError> for RecordError {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::Full => Self::SpoolFull { detail: error.to_string() },
            SpoolError::Failed(detail) => Self::SpoolFailed { detail: detail.to_string() },
            SpoolError::Closed => Self::Closed,
        }
    }
}

/// Hears what became of records that were to be spooled.
pub(crate) trait Hears: Send + 'static {
    /// These are durable.
    fn spooled(&self, tickets: &[u64]);
    /// These are not.
    fn unspooled(&self, tickets: &[u64], error: &SpoolError);
    /// Everything that was in the spool was damaged and put aside: so many records that were not with the
    /// service.
    fn damaged(&self, records: u64);
    /// What keeps the spool failed for good, and nothing more will be heard of any record.
    fn gone(&self);
}
