//! The thread that keeps a spool: one after the other it does what it is asked, and whatever waits at the
//! same time goes to the disk together.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::directory::Directory;
use super::store::{Contents, Rows, Store, StoreError, is_full};
use super::{Found, Hears, SpoolBatch, SpoolError, SpoolItem, frame};
use crate::clock;

/// What the thread can be asked.
#[derive(Debug)]
pub(super) enum Command {
    /// Makes a record durable, and tells of it.
    Append { ticket: u64, text: Bytes },
    /// Reads what was not acknowledged.
    Read {
        max_records: usize,
        max_bytes: usize,
        answer: oneshot::Sender<Result<SpoolBatch, SpoolError>>,
    },
    /// Everything before this number may go.
    Acknowledge { next: u64 },
    /// Ends the thread.
    Close { answer: oneshot::Sender<()> },
}

/// Most bytes that are written at once.
const GROUP_MAX_BYTES: usize = 4 * 1024 * 1024;
/// How long a file that failed is left alone before it is opened again.
const REOPEN_AFTER: Duration = Duration::from_millis(500);

/// What the thread works with.
pub(super) struct Keeper<H> {
    directory: Directory,
    /// The open file; none after it failed.
    store: Option<Store>,
    /// When it failed last, and of what.
    failure: Option<(Instant, SpoolError)>,
    /// What all records take of the bound, those included that are on their way here.
    bytes: Arc<AtomicU64>,
    /// What those in the file take of it.
    in_file: u64,
    hears: H,
    /// The number of the next record. There are no gaps between numbers.
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
    /// Whether records at the end of the file may be there that nobody was told are safe.
    torn: bool,
}

impl<H: Hears> Keeper<H> {
    /// Opens the file. One that is damaged is put aside, and a new one made: who cannot start for a damaged
    /// spool could not record at all.
    pub(super) fn open(
        directory: Directory,
        bytes: Arc<AtomicU64>,
        hears: H,
    ) -> io::Result<(Self, Found)> {
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
        bytes.store(contents.bytes, Ordering::Relaxed);
        let found = Found { records: contents.records, damaged_files };
        let keeper = Self {
            directory,
            store: Some(store),
            failure: None,
            bytes,
            in_file: contents.bytes,
            hears,
            next: contents.next,
            recovered_before: contents.next,
            read: (contents.first, 0),
            acknowledged: contents.first,
            removed: contents.first,
            removable: 0,
            torn: false,
        };
        Ok((keeper, found))
    }

    /// Works until it is closed, or nobody is left to ask for anything.
    pub(super) fn run(mut self, commands: Receiver<Command>) {
        let mut group = Group::default();
        let mut closing = None;
        while closing.is_none() {
            let Ok(first) = commands.recv() else {
                break;
            };
            closing = self.handle(first, &mut group);
            while closing.is_none() && group.bytes < GROUP_MAX_BYTES {
                let Ok(command) = commands.try_recv() else {
                    break;
                };
                closing = self.handle(command, &mut group);
            }
            self.commit(&mut group);
        }
        if let Some(Err(error)) = self.store.take().map(Store::close) {
            tracing::warn!(%error, "a spool was not closed in order, which the next opening mends");
        }
        // Whoever comes later is told that it is closed.
        drop((commands, self));
        if let Some(answer) = closing {
            // Who asked may have gone.
            answer.send(()).unwrap_or_default();
        }
    }

    fn handle(&mut self, command: Command, group: &mut Group) -> Option<oneshot::Sender<()>> {
        match command {
            Command::Append { ticket, text } => group.add(ticket, text),
            Command::Acknowledge { next } => self.acknowledge(next),
            Command::Read { max_records, max_bytes, answer } => {
                // What came before is to be read as well.
                self.commit(group);
                // A reader that is gone will not miss it.
                drop(answer.send(self.read(max_records, max_bytes)));
            }
            Command::Close { answer } => return Some(answer),
        }
        None
    }

    /// Only what was read is acknowledged, and as a whole.
    fn acknowledge(&mut self, next: u64) {
        let (read, cost) = self.read;
        if next == read && next > self.acknowledged {
            self.removable += cost;
            self.acknowledged = next;
        }
    }

    /// Writes the group, removes what is acknowledged, and tells the callers.
    fn commit(&mut self, group: &mut Group) {
        let Group { tickets, texts, .. } = std::mem::take(group);
        if texts.is_empty() && self.acknowledged == self.removed {
            return;
        }
        let cost: u64 = texts.iter().map(|text| frame::cost(text.len())).sum();
        match self.try_commit(texts, cost) {
            // Only a removal, of which nobody waits to hear. One that failed is made up for later.
            _ if tickets.is_empty() => {}
            Ok(()) => self.hears.spooled(&tickets),
            Err(error) => {
                self.bytes.fetch_sub(cost, Ordering::Relaxed);
                self.hears.unspooled(&tickets, &error);
            }
        }
    }

    fn try_commit(&mut self, texts: Vec<Bytes>, cost: u64) -> Result<(), SpoolError> {
        self.reopen()?;
        let (first, before) = (self.next, self.acknowledged);
        let torn = self.torn.then_some(first);
        let rows: Vec<(u64, Bytes)> = (first..).zip(texts).collect();
        let Some(store) = &self.store else {
            return Err(SpoolError::Closed);
        };
        store.commit(&rows, before, torn).map_err(|error| self.failed(error))?;
        self.next = first + rows.len() as u64;
        (self.removed, self.torn) = (before, false);
        let freed = std::mem::take(&mut self.removable);
        self.in_file = self.in_file + cost - freed;
        self.bytes.fetch_sub(freed, Ordering::Relaxed);
        Ok(())
    }

    fn read(&mut self, max_records: usize, max_bytes: usize) -> Result<SpoolBatch, SpoolError> {
        self.reopen()?;
        let Some(store) = &self.store else {
            return Err(SpoolError::Closed);
        };
        let rows = store.read(self.acknowledged, max_records, max_bytes);
        let mut rows = rows.map_err(|error| self.failed(error))?;
        // What nobody was told is safe is as if it were not there.
        rows.retain(|(key, _)| *key < self.next);
        let cost = rows.iter().map(|(_, value)| frame::cost_of_value(value.len())).sum();
        let end = rows.last().map_or(self.acknowledged, |(key, _)| key + 1);
        self.read = (end, cost);
        Ok(self.decode(rows))
    }

    /// Reads records, and puts those aside that are damaged.
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

    /// Opens the file again that failed, unless that was just tried.
    fn reopen(&mut self) -> Result<(), SpoolError> {
        if self.store.is_some() {
            return Ok(());
        }
        let drained = self.acknowledged >= self.next;
        match &self.failure {
            Some((at, error)) if !drained && clock::monotonic() < *at + REOPEN_AFTER => {
                return Err(error.clone());
            }
            _ => {}
        }
        // On a full disk not even a removal finds room. With nothing left to keep, there is another way.
        if drained {
            self.replace().map_err(|error| self.failed(error))?;
            return Ok(());
        }
        let opened = self
            .directory
            .database()
            .map_err(|error| of_io(&error))
            .and_then(|file| Store::open(file, false));
        self.store = Some(opened.map_err(|error| self.failed(error))?);
        Ok(())
    }

    /// A new file in place of one of which nothing is needed.
    fn replace(&mut self) -> Result<(), StoreError> {
        self.directory.remove().map_err(|error| of_io(&error))?;
        self.emptied();
        let file = self.directory.database().map_err(|error| of_io(&error))?;
        self.store = Some(Store::open(file, false)?);
        Ok(())
    }

    /// There is no file, or an empty one.
    fn emptied(&mut self) {
        self.bytes.fetch_sub(std::mem::take(&mut self.in_file), Ordering::Relaxed);
        (self.acknowledged, self.removed, self.removable) = (self.next, self.next, 0);
        (self.read, self.torn) = ((self.next, 0), false);
    }

    /// The file has to be opened again. One that is damaged is put aside, with what was in it.
    fn failed(&mut self, error: StoreError) -> SpoolError {
        self.store = None;
        self.torn = true;
        let error = match error {
            StoreError::Full => SpoolError::Full,
            StoreError::Failed(why) => SpoolError::Failed(why.into()),
            StoreError::Damaged(why) => self.damaged(&why),
        };
        self.failure = Some((clock::monotonic(), error.clone()));
        error
    }

    fn damaged(&mut self, why: &str) -> SpoolError {
        match self.directory.put_aside() {
            Ok(aside) => {
                tracing::error!(aside = %aside.display(), why, "a damaged spool was put aside");
                // What was read is being sent, and is no more lost than before.
                self.hears.damaged(self.next - self.acknowledged.max(self.read.0));
                self.emptied();
            }
            Err(error) => tracing::error!(%error, why, "a damaged spool cannot be put aside"),
        }
        SpoolError::Failed(format!("its file is damaged: {why}").into())
    }
}

/// Records that go to the disk together.
#[derive(Debug, Default)]
struct Group {
    tickets: Vec<u64>,
    texts: Vec<Bytes>,
    bytes: usize,
}

impl Group {
    fn add(&mut self, ticket: u64, text: Bytes) {
        self.bytes += text.len();
        self.tickets.push(ticket);
        self.texts.push(text);
    }
}

/// Opens the file and looks at all of it.
fn open_whole(directory: &Directory) -> Result<(Store, Contents), StoreError> {
    let store = Store::open(directory.database().map_err(|error| of_io(&error))?, true)?;
    let contents = store.contents()?;
    Ok((store, contents))
}

fn of_io(error: &io::Error) -> StoreError {
    if is_full(error) { StoreError::Full } else { StoreError::Failed(error.to_string()) }
}
