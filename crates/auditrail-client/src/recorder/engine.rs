//! What runs behind a recorder, and how it comes to an end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

use super::config::RecorderConfig;
use super::lane::Lane;
use super::ledger::Ledger;
use super::redelivery::Redelivery;
use super::stats::Flushed;
use crate::client::Client;
use crate::clock;
use crate::spool::Spool;

/// The parts that work while somebody records, and a while longer.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) ledger: Arc<Ledger>,
    pub(super) spool: Option<Arc<Spool>>,
    redelivery: Mutex<Option<JoinHandle<()>>>,
    closed: OnceCell<Flushed>,
}

impl Engine {
    /// Starts the lanes, and the reader of the spool.
    pub(super) fn start(
        runtime: &Handle,
        client: &Client,
        config: &RecorderConfig,
        ledger: Arc<Ledger>,
        spool: Option<Arc<Spool>>,
    ) -> Self {
        for lane in [Lane::must, Lane::best_effort] {
            let lane = lane(client.clone(), Arc::clone(&ledger), config);
            drop(spawn(runtime, &ledger, lane.run()));
        }
        let redelivery = spool.clone().map(|spool| {
            let redelivery = Redelivery::new(client.clone(), Arc::clone(&ledger), spool, config);
            spawn(runtime, &ledger, redelivery.run())
        });
        let redelivery = Mutex::new(redelivery);
        Self { ledger, spool, redelivery, closed: OnceCell::new() }
    }

    /// Sends everything that waits, at most for so long.
    pub(super) async fn flush(&self, deadline: Duration) -> Flushed {
        let ledger = &*self.ledger;
        let before = ledger.stats();
        let hurry = Hurry::new(ledger);
        ledger.empty(clock::monotonic() + deadline).await;
        drop(hurry);
        let after = ledger.stats();
        Flushed {
            delivered: after.delivered() - before.delivered(),
            failed: after.failed() - before.failed(),
            pending: after.pending,
        }
    }

    /// Flushes for so long and ends, once.
    pub(super) async fn close(&self, deadline: Duration) -> Flushed {
        *self.closed.get_or_init(|| self.end(deadline)).await
    }

    /// Whether it has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.initialized()
    }

    async fn end(&self, deadline: Duration) -> Flushed {
        let ledger = &*self.ledger;
        ledger.close();
        let before = ledger.stats();
        let flushed = self.flush(deadline).await;
        ledger.end();
        let redelivery = self.redelivery.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(redelivery) = redelivery {
            // It has to say what it delivered, so that it is not found in the spool again. A runtime
            // that has ended kept it from that, and then it is.
            drop(redelivery.await);
        }
        if let Some(spool) = &self.spool {
            // What is on its way to the disk gets there.
            spool.close().await;
        }
        ledger.end_spooling();
        let after = ledger.stats();
        let failed = after.failed() - before.failed();
        Flushed { failed, pending: after.pending, ..flushed }
    }
}

/// Runs a part of the recorder. If the runtime ends before the recorder, nobody waits for ever.
fn spawn(
    runtime: &Handle,
    ledger: &Arc<Ledger>,
    part: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    let end = EndOnDrop(Arc::clone(ledger));
    runtime.spawn(async move {
        let _end = end;
        part.await;
    })
}

struct EndOnDrop(Arc<Ledger>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A hurry that ends with the wait for it, however that ends.
struct Hurry<'a>(&'a Ledger);

impl<'a> Hurry<'a> {
    fn new(ledger: &'a Ledger) -> Self {
        ledger.hurry(true);
        Self(ledger)
    }
}

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.hurry(false);
    }
}
