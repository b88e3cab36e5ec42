//! Delivers the records in the spool, batch by batch, and waits for more when it is empty.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::backoff::{Backoff, FLUSH_PAUSE_MAX, Pause};
use super::config::RecorderConfig;
use super::ledger::Ledger;
use super::sender::{BatchResult, send_batch};
use super::stats::Counters;
use crate::client::Client;
use crate::clock;
use crate::entry::Entry;
use crate::spool::{Spool, SpoolError, SpoolItem};

/// The only reader of a spool.
pub(super) struct Redelivery {
    client: Client,
    ledger: Arc<Ledger>,
    spool: Arc<Spool>,
    linger: Duration,
    max_records: usize,
    max_bytes: usize,
    request_timeout: Duration,
    backoff: Backoff,
}

impl Redelivery {
    pub(super) fn new(
        client: Client,
        ledger: Arc<Ledger>,
        spool: Arc<Spool>,
        config: &RecorderConfig,
    ) -> Self {
        Self {
            client,
            ledger,
            spool,
            linger: config.linger,
            max_records: config.batch_max_records,
            max_bytes: config.batch_max_bytes,
            request_timeout: config.request_timeout,
            backoff: Backoff::new(config.retry_base, config.retry_cap),
        }
    }

    /// Reads and sends until the ledger is stopped. Undelivered records stay in the spool.
    pub(super) async fn run(mut self) {
        while !self.ledger.is_stopped() {
            match self.spool.read(self.max_records, self.max_bytes).await {
                Ok(batch) if batch.is_empty() => {
                    self.ledger.mark_read(usize::MAX);
                    // `Notify` stores a permit, so a record spooled since the read is not missed.
                    self.ledger.redelivery.notified().await;
                    self.wait_for_full_batch().await;
                }
                Ok(batch) => {
                    self.ledger.mark_read(batch.items.len());
                    if self.deliver(batch.items).await {
                        self.ledger.count(|counters| counters.quarantine(batch.quarantined));
                        self.spool.acknowledge(batch.next);
                    }
                }
                Err(SpoolError::Closed) => return,
                // Retried forever: giving up would leave the records undelivered.
                Err(error) => {
                    tracing::warn!(%error, "the spool of audit records cannot be read");
                    let pause = self.backoff.after_local_error();
                    self.pause(pause).await;
                }
            }
        }
    }

    /// Sends a batch until all its records are settled; false if the ledger was stopped before.
    async fn deliver(&mut self, mut items: Vec<SpoolItem>) -> bool {
        while !items.is_empty() && !self.ledger.is_stopped() {
            let entries: Vec<Entry> = items.iter().map(|item| item.entry.clone()).collect();
            let request = send_batch(&self.client, &entries, self.request_timeout);
            let Some(result) = self.unless_stopped(request).await else {
                return false;
            };
            items = self.settle(items, result).await;
        }
        items.is_empty()
    }

    /// Counts the settled records of a batch. Returns the others, after a pause if the request failed.
    async fn settle(&mut self, items: Vec<SpoolItem>, result: BatchResult) -> Vec<SpoolItem> {
        let BatchResult { acknowledged, duplicates, refused, unsent, error } = result;
        let recovered = acknowledged.iter().filter(|index| items[**index].recovered).count() as u64;
        self.ledger.count(|counters| {
            counters.deliver(acknowledged.len() as u64, duplicates, recovered);
        });
        for (index, error) in refused {
            self.ledger.refuse_spooled(&items[index].entry.text, error);
        }
        self.ledger.report_delivery(error.as_ref());
        if let Some(error) = error {
            self.ledger.count(Counters::retry);
            let pause = self.backoff.after(&error);
            self.pause(pause).await;
        } else {
            self.backoff.reset();
        }
        unsent.into_iter().map(|index| items[index].clone()).collect()
    }

    /// Waits until a batch is full, `linger` has passed, or a flush is requested.
    async fn wait_for_full_batch(&self) {
        let end = clock::monotonic() + self.linger;
        loop {
            let is_full = self.ledger.mark_read(0) >= self.max_records;
            let is_flushing = self.ledger.flush_requests().active > 0;
            if is_full || is_flushing || self.ledger.is_stopped() {
                return;
            }
            if timeout_at(end, self.ledger.redelivery.notified()).await.is_err() {
                return;
            }
        }
    }

    /// Pauses before the next attempt. A flush ends the pause unless the service requested it.
    async fn pause(&self, pause: Pause) {
        let flushes = self.ledger.flush_requests();
        let wait = pause.capped(flushes.active > 0, FLUSH_PAUSE_MAX);
        self.sleep_until(clock::monotonic() + wait, |ledger| {
            !pause.is_mandatory && ledger.flush_requests().total > flushes.total
        })
        .await;
    }

    async fn sleep_until(&self, end: Instant, is_interrupted: impl Fn(&Ledger) -> bool) {
        while !self.ledger.is_stopped() && !is_interrupted(&self.ledger) {
            if timeout_at(end, self.ledger.redelivery.notified()).await.is_err() {
                return;
            }
        }
    }

    /// The result of a request; `None` if the ledger is stopped before it completes.
    async fn unless_stopped(
        &self,
        request: impl Future<Output = BatchResult>,
    ) -> Option<BatchResult> {
        tokio::pin!(request);
        loop {
            tokio::select! {
                result = &mut request => return Some(result),
                () = self.ledger.redelivery.notified() => {
                    if self.ledger.is_stopped() {
                        return None;
                    }
                }
            }
        }
    }
}
