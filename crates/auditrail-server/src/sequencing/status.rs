//! What a server knows about the sequence.

use std::time::{Duration, Instant};

use auditrail_store::sequencer::{Advance, Look};
use auditrail_store::tree::TreeLook;

/// What a server knows about the sequence. Totals are since the start of the process.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SequencingStatus {
    /// Whether this server is the one that sequences.
    pub is_active: bool,
    /// The seq of the next record; none before the database was reached.
    pub next_seq: Option<i64>,
    /// Whether a recovery is necessary or in progress.
    pub is_recovering: bool,
    /// Steps that this server committed.
    pub steps: u64,
    /// Records to which it gave a seq.
    pub records: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// Records that its reconciler compared with the entries.
    pub compared: u64,
    /// Records that should have a seq and have none: of the last complete comparison, or of the current one if those
    /// are more.
    pub unsequenced: u64,
    /// Records with a seq whose words are not indexed, usually less than 256; none before the database was reached.
    pub unindexed: Option<u64>,
    /// Records whose words this server has indexed.
    pub indexed: u64,
    /// Records with a seq that have no entry in the transparency log; none before the database was reached.
    pub unsealed: Option<u64>,
    /// Entries that this server has added.
    pub sealed: u64,
    /// Those of them whose record was gone although neither retention nor erasure removes records before they are sealed.
    pub sealed_missing: u64,
    /// Attempts to add entries that failed.
    pub seal_failures: u64,
    /// The log is damaged, so that nothing is added.
    pub is_tree_damaged: bool,
    /// The number of entries in the log; none before the database was reached.
    pub tree_size: Option<i64>,
    /// Entries that this server has compared with their records.
    pub checked: u64,
    /// Differences: of the last whole comparison, or of the current one if those are more.
    pub differences: u64,
    /// When a whole comparison last ended; none before.
    pub checked_at: Option<Instant>,
    /// The size of the last checkpoint that this server has signed; none before, and without a key.
    pub signed_size: Option<u64>,
    /// The log contradicts a checkpoint that was signed: the database was restored to an earlier state, or changed.
    pub is_contradicted: bool,
    /// Attempts to sign that failed.
    pub sign_failures: u64,
    started_at: Instant,
    /// Every record that had a seq then has an entry.
    sealed_until: Instant,
    /// Whether records were waiting for a seq when the server last looked.
    has_more: bool,
    /// Every record that was committed then has a seq.
    complete_until: Instant,
}

impl SequencingStatus {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            is_active: false,
            next_seq: None,
            is_recovering: false,
            steps: 0,
            records: 0,
            failures: 0,
            compared: 0,
            unsequenced: 0,
            unindexed: None,
            indexed: 0,
            unsealed: None,
            sealed: 0,
            sealed_missing: 0,
            seal_failures: 0,
            is_tree_damaged: false,
            tree_size: None,
            checked: 0,
            differences: 0,
            checked_at: None,
            signed_size: None,
            is_contradicted: false,
            sign_failures: 0,
            started_at: now,
            sealed_until: now,
            has_more: false,
            complete_until: now,
        }
    }

    /// An upper bound for the age of the oldest committed record without a seq; zero when there is none.
    #[must_use]
    pub fn lag(&self, now: Instant) -> Duration {
        if self.has_more {
            now.saturating_duration_since(self.complete_until)
        } else {
            Duration::ZERO
        }
    }

    /// An upper bound for the age of the oldest record with a seq that has no entry; zero when there is none.
    #[must_use]
    pub fn seal_lag(&self, now: Instant) -> Duration {
        match self.unsealed {
            Some(0) => Duration::ZERO,
            _ => now.saturating_duration_since(self.sealed_until),
        }
    }

    /// When a whole comparison last ended, or the service started.
    #[must_use]
    pub fn checked_since(&self) -> Instant {
        self.checked_at.unwrap_or(self.started_at)
    }

    /// Adds the result of a look at the log that began at `began`.
    pub(super) fn looked_at_tree(&mut self, look: TreeLook, began: Instant) {
        self.unsealed = Some(look.unsealed);
        self.tree_size = Some(look.size);
        if look.unsealed == 0 {
            self.sealed_until = began;
        }
    }

    /// Adds the result of a look that began at `began`.
    pub(super) fn looked(&mut self, look: Look, began: Instant) {
        self.next_seq = Some(look.next_seq);
        self.is_recovering = look.is_recovering;
        self.has_more = look.has_more;
        if !look.has_more {
            self.complete_until = began;
        } else if let Some(ago) = look.last_sequenced
            && !self.is_active
            && let Some(sequenced_at) = began.checked_sub(ago)
        {
            // Another server completes the rounds. This is when it last did, or was about to.
            self.complete_until = self.complete_until.max(sequenced_at);
        }
    }

    /// Adds a step. `began` is a time before the snapshot of its round, if known.
    pub(super) fn advanced(&mut self, advance: Advance, began: Option<Instant>) {
        self.next_seq = Some(advance.next_seq);
        self.steps += 1;
        self.records += advance.sequenced as u64;
        if advance.is_complete {
            self.is_recovering = false;
            self.has_more = false;
            self.complete_until = began.unwrap_or(self.complete_until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look =
        Look { next_seq: 7, has_more: true, is_recovering: false, last_sequenced: None };

    #[test]
    fn lag_grows_until_the_round_is_complete() {
        let start = crate::clock::monotonic();
        let at = |millis| start + Duration::from_millis(millis);
        let mut status = SequencingStatus::new(start);
        status.looked(Look { has_more: false, ..LOOK }, at(100));
        assert_eq!(status.lag(at(5_000)), Duration::ZERO);
        status.looked(LOOK, at(5_000));
        assert_eq!(status.lag(at(5_100)), Duration::from_millis(5_000));
        let mut advance =
            Advance { sequenced: 1, next_seq: 8, is_complete: false, is_recovery: false };
        status.advanced(advance, Some(at(5_010)));
        assert_eq!(status.lag(at(5_200)), Duration::from_millis(5_100));
        advance.is_complete = true;
        status.advanced(advance, Some(at(5_010)));
        assert_eq!(status.lag(at(9_000)), Duration::ZERO);
        status.looked(LOOK, at(9_000));
        assert_eq!(status.lag(at(9_010)), Duration::from_millis(4_000));
    }

    #[test]
    fn standby_knows_when_another_server_sequenced() {
        let start = crate::clock::monotonic();
        let mut status = SequencingStatus::new(start);
        let now = start + Duration::from_secs(60);
        let ago = Some(Duration::from_millis(300));
        status.looked(Look { last_sequenced: ago, ..LOOK }, now);
        assert_eq!(status.lag(now), Duration::from_millis(300));
    }
}
