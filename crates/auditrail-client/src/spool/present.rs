//! A spool that is there.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::backlog::Backlog;
use super::directory::{Directory, TakeError};
use super::frame;
use super::thread::{Command, Keeper};
use super::{Found, Hears, SpoolBatch, SpoolError};
use crate::recorder::{OpenError, RecordError};

/// The spool as the rest of the recorder sees it. All work is done by a thread of its own, so no caller
/// waits for the disk, and what comes while the disk is busy shares the next sync.
#[derive(Debug)]
pub(crate) struct Spool {
    commands: Sender<Command>,
    /// What its records take of the bound, those included that are on their way.
    bytes: Arc<AtomicU64>,
    max_bytes: u64,
    closed: AtomicBool,
}

impl Spool {
    /// Opens or makes a spool. Blocks.
    pub(crate) fn open(
        directory: &Path,
        max_bytes: u64,
        hears: impl Hears,
    ) -> Result<(Self, Found), OpenError> {
        let failed = |source| OpenError::Spool { directory: directory.to_owned(), source };
        let held = Directory::take(directory).map_err(|error| match error {
            TakeError::Locked => OpenError::SpoolLocked { directory: directory.to_owned() },
            TakeError::Io(source) => failed(source),
        })?;
        let bytes = Arc::new(AtomicU64::new(0));
        let (commands, received) = mpsc::channel();
        let (backlog, found) = Backlog::open(held).map_err(failed)?;
        let keeper = Keeper::new(backlog, Arc::clone(&bytes), hears);
        let thread = std::thread::Builder::new().name("audit-spool".to_owned());
        thread.spawn(move || keeper.run(received)).map_err(failed)?;
        Ok((Self { commands, bytes, max_bytes, closed: AtomicBool::new(false) }, found))
    }

    /// What its records take of the bound.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Takes room for a record.
    pub(crate) fn reserve(&self, text_bytes: usize) -> Result<(), RecordError> {
        let cost = frame::cost(text_bytes);
        let more = |bytes: u64| bytes.checked_add(cost).filter(|total| *total <= self.max_bytes);
        let reserved = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        reserved.map(drop).map_err(|_| RecordError::SpoolFull {
            detail: format!(
                "it holds its {} bytes, so the service is behind or gone",
                self.max_bytes
            ),
        })
    }

    /// Gives room back that was taken for nothing.
    pub(crate) fn release(&self, text_bytes: usize) {
        self.bytes.fetch_sub(frame::cost(text_bytes), Ordering::Relaxed);
    }

    /// Makes a record durable that room was taken for. What becomes of it is told.
    pub(crate) fn append(&self, ticket: u64, text: Bytes) -> Result<(), SpoolError> {
        let length = text.len();
        self.commands.send(Command::Append { ticket, text }).map_err(|_| {
            self.release(length);
            self.why_gone()
        })
    }

    /// The records after those that were acknowledged. They stay until they are.
    pub(crate) async fn read(
        &self,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<SpoolBatch, SpoolError> {
        let (answer, answered) = oneshot::channel();
        let read = Command::Read { max_records, max_bytes, answer };
        self.commands.send(read).map_err(|_| self.why_gone())?;
        answered.await.unwrap_or_else(|_| Err(self.why_gone()))
    }

    /// Everything before `next` is with the service, or was refused by it.
    pub(crate) fn acknowledge(&self, next: u64) {
        // A thread that is gone leaves them on the disk, to be found again by their ids.
        drop(self.commands.send(Command::Acknowledge { next }));
    }

    /// Waits for the disk, and gives the directory back.
    pub(crate) async fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        if self.commands.send(Command::Close { answer }).is_ok() {
            // Without an answer the thread is gone, and with it its hold.
            drop(answered.await);
        }
    }

    /// Why the thread is not there.
    fn why_gone(&self) -> SpoolError {
        if self.closed.load(Ordering::Relaxed) { SpoolError::Closed } else { SpoolError::gone() }
    }
}
