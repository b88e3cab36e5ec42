//! The numbered records on the disk, and recovery after I/O errors.
//!
//! After any error the file is reopened. Its records can then be read and delivered; appending may
//! still fail, and on a full disk even removing. So acknowledged records are remembered until they
//! can be removed, and once all are acknowledged the whole file is replaced by a new one.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::directory::Directory;
use super::store::{Contents, Rows, Store, StoreError, is_full};
use super::{OpenReport, SpoolBatch, SpoolError, SpoolItem, frame};
use crate::clock;
use crate::entry::Entry;

/// How long appends fail immediately after an I/O error, instead of each trying the disk again.
const COOLDOWN: Duration = Duration::from_secs(1);

/// The records on the disk, numbered without gaps.
#[derive(Debug)]
pub(super) struct Backlog {
    directory: Directory,
    /// The open file; `None` when reopening failed.
    store: Option<Store>,
    /// Time and error of the last failure; cleared by the next successful commit.
    failure: Option<(Instant, SpoolError)>,
    /// Bytes of the records in the file, as counted against the limit.
    bytes: u64,
    /// The number that the next record gets.
    next: u64,
    /// Records before this number were in the spool when it was opened.
    recovered_before: u64,
    /// The number after the last record read, and the cost of the records from `acknowledged` to
    /// there.
    read: (u64, u64),
    /// Records before this number are acknowledged.
    acknowledged: u64,
    /// Records before this number are removed from the file.
    removed: u64,
    /// Cost of the records from `removed` to `acknowledged`.
    removable: u64,
    /// Whether the file may hold uncommitted records from `next` on, which were reported as failed.
    torn: bool,
    /// Bytes freed since the last call of `take_changes`.
    freed: u64,
    /// Records lost with a damaged file since the last call of `take_changes`.
    lost: Option<u64>,
}

impl Backlog {
    /// Opens the file. A damaged file is moved aside and replaced by a new one: refusing to start
    /// would lose every further record.
    pub(super) fn open(directory: Directory) -> io::Result<(Self, OpenReport)> {
        let (store, contents, damaged_files) = match open_checked(&directory) {
            Ok((store, contents)) => (store, contents, 0),
            Err(StoreError::Damaged(reason)) => {
                let moved_to = directory.move_aside()?;
                tracing::error!(moved_to = %moved_to.display(), reason, "a damaged spool was moved aside");
                let (store, contents) = open_checked(&directory).map_err(io::Error::other)?;
                (store, contents, 1)
            }
            Err(error) => return Err(io::Error::other(error)),
        };
        let report = OpenReport { records: contents.records, damaged_files };
        let backlog = Self {
            directory,
            store: Some(store),
            failure: None,
            bytes: contents.bytes,
            next: contents.next,
            recovered_before: contents.next,
            read: (contents.first, 0),
            acknowledged: contents.first,
            removed: contents.first,
            removable: 0,
            torn: false,
            freed: 0,
            lost: None,
        };
        Ok((backlog, report))
    }

    /// Bytes of the records in the file, as counted against the limit.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes freed, and records lost with a damaged file, since the last call.
    pub(super) fn take_changes(&mut self) -> (u64, Option<u64>) {
        (std::mem::take(&mut self.freed), self.lost.take())
    }

    /// Acknowledges the last batch read. Any other `next` is ignored.
    pub(super) fn acknowledge(&mut self, next: u64) {
        let (read, cost) = self.read;
        if next == read && next > self.acknowledged {
            self.removable += cost;
            self.acknowledged = next;
        }
    }

    /// Appends records of the given cost and removes the acknowledged ones, in one durable
    /// transaction.
    pub(super) fn commit(&mut self, entries: Vec<Entry>, cost: u64) -> Result<(), SpoolError> {
        if entries.is_empty() && self.acknowledged == self.removed {
            return Ok(());
        }
        if self.failure.is_some() && self.acknowledged == self.next {
            self.replace().map_err(|error| self.recover(error))?;
        }
        self.check_cooldown()?;
        let first = self.next;
        let acknowledged = self.acknowledged;
        let remove_from = self.torn.then_some(first);
        let rows: Vec<(u64, Entry)> = (first..).zip(entries).collect();
        self.store()?
            .commit(&rows, acknowledged, remove_from)
            .map_err(|error| self.recover(error))?;
        self.next = first + rows.len() as u64;
        self.removed = acknowledged;
        self.torn = false;
        self.failure = None;
        let freed = std::mem::take(&mut self.removable);
        self.bytes = self.bytes + cost - freed;
        self.freed += freed;
        Ok(())
    }

    /// Reads the records after the acknowledged ones.
    pub(super) fn read(
        &mut self,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<SpoolBatch, SpoolError> {
        let from = self.acknowledged;
        let mut rows = self
            .store()?
            .read(from, max_records, max_bytes)
            .map_err(|error| self.recover(error))?;
        // Records from `next` on were reported as failed, so they do not count.
        rows.retain(|(key, _)| *key < self.next);
        if rows.is_empty() && from < self.next {
            // The file was deleted behind our back and a new one was created.
            self.count_lost();
        }
        let cost = rows.iter().map(|(_, value)| frame::cost_of_value(value.len())).sum();
        let from = self.acknowledged;
        self.read = (rows.last().map_or(from, |(key, _)| key + 1), cost);
        Ok(self.decode(rows))
    }

    /// Closes the file cleanly.
    pub(super) fn close(&mut self) {
        if let Some(Err(error)) = self.store.take().map(Store::close) {
            tracing::warn!(%error, "cannot close the spool cleanly; the next start repairs it");
        }
    }

    /// Decodes records and quarantines the damaged ones.
    fn decode(&self, rows: Rows) -> SpoolBatch {
        let mut batch = SpoolBatch { next: self.acknowledged, ..SpoolBatch::default() };
        for (key, value) in rows {
            batch.next = key + 1;
            if let Some(entry) = frame::decode(&value) {
                batch.items.push(SpoolItem { entry, recovered: key < self.recovered_before });
                continue;
            }
            batch.quarantined += 1;
            // A quarantine file that cannot be written must not hold up intact records.
            match self.directory.quarantine(key, &value) {
                Ok(()) => tracing::error!(key, "a damaged record of the spool was quarantined"),
                Err(error) => tracing::error!(key, %error, "a damaged record of the spool is lost"),
            }
        }
        batch
    }

    /// Fails with the last error during the cooldown.
    fn check_cooldown(&self) -> Result<(), SpoolError> {
        match &self.failure {
            Some((at, error)) if clock::monotonic() < *at + COOLDOWN => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// The open file; reopens it after a failure.
    fn store(&mut self) -> Result<&Store, SpoolError> {
        let store = match self.store.take() {
            Some(store) => store,
            None => {
                self.check_cooldown()?;
                reopen(&self.directory).map_err(|error| self.recover(error))?
            }
        };
        Ok(self.store.insert(store))
    }

    /// Replaces a file with no undelivered records by a new one.
    fn replace(&mut self) -> Result<(), StoreError> {
        self.store = None;
        self.directory.remove().map_err(|error| io_error(&error))?;
        self.reset();
        self.store = Some(reopen(&self.directory)?);
        self.failure = None;
        Ok(())
    }

    /// Resets the positions: the file is missing or empty.
    fn reset(&mut self) {
        self.freed += std::mem::take(&mut self.bytes);
        self.acknowledged = self.next;
        self.removed = self.next;
        self.removable = 0;
        self.read = (self.next, 0);
        self.torn = false;
    }

    /// Reopens the file after an error, at least for reading. A damaged file is moved aside.
    fn recover(&mut self, error: StoreError) -> SpoolError {
        self.store = None;
        self.torn = true;
        let error = match error {
            StoreError::DiskFull => SpoolError::DiskFull,
            StoreError::Failed(reason) => SpoolError::Failed(reason.into()),
            StoreError::Damaged(reason) => self.move_damaged_aside(&reason),
        };
        // If this fails too, the next operation retries it.
        self.store = reopen(&self.directory).ok();
        self.failure = Some((clock::monotonic(), error.clone()));
        error
    }

    /// Counts the records lost with the file. Records that were read are in flight and not lost.
    fn count_lost(&mut self) {
        let lost = self.next - self.acknowledged.max(self.read.0);
        self.lost = Some(self.lost.unwrap_or(0) + lost);
        self.reset();
    }

    fn move_damaged_aside(&mut self, reason: &str) -> SpoolError {
        match self.directory.move_aside() {
            Ok(moved_to) => {
                tracing::error!(moved_to = %moved_to.display(), reason, "a damaged spool was moved aside");
                self.count_lost();
            }
            Err(error) => tracing::error!(%error, reason, "cannot move a damaged spool aside"),
        }
        SpoolError::Failed(format!("its file is damaged: {reason}").into())
    }
}

/// Opens the file and verifies all of it.
fn open_checked(directory: &Directory) -> Result<(Store, Contents), StoreError> {
    let file = directory.database().map_err(|error| io_error(&error))?;
    let store = Store::open(file, true)?;
    let contents = store.contents()?;
    Ok((store, contents))
}

/// Opens a file that was intact a moment ago, without verifying it.
fn reopen(directory: &Directory) -> Result<Store, StoreError> {
    Store::open(directory.database().map_err(|error| io_error(&error))?, false)
}

fn io_error(error: &io::Error) -> StoreError {
    if is_full(error) { StoreError::DiskFull } else { StoreError::Failed(error.to_string()) }
}
