//! The ledger of accepted records: bounds the memory in use, settles each record exactly once, counts.
//!
//! All state is behind one lock that is held only briefly, so records can be accepted in code that must
//! not block, and the counters are consistent at any time.

mod flush;
mod queue;
mod state;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use auditrail_core::{DeliveryStatus, FailurePolicy};
use bytes::Bytes;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::config::RecorderConfig;
use super::encode::Rejected;
use super::error::{DropReason, RecordError};
use super::lost::LossReporter;
use super::stats::{Counters, Stats};
use super::trouble::DeliveryReporter;
use crate::clock;
use crate::entry::Entry;
use crate::error::ClientError;
use crate::spool::{DeadLetter, Spool};
use queue::Item;
pub(super) use queue::{Outcome, Ticket};
use state::{Notice, Phase, State};

/// Maximum characters of an explanation in the file of dead letters.
const DETAIL_MAX_CHARS: usize = 1_000;

/// Receives the result of `record`; fails if the recorder's tasks are gone.
pub(super) type OutcomeReceiver = oneshot::Receiver<Outcome>;

#[derive(Debug)]
pub(super) struct Ledger {
    state: Mutex<State>,
    reporter: LossReporter,
    delivery: DeliveryReporter,
    /// Keeps the refused records. Weak, because the worker of the spool owns the ledger.
    spool: OnceLock<Weak<Spool>>,
    max_records: usize,
    max_bytes: usize,
    must_timeout: Duration,
    /// Wakes the `must` worker.
    pub(super) must: Notify,
    /// Wakes the `best_effort` worker.
    pub(super) best_effort: Notify,
    /// Wakes the redelivery task, the reader of the spool.
    pub(super) redelivery: Notify,
    /// Notified when no record is pending.
    settled: Notify,
}

impl Ledger {
    pub(super) fn new(config: &RecorderConfig) -> Self {
        Self {
            state: Mutex::default(),
            reporter: LossReporter::new(config.on_lost.clone()),
            delivery: DeliveryReporter::default(),
            spool: OnceLock::new(),
            max_records: config.queue_max_records,
            max_bytes: config.queue_max_bytes,
            must_timeout: config.must_timeout,
            must: Notify::new(),
            best_effort: Notify::new(),
            redelivery: Notify::new(),
            settled: Notify::new(),
        }
    }

    /// Counts a record and takes it into memory.
    ///
    /// # Errors
    /// When it is invalid or could not be encoded, `reserve` fails, the recorder is closed, or the queue is full.
    pub(super) fn accept(
        &self,
        encoded: Result<Entry, Rejected>,
        policy: FailurePolicy,
        reserve: impl FnOnce(&Entry) -> Result<(), RecordError>,
    ) -> Result<(Ticket, OutcomeReceiver), RecordError> {
        let (text, encoded) = match encoded {
            Ok(entry) => (Some(entry.text.clone()), reserve(&entry).map(|()| entry)),
            Err(Rejected { error, text }) => (text, Err(error)),
        };
        let accepted = self.change(|state, notices| {
            state.counters.accept();
            let accepted = encoded.and_then(|entry| {
                if state.phase != Phase::Open {
                    return Err(RecordError::Closed);
                }
                self.make_space(state, notices, entry.len(), policy)?;
                Ok(self.insert(state, entry, policy))
            });
            if let Err(error) = &accepted {
                state.counters.drop(error.reason().unwrap_or(DropReason::NotEncoded));
                notices.push(Notice::Lost(text, error.clone()));
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

    /// Evicts `best_effort` records, oldest first, if a `must` or `spool` record needs their space.
    fn make_space(
        &self,
        state: &mut State,
        notices: &mut Vec<Notice>,
        bytes: usize,
        policy: FailurePolicy,
    ) -> Result<(), RecordError> {
        let may_evict = policy != FailurePolicy::BestEffort && bytes <= self.max_bytes;
        while state.records >= self.max_records || state.bytes + bytes > self.max_bytes {
            let evicted = if may_evict { state.best_effort.evict_oldest() } else { None };
            let Some(item) = evicted else {
                return Err(RecordError::QueueFull {
                    max_records: self.max_records,
                    max_bytes: self.max_bytes,
                });
            };
            state.release(&item);
            state.counters.drop(DropReason::Displaced);
            notices.push(Notice::Displaced(item.entry.text));
        }
        Ok(())
    }

    fn insert(
        &self,
        state: &mut State,
        entry: Entry,
        policy: FailurePolicy,
    ) -> (Ticket, OutcomeReceiver) {
        let (outcome, receiver) = oneshot::channel();
        let at = clock::monotonic();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.records += 1;
        state.bytes += entry.len();
        let deadline = at + self.must_timeout;
        let item = Item { entry, at, deadline, outcome: Some(outcome), spool_error: None };
        match policy {
            FailurePolicy::Must => state.must.push(ticket, item),
            FailurePolicy::BestEffort => state.best_effort.push(ticket, item),
            FailurePolicy::Spool => state.spooling.insert_unqueued(ticket, item),
        }
        (ticket, receiver)
    }

    /// Takes the next records to send, oldest first.
    pub(super) fn batch(
        &self,
        policy: FailurePolicy,
        max_records: usize,
        max_bytes: usize,
    ) -> Vec<(Ticket, Entry)> {
        self.lock().queue(policy).batch(max_records, max_bytes)
    }

    /// When the next batch is due, not counting pauses between retries; `None` if the queue is empty.
    pub(super) fn due(
        &self,
        policy: FailurePolicy,
        linger: Duration,
        max_records: usize,
        max_bytes: usize,
    ) -> Option<Instant> {
        let mut state = self.lock();
        let linger = if state.flush_requests.active > 0 { Duration::ZERO } else { linger };
        state.queue(policy).due(linger, max_records, max_bytes)
    }

    /// Puts records back to the front of the queue after a failed request.
    pub(super) fn requeue(&self, policy: FailurePolicy, tickets: &[Ticket]) {
        let mut state = self.lock();
        if state.queue(policy).requeue(tickets) > 0 {
            state.counters.retry();
        }
    }

    /// Settles records that the service acknowledged, `duplicates` of them from an earlier attempt.
    pub(super) fn acknowledge(&self, policy: FailurePolicy, tickets: &[Ticket], duplicates: u64) {
        self.change(|state, _| {
            let mut settled = 0;
            for ticket in tickets {
                if let Some(item) = state.remove(policy, *ticket) {
                    item.complete(Ok(DeliveryStatus::Acknowledged));
                    settled += 1;
                }
            }
            state.counters.deliver(settled, duplicates, 0);
        });
    }

    /// Settles records that are dropped, or were rejected by the service.
    pub(super) fn fail(&self, policy: FailurePolicy, failures: Vec<(Ticket, RecordError)>) {
        self.change(|state, notices| {
            for (ticket, error) in failures {
                if let Some(item) = state.remove(policy, ticket) {
                    notices.push(state.fail(item, error));
                }
            }
        });
    }

    /// Drops the `must` records whose deadline is at or before `until`. Returns the next deadline.
    pub(super) fn expire(
        &self,
        until: Instant,
        source: Option<&Arc<ClientError>>,
    ) -> Option<Instant> {
        self.change(|state, notices| {
            let mut any = false;
            while let Some(ticket) = state.must.oldest_before(until) {
                if let Some(item) = state.remove(FailurePolicy::Must, ticket) {
                    let error = item.spool_error.clone().unwrap_or_else(|| {
                        RecordError::NotAcknowledged { source: source.cloned() }
                    });
                    notices.push(state.fail(item, error));
                    any = true;
                }
            }
            if any {
                state.must.compact();
            }
            state.must.next_deadline()
        })
    }

    /// Removes records from memory that are durable in the spool. They stay pending.
    pub(super) fn spooled(&self, tickets: &[Ticket]) {
        self.change(|state, _| {
            for ticket in tickets {
                if let Some(item) = state.remove(FailurePolicy::Spool, *ticket) {
                    state.counters.spool();
                    state.unread += 1;
                    item.complete(Ok(DeliveryStatus::Spooled));
                }
            }
        });
        if !tickets.is_empty() {
            self.redelivery.notify_one();
        }
    }

    /// Queues records that could not be spooled for one attempt to send them directly.
    pub(super) fn spool_failed(&self, tickets: &[Ticket], error: &RecordError) {
        self.change(|state, notices| {
            for ticket in tickets {
                let Some(mut item) = state.spooling.remove(*ticket) else {
                    continue;
                };
                if state.phase == Phase::Stopped {
                    state.release(&item);
                    notices.push(state.fail(item, error.clone()));
                } else {
                    item.spool_error = Some(error.clone());
                    state.must.push(*ticket, item);
                }
            }
        });
        self.must.notify_one();
    }

    /// The same for all records in flight to the spool.
    pub(super) fn spool_failed_for_all(&self, error: &RecordError) {
        let tickets = self.lock().spooling.tickets();
        self.spool_failed(&tickets, error);
    }

    /// The given tickets whose only attempt has failed, with their errors.
    pub(super) fn single_attempts(&self, tickets: &[Ticket]) -> Vec<(Ticket, RecordError)> {
        let state = self.lock();
        let spool_error = |ticket| state.must.get(ticket)?.spool_error.clone();
        tickets.iter().filter_map(|ticket| Some((*ticket, spool_error(*ticket)?))).collect()
    }

    /// Updates the counters for records that are in the spool and not in memory.
    pub(super) fn count(&self, update: impl FnOnce(&mut Counters)) {
        self.change(|state, _| update(&mut state.counters));
    }

    /// Counts and reports a record of the spool that the service rejected.
    pub(super) fn refuse_spooled(&self, text: &Bytes, error: RecordError) {
        self.change(|state, notices| {
            state.counters.refuse(error.code());
            notices.push(Notice::Lost(Some(text.clone()), error));
        });
    }

    /// Reports whether a request failed.
    pub(super) fn report_delivery(&self, error: Option<&ClientError>) {
        self.delivery.report(error);
    }

    /// Subtracts records that were read from the spool; returns approximately how many are left.
    pub(super) fn mark_read(&self, records: usize) -> usize {
        let mut state = self.lock();
        state.unread = state.unread.saturating_sub(records);
        state.unread
    }

    pub(super) fn stats(&self) -> Stats {
        let state = self.lock();
        let mut stats = state.counters.stats().clone();
        stats.queued_records = state.records as u64;
        stats.queued_bytes = state.bytes as u64;
        drop(state);
        stats.trouble = self.delivery.trouble();
        stats
    }

    /// Uses the directory of the spool for the records that are refused. Called once.
    pub(super) fn keep_refused_in(&self, spool: &Arc<Spool>) {
        // A second spool would be ignored.
        self.spool.get_or_init(|| Arc::downgrade(spool));
    }

    /// Adds a refused or invalid record to the dead letters, if there is a spool.
    fn keep_refused(&self, text: Option<&Bytes>, error: &RecordError) {
        let detail = match error {
            RecordError::Refused { detail, .. } => detail.clone(),
            RecordError::Invalid { errors } => errors.to_string(),
            _ => return,
        };
        let (Some(spool), Some(text)) = (self.spool.get(), text) else {
            return;
        };
        let letter = DeadLetter {
            time: clock::now(),
            code: error.code().to_owned(),
            detail: detail.chars().take(DETAIL_MAX_CHARS).collect(),
            record: text.clone(),
        };
        if !spool.upgrade().is_some_and(|spool| spool.add_dead_letter(letter)) {
            self.lock().counters.add_dead_letters(0, 1);
        }
    }

    fn wake(&self) {
        for notify in [&self.must, &self.best_effort, &self.redelivery] {
            notify.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Poisoning is harmless: no change of the state can panic midway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then reports losses and wakes waiting flushes outside the lock.
    fn change<R>(&self, change: impl FnOnce(&mut State, &mut Vec<Notice>) -> R) -> R {
        let mut notices = Vec::new();
        let mut state = self.lock();
        let result = change(&mut state, &mut notices);
        let is_drained = state.counters.stats().pending == 0;
        drop(state);
        for notice in notices {
            match notice {
                Notice::Lost(text, error) => {
                    self.keep_refused(text.as_ref(), &error);
                    self.reporter.lost(text.as_deref(), &error);
                }
                Notice::Displaced(text) => self.reporter.displaced(&text),
            }
        }
        if is_drained {
            self.settled.notify_waiters();
        }
        result
    }
}
