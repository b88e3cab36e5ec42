//! The ledger's state behind its lock.

use auditrail_core::FailurePolicy;
use bytes::Bytes;

use super::queue::{Item, Queue, Ticket};
use crate::recorder::error::RecordError;
use crate::recorder::stats::Counters;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) counters: Counters,
    pub(super) next_ticket: Ticket,
    /// Records in memory.
    pub(super) records: usize,
    /// Bytes of their text.
    pub(super) bytes: usize,
    pub(super) must: Queue,
    pub(super) best_effort: Queue,
    pub(super) spooling: Queue,
    /// Approximate number of spooled records not read yet; used only to decide whether a batch is full.
    pub(super) unread: usize,
    pub(super) phase: Phase,
    pub(super) flush_requests: FlushRequests,
}

/// Calls of `flush`. While one is active, batches do not linger and pauses between retries are short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::recorder) struct FlushRequests {
    /// Calls in progress.
    pub(in crate::recorder) active: usize,
    /// Calls so far. A worker compares it with the last value to notice a new one.
    pub(in crate::recorder) total: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    #[default]
    Open,
    /// Rejects new records, delivers accepted ones.
    Closing,
    /// Sends nothing.
    Stopped,
}

/// A loss to report after the lock is released.
pub(super) enum Notice {
    Lost(Option<Bytes>, RecordError),
    Displaced(Bytes),
}

impl State {
    pub(super) fn queue(&mut self, policy: FailurePolicy) -> &mut Queue {
        match policy {
            FailurePolicy::Must => &mut self.must,
            FailurePolicy::BestEffort => &mut self.best_effort,
            FailurePolicy::Spool => &mut self.spooling,
        }
    }

    /// Removes a record from memory; `None` when it is settled already.
    pub(super) fn remove(&mut self, policy: FailurePolicy, ticket: Ticket) -> Option<Item> {
        let item = self.queue(policy).remove(ticket)?;
        self.release(&item);
        Some(item)
    }

    /// Subtracts a removed record from the memory in use.
    pub(super) fn release(&mut self, item: &Item) {
        self.records -= 1;
        self.bytes -= item.entry.len();
    }

    /// Counts a removed record as lost and completes its caller's future with the error.
    pub(super) fn fail(&mut self, item: Item, error: RecordError) -> Notice {
        if let Some(reason) = error.reason() {
            self.counters.drop(reason);
        } else {
            self.counters.refuse(error.code());
        }
        let text = item.entry.text.clone();
        item.complete(Err(error.clone()));
        Notice::Lost(Some(text), error)
    }
}
