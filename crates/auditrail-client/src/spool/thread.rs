//! The thread that keeps a spool: one after the other it does what it is asked, and whatever waits at the
//! same time goes to the disk together.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::backlog::Backlog;
use super::{Hears, SpoolBatch, SpoolError, frame};

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

/// What the thread works with.
pub(super) struct Keeper<H> {
    backlog: Backlog,
    /// What all records take of the bound, those included that are on their way here.
    bytes: Arc<AtomicU64>,
    hears: H,
}

impl<H: Hears> Keeper<H> {
    pub(super) fn new(backlog: Backlog, bytes: Arc<AtomicU64>, hears: H) -> Self {
        bytes.store(backlog.bytes(), Ordering::Relaxed);
        Self { backlog, bytes, hears }
    }

    /// Works until it is closed, or nobody is left to ask for anything. If it panics, nobody waits for ever.
    pub(super) fn run(mut self, commands: Receiver<Command>) {
        let Ok(closing) = catch_unwind(AssertUnwindSafe(|| self.work(&commands))) else {
            // Whoever comes later is told at once, and who waits already now.
            drop(commands);
            self.hears.gone();
            tracing::error!(
                "the thread of the spool panicked; its records are delivered by the next process"
            );
            return;
        };
        self.backlog.close();
        // Whoever comes later is told that it is closed.
        drop((commands, self));
        if let Some(answer) = closing {
            // Who asked may have gone.
            answer.send(()).unwrap_or_default();
        }
    }

    /// Does what it is asked, and gives whom to tell when it was closed.
    fn work(&mut self, commands: &Receiver<Command>) -> Option<oneshot::Sender<()>> {
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
            Command::Append { ticket, text } => group.add(ticket, text),
            Command::Acknowledge { next } => self.backlog.acknowledge(next),
            Command::Read { max_records, max_bytes, answer } => {
                // What came before is to be read as well.
                self.commit(group);
                let read = self.watch(|backlog| backlog.read(max_records, max_bytes));
                // A reader that is gone will not miss it.
                drop(answer.send(read));
            }
            Command::Close { answer } => return Some(answer),
        }
        None
    }

    /// Writes the group, removes what is acknowledged, and tells the callers.
    fn commit(&mut self, group: &mut Group) {
        let Group { tickets, texts, .. } = std::mem::take(group);
        let cost: u64 = texts.iter().map(|text| frame::cost(text.len())).sum();
        match self.watch(|backlog| backlog.commit(texts, cost)) {
            // Only a removal, of which nobody waits to hear. One that failed is made up for later.
            _ if tickets.is_empty() => {}
            Ok(()) => self.hears.spooled(&tickets),
            Err(error) => {
                self.bytes.fetch_sub(cost, Ordering::Relaxed);
                self.hears.unspooled(&tickets, &error);
            }
        }
    }

    /// Does something, and tells what that freed and lost.
    fn watch<T>(&mut self, work: impl FnOnce(&mut Backlog) -> T) -> T {
        let done = work(&mut self.backlog);
        let (freed, lost) = self.backlog.take_changes();
        self.bytes.fetch_sub(freed, Ordering::Relaxed);
        if let Some(lost) = lost {
            self.hears.damaged(lost);
        }
        done
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
