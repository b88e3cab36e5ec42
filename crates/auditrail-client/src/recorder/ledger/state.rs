//! What is behind the lock.

use auditrail_core::FailurePolicy;
use bytes::Bytes;

use super::waiting::{Item, Ticket, Waiting};
use crate::recorder::error::RecordError;
use crate::recorder::stats::Counters;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) counters: Counters,
    pub(super) next: Ticket,
    pub(super) records: usize,
    pub(super) bytes: usize,
    pub(super) must: Waiting,
    pub(super) best_effort: Waiting,
    pub(super) spooling: Waiting,
    /// Records that came into the spool and were not read yet, about; only a batch's becoming full
    /// depends on it.
    pub(super) unread: usize,
    pub(super) phase: Phase,
    pub(super) hurries: Hurries,
}

/// Who is in a hurry: nothing lingers, and a pause that only we chose is cut short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::recorder) struct Hurries {
    /// How many are at the moment.
    pub(in crate::recorder) now: usize,
    /// How many there ever were, so that a new one is noticed.
    pub(in crate::recorder) ever: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    #[default]
    Open,
    /// Takes nothing more.
    Closing,
    /// Sends nothing more.
    Ended,
}

/// A loss to be told of once the lock is free.
pub(super) enum Told {
    Lost(Option<Bytes>, RecordError),
    Displaced(Bytes),
}

impl State {
    pub(super) fn waiting(&mut self, lane: FailurePolicy) -> &mut Waiting {
        match lane {
            FailurePolicy::Must => &mut self.must,
            FailurePolicy::BestEffort => &mut self.best_effort,
            FailurePolicy::Spool => &mut self.spooling,
        }
    }

    /// Takes a record out of memory, unless it is settled already.
    pub(super) fn settle(&mut self, lane: FailurePolicy, ticket: Ticket) -> Option<Item> {
        let item = self.waiting(lane).remove(ticket)?;
        self.forget(&item);
        Some(item)
    }

    pub(super) fn forget(&mut self, item: &Item) {
        self.records -= 1;
        self.bytes -= item.text.len();
    }

    /// Counts a record that is out of memory, and tells its caller.
    pub(super) fn lose(&mut self, item: Item, error: RecordError) -> Told {
        match (error.reason(), &error) {
            (Some(reason), _) => self.counters.drop(reason),
            (None, error) => self.counters.refuse(error.code()),
        }
        let text = item.text.clone();
        item.tell(Err(error.clone()));
        Told::Lost(Some(text), error)
    }
}
