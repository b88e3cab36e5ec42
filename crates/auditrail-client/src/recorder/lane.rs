//! The requests that empty a queue in memory.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use auditrail_core::FailurePolicy;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::backoff::{Backoff, HURRIED_PAUSE, Verdict, verdict};
use super::config::RecorderConfig;
use super::error::RecordError;
use super::ledger::{Ledger, Ticket};
use super::sender::{Sent, send};
use crate::client::Client;
use crate::clock;
use crate::error::ClientError;

/// Requests of `must` at once. More would only queue at the writer of the service.
const MUST_REQUESTS: usize = 4;

/// Records that wait in memory, in the order they came; those that failed come first again.
pub(super) struct Lane {
    client: Client,
    ledger: Arc<Ledger>,
    policy: FailurePolicy,
    requests: usize,
    linger: Duration,
    max_records: usize,
    max_bytes: usize,
    request_timeout: Duration,
    backoff: Backoff,
    /// Nothing is sent before this moment.
    not_before: Option<Instant>,
    /// Whether that moment was asked for by the service, so that not even a flush may ignore it.
    firm: bool,
    last_error: Option<Arc<ClientError>>,
    hurries: u64,
}

/// A request that was answered, or not.
struct Run {
    tickets: Vec<Ticket>,
    sent: Sent,
}

impl Lane {
    /// The lane of `must`: nothing lingers, and records are given up at their deadline or when the key is
    /// refused.
    pub(super) fn must(client: Client, ledger: Arc<Ledger>, config: &RecorderConfig) -> Self {
        // Each record is to be tried a few times before its caller gives up.
        let cap = config.retry_cap.min(config.must_timeout / 4);
        let backoff = Backoff::new(config.retry_base, cap);
        let lane = Self::new(client, ledger, FailurePolicy::Must, backoff, config);
        Self { requests: MUST_REQUESTS, linger: Duration::ZERO, ..lane }
    }

    /// The lane of `best_effort`: one request at a time, tried until it works.
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
            requests: 1,
            linger: config.linger,
            max_records: config.batch_max_records,
            max_bytes: config.batch_max_bytes,
            request_timeout: config.request_timeout,
            backoff,
            not_before: None,
            firm: false,
            last_error: None,
            hurries: 0,
        }
    }

    /// Sends what waits until the ledger is ended; then requests under way are broken off.
    pub(super) async fn run(mut self) {
        let ledger = Arc::clone(&self.ledger);
        let woken: &Notify = match self.policy {
            FailurePolicy::Must => &ledger.must,
            _ => &ledger.best_effort,
        };
        let mut runs = FuturesUnordered::new();
        while !ledger.ended() {
            let look = self.look(&mut runs);
            let rest = async {
                match look {
                    Some(look) => sleep_until(look).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                Some(run) = runs.next(), if !runs.is_empty() => self.ran(run),
                () = woken.notified() => {}
                () = rest => {}
            }
        }
    }

    /// Starts the requests that are due, and gives the moment to look again.
    fn look(&mut self, runs: &mut FuturesUnordered<BoxFuture<'static, Run>>) -> Option<Instant> {
        let now = clock::monotonic();
        let hurries = self.ledger.hurries().ever;
        if hurries != self.hurries && !self.firm {
            self.not_before = None;
        }
        self.hurries = hurries;
        let deadline = self.expire(now);
        while runs.len() < self.requests {
            let (records, bytes) = (self.max_records, self.max_bytes);
            let Some(due) = self.ledger.due(self.policy, self.linger, records, bytes) else {
                break;
            };
            let due = self.not_before.map_or(due, |not_before| due.max(not_before));
            if due > now {
                return Some(deadline.map_or(due, |deadline| deadline.min(due)));
            }
            let batch = self.ledger.batch(self.policy, records, bytes);
            if !batch.is_empty() {
                runs.push(self.request(batch));
            }
        }
        deadline
    }

    /// Gives up what is over time, or will be before the next try.
    fn expire(&self, now: Instant) -> Option<Instant> {
        if self.policy != FailurePolicy::Must {
            return None;
        }
        let until = self.not_before.filter(|_| self.firm).map_or(now, |next| next.max(now));
        self.ledger.expire(until, self.last_error.as_ref())
    }

    fn request(&self, batch: Vec<(Ticket, Bytes)>) -> BoxFuture<'static, Run> {
        let (client, timeout) = (self.client.clone(), self.request_timeout);
        let (tickets, texts): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        Box::pin(async move {
            let sent = send(&client, &texts, timeout).await;
            Run { tickets, sent }
        })
    }

    fn ran(&mut self, run: Run) {
        let Run { tickets, sent } = run;
        let Sent { acknowledged, duplicates, refused, unsent, error } = sent;
        let of = |places: Vec<usize>| -> Vec<Ticket> {
            places.into_iter().map(|place| tickets[place]).collect()
        };
        self.ledger.acknowledge(self.policy, &of(acknowledged), duplicates);
        let refused = refused.into_iter().map(|(place, error)| (tickets[place], error));
        self.ledger.fail(self.policy, refused.collect());
        self.ledger.trouble(error.as_ref());
        let Some(error) = error else {
            self.backoff.reset();
            (self.not_before, self.firm, self.last_error) = (None, false, None);
            return;
        };
        self.failed(of(unsent), error);
    }

    fn failed(&mut self, unsent: Vec<Ticket>, error: ClientError) {
        let not_allowed = verdict(&error) == Verdict::NotAllowed;
        let pause = self.backoff.after(&error);
        let error = Arc::new(error);
        self.last_error = Some(Arc::clone(&error));
        self.ledger.fail(self.policy, self.ledger.only_once(&unsent));
        if self.policy == FailurePolicy::Must && not_allowed {
            let dropped = |ticket| (ticket, RecordError::NotAllowed { source: Arc::clone(&error) });
            self.ledger.fail(self.policy, unsent.into_iter().map(dropped).collect());
            return;
        }
        self.firm = pause.firm;
        let hurried = self.ledger.hurries().now > 0 && !pause.firm;
        let wait = if hurried { pause.wait.min(HURRIED_PAUSE) } else { pause.wait };
        let next = clock::monotonic() + wait;
        self.not_before = Some(self.not_before.map_or(next, |before| before.max(next)));
        self.ledger.put_back(self.policy, &unsent);
    }
}
