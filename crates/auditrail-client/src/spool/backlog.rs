//! The records on the disk by their numbers, and what is done when the disk fails.
//!
//! After any failure the file has to be opened again. Then its records can be read, and are delivered; what
//! does not go is adding to it, and on a full disk not even removing from it. So what is delivered is
//! remembered until it can be removed, and when nothing else is left the whole file is replaced by a new one.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::directory::Directory;
use super::store::{Contents, Rows, Store, StoreError, is_full};
use super::{Found, SpoolBatch, SpoolError, SpoolItem, frame};
use crate::clock;

/// How long a disk that failed is left alone, so that not every record waits for it to fail again.
const LEAVE_ALONE: Duration = Duration::from_secs(1);

/// The records on the disk. There are no gaps between their numbers.
#[derive(Debug)]
pub(super) struct Backlog {
    directory: Directory,
    /// The open file; none when it could not be opened again.
    store: Option<Store>,
    /// When the disk failed last, and of what, unless it has worked since.
    failure: Option<(Instant, SpoolError)>,
    /// What the records in the file take of the bound.
    bytes: u64,
    /// The number of the next record.
    next: u64,
    /// What lies before was there when the spool was opened.
    recovered_before: u64,
    /// What lies before was read, and takes so much of the bound from `acknowledged` on.
    read: (u64, u64),
    /// What lies before is with the service.
    acknowledged: u64,
    /// What lies before is removed from the file.
    removed: u64,
    /// What lies between these two takes of the bound.
    removable: u64,
    /// Whether there may be records from `next` on that nobody was told are safe.
    torn: bool,
    /// What is free of the bound since that was last asked.
    freed: u64,
    /// How many records were lost with a damaged file since that was last asked.
    lost: Option<u64>,
}

impl Backlog {
    /// Opens the file. One that is damaged is put aside, and a new one made: who cannot start for a damaged
    /// spool could not record at all.
    pub(super) fn open(directory: Directory) -> io::Result<(Self, Found)> {
        let (store, contents, damaged_files) = match open_whole(&directory) {
            Ok((store, contents)) => (store, contents, 0),
            Err(StoreError::Damaged(why)) => {
                let aside = directory.put_aside()?;
                tracing::error!(aside = %aside.display(), why, "a damaged spool was put aside");
                let (store, contents) = open_whole(&directory).map_err(io::Error::other)?;
                (store, contents, 1)
            }
            Err(error) => return Err(io::Error::other(error)),
        };
        let found = Found { records: contents.records, damaged_files };
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
        Ok((backlog, found))
    }

    /// What the records in the file take of the bound.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What was freed of the bound, and how many records were lost with a damaged file.
    pub(super) fn take_changes(&mut self) -> (u64, Option<u64>) {
        (std::mem::take(&mut self.freed), self.lost.take())
    }

    /// Only what was read is acknowledged, and as a whole.
    pub(super) fn acknowledge(&mut self, next: u64) {
        let (read, cost) = self.read;
        if next == read && next > self.acknowledged {
            self.removable += cost;
            self.acknowledged = next;
        }
    }

    /// Adds records that take so much of the bound, and removes what is acknowledged; with neither there is
    /// nothing to do.
    pub(super) fn commit(&mut self, texts: Vec<Bytes>, cost: u64) -> Result<(), SpoolError> {
        if texts.is_empty() && self.acknowledged == self.removed {
            return Ok(());
        }
        if self.failure.is_some() && self.acknowledged == self.next {
            self.replace().map_err(|error| self.failed(error))?;
        }
        self.left_alone()?;
        let (first, before) = (self.next, self.acknowledged);
        let torn = self.torn.then_some(first);
        let rows: Vec<(u64, Bytes)> = (first..).zip(texts).collect();
        let committed = self.store()?.commit(&rows, before, torn);
        committed.map_err(|error| self.failed(error))?;
        self.next = first + rows.len() as u64;
        (self.removed, self.torn, self.failure) = (before, false, None);
        let freed = std::mem::take(&mut self.removable);
        self.bytes = self.bytes + cost - freed;
        self.freed += freed;
        Ok(())
    }

    /// The records after those that are acknowledged.
    pub(super) fn read(
        &mut self,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<SpoolBatch, SpoolError> {
        let from = self.acknowledged;
        let rows = self.store()?.read(from, max_records, max_bytes);
        let mut rows = rows.map_err(|error| self.failed(error))?;
        // What nobody was told is safe is as if it were not there.
        rows.retain(|(key, _)| *key < self.next);
        if rows.is_empty() && from < self.next {
            // Somebody took the file away, and a new one was made.
            self.count_lost();
        }
        let cost = rows.iter().map(|(_, value)| frame::cost_of_value(value.len())).sum();
        let from = self.acknowledged;
        self.read = (rows.last().map_or(from, |(key, _)| key + 1), cost);
        Ok(self.decode(rows))
    }

    /// Closes the file in order.
    pub(super) fn close(&mut self) {
        if let Some(Err(error)) = self.store.take().map(Store::close) {
            tracing::warn!(%error, "a spool was not closed in order, which the next opening mends");
        }
    }

    /// Decodes records, and puts those aside that are damaged.
    fn decode(&self, rows: Rows) -> SpoolBatch {
        let mut batch = SpoolBatch { next: self.acknowledged, ..SpoolBatch::default() };
        for (key, value) in rows {
            batch.next = key + 1;
            if let Some(text) = frame::decode(&value) {
                batch.items.push(SpoolItem { text, recovered: key < self.recovered_before });
                continue;
            }
            batch.quarantined += 1;
            // Good records must not wait for the place where bad ones are put.
            match self.directory.quarantine(key, &value) {
                Ok(()) => tracing::error!(key, "a damaged record of the spool was put aside"),
                Err(error) => tracing::error!(key, %error, "a damaged record of the spool is lost"),
            }
        }
        batch
    }

    /// Fails as the disk failed a moment ago.
    fn left_alone(&self) -> Result<(), SpoolError> {
        match &self.failure {
            Some((at, error)) if clock::monotonic() < *at + LEAVE_ALONE => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// The open file, opened again where it has to be.
    fn store(&mut self) -> Result<&Store, SpoolError> {
        let store = match self.store.take() {
            Some(store) => store,
            None => {
                self.left_alone()?;
                open_again(&self.directory).map_err(|error| self.failed(error))?
            }
        };
        Ok(self.store.insert(store))
    }

    /// A new file in place of one of which nothing is needed.
    fn replace(&mut self) -> Result<(), StoreError> {
        self.store = None;
        self.directory.remove().map_err(|error| of_io(&error))?;
        self.emptied();
        self.store = Some(open_again(&self.directory)?);
        self.failure = None;
        Ok(())
    }

    /// There is no file, or an empty one.
    fn emptied(&mut self) {
        self.freed += std::mem::take(&mut self.bytes);
        (self.acknowledged, self.removed, self.removable) = (self.next, self.next, 0);
        (self.read, self.torn) = ((self.next, 0), false);
    }

    /// Opens the file again, to be read from at least. One that is damaged is put aside.
    fn failed(&mut self, error: StoreError) -> SpoolError {
        self.store = None;
        self.torn = true;
        let error = match error {
            StoreError::Full => SpoolError::Full,
            StoreError::Failed(why) => SpoolError::Failed(why.into()),
            StoreError::Damaged(why) => self.damaged(&why),
        };
        // Where that fails too it is tried again later.
        self.store = open_again(&self.directory).ok();
        self.failure = Some((clock::monotonic(), error.clone()));
        error
    }

    /// The file is gone. What was read is being sent, and is no more lost than before.
    fn count_lost(&mut self) {
        let lost = self.next - self.acknowledged.max(self.read.0);
        self.lost = Some(self.lost.unwrap_or(0) + lost);
        self.emptied();
    }

    fn damaged(&mut self, why: &str) -> SpoolError {
        match self.directory.put_aside() {
            Ok(aside) => {
                tracing::error!(aside = %aside.display(), why, "a damaged spool was put aside");
                self.count_lost();
            }
            Err(error) => tracing::error!(%error, why, "a damaged spool cannot be put aside"),
        }
        SpoolError::Failed(format!("its file is damaged: {why}").into())
    }
}

/// Opens the file and looks at all of it.
fn open_whole(directory: &Directory) -> Result<(Store, Contents), StoreError> {
    let file = directory.database().map_err(|error| of_io(&error))?;
    let store = Store::open(file, true)?;
    let contents = store.contents()?;
    Ok((store, contents))
}

/// Opens a file that was whole a moment ago.
fn open_again(directory: &Directory) -> Result<Store, StoreError> {
    Store::open(directory.database().map_err(|error| of_io(&error))?, false)
}

fn of_io(error: &io::Error) -> StoreError {
    if is_full(error) { StoreError::Full } else { StoreError::Failed(error.to_string()) }
}
