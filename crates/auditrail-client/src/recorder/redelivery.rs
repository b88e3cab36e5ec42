//! Sends what is in the spool, batch after batch, until it is empty; then waits for more.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::backoff::{Backoff, HURRIED_PAUSE, Pause};
use super::config::RecorderConfig;
use super::ledger::Ledger;
use super::sender::{Sent, send};
use super::stats::Counters;
use crate::client::Client;
use crate::clock;
use crate::spool::{Spool, SpoolError, SpoolItem};

/// The one reader of a spool.
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

    /// Reads and sends until the ledger is ended; then what is in the spool stays there.
    pub(super) async fn run(mut self) {
        while !self.ledger.ended() {
            let read = self.spool.read(self.max_records, self.max_bytes).await;
            match read {
                Ok(batch) if batch.is_empty() => {
                    self.ledger.unread(usize::MAX);
                    // The record that came meanwhile has left its permit.
                    self.ledger.redelivery.notified().await;
                    self.gather().await;
                }
                Ok(batch) => {
                    self.ledger.unread(batch.items.len());
                    if self.deliver(batch.items).await {
                        self.ledger.count(|counters| counters.quarantine(batch.quarantined));
                        self.spool.acknowledge(batch.next);
                    }
                }
                // The disk fails. Nothing is lost by trying again, and giving up would lose what is on it.
                Err(SpoolError::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, "the spool of audit records cannot be read");
                    let pause = self.backoff.plain();
                    self.pause(pause).await;
                }
            }
        }
    }

    /// Sends a batch until the last record of it is settled; false when that is not to be.
    async fn deliver(&mut self, mut items: Vec<SpoolItem>) -> bool {
        while !items.is_empty() && !self.ledger.ended() {
            let texts: Vec<Bytes> = items.iter().map(|item| item.text.clone()).collect();
            let sending = send(&self.client, &texts, self.request_timeout);
            let Some(sent) = self.unless_ended(sending).await else {
                return false;
            };
            items = self.count(items, sent).await;
        }
        items.is_empty()
    }

    /// Counts what became of a batch, and gives what is left to send, after a pause.
    async fn count(&mut self, items: Vec<SpoolItem>, sent: Sent) -> Vec<SpoolItem> {
        let Sent { acknowledged, duplicates, refused, unsent, error } = sent;
        let recovered = acknowledged.iter().filter(|place| items[**place].recovered).count() as u64;
        self.ledger.count(|counters| {
            counters.deliver(acknowledged.len() as u64, duplicates, recovered);
        });
        for (place, error) in refused {
            self.ledger.refuse_spooled(&items[place].text, error);
        }
        self.ledger.trouble(error.as_ref());
        match error {
            None => self.backoff.reset(),
            Some(error) => {
                self.ledger.count(Counters::retry);
                let pause = self.backoff.after(&error);
                self.pause(pause).await;
            }
        }
        unsent.into_iter().map(|place| items[place].clone()).collect()
    }

    /// Lets a batch become full.
    async fn gather(&self) {
        let end = clock::monotonic() + self.linger;
        loop {
            let full = self.ledger.unread(0) >= self.max_records;
            if full || self.ledger.hurries().now > 0 || self.ledger.ended() {
                return;
            }
            if timeout_at(end, self.ledger.redelivery.notified()).await.is_err() {
                return;
            }
        }
    }

    /// Waits before the next try. A flush cuts a pause short that only we chose.
    async fn pause(&self, pause: Pause) {
        let before = self.ledger.hurries();
        let Pause { wait, firm } = pause;
        let hurried = before.now > 0 && !firm;
        let wait = if hurried { wait.min(HURRIED_PAUSE) } else { wait };
        self.sleep(clock::monotonic() + wait, |ledger| {
            !firm && ledger.hurries().ever > before.ever
        })
        .await;
    }

    async fn sleep(&self, end: Instant, enough: impl Fn(&Ledger) -> bool) {
        while !self.ledger.ended() && !enough(&self.ledger) {
            if timeout_at(end, self.ledger.redelivery.notified()).await.is_err() {
                return;
            }
        }
    }

    /// The result of a request, unless the ledger is ended meanwhile.
    async fn unless_ended(&self, sending: impl Future<Output = Sent>) -> Option<Sent> {
        tokio::pin!(sending);
        loop {
            tokio::select! {
                sent = &mut sending => return Some(sent),
                () = self.ledger.redelivery.notified() => {
                    if self.ledger.ended() {
                        return None;
                    }
                }
            }
        }
    }
}
