//! The queue of requests, bounded by records and bytes.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::error::WriteError;
use super::limits::{LEAVE_FOR, LEAVE_RECORDS, LEAVE_REQUEST_RECORDS, WriterLimits};
use super::request::{WriteOutcome, WriteRequest};
use super::stats::WriterStats;

/// The result of a request.
pub(super) type Answer = Result<WriteOutcome, WriteError>;

/// Requests between their callers and the workers that write them.
///
/// A request acquires permits before it is queued and releases them when it is answered, so requests in
/// flight count as well as queued ones. Permits are fair (FIFO), so that small requests cannot starve a
/// large one.
#[derive(Debug)]
pub(super) struct Queue {
    limits: WriterLimits,
    record_permits: Arc<Semaphore>,
    byte_permits: Arc<Semaphore>,
    state: Mutex<State>,
    /// Notifies workers of a new request, or of the end.
    work: Notify,
    /// Notifies a closing caller that a worker has ended.
    ended: Notify,
    /// Committed groups.
    commits: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// By number, so that the oldest is first and any can be withdrawn.
    waiting: BTreeMap<u64, Pending>,
    next_number: u64,
    closed: bool,
    /// Requests that are being written and will soon be.
    brief_in_flight: usize,
    stats: WriterStats,
}

/// An accepted request.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) request: WriteRequest,
    /// Whether it was sent on a connection that was lost, so it may have been written.
    pub(super) sent: bool,
    /// When it was queued.
    since: Instant,
    answer: oneshot::Sender<Answer>,
    _permits: [OwnedSemaphorePermit; 2],
}

impl Pending {
    /// Whether its caller no longer waits.
    pub(super) fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    /// Whether writing it takes so little time that others can wait for the same worker.
    fn is_brief(&self) -> bool {
        self.request.records.len() <= LEAVE_REQUEST_RECORDS
    }

    /// Releases its permits and answers the caller, which may be gone.
    pub(super) fn answer(self, answer: Answer) {
        drop(self.answer.send(answer));
    }
}

impl Queue {
    pub(super) fn new(limits: WriterLimits) -> Self {
        let permits = |max: u32| Arc::new(Semaphore::new(max as usize));
        Self {
            record_permits: permits(limits.queue_records),
            byte_permits: permits(limits.queue_bytes),
            limits,
            state: Mutex::default(),
            work: Notify::new(),
            ended: Notify::new(),
            commits: watch::Sender::new(0),
        }
    }

    /// Queues a request when permits are available, and waits for its answer until the deadline.
    pub(super) async fn submit(&self, request: WriteRequest, deadline: Instant) -> Answer {
        let (records, bytes) = self.size(&request)?;
        let acquire = timeout_at(deadline, async {
            let records = Arc::clone(&self.record_permits).acquire_many_owned(records).await?;
            Ok([records, Arc::clone(&self.byte_permits).acquire_many_owned(bytes).await?])
        });
        let permits = match acquire.await {
            Ok(Ok(permits)) => permits,
            Ok(Err(tokio::sync::AcquireError { .. })) => return Err(WriteError::Closed),
            Err(_) => return Err(self.why_late(true)),
        };
        let (answer, mut receiver) = oneshot::channel();
        let pending =
            Pending { request, sent: false, since: Instant::now(), answer, _permits: permits };
        let ticket = self.enqueue(pending).ok_or(WriteError::Closed)?;
        if let Ok(answer) = timeout_at(deadline, &mut receiver).await {
            return answer.unwrap_or(Err(WriteError::Closed));
        }
        let never_sent = ticket.withdraw();
        // The answer may have arrived just now.
        receiver.try_recv().unwrap_or_else(|_| Err(self.why_late(never_sent)))
    }

    /// The records and bytes of a request, if they are within the limits.
    fn size(&self, request: &WriteRequest) -> Result<(u32, u32), WriteError> {
        let (records_max, bytes_max) = (self.limits.queue_records, self.limits.queue_bytes);
        let (records, bytes) = (request.records.len(), request.bytes);
        let size = u32::try_from(records).ok().zip(u32::try_from(bytes).ok());
        size.filter(|(records, bytes)| *records <= records_max && *bytes <= bytes_max)
            .ok_or(WriteError::TooLarge { records, bytes, records_max, bytes_max })
    }

    fn why_late(&self, never_sent: bool) -> WriteError {
        match &self.state().stats.outage {
            Some(outage) => WriteError::unavailable(Arc::clone(outage)),
            None if never_sent => WriteError::overloaded(),
            None => WriteError::timed_out(),
        }
    }

    fn enqueue(&self, pending: Pending) -> Option<Ticket<'_>> {
        let mut state = self.state();
        if state.closed {
            return None;
        }
        let number = state.next_number;
        state.next_number += 1;
        state.stats.count_in(&pending);
        state.waiting.insert(number, pending);
        // The first request makes a worker compute when it is due; later ones change nothing until a
        // group is large enough.
        let notifies = state.waiting.len() == 1 || state.has_enough_for_a_group();
        drop(state);
        if notifies {
            self.work.notify_one();
        }
        Some(Ticket { queue: self, number })
    }

    /// Waits for work, and takes as much as fits in one group. `None` when the queue is closed and empty.
    ///
    /// While another worker writes, a few records are left to it for a short time: together with later
    /// ones they cost less than two small groups.
    pub(super) async fn next_group(&self) -> Option<Vec<Pending>> {
        loop {
            let notified = self.work.notified();
            tokio::pin!(notified);
            // No notification is missed from here on; earlier requests are visible in the queue.
            notified.as_mut().enable();
            let due = self.state().when_due();
            match due {
                Due::Never => return None,
                Due::WhenNotified => notified.await,
                Due::At(due) if due > Instant::now() => drop(timeout_at(due, notified).await),
                Due::At(_) => {
                    let group = self.take_group();
                    // Another worker may have been quicker.
                    if !group.is_empty() {
                        return Some(group);
                    }
                }
            }
        }
    }

    /// Takes as much as fits in one group, which may be nothing.
    pub(super) fn take_group(&self) -> Vec<Pending> {
        let mut state = self.state();
        let mut group = Vec::new();
        let (mut records, mut bytes) = (0, 0);
        while let Some(first) = state.waiting.first_entry() {
            records += first.get().request.records.len();
            bytes += first.get().request.bytes;
            let fits = records <= self.limits.group_records && bytes <= self.limits.group_bytes;
            if !fits && !group.is_empty() {
                // The rest goes to another idle worker.
                self.work.notify_one();
                break;
            }
            let pending = first.remove();
            state.stats.count_out(&pending);
            state.stats.in_flight_records += pending.request.records.len() as u64;
            state.brief_in_flight += usize::from(pending.is_brief());
            group.push(pending);
        }
        group
    }

    /// Subtracts answered and abandoned requests from those in flight.
    pub(super) fn done(&self, group: &[Pending]) {
        let records: usize = group.iter().map(|pending| pending.request.records.len()).sum();
        let mut state = self.state();
        state.stats.in_flight_records -= records as u64;
        state.brief_in_flight -= group.iter().filter(|pending| pending.is_brief()).count();
    }

    /// Refuses new requests; accepted ones are still written.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.record_permits.close();
        self.byte_permits.close();
        self.work.notify_waiters();
    }

    /// Waits until every worker has ended.
    pub(super) async fn all_ended(&self) {
        loop {
            let notified = self.ended.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if self.state().stats.writers == 0 {
                return;
            }
            notified.await;
        }
    }

    /// Drops all queued requests, and returns the number of records that were not answered.
    pub(super) fn abandon(&self) -> u64 {
        let mut state = self.state();
        let left = state.stats.queued_records + state.stats.in_flight_records;
        for pending in std::mem::take(&mut state.waiting).into_values() {
            state.stats.count_out(&pending);
        }
        left
    }

    pub(super) fn worker_started(&self) {
        self.state().stats.writers += 1;
    }

    pub(super) fn worker_ended(&self) {
        self.state().stats.writers -= 1;
        self.ended.notify_waiters();
    }

    /// Reports a committed group.
    pub(super) fn committed(&self) {
        self.commits.send_modify(|commits| *commits += 1);
    }

    /// See [`GroupWriter::commits`](super::GroupWriter::commits).
    pub(super) fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// The current statistics.
    pub(super) fn stats(&self) -> WriterStats {
        let state = self.state();
        let oldest = state.waiting.first_key_value().map(|(_, pending)| pending.since);
        WriterStats { oldest_queued: oldest.map(|since| since.elapsed()), ..state.stats.clone() }
    }

    /// Changes or reads the statistics.
    pub(super) fn with_stats<T>(&self, change: impl FnOnce(&mut WriterStats) -> T) -> T {
        change(&mut self.state().stats)
    }

    /// Nothing panics while it holds the lock, and if it did, the state would still be whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a worker should take the queued requests.
enum Due {
    At(Instant),
    /// The queue is empty.
    WhenNotified,
    /// The queue is empty and closed.
    Never,
}

impl State {
    fn when_due(&self) -> Due {
        match self.waiting.first_key_value() {
            None if self.closed => Due::Never,
            None => Due::WhenNotified,
            Some((_, oldest)) if self.closed || self.has_enough_for_a_group() => {
                Due::At(oldest.since)
            }
            Some((_, oldest)) => Due::At(oldest.since + LEAVE_FOR),
        }
    }

    /// Whether to write the queued requests now: there are enough of them, or no write is in flight that is
    /// worth waiting for.
    fn has_enough_for_a_group(&self) -> bool {
        self.brief_in_flight == 0 || self.stats.queued_records >= LEAVE_RECORDS
    }
}

/// The position of a request in the queue; dropping it withdraws the request if it is still queued.
struct Ticket<'a> {
    queue: &'a Queue,
    number: u64,
}

impl Ticket<'_> {
    /// Withdraws the request; `false` when a worker has already taken it.
    fn withdraw(&self) -> bool {
        let mut state = self.queue.state();
        let taken = state.waiting.remove(&self.number);
        if let Some(pending) = &taken {
            state.stats.count_out(pending);
        }
        taken.is_some()
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.withdraw();
    }
}

impl WriterStats {
    fn count_in(&mut self, pending: &Pending) {
        self.queued_requests += 1;
        self.queued_records += pending.request.records.len() as u64;
        self.queued_bytes += pending.request.bytes as u64;
    }

    fn count_out(&mut self, pending: &Pending) {
        self.queued_requests -= 1;
        self.queued_records -= pending.request.records.len() as u64;
        self.queued_bytes -= pending.request.bytes as u64;
    }
}
