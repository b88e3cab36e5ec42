//! The counters of a recorder.

use std::collections::BTreeMap;

use super::error::DropReason;
use super::trouble::Trouble;

/// Counters since the recorder was opened. They account for every record: `accepted + recovered =
/// sent + duplicates + refused + dropped + quarantined + pending`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Records passed to the recorder, including those it rejected.
    pub accepted: u64,
    /// Records that were in the spool when it was opened.
    pub recovered: u64,
    /// Records that the service stored.
    pub sent: u64,
    /// Records that the service had stored already, by an earlier attempt.
    pub duplicates: u64,
    /// Records written to the spool.
    pub spooled: u64,
    /// Recovered records that were delivered; included in `sent` and `duplicates`.
    pub redelivered: u64,
    /// Requests that failed and were repeated.
    pub retried: u64,
    /// Records that the service permanently rejected.
    pub refused: u64,
    /// The same by error code.
    pub refused_by: BTreeMap<String, u64>,
    /// Refused and invalid records that were written to `refused.ndjson` in the spool directory.
    pub dead_letters: u64,
    /// Those that were not, because the file is full or cannot be written.
    pub dead_letters_dropped: u64,
    /// Dropped records by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Damaged records of the spool, which were moved to the quarantine file.
    pub quarantined: u64,
    /// Records in memory or in the spool that are neither delivered nor failed.
    pub pending: u64,
    /// Damaged database files of the spool, which were moved aside. The records in a file that was
    /// damaged before it was opened are not counted, because they cannot be read.
    pub damaged_files: u64,
    /// Bytes of the records in the spool, including the overhead of 64 bytes each.
    pub spool_bytes: u64,
    /// Records in memory.
    pub queued_records: u64,
    /// Bytes of their text.
    pub queued_bytes: u64,
    /// Why records cannot be delivered at present; `None` if the last request succeeded.
    pub trouble: Option<Trouble>,
}

impl Stats {
    /// Dropped records.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Records that the service has: `sent` and `duplicates`.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.sent + self.duplicates
    }

    /// Records that will not be delivered.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.dropped_total() + self.refused + self.quarantined
    }
}

/// The result of a flush.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flushed {
    /// Records delivered during the flush.
    pub delivered: u64,
    /// Records rejected or dropped during the flush.
    pub failed: u64,
    /// Records still in memory or in the spool.
    pub pending: u64,
}

/// Maximum number of distinct codes in `refused_by`; further ones count as `other`. Bounds the
/// memory when a service invents codes.
const CODES_MAX: usize = 64;

/// The mutable counters.
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

    /// Counts delivered records, of which `duplicates` were stored by an earlier attempt and
    /// `recovered` were in the spool when it was opened.
    pub(super) fn deliver(&mut self, records: u64, duplicates: u64, recovered: u64) {
        let duplicates = duplicates.min(records);
        self.0.duplicates += duplicates;
        self.0.sent += records - duplicates;
        self.0.redelivered += recovered;
        self.settle(records);
    }

    pub(super) fn refuse(&mut self, code: &str) {
        self.0.refused += 1;
        let has_counter =
            self.0.refused_by.len() < CODES_MAX || self.0.refused_by.contains_key(code);
        let code = if has_counter { code } else { "other" };
        *self.0.refused_by.entry(code.to_owned()).or_default() += 1;
        self.settle(1);
    }

    /// Counts refused and invalid records by whether they were written to the file of dead letters.
    pub(super) fn add_dead_letters(&mut self, written: u64, dropped: u64) {
        self.0.dead_letters += written;
        self.0.dead_letters_dropped += dropped;
    }

    pub(super) fn drop(&mut self, reason: DropReason) {
        *self.0.dropped.entry(reason).or_default() += 1;
        self.settle(1);
    }

    pub(super) fn quarantine(&mut self, records: u64) {
        self.0.quarantined += records;
        self.settle(records);
    }

    /// Counts a record in the spool, which stays pending.
    pub(super) fn spool(&mut self) {
        self.0.spooled += 1;
    }

    pub(super) fn retry(&mut self) {
        self.0.retried += 1;
    }

    /// Counts a database file that was damaged while open, and the records lost with it.
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
