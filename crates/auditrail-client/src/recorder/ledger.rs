//! Takes records into memory, settles each exactly once, and counts.
//!
//! Everything is behind one lock that is held for moments only, so a record can be taken on where nothing
//! can wait, and the counts add up at every moment.

mod ending;
mod state;
#[cfg(test)]
mod tests;
mod waiting;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use auditrail_core::{DeliveryStatus, FailurePolicy};
use bytes::Bytes;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::config::RecorderConfig;
use super::error::{DropReason, RecordError};
use super::lost::Teller;
use super::stats::{Counters, Stats};
use crate::clock;
use crate::error::ClientError;
use state::{Phase, State, Told};
use waiting::Item;
pub(super) use waiting::Ticket;

/// What the caller of a record hears.
pub(super) type Outcome = Result<DeliveryStatus, RecordError>;
/// Where it hears it.
pub(super) type Hearing = oneshot::Receiver<Outcome>;

/// The bound on what is in memory, the counts, and those who wait for the end.
#[derive(Debug)]
pub(super) struct Ledger {
    state: Mutex<State>,
    teller: Teller,
    max_records: usize,
    max_bytes: usize,
    must_timeout: Duration,
    /// Something for the lane of `must` to look at.
    pub(super) must: Notify,
    /// The same for `best_effort`.
    pub(super) best_effort: Notify,
    /// The same for the reader of the spool.
    pub(super) redelivery: Notify,
    settled: Notify,
}

impl Ledger {
    pub(super) fn new(config: &RecorderConfig) -> Self {
        Self {
            state: Mutex::default(),
            teller: Teller::new(config.on_lost.clone()),
            max_records: config.queue_max_records,
            max_bytes: config.queue_max_bytes,
            must_timeout: config.must_timeout,
            must: Notify::new(),
            best_effort: Notify::new(),
            redelivery: Notify::new(),
            settled: Notify::new(),
        }
    }

    /// Counts a record and takes it into memory, where it could be put together, is admitted, and there is
    /// room.
    pub(super) fn accept(
        &self,
        made: Result<Bytes, RecordError>,
        policy: FailurePolicy,
        admit: impl FnOnce(&Bytes) -> Result<(), RecordError>,
    ) -> Result<(Ticket, Hearing), RecordError> {
        let text = made.as_ref().ok().cloned();
        let made = made.and_then(|text| admit(&text).map(|()| text));
        let accepted = self.change(|state, told| {
            state.counters.accept();
            let accepted = made.and_then(|text| {
                if state.phase != Phase::Open {
                    return Err(RecordError::Closed);
                }
                self.make_room(state, told, text.len(), policy)?;
                Ok(self.take(state, text, policy))
            });
            if let Err(error) = &accepted {
                state.counters.drop(error.reason().unwrap_or(DropReason::Unmade));
                told.push(Told::Lost(text, error.clone()));
            }
            accepted
        });
        match policy {
            FailurePolicy::Must => self.must.notify_one(),
            FailurePolicy::BestEffort => self.best_effort.notify_one(),
            FailurePolicy::Spool => {}
        }
        accepted
    }

    /// Records that somebody vouches for push out those that may be lost.
    fn make_room(
        &self,
        state: &mut State,
        told: &mut Vec<Told>,
        bytes: usize,
        policy: FailurePolicy,
    ) -> Result<(), RecordError> {
        while state.records >= self.max_records || state.bytes + bytes > self.max_bytes {
            let may_push = policy != FailurePolicy::BestEffort && bytes <= self.max_bytes;
            let pushed = may_push.then(|| state.best_effort.displace()).flatten();
            let Some(item) = pushed else {
                let (max_records, max_bytes) = (self.max_records, self.max_bytes);
                return Err(RecordError::QueueFull { max_records, max_bytes });
            };
            state.forget(&item);
            state.counters.drop(DropReason::Displaced);
            told.push(Told::Displaced(item.text));
        }
        Ok(())
    }

    fn take(&self, state: &mut State, text: Bytes, policy: FailurePolicy) -> (Ticket, Hearing) {
        let (done, hearing) = oneshot::channel();
        let at = clock::monotonic();
        let ticket = state.next;
        state.next += 1;
        state.records += 1;
        state.bytes += text.len();
        let deadline = at + self.must_timeout;
        let item = Item { text, at, deadline, done: Some(done), otherwise: None };
        match policy {
            FailurePolicy::Must => state.must.push(ticket, item),
            FailurePolicy::BestEffort => state.best_effort.push(ticket, item),
            FailurePolicy::Spool => state.spooling.hold(ticket, item),
        }
        (ticket, hearing)
    }

    /// The next records to send, the oldest first.
    pub(super) fn batch(
        &self,
        lane: FailurePolicy,
        max_records: usize,
        max_bytes: usize,
    ) -> Vec<(Ticket, Bytes)> {
        self.lock().waiting(lane).batch(max_records, max_bytes)
    }

    /// When the next batch should go, apart from pauses; `None` while there is nothing to send.
    pub(super) fn due(
        &self,
        lane: FailurePolicy,
        linger: Duration,
        max_records: usize,
        max_bytes: usize,
    ) -> Option<Instant> {
        let mut state = self.lock();
        let hurried = state.hurries.now > 0;
        let linger = if hurried { Duration::ZERO } else { linger };
        state.waiting(lane).due(linger, max_records, max_bytes)
    }

    /// Sends these again, before all others.
    pub(super) fn put_back(&self, lane: FailurePolicy, tickets: &[Ticket]) {
        let mut state = self.lock();
        if state.waiting(lane).put_back(tickets) > 0 {
            state.counters.retry();
        }
    }

    /// The service has these; so many of them from an earlier try.
    pub(super) fn acknowledge(&self, lane: FailurePolicy, tickets: &[Ticket], duplicates: u64) {
        self.change(|state, _| {
            let mut live = 0;
            for ticket in tickets {
                if let Some(item) = state.settle(lane, *ticket) {
                    item.tell(Ok(DeliveryStatus::Acknowledged));
                    live += 1;
                }
            }
            state.counters.deliver(live, duplicates, 0);
        });
    }

    /// These are given up, or refused by the service.
    pub(super) fn fail(&self, lane: FailurePolicy, failed: Vec<(Ticket, RecordError)>) {
        self.change(|state, told| {
            for (ticket, error) in failed {
                if let Some(item) = state.settle(lane, ticket) {
                    told.push(state.lose(item, error));
                }
            }
        });
    }

    /// Gives up the `must` records whose time is over, and those that will not be tried before it is.
    /// Gives the moment to look again.
    pub(super) fn expire(
        &self,
        until: Instant,
        source: Option<&Arc<ClientError>>,
    ) -> Option<Instant> {
        self.change(|state, told| {
            let mut any = false;
            while let Some(ticket) = state.must.first_before(until) {
                if let Some(item) = state.settle(FailurePolicy::Must, ticket) {
                    let source = source.cloned();
                    let error = item.otherwise.clone();
                    let error = error.unwrap_or(RecordError::NotAcknowledged { source });
                    told.push(state.lose(item, error));
                    any = true;
                }
            }
            if any {
                state.must.tidy();
            }
            state.must.first_deadline()
        })
    }

    /// These are durable on the disk: out of memory, and not settled for the counts.
    pub(super) fn spooled(&self, tickets: &[Ticket]) {
        let wake = self.change(|state, _| {
            for ticket in tickets {
                if let Some(item) = state.settle(FailurePolicy::Spool, *ticket) {
                    state.counters.spool();
                    state.unread += 1;
                    item.tell(Ok(DeliveryStatus::Spooled));
                }
            }
            !tickets.is_empty()
        });
        if wake {
            self.redelivery.notify_one();
        }
    }

    /// These could not be made durable: one try at the service, which is as good.
    pub(super) fn unspooled(&self, tickets: &[Ticket], error: &RecordError) {
        self.change(|state, told| {
            for ticket in tickets {
                let Some(mut item) = state.spooling.remove(*ticket) else {
                    continue;
                };
                if state.phase == Phase::Ended {
                    state.forget(&item);
                    told.push(state.lose(item, error.clone()));
                } else {
                    item.otherwise = Some(error.clone());
                    state.must.push(*ticket, item);
                }
            }
        });
        self.must.notify_one();
    }

    /// None of those on their way to the disk will be heard of.
    pub(super) fn unspooled_all(&self, error: &RecordError) {
        let tickets = self.lock().spooling.tickets();
        self.unspooled(&tickets, error);
    }

    /// Those of the tickets that have nothing but this one try, and what they hear when it failed.
    pub(super) fn only_once(&self, tickets: &[Ticket]) -> Vec<(Ticket, RecordError)> {
        let state = self.lock();
        let once = |ticket: &Ticket| Some((*ticket, state.must.get(*ticket)?.otherwise.clone()?));
        tickets.iter().filter_map(once).collect()
    }

    /// What became of records that are in the spool and not in memory.
    pub(super) fn count(&self, count: impl FnOnce(&mut Counters)) {
        self.change(|state, _| count(&mut state.counters));
    }

    /// The service refused a record of the spool.
    pub(super) fn refuse_spooled(&self, text: &Bytes, error: RecordError) {
        self.change(|state, told| {
            state.counters.refuse(error.code());
            told.push(Told::Lost(Some(text.clone()), error));
        });
    }

    /// Delivery failed, or works; told when it changes.
    pub(super) fn trouble(&self, error: Option<&ClientError>) {
        self.teller.trouble(error);
    }

    /// About how many records of the spool were not read yet; `read` of them are now.
    pub(super) fn unread(&self, read: usize) -> usize {
        let mut state = self.lock();
        state.unread = state.unread.saturating_sub(read);
        state.unread
    }

    /// What became of every record so far.
    pub(super) fn stats(&self) -> Stats {
        let state = self.lock();
        let mut stats = state.counters.stats().clone();
        stats.queued_records = state.records as u64;
        stats.queued_bytes = state.bytes as u64;
        stats
    }

    fn wake(&self) {
        for notify in [&self.must, &self.best_effort, &self.redelivery] {
            notify.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<R>(&self, change: impl FnOnce(&mut State, &mut Vec<Told>) -> R) -> R {
        let mut told = Vec::new();
        let mut state = self.lock();
        let result = change(&mut state, &mut told);
        let idle = state.counters.stats().pending == 0;
        drop(state);
        for loss in told {
            match loss {
                Told::Lost(text, error) => self.teller.lost(text.as_deref(), &error),
                Told::Displaced(text) => self.teller.displaced(&text),
            }
        }
        if idle {
            self.settled.notify_waiters();
        }
        result
    }
}
