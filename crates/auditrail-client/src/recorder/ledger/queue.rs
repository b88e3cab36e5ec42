//! The queue of one policy: records in memory that are not settled.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use auditrail_core::DeliveryStatus;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::entry::Entry;
use crate::recorder::error::RecordError;

/// The result of `record`.
pub(in crate::recorder) type Outcome = Result<DeliveryStatus, RecordError>;

/// Identifies a record in memory. Tickets ascend, and so do the deadlines of their records.
pub(in crate::recorder) type Ticket = u64;

/// A record in memory.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) entry: Entry,
    /// When it was accepted.
    pub(super) at: Instant,
    /// When it fails; applies to the policy `must`.
    pub(super) deadline: Instant,
    /// Completes the caller's future.
    pub(super) outcome: Option<oneshot::Sender<Outcome>>,
    /// Set when the record could not be spooled: it is then sent once, and fails with this error if
    /// that attempt fails.
    pub(super) spool_error: Option<RecordError>,
}

impl Item {
    /// Completes the caller's future.
    pub(super) fn complete(self, outcome: Outcome) {
        if let Some(sender) = self.outcome {
            // The caller may have dropped the future, which does not cancel the record.
            drop(sender.send(outcome));
        }
    }
}

/// Unsettled records, and the order in which those that are not in flight are sent.
#[derive(Debug, Default)]
pub(super) struct Queue {
    items: BTreeMap<Ticket, Item>,
    /// May contain settled tickets, which are skipped.
    order: VecDeque<Ticket>,
    queued_bytes: usize,
}

impl Queue {
    /// Adds a record to send.
    pub(super) fn push(&mut self, ticket: Ticket, item: Item) {
        self.queued_bytes += item.entry.len();
        self.order.push_back(ticket);
        self.items.insert(ticket, item);
    }

    /// Adds a record that is not sent from this queue.
    pub(super) fn insert_unqueued(&mut self, ticket: Ticket, item: Item) {
        self.items.insert(ticket, item);
    }

    pub(super) fn get(&self, ticket: Ticket) -> Option<&Item> {
        self.items.get(&ticket)
    }

    /// Tickets of all unsettled records, oldest first.
    pub(super) fn tickets(&self) -> Vec<Ticket> {
        self.items.keys().copied().collect()
    }

    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Item> {
        self.items.remove(&ticket)
    }

    /// Removes the oldest record that is not in flight.
    pub(super) fn evict_oldest(&mut self) -> Option<Item> {
        while let Some(ticket) = self.order.pop_front() {
            if let Some(item) = self.items.remove(&ticket) {
                self.queued_bytes -= item.entry.len();
                return Some(item);
            }
        }
        None
    }

    /// Removes all records.
    pub(super) fn drain(&mut self) -> BTreeMap<Ticket, Item> {
        self.order.clear();
        self.queued_bytes = 0;
        std::mem::take(&mut self.items)
    }

    /// Takes the next records to send: at least one, of any size, if there is one. They are in
    /// flight until they are removed or requeued.
    pub(super) fn batch(&mut self, max_records: usize, max_bytes: usize) -> Vec<(Ticket, Entry)> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(ticket) = self.order.front().copied() {
            if let Some(item) = self.items.get(&ticket) {
                let length = item.entry.len();
                let is_full = batch.len() == max_records || bytes + length > max_bytes;
                if is_full && !batch.is_empty() {
                    break;
                }
                bytes += length;
                self.queued_bytes -= length;
                batch.push((ticket, item.entry.clone()));
            }
            self.order.pop_front();
        }
        batch
    }

    /// When the next batch is due: at once if it is full, else after `linger`.
    pub(super) fn due(
        &self,
        linger: Duration,
        max_records: usize,
        max_bytes: usize,
    ) -> Option<Instant> {
        let first = self.order.iter().find_map(|ticket| self.items.get(ticket))?;
        let is_full = self.order.len() >= max_records || self.queued_bytes >= max_bytes;
        Some(if is_full { first.at } else { first.at + linger })
    }

    /// Puts records that were in flight back to the front; returns how many of them are unsettled.
    pub(super) fn requeue(&mut self, tickets: &[Ticket]) -> usize {
        let mut requeued = 0;
        for ticket in tickets.iter().rev() {
            if let Some(item) = self.items.get(ticket) {
                self.order.push_front(*ticket);
                self.queued_bytes += item.entry.len();
                requeued += 1;
            }
        }
        requeued
    }

    /// The oldest record, if its deadline is at or before `until`.
    pub(super) fn oldest_before(&self, until: Instant) -> Option<Ticket> {
        let (ticket, item) = self.items.first_key_value()?;
        (item.deadline <= until).then_some(*ticket)
    }

    /// The next deadline.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.items.first_key_value().map(|(_, item)| item.deadline)
    }

    /// Removes settled tickets from the order. They do not count against the limit, so they must
    /// not accumulate.
    pub(super) fn compact(&mut self) {
        self.order.retain(|ticket| self.items.contains_key(ticket));
        let queued = self.order.iter().filter_map(|ticket| self.items.get(ticket));
        self.queued_bytes = queued.map(|item| item.entry.len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::clock;

    fn queue(lengths: &[usize]) -> (Queue, Instant) {
        let mut queue = Queue::default();
        let at = clock::monotonic();
        for (ticket, length) in (0..).zip(lengths) {
            let entry = Entry { text: Bytes::from(vec![b'x'; *length]), is_stamped: false };
            let deadline = at + Duration::from_secs(ticket);
            queue.push(ticket, Item { entry, at, deadline, outcome: None, spool_error: None });
        }
        (queue, at)
    }

    fn tickets(batch: &[(Ticket, Entry)]) -> Vec<Ticket> {
        batch.iter().map(|(ticket, _)| *ticket).collect()
    }

    #[test]
    fn batch_is_bounded_but_has_at_least_one_record() {
        let (mut queue, _) = queue(&[10, 10, 10, 99, 1]);
        assert_eq!(tickets(&queue.batch(2, 50)), [0, 1]);
        assert_eq!(tickets(&queue.batch(2, 50)), [2]);
        assert_eq!(tickets(&queue.batch(2, 50)), [3], "larger than the limit, so alone");
        assert_eq!(tickets(&queue.batch(2, 50)), [4]);
        assert!(queue.batch(2, 50).is_empty());
    }

    #[test]
    fn batch_is_due_when_full_or_after_linger() {
        let (mut queue, at) = queue(&[10, 10]);
        let linger = Duration::from_secs(1);
        assert_eq!(queue.due(linger, 3, 100), Some(at + linger));
        assert_eq!(queue.due(linger, 2, 100), Some(at));
        assert_eq!(queue.due(linger, 3, 20), Some(at));
        queue.batch(9, 99);
        assert_eq!(queue.due(linger, 3, 100), None, "they are in flight");
    }

    #[test]
    fn requeued_records_go_first_and_settled_ones_are_skipped() {
        let (mut queue, _) = queue(&[1, 1, 1, 1]);
        assert_eq!(tickets(&queue.batch(3, 99)), [0, 1, 2]);
        assert!(queue.remove(1).is_some());
        assert!(queue.remove(3).is_some());
        assert_eq!(queue.requeue(&[0, 1, 2]), 2);
        queue.compact();
        assert_eq!(queue.queued_bytes, 2);
        assert_eq!(tickets(&queue.batch(9, 99)), [0, 2]);
    }

    #[test]
    fn in_flight_records_are_not_evicted_but_expire() {
        let (mut queue, at) = queue(&[1, 2]);
        assert_eq!(tickets(&queue.batch(1, 99)), [0]);
        assert_eq!(queue.evict_oldest().map(|item| item.entry.len()), Some(2));
        assert!(queue.evict_oldest().is_none());
        assert_eq!(queue.oldest_before(at), Some(0));
        assert_eq!(queue.next_deadline(), Some(at));
    }
}
