//! Which reads of feeds were recorded lately.
//!
//! A program that follows the log reads it all the time, and the record of each read would be the next record to
//! read. So the same read is recorded once in an interval.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use auditrail_core::Filters;

use crate::limits::{FEED_READS_MAX, FEED_RECORD_INTERVAL};

/// The reads that were recorded, by API key and filters.
#[derive(Debug, Default)]
pub(crate) struct FeedReads(Mutex<HashMap<u64, Instant>>);

impl FeedReads {
    /// Whether the read was not recorded within the interval. If it is due, its record must be written.
    pub(crate) fn is_due(&self, key_id: &str, filters: &Filters, now: Instant) -> bool {
        let recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recorded
            .get(&read(key_id, filters))
            .is_none_or(|at| now.saturating_duration_since(*at) >= FEED_RECORD_INTERVAL)
    }

    /// The record of the read was written.
    pub(crate) fn set_recorded(&self, key_id: &str, filters: &Filters, now: Instant) {
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recorded.len() >= FEED_READS_MAX {
            recorded.retain(|_, at| now.saturating_duration_since(*at) < FEED_RECORD_INTERVAL);
        }
        if recorded.len() >= FEED_READS_MAX {
            // Recording more often than necessary is harmless.
            recorded.clear();
        }
        recorded.insert(read(key_id, filters), now);
    }
}

fn read(key_id: &str, filters: &Filters) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key_id, filters.to_pairs()).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_read_is_due_once_in_the_interval() {
        let (reads, now) = (FeedReads::default(), crate::clock::monotonic());
        let filters = Filters::default();
        let other =
            Filters { outcome: Some(auditrail_core::Outcome::Denied), ..Filters::default() };
        assert!(reads.is_due("k1", &filters, now));
        reads.set_recorded("k1", &filters, now);
        assert!(!reads.is_due("k1", &filters, now + Duration::from_secs(59)));
        assert!(reads.is_due("k1", &filters, now + Duration::from_secs(60)));
        assert!(reads.is_due("k2", &filters, now) && reads.is_due("k1", &other, now));
    }

    #[test]
    fn remembered_reads_are_bounded() {
        let (reads, now) = (FeedReads::default(), crate::clock::monotonic());
        for number in 0..2 * FEED_READS_MAX {
            reads.set_recorded(&format!("k{number}"), &Filters::default(), now);
        }
        assert!(reads.0.lock().unwrap().len() <= FEED_READS_MAX);
    }
}
