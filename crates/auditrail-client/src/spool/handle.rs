//! The handle of an open spool.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};

use tokio::sync::oneshot;

use super::backlog::Backlog;
use super::dead_letters::DeadLetters;
use super::directory::Directory;
use super::frame;
use super::worker::{Command, SpoolWorker};
use super::{DeadLetter, OpenReport, SpoolBatch, SpoolError, SpoolObserver, SpoolOpenError};
use crate::entry::Entry;

/// Maximum bytes of dead letters in flight to the worker; bounds the memory when a caller records invalid
/// records faster than the disk takes them.
const LETTERS_MAX_BYTES: u64 = 8 * 1024 * 1024;

/// An open spool. A worker thread does the I/O, so callers never block on the disk, and records that
/// arrive during a sync share the next one.
#[derive(Debug)]
pub(crate) struct Spool {
    commands: Sender<Command>,
    /// Bytes counted against the limit, including records in flight to the worker.
    bytes: Arc<AtomicU64>,
    max_bytes: u64,
    /// Bytes of the dead letters in flight to the worker.
    letter_bytes: Arc<AtomicU64>,
    closed: AtomicBool,
}

impl Spool {
    /// Opens a spool, creating it if it does not exist. Blocks.
    pub(crate) fn open(
        directory: &Path,
        max_bytes: u64,
        dead_letters_max_bytes: u64,
        observer: impl SpoolObserver,
    ) -> Result<(Self, OpenReport), SpoolOpenError> {
        let directory = Directory::lock(directory)?;
        let bytes = Arc::new(AtomicU64::new(0));
        let (commands, receiver) = mpsc::channel();
        let dead_letters = DeadLetters::new(directory.dead_letters(), dead_letters_max_bytes);
        let (backlog, report) = Backlog::open(directory)?;
        let letter_bytes = Arc::new(AtomicU64::new(0));
        let worker = SpoolWorker::new(
            backlog,
            dead_letters,
            Arc::clone(&bytes),
            Arc::clone(&letter_bytes),
            observer,
        );
        std::thread::Builder::new()
            .name("audit-spool".to_owned())
            .spawn(move || worker.run(receiver))?;
        let closed = AtomicBool::new(false);
        Ok((Self { commands, bytes, max_bytes, letter_bytes, closed }, report))
    }

    /// Bytes counted against the limit.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Reserves space for a record.
    ///
    /// # Errors
    /// [`SpoolError::LimitReached`].
    pub(crate) fn reserve(&self, text_bytes: usize) -> Result<(), SpoolError> {
        let cost = frame::cost(text_bytes);
        self.bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bytes| {
                bytes.checked_add(cost).filter(|total| *total <= self.max_bytes)
            })
            .map(drop)
            .map_err(|_| SpoolError::LimitReached { max_bytes: self.max_bytes })
    }

    /// Releases a reservation that was not used.
    pub(crate) fn release(&self, text_bytes: usize) {
        self.bytes.fetch_sub(frame::cost(text_bytes), Ordering::Relaxed);
    }

    /// Queues a record whose space is reserved. The observer receives the result.
    ///
    /// # Errors
    /// When the worker has stopped; the reservation is then released.
    pub(crate) fn append(&self, ticket: u64, entry: Entry) -> Result<(), SpoolError> {
        let length = entry.len();
        self.commands.send(Command::Append { ticket, entry }).map_err(|_| {
            self.release(length);
            self.stopped_error()
        })
    }

    /// Queues a dead letter; false if the worker has stopped or is far behind. The file has it before records that are
    /// acknowledged after this call are removed.
    pub(crate) fn add_dead_letter(&self, letter: DeadLetter) -> bool {
        let length = letter.record.len() as u64;
        if self.letter_bytes.fetch_add(length, Ordering::Relaxed) + length > LETTERS_MAX_BYTES {
            self.letter_bytes.fetch_sub(length, Ordering::Relaxed);
            return false;
        }
        self.commands.send(Command::DeadLetter(letter)).is_ok()
    }

    /// Reads the records after the acknowledged ones. They stay in the spool until acknowledged.
    pub(crate) async fn read(
        &self,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<SpoolBatch, SpoolError> {
        let (reply, response) = oneshot::channel();
        self.commands
            .send(Command::Read { max_records, max_bytes, reply })
            .map_err(|_| self.stopped_error())?;
        response.await.unwrap_or_else(|_| Err(self.stopped_error()))
    }

    /// Acknowledges all records before `next`: the service has stored or rejected them.
    pub(crate) fn acknowledge(&self, next: u64) {
        // If the worker has stopped, the records are sent again later and recognized by their ids.
        drop(self.commands.send(Command::Acknowledge { next }));
    }

    /// Waits for outstanding writes and releases the directory.
    pub(crate) async fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let (reply, response) = oneshot::channel();
        if self.commands.send(Command::Close { reply }).is_ok() {
            // An error means that the worker has already stopped, which released the directory.
            drop(response.await);
        }
    }

    /// The reason why the worker is not running.
    fn stopped_error(&self) -> SpoolError {
        if self.closed.load(Ordering::Relaxed) {
            SpoolError::Closed
        } else {
            SpoolError::worker_panicked()
        }
    }
}
