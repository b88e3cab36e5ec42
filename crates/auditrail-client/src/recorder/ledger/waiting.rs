//! The records of one policy in memory.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Outcome;
use crate::recorder::error::RecordError;

/// Names a record in memory. Later ones are higher, so they have later deadlines too.
pub(in crate::recorder) type Ticket = u64;

/// A record in memory.
#[derive(Debug)]
pub(super) struct Item {
    /// Its JSON text.
    pub(super) text: Bytes,
    /// When it came.
    pub(super) at: Instant,
    /// When it is given up, where it is a `must`.
    pub(super) deadline: Instant,
    /// Tells the caller.
    pub(super) done: Option<oneshot::Sender<Outcome>>,
    /// What the caller hears when the next try fails: this one could not be spooled.
    pub(super) otherwise: Option<RecordError>,
}

impl Item {
    /// Tells the caller, if it still waits.
    pub(super) fn tell(self, outcome: Outcome) {
        if let Some(done) = self.done {
            // Who gave up waiting took nothing back.
            drop(done.send(outcome));
        }
    }
}

/// Records that are not settled, and the order in which those that are not under way will go.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    live: BTreeMap<Ticket, Item>,
    queue: VecDeque<Ticket>,
    queued_bytes: usize,
}

impl Waiting {
    /// Adds a record to be sent.
    pub(super) fn push(&mut self, ticket: Ticket, item: Item) {
        self.queued_bytes += item.text.len();
        self.queue.push_back(ticket);
        self.live.insert(ticket, item);
    }

    /// Adds a record that is somebody else's to send.
    pub(super) fn hold(&mut self, ticket: Ticket, item: Item) {
        self.live.insert(ticket, item);
    }

    pub(super) fn get(&self, ticket: Ticket) -> Option<&Item> {
        self.live.get(&ticket)
    }

    /// All that are not settled, the oldest first.
    pub(super) fn tickets(&self) -> Vec<Ticket> {
        self.live.keys().copied().collect()
    }

    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Item> {
        self.live.remove(&ticket)
    }

    /// Takes the oldest record out that is not under way.
    pub(super) fn displace(&mut self) -> Option<Item> {
        while let Some(ticket) = self.queue.pop_front() {
            if let Some(item) = self.live.remove(&ticket) {
                self.queued_bytes -= item.text.len();
                return Some(item);
            }
        }
        None
    }

    /// Takes out everything.
    pub(super) fn drain(&mut self) -> BTreeMap<Ticket, Item> {
        self.queue.clear();
        self.queued_bytes = 0;
        std::mem::take(&mut self.live)
    }

    /// The next records to send; at least one, however large, if there is one.
    pub(super) fn batch(&mut self, max_records: usize, max_bytes: usize) -> Vec<(Ticket, Bytes)> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(ticket) = self.queue.front().copied() {
            if let Some(item) = self.live.get(&ticket) {
                let length = item.text.len();
                let full = batch.len() == max_records || bytes + length > max_bytes;
                if full && !batch.is_empty() {
                    break;
                }
                bytes += length;
                self.queued_bytes -= length;
                batch.push((ticket, item.text.clone()));
            }
            self.queue.pop_front();
        }
        batch
    }

    /// When the next batch should go.
    pub(super) fn due(
        &self,
        linger: Duration,
        max_records: usize,
        max_bytes: usize,
    ) -> Option<Instant> {
        let first = self.queue.iter().find_map(|ticket| self.live.get(ticket))?;
        let full = self.queue.len() >= max_records || self.queued_bytes >= max_bytes;
        Some(if full { first.at } else { first.at + linger })
    }

    /// Queues records that were under way before all others, and says how many are not settled.
    pub(super) fn put_back(&mut self, tickets: &[Ticket]) -> usize {
        let mut live = 0;
        for ticket in tickets.iter().rev() {
            if let Some(item) = self.live.get(ticket) {
                self.queue.push_front(*ticket);
                self.queued_bytes += item.text.len();
                live += 1;
            }
        }
        live
    }

    /// The oldest record, when its deadline is not after that.
    pub(super) fn first_before(&self, until: Instant) -> Option<Ticket> {
        let (ticket, item) = self.live.first_key_value()?;
        (item.deadline <= until).then_some(*ticket)
    }

    /// The next deadline.
    pub(super) fn first_deadline(&self) -> Option<Instant> {
        self.live.first_key_value().map(|(_, item)| item.deadline)
    }

    /// Takes settled records out of the queue; they are outside the bound, so they must not pile up.
    pub(super) fn tidy(&mut self) {
        self.queue.retain(|ticket| self.live.contains_key(ticket));
        let queued = self.queue.iter().filter_map(|ticket| self.live.get(ticket));
        self.queued_bytes = queued.map(|item| item.text.len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn waiting(lengths: &[usize]) -> (Waiting, Instant) {
        let (mut waiting, at) = (Waiting::default(), clock::monotonic());
        for (ticket, length) in (0..).zip(lengths) {
            let text = Bytes::from(vec![b'x'; *length]);
            let deadline = at + Duration::from_secs(ticket);
            waiting.push(ticket, Item { text, at, deadline, done: None, otherwise: None });
        }
        (waiting, at)
    }

    fn tickets(batch: &[(Ticket, Bytes)]) -> Vec<Ticket> {
        batch.iter().map(|(ticket, _)| *ticket).collect()
    }

    #[test]
    fn a_batch_is_bounded_and_never_empty_while_something_waits() {
        let (mut waiting, _) = waiting(&[10, 10, 10, 99, 1]);
        assert_eq!(tickets(&waiting.batch(2, 50)), [0, 1]);
        assert_eq!(tickets(&waiting.batch(2, 50)), [2]);
        assert_eq!(tickets(&waiting.batch(2, 50)), [3], "larger than the bound, and alone");
        assert_eq!(tickets(&waiting.batch(2, 50)), [4]);
        assert!(waiting.batch(2, 50).is_empty());
    }

    #[test]
    fn a_batch_is_due_when_it_is_full_or_has_waited() {
        let (mut waiting, at) = waiting(&[10, 10]);
        let linger = Duration::from_secs(1);
        assert_eq!(waiting.due(linger, 3, 100), Some(at + linger));
        assert_eq!(waiting.due(linger, 2, 100), Some(at));
        assert_eq!(waiting.due(linger, 3, 20), Some(at));
        waiting.batch(9, 99);
        assert_eq!(waiting.due(linger, 3, 100), None, "they are under way");
    }

    #[test]
    fn what_is_put_back_goes_first_and_what_is_settled_not_at_all() {
        let (mut waiting, _) = waiting(&[1, 1, 1, 1]);
        assert_eq!(tickets(&waiting.batch(3, 99)), [0, 1, 2]);
        assert!(waiting.remove(1).is_some());
        assert!(waiting.remove(3).is_some());
        assert_eq!(waiting.put_back(&[0, 1, 2]), 2);
        waiting.tidy();
        assert_eq!(waiting.queued_bytes, 2);
        assert_eq!(tickets(&waiting.batch(9, 99)), [0, 2]);
    }

    #[test]
    fn what_is_under_way_cannot_be_displaced_but_is_over_time_like_all_others() {
        let (mut waiting, at) = waiting(&[1, 2]);
        assert_eq!(tickets(&waiting.batch(1, 99)), [0]);
        assert_eq!(waiting.displace().map(|item| item.text.len()), Some(2));
        assert!(waiting.displace().is_none());
        assert_eq!(waiting.first_before(at), Some(0));
        assert_eq!(waiting.first_deadline(), Some(at));
    }
}
