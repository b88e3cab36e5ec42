//! The background tasks of a recorder and their shutdown.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

use super::config::RecorderConfig;
use super::ledger::Ledger;
use super::redelivery::Redelivery;
use super::stats::Flushed;
use super::worker::Worker;
use crate::client::Client;
use crate::clock;
use crate::spool::Spool;

#[derive(Debug)]
pub(super) struct Engine {
    pub(super) ledger: Arc<Ledger>,
    pub(super) spool: Option<Arc<Spool>>,
    redelivery: Mutex<Option<JoinHandle<()>>>,
    closed: OnceCell<Flushed>,
}

impl Engine {
    /// Starts the workers and, with a spool, the redelivery.
    pub(super) fn start(
        runtime: &Handle,
        client: &Client,
        config: &RecorderConfig,
        ledger: Arc<Ledger>,
        spool: Option<Arc<Spool>>,
    ) -> Self {
        for worker in [Worker::must, Worker::best_effort] {
            let worker = worker(client.clone(), Arc::clone(&ledger), config);
            drop(spawn(runtime, &ledger, worker.run()));
        }
        let redelivery = spool.clone().map(|spool| {
            let redelivery = Redelivery::new(client.clone(), Arc::clone(&ledger), spool, config);
            spawn(runtime, &ledger, redelivery.run())
        });
        Self { ledger, spool, redelivery: Mutex::new(redelivery), closed: OnceCell::new() }
    }

    /// Sends all pending records, for at most `deadline`.
    pub(super) async fn flush(&self, deadline: Duration) -> Flushed {
        let ledger = &*self.ledger;
        let before = ledger.stats();
        let guard = ledger.expedite();
        ledger.drained(clock::monotonic() + deadline).await;
        drop(guard);
        let after = ledger.stats();
        Flushed {
            delivered: after.delivered() - before.delivered(),
            failed: after.failed() - before.failed(),
            pending: after.pending,
        }
    }

    /// Flushes for at most `deadline` and shuts down. Concurrent calls share one shutdown.
    pub(super) async fn close(&self, deadline: Duration) -> Flushed {
        *self.closed.get_or_init(|| self.shut_down(deadline)).await
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.initialized()
    }

    async fn shut_down(&self, deadline: Duration) -> Flushed {
        let ledger = &*self.ledger;
        ledger.close();
        let before = ledger.stats();
        let flushed = self.flush(deadline).await;
        ledger.stop();
        let redelivery = self.redelivery.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(redelivery) = redelivery {
            // Its last acknowledgement must reach the spool before that is closed. If the runtime has
            // shut down it is missing, and the next process sends those records again.
            drop(redelivery.await);
        }
        if let Some(spool) = &self.spool {
            // Completes the appends that are queued.
            spool.close().await;
        }
        ledger.stop_spooling();
        let after = ledger.stats();
        let failed = after.failed() - before.failed();
        Flushed { failed, pending: after.pending, ..flushed }
    }
}

/// Spawns a task. If the runtime shuts down before the recorder, the ledger is stopped, so that no
/// caller waits forever.
fn spawn(
    runtime: &Handle,
    ledger: &Arc<Ledger>,
    task: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    let stop = StopOnDrop(Arc::clone(ledger));
    runtime.spawn(async move {
        let _stop = stop;
        task.await;
    })
}

struct StopOnDrop(Arc<Ledger>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}
