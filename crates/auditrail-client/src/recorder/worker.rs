//! The workers that send the records queued in memory.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use auditrail_core::FailurePolicy;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::backoff::{Backoff, FLUSH_PAUSE_MAX, Verdict, verdict};
use super::config::RecorderConfig;
use super::error::RecordError;
use super::ledger::{Ledger, Ticket};
use super::sender::{BatchResult, send_batch};
use crate::client::Client;
use crate::clock;
use crate::entry::Entry;
use crate::error::ClientError;

/// Concurrent requests for `must` records. More would only queue at the writer of the service.
const MUST_REQUESTS: usize = 4;

/// Sends the queue of one policy in insertion order. Records of failed requests go first again.
pub(super) struct Worker {
    client: Client,
    ledger: Arc<Ledger>,
    policy: FailurePolicy,
    max_requests: usize,
    linger: Duration,
    max_records: usize,
    max_bytes: usize,
    request_timeout: Duration,
    backoff: Backoff,
    /// End of the pause after a failure.
    not_before: Option<Instant>,
    /// Whether the service requested the pause, so that a flush must not shorten it.
    is_mandatory: bool,
    last_error: Option<Arc<ClientError>>,
    /// The last value seen of `FlushRequests::total`.
    flushes_seen: u64,
}

/// A request that has completed, with success or not.
struct Completed {
    tickets: Vec<Ticket>,
    result: BatchResult,
}

impl Worker {
    /// The worker for `must`: batches do not linger, and records fail at their deadline or when the
    /// service rejects the API key.
    pub(super) fn must(client: Client, ledger: Arc<Ledger>, config: &RecorderConfig) -> Self {
        // Allows a few attempts before the deadline.
        let cap = config.retry_cap.min(config.must_timeout / 4);
        let backoff = Backoff::new(config.retry_base, cap);
        let worker = Self::new(client, ledger, FailurePolicy::Must, backoff, config);
        Self { max_requests: MUST_REQUESTS, linger: Duration::ZERO, ..worker }
    }

    /// The worker for `best_effort`: one request at a time, retried until it succeeds.
    pub(super) fn best_effort(
        client: Client,
        ledger: Arc<Ledger>,
        config: &RecorderConfig,
    ) -> Self {
        let backoff = Backoff::new(config.retry_base, config.retry_cap);
        Self::new(client, ledger, FailurePolicy::BestEffort, backoff, config)
    }

    fn new(
        client: Client,
        ledger: Arc<Ledger>,
        policy: FailurePolicy,
        backoff: Backoff,
        config: &RecorderConfig,
    ) -> Self {
        Self {
            client,
            ledger,
            policy,
            max_requests: 1,
            linger: config.linger,
            max_records: config.batch_max_records,
            max_bytes: config.batch_max_bytes,
            request_timeout: config.request_timeout,
            backoff,
            not_before: None,
            is_mandatory: false,
            last_error: None,
            flushes_seen: 0,
        }
    }

    /// Sends records until the ledger is stopped, then cancels the requests in flight.
    pub(super) async fn run(mut self) {
        let ledger = Arc::clone(&self.ledger);
        let woken: &Notify = match self.policy {
            FailurePolicy::Must => &ledger.must,
            _ => &ledger.best_effort,
        };
        let mut in_flight = FuturesUnordered::new();
        while !ledger.is_stopped() {
            let wake_at = self.send_due(&mut in_flight);
            let timer = async {
                match wake_at {
                    Some(wake_at) => sleep_until(wake_at).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                Some(completed) = in_flight.next(), if !in_flight.is_empty() => {
                    self.complete(completed);
                }
                () = woken.notified() => {}
                () = timer => {}
            }
        }
    }

    /// Starts the requests that are due; returns when to call this again.
    fn send_due(
        &mut self,
        in_flight: &mut FuturesUnordered<BoxFuture<'static, Completed>>,
    ) -> Option<Instant> {
        let now = clock::monotonic();
        let flushes = self.ledger.flush_requests().total;
        if flushes != self.flushes_seen && !self.is_mandatory {
            self.not_before = None;
        }
        self.flushes_seen = flushes;
        let deadline = self.expire(now);
        while in_flight.len() < self.max_requests {
            let due = self.ledger.due(self.policy, self.linger, self.max_records, self.max_bytes);
            let Some(due) = due else {
                break;
            };
            let due = self.not_before.map_or(due, |not_before| due.max(not_before));
            if due > now {
                return Some(deadline.map_or(due, |deadline| deadline.min(due)));
            }
            let batch = self.ledger.batch(self.policy, self.max_records, self.max_bytes);
            if !batch.is_empty() {
                in_flight.push(self.request(batch));
            }
        }
        deadline
    }

    /// Drops the `must` records that have expired, or will before the next attempt. Returns the next
    /// deadline.
    fn expire(&self, now: Instant) -> Option<Instant> {
        if self.policy != FailurePolicy::Must {
            return None;
        }
        let until = self.not_before.filter(|_| self.is_mandatory).map_or(now, |next| next.max(now));
        self.ledger.expire(until, self.last_error.as_ref())
    }

    fn request(&self, batch: Vec<(Ticket, Entry)>) -> BoxFuture<'static, Completed> {
        let client = self.client.clone();
        let timeout = self.request_timeout;
        let (tickets, entries): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        Box::pin(async move {
            let result = send_batch(&client, &entries, timeout).await;
            Completed { tickets, result }
        })
    }

    fn complete(&mut self, completed: Completed) {
        let Completed { tickets, result } = completed;
        let BatchResult { acknowledged, duplicates, refused, unsent, error } = result;
        let tickets_of = |indices: Vec<usize>| -> Vec<Ticket> {
            indices.into_iter().map(|index| tickets[index]).collect()
        };
        self.ledger.acknowledge(self.policy, &tickets_of(acknowledged), duplicates);
        let refused = refused.into_iter().map(|(index, error)| (tickets[index], error));
        self.ledger.fail(self.policy, refused.collect());
        self.ledger.report_delivery(error.as_ref());
        if let Some(error) = error {
            self.retry_later(tickets_of(unsent), error);
        } else {
            self.backoff.reset();
            self.not_before = None;
            self.is_mandatory = false;
            self.last_error = None;
        }
    }

    fn retry_later(&mut self, unsent: Vec<Ticket>, error: ClientError) {
        let is_not_allowed = verdict(&error) == Verdict::NotAllowed;
        let pause = self.backoff.after(&error);
        let error = Arc::new(error);
        self.last_error = Some(Arc::clone(&error));
        self.ledger.fail(self.policy, self.ledger.single_attempts(&unsent));
        if self.policy == FailurePolicy::Must && is_not_allowed {
            let not_allowed =
                |ticket| (ticket, RecordError::NotAllowed { source: Arc::clone(&error) });
            self.ledger.fail(self.policy, unsent.into_iter().map(not_allowed).collect());
            return;
        }
        self.is_mandatory = pause.is_mandatory;
        let is_flushing = self.ledger.flush_requests().active > 0;
        let pause = pause.capped(is_flushing, FLUSH_PAUSE_MAX);
        let next = clock::monotonic() + pause;
        self.not_before = Some(self.not_before.map_or(next, |not_before| not_before.max(next)));
        self.ledger.requeue(self.policy, &unsent);
    }
}
