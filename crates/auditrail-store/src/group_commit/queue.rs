//! The requests that wait, and the room they take.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

use super::error::WriteError;
use super::limits::{LEAVE_FOR, LEAVE_RECORDS, WriterLimits};
use super::request::{WriteOutcome, WriteRequest};
use super::stats::WriterStats;

/// What a caller is told.
pub(super) type Answer = Result<WriteOutcome, WriteError>;

/// Requests between their callers and the workers that write them.
///
/// Room is taken before a request is queued and given back when it is answered, so what is being
/// written counts as well as what waits. Callers get room in the order in which they ask, so that a
/// large request is not overtaken for ever by small ones.
#[derive(Debug)]
pub(super) struct Queue {
    limits: WriterLimits,
    record_room: Arc<Semaphore>,
    byte_room: Arc<Semaphore>,
    state: Mutex<State>,
    /// Tells workers of a new request, or of the end.
    work: Notify,
    /// Tells those who close of a worker that has ended.
    ended: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// By number, so that the oldest is first and one can be taken back from the middle.
    waiting: BTreeMap<u64, Pending>,
    next_number: u64,
    closed: bool,
    stats: WriterStats,
}

/// A request that was accepted, on its way to be written.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) request: WriteRequest,
    /// Whether it was sent on a connection that was lost, so that it may have been written.
    pub(super) sent: bool,
    /// When it was queued.
    since: Instant,
    answer: oneshot::Sender<Answer>,
    _room: [OwnedSemaphorePermit; 2],
}

impl Pending {
    /// Nobody waits for it any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    /// Gives back its room and tells the caller, who may be gone.
    pub(super) fn answer(self, answer: Answer) {
        drop(self.answer.send(answer));
    }
}

impl Queue {
    pub(super) fn new(limits: WriterLimits) -> Self {
        let room = |most: u32| Arc::new(Semaphore::new(most as usize));
        Self {
            record_room: room(limits.queue_records),
            byte_room: room(limits.queue_bytes),
            limits,
            state: Mutex::default(),
            work: Notify::new(),
            ended: Notify::new(),
        }
    }

    /// Queues a request as soon as there is room, and waits for its answer until the deadline.
    pub(super) async fn ask(&self, request: WriteRequest, deadline: Instant) -> Answer {
        let (records, bytes) = self.size(&request)?;
        let taken = timeout_at(deadline, async {
            let records = Arc::clone(&self.record_room).acquire_many_owned(records).await?;
            Ok([records, Arc::clone(&self.byte_room).acquire_many_owned(bytes).await?])
        });
        let room = match taken.await {
            Ok(Ok(room)) => room,
            Ok(Err(tokio::sync::AcquireError { .. })) => return Err(WriteError::Closed),
            Err(_) => return Err(self.why_late(true)),
        };
        let (answer, mut answered) = oneshot::channel();
        let pending = Pending { request, sent: false, since: Instant::now(), answer, _room: room };
        let ticket = self.enqueue(pending).ok_or(WriteError::Closed)?;
        if let Ok(told) = timeout_at(deadline, &mut answered).await {
            return told.unwrap_or(Err(WriteError::Closed));
        }
        let never_sent = ticket.withdraw();
        // It may have been answered at this very moment.
        answered.try_recv().unwrap_or_else(|_| Err(self.why_late(never_sent)))
    }

    /// Its records and bytes, when it can ever be queued.
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
        // The first makes a worker look how long it may leave it; what comes after it changes nothing
        // until there is enough.
        let tells = state.waiting.len() == 1 || state.has_enough_for_a_group();
        drop(state);
        if tells {
            self.work.notify_one();
        }
        Some(Ticket { queue: self, number })
    }

    /// Waits for work, and takes as much as fits in one group. `None` when there will be no more.
    ///
    /// A worker that comes while another writes leaves a few records to that one for a while: together
    /// with those that come until then they cost less than two small groups.
    pub(super) async fn next_group(&self) -> Option<Vec<Pending>> {
        loop {
            let told = self.work.notified();
            tokio::pin!(told);
            // From here on nothing is missed, so what came before is seen in the queue.
            told.as_mut().enable();
            let due = self.state().when_due();
            match due {
                Due::Never => return None,
                Due::WhenTold => told.await,
                Due::At(due) if due > Instant::now() => drop(timeout_at(due, told).await),
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
                // The rest is for another worker, if one is free.
                self.work.notify_one();
                break;
            }
            let pending = first.remove();
            state.stats.count_out(&pending);
            state.stats.in_flight_records += pending.request.records.len() as u64;
            group.push(pending);
        }
        group
    }

    /// Counts requests out that are answered, or need no answer.
    pub(super) fn done(&self, group: &[Pending]) {
        let records: usize = group.iter().map(|pending| pending.request.records.len()).sum();
        self.state().stats.in_flight_records -= records as u64;
    }

    /// Takes nothing more in; what was accepted stays.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.record_room.close();
        self.byte_room.close();
        self.work.notify_waiters();
    }

    /// Waits until every worker has ended.
    pub(super) async fn all_ended(&self) {
        loop {
            let told = self.ended.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            if self.state().stats.writers == 0 {
                return;
            }
            told.await;
        }
    }

    /// Drops what nobody will write any more, and returns how many records were not answered.
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

    /// The figures as they are now.
    pub(super) fn stats(&self) -> WriterStats {
        let state = self.state();
        let oldest = state.waiting.first_key_value().map(|(_, pending)| pending.since);
        WriterStats { oldest_queued: oldest.map(|since| since.elapsed()), ..state.stats.clone() }
    }

    /// Changes or reads the figures.
    pub(super) fn with_stats<T>(&self, change: impl FnOnce(&mut WriterStats) -> T) -> T {
        change(&mut self.state().stats)
    }

    /// Nothing panics while it holds the lock, and if it did, the state would still be whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a worker should take what waits.
enum Due {
    At(Instant),
    /// Nothing waits.
    WhenTold,
    /// Nothing waits, and nothing will come.
    Never,
}

impl State {
    fn when_due(&self) -> Due {
        match self.waiting.first_key_value() {
            None if self.closed => Due::Never,
            None => Due::WhenTold,
            Some((_, oldest)) if self.closed || self.has_enough_for_a_group() => {
                Due::At(oldest.since)
            }
            Some((_, oldest)) => Due::At(oldest.since + LEAVE_FOR),
        }
    }

    /// Whether a group of what waits is worth its commit now: it is large, or nothing is being written
    /// that it could wait for.
    fn has_enough_for_a_group(&self) -> bool {
        self.stats.in_flight_records == 0 || self.stats.queued_records >= LEAVE_RECORDS
    }
}

/// A request's place in the queue; dropping it takes the request back if it still waits.
struct Ticket<'a> {
    queue: &'a Queue,
    number: u64,
}

impl Ticket<'_> {
    /// Takes the request back; `false` when a worker has it already.
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
