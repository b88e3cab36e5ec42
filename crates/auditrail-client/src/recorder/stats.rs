//! What became of every record.

use std::collections::BTreeMap;

use super::error::DropReason;

/// Counts since the recorder was opened. Nothing is dropped silently:
/// `accepted + recovered = sent + duplicates + refused + dropped + quarantined + pending`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Records given to the recorder, also those it did not take on.
    pub accepted: u64,
    /// Records found in the spool when it was opened.
    pub recovered: u64,
    /// Records the service wrote.
    pub sent: u64,
    /// Records the service had already: an earlier try took hold.
    pub duplicates: u64,
    /// Records made durable in the spool.
    pub spooled: u64,
    /// Of those sent and duplicates, the ones found in the spool when it was opened.
    pub redelivered: u64,
    /// Requests that were repeated.
    pub retried: u64,
    /// Records the service refused for good.
    pub refused: u64,
    /// The same by the code of the error.
    pub refused_by: BTreeMap<String, u64>,
    /// Records given up, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Records of the spool that were damaged and put aside.
    pub quarantined: u64,
    /// Records in memory or in the spool that are not settled yet.
    pub pending: u64,
    /// Files of the spool that were damaged and put aside as a whole. What was in them is not counted,
    /// because nobody can tell.
    pub damaged_files: u64,
    /// Bytes of the records in the spool, with what their places take.
    pub spool_bytes: u64,
    /// Records in memory.
    pub queued_records: u64,
    /// Bytes of the records in memory.
    pub queued_bytes: u64,
}

impl Stats {
    /// Records given up, whatever the reason.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Records that reached the service.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.sent + self.duplicates
    }

    /// Records that will not reach it any more.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.dropped_total() + self.refused + self.quarantined
    }
}

/// What a flush found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flushed {
    /// Records that reached the service meanwhile.
    pub delivered: u64,
    /// Records that were refused or given up meanwhile.
    pub failed: u64,
    /// Records in memory or in the spool that are not settled.
    pub pending: u64,
}

/// How many codes are told apart. A service that invents one for each record must not fill our memory.
const CODES_MAX: usize = 64;

/// The numbers while they grow. What is pending is what was taken on and not settled.
#[derive(Debug, Default)]
pub(super) struct Counters(Stats);

impl Counters {
    pub(super) fn accept(&mut self) {
        self.0.accepted += 1;
        self.0.pending += 1;
    }

    pub(super) fn recover(&mut self, records: u64, damaged_files: u64) {
        self.0.recovered += records;
        self.0.pending += records;
        self.0.damaged_files += damaged_files;
    }

    /// So many records are with the service, so many of them since an earlier try.
    pub(super) fn deliver(&mut self, records: u64, duplicates: u64, recovered: u64) {
        let again = duplicates.min(records);
        self.0.duplicates += again;
        self.0.sent += records - again;
        self.0.redelivered += recovered;
        self.settle(records);
    }

    pub(super) fn refuse(&mut self, code: &str) {
        self.0.refused += 1;
        let known = self.0.refused_by.len() < CODES_MAX || self.0.refused_by.contains_key(code);
        let code = if known { code } else { "other" };
        *self.0.refused_by.entry(code.to_owned()).or_default() += 1;
        self.settle(1);
    }

    pub(super) fn drop(&mut self, reason: DropReason) {
        *self.0.dropped.entry(reason).or_default() += 1;
        self.settle(1);
    }

    pub(super) fn quarantine(&mut self, records: u64) {
        self.0.quarantined += records;
        self.settle(records);
    }

    /// In the spool, which settles nothing.
    pub(super) fn spool(&mut self) {
        self.0.spooled += 1;
    }

    pub(super) fn retry(&mut self) {
        self.0.retried += 1;
    }

    /// A file of the spool had to be put aside while it was open, and so many records went with it.
    pub(super) fn damage(&mut self, records: u64) {
        self.0.damaged_files += 1;
        self.quarantine(records);
    }

    pub(super) fn stats(&self) -> &Stats {
        &self.0
    }

    fn settle(&mut self, records: u64) {
        self.0.pending = self.0.pending.saturating_sub(records);
    }
}
