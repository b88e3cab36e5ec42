//! The spool's worker thread. It executes commands in order; all appends that are queued at the same
//! time share one commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use tokio::sync::oneshot;

use super::backlog::Backlog;
use super::dead_letters::DeadLetters;
use super::{DeadLetter, SpoolBatch, SpoolError, SpoolObserver, frame};
use crate::entry::Entry;

#[derive(Debug)]
pub(super) enum Command {
    /// Makes a record durable and reports it to the observer.
    Append { ticket: u64, entry: Entry },
    /// Adds a refused record to the dead letters.
    DeadLetter(DeadLetter),
    /// Reads records that are not acknowledged.
    Read {
        max_records: usize,
        max_bytes: usize,
        reply: oneshot::Sender<Result<SpoolBatch, SpoolError>>,
    },
    /// Allows the removal of all records before `next`.
    Acknowledge { next: u64 },
    /// Stops the worker.
    Close { reply: oneshot::Sender<()> },
}

/// Maximum bytes of one commit.
const GROUP_MAX_BYTES: usize = 4 * 1024 * 1024;

pub(super) struct SpoolWorker<O> {
    backlog: Backlog,
    dead_letters: DeadLetters,
    /// Bytes counted against the limit, including records in flight to this thread.
    bytes: Arc<AtomicU64>,
    /// Bytes of the dead letters in flight to this thread.
    letter_bytes: Arc<AtomicU64>,
    observer: O,
}

impl<O: SpoolObserver> SpoolWorker<O> {
    pub(super) fn new(
        backlog: Backlog,
        dead_letters: DeadLetters,
        bytes: Arc<AtomicU64>,
        letter_bytes: Arc<AtomicU64>,
        observer: O,
    ) -> Self {
        bytes.store(backlog.bytes(), Ordering::Relaxed);
        Self { backlog, dead_letters, bytes, letter_bytes, observer }
    }

    /// Executes commands until [`Command::Close`] or until all senders are dropped. After a panic all
    /// outstanding and later calls fail instead of waiting forever.
    pub(super) fn run(mut self, commands: Receiver<Command>) {
        let Ok(closing) = catch_unwind(AssertUnwindSafe(|| self.process(&commands))) else {
            // Dropping the receiver first makes later calls fail, then the observer fails the outstanding ones.
            drop(commands);
            self.observer.worker_panicked();
            tracing::error!(
                "the spool's worker thread panicked; the next process delivers its records"
            );
            return;
        };
        self.backlog.close();
        // Dropping the receiver makes later calls fail with `Closed`.
        drop((commands, self));
        if let Some(reply) = closing {
            // The caller may have been cancelled.
            reply.send(()).unwrap_or_default();
        }
    }

    /// Executes commands; returns the reply channel of [`Command::Close`].
    fn process(&mut self, commands: &Receiver<Command>) -> Option<oneshot::Sender<()>> {
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
        closing
    }

    fn handle(&mut self, command: Command, group: &mut Group) -> Option<oneshot::Sender<()>> {
        match command {
            Command::Append { ticket, entry } => group.add(ticket, entry),
            Command::DeadLetter(letter) => group.add_letter(letter),
            Command::Acknowledge { next } => self.backlog.acknowledge(next),
            Command::Read { max_records, max_bytes, reply } => {
                // A read includes the appends before it.
                self.commit(group);
                let batch = self.apply(|backlog| backlog.read(max_records, max_bytes));
                // The caller may have been cancelled.
                drop(reply.send(batch));
            }
            Command::Close { reply } => return Some(reply),
        }
        None
    }

    /// Writes the group, removes acknowledged records, and notifies the observer. Dead letters go first: their
    /// records are acknowledged, and must be durable there before they are removed here.
    fn commit(&mut self, group: &mut Group) {
        let Group { tickets, entries, letters, .. } = std::mem::take(group);
        if !letters.is_empty() {
            let (written, dropped) = self.dead_letters.append(&letters);
            let bytes: u64 = letters.iter().map(|letter| letter.record.len() as u64).sum();
            self.letter_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.observer.dead_letters(written, dropped);
        }
        let cost: u64 = entries.iter().map(|entry| frame::cost(entry.len())).sum();
        match self.apply(|backlog| backlog.commit(entries, cost)) {
            // A removal alone has no observer; a failed one is repeated with the next commit.
            _ if tickets.is_empty() => {}
            Ok(()) => self.observer.spooled(&tickets),
            Err(error) => {
                self.bytes.fetch_sub(cost, Ordering::Relaxed);
                self.observer.spool_failed(&tickets, &error);
            }
        }
    }

    /// Runs an operation on the backlog and publishes the bytes freed and the records lost by it.
    fn apply<T>(&mut self, operation: impl FnOnce(&mut Backlog) -> T) -> T {
        let result = operation(&mut self.backlog);
        let (freed_bytes, lost_records) = self.backlog.take_changes();
        self.bytes.fetch_sub(freed_bytes, Ordering::Relaxed);
        if let Some(records) = lost_records {
            self.observer.damaged(records);
        }
        result
    }
}

/// Records that share a commit.
#[derive(Debug, Default)]
struct Group {
    tickets: Vec<u64>,
    entries: Vec<Entry>,
    letters: Vec<DeadLetter>,
    bytes: usize,
}

impl Group {
    fn add_letter(&mut self, letter: DeadLetter) {
        self.bytes += letter.record.len();
        self.letters.push(letter);
    }

    fn add(&mut self, ticket: u64, entry: Entry) {
        self.bytes += entry.len();
        self.tickets.push(ticket);
        self.entries.push(entry);
    }
}
