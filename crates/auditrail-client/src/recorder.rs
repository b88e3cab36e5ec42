//! Records that get in: batches, retries, and a policy for when the service is gone.

mod backoff;
mod config;
mod error;
mod lane;
mod ledger;
mod lost;
mod make;
mod open;
mod redelivery;
mod sender;
mod stats;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use auditrail_core::{CreateInput, FailurePolicy, RecordSink, Taken};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

pub use config::RecorderConfig;
pub use error::{DropReason, RecordError};
pub use lost::Lost;
pub use open::OpenError;
pub use stats::{Flushed, Stats};

use crate::client::Client;
use crate::clock;
use crate::spool::{Hears, Spool, SpoolError};
use lane::Lane;
use ledger::{Hearing, Ledger};
use redelivery::Redelivery;

/// How long what is in memory may take to be delivered after the last recorder is gone.
const ORPHANED: Duration = Duration::from_secs(30);

/// Takes records on and sees to it that they get to the service. Cheap to clone.
///
/// The crate's documentation says what becomes of a record under each policy. [`close`](Self::close) it
/// before the process ends, or what is in memory is lost. When the last clone is dropped without that,
/// what is in memory is still tried for 30 seconds, if the runtime lives as long, and the spool is held
/// until then.
#[derive(Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    config: RecorderConfig,
    ledger: Arc<Ledger>,
    spool: Option<Arc<Spool>>,
    runtime: Handle,
    closed: Arc<OnceCell<Flushed>>,
}

impl Recorder {
    /// Opens a recorder, and its spool if it has one, in the tokio runtime this is called in. What an
    /// earlier process left in the spool is delivered from now on.
    ///
    /// # Errors
    /// What is wrong with the configuration, the spool or its directory. A spool that is damaged is put
    /// aside and is no error.
    pub async fn open(client: Client, config: RecorderConfig) -> Result<Self, OpenError> {
        config.check()?;
        let runtime = Handle::try_current().map_err(|_| OpenError::NoRuntime)?;
        let ledger = Arc::new(Ledger::new(&config));
        let spool = open_spool(&config, &ledger).await?.map(Arc::new);
        for lane in [Lane::must, Lane::best_effort] {
            let lane = lane(client.clone(), Arc::clone(&ledger), &config);
            spawn(&runtime, &ledger, lane.run());
        }
        if let Some(spool) = &spool {
            let (ledger, spool) = (Arc::clone(&ledger), Arc::clone(spool));
            let redelivery = Redelivery::new(client.clone(), Arc::clone(&ledger), spool, &config);
            spawn(&runtime, &ledger, redelivery.run());
        }
        let closed = Arc::new(OnceCell::new());
        Ok(Self { shared: Arc::new(Shared { client, config, ledger, spool, runtime, closed }) })
    }

    /// Records, under the policy that the configuration has for the action. The record is taken on at once;
    /// dropping the future takes nothing back.
    ///
    /// # Errors
    /// As [`RecordSink::take`] has them.
    pub fn record(
        &self,
        input: CreateInput,
    ) -> impl Future<Output = Result<Taken, RecordError>> + Send + use<> {
        self.shared.take(input, None).wait()
    }

    /// Sends everything that waits, the spool included, without waiting for company. Ends when nothing is
    /// left, at the latest after `deadline`.
    pub async fn flush(&self, deadline: Duration) -> Flushed {
        flush(&self.shared.ledger, deadline).await
    }

    /// Takes no more records, flushes for at most `deadline`, and ends. What is still in memory then is
    /// dropped and counted, and its callers hear [`RecordError::Closed`]; what is in the spool stays there
    /// for the next process. Calls that come later wait for the first and hear the same.
    pub async fn close(&self, deadline: Duration) -> Flushed {
        let shared = &self.shared;
        close(&shared.closed, &shared.ledger, shared.spool.as_ref(), deadline).await
    }

    /// What became of every record so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = self.shared.ledger.stats();
        stats.spool_bytes = self.shared.spool.as_ref().map_or(0, |spool| spool.bytes());
        stats
    }
}

impl RecordSink for Recorder {
    type Error = RecordError;

    fn take(
        &self,
        input: CreateInput,
        policy: Option<FailurePolicy>,
    ) -> impl Future<Output = Result<Taken, RecordError>> + Send + 'static {
        self.shared.take(input, policy).wait()
    }

    fn spools(&self) -> bool {
        self.shared.spool.is_some()
    }
}

/// What became of a record by the time it was taken on.
enum Begun {
    Settled(Result<Taken, RecordError>),
    Waiting(Hearing),
}

impl Begun {
    async fn wait(self) -> Result<Taken, RecordError> {
        match self {
            Self::Settled(outcome) => outcome,
            // Without a word what was to send it is gone.
            Self::Waiting(hearing) => hearing.await.unwrap_or(Err(RecordError::Closed)),
        }
    }
}

impl Shared {
    fn take(&self, input: CreateInput, policy: Option<FailurePolicy>) -> Begun {
        let policy = policy.unwrap_or_else(|| self.config.policy_of(&input.action));
        let made = make::text(&self.client, input);
        match policy {
            FailurePolicy::BestEffort => {
                let taken = self.ledger.accept(made, policy);
                Begun::Settled(Ok(taken.map_or(Taken::Dropped, |_| Taken::Queued)))
            }
            FailurePolicy::Must => match self.ledger.accept(made, policy) {
                Ok((_, hearing)) => Begun::Waiting(hearing),
                Err(error) => Begun::Settled(Err(error)),
            },
            FailurePolicy::Spool => self.spool(made),
        }
    }

    fn spool(&self, made: Result<bytes::Bytes, RecordError>) -> Begun {
        let Some(spool) = &self.spool else {
            let refused =
                self.ledger.accept(made.and(Err(RecordError::NoSpool)), FailurePolicy::Spool);
            return Begun::Settled(refused.map(|_| Taken::Spooled));
        };
        // A spool at its own bound means that the service does not keep up; asking it is of no use.
        let made = made.and_then(|text| spool.reserve(text.len()).map(|()| text));
        let text = made.as_ref().ok().cloned().unwrap_or_default();
        let reserved = made.is_ok();
        match self.ledger.accept(made, FailurePolicy::Spool) {
            Ok((ticket, hearing)) => {
                if let Err(error) = spool.append(ticket, text) {
                    self.ledger.unspooled(&[ticket], &error);
                }
                Begun::Waiting(hearing)
            }
            Err(error) => {
                if reserved {
                    spool.release(text.len());
                }
                Begun::Settled(Err(error))
            }
        }
    }
}

impl Drop for Shared {
    /// The last recorder is gone: what is in memory gets a while, and the directory is given back.
    fn drop(&mut self) {
        let (closed, ledger) = (Arc::clone(&self.closed), Arc::clone(&self.ledger));
        if closed.initialized() {
            return;
        }
        let spool = self.spool.take();
        drop(self.runtime.spawn(async move {
            close(&closed, &ledger, spool.as_ref(), ORPHANED).await;
        }));
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { client, config, .. } = &*self.shared;
        f.debug_struct("Recorder").field("client", client).field("config", config).finish()
    }
}

/// Runs a part of the recorder. If the runtime ends before the recorder, nobody waits for ever.
fn spawn(runtime: &Handle, ledger: &Arc<Ledger>, part: impl Future<Output = ()> + Send + 'static) {
    let end = EndOnDrop(Arc::clone(ledger));
    drop(runtime.spawn(async move {
        let _end = end;
        part.await;
    }));
}

struct EndOnDrop(Arc<Ledger>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

async fn flush(ledger: &Ledger, deadline: Duration) -> Flushed {
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

async fn close(
    closed: &OnceCell<Flushed>,
    ledger: &Ledger,
    spool: Option<&Arc<Spool>>,
    deadline: Duration,
) -> Flushed {
    let close = async || {
        ledger.close();
        let before = ledger.stats();
        let flushed = flush(ledger, deadline).await;
        // What is on its way to the disk gets there, and can then be sent no more.
        ledger.end();
        if let Some(spool) = spool {
            spool.close().await;
        }
        ledger.end_spooling();
        let after = ledger.stats();
        let failed = after.failed() - before.failed();
        Flushed { failed, pending: after.pending, ..flushed }
    };
    *closed.get_or_init(close).await
}

#[cfg(feature = "spool")]
async fn open_spool(
    config: &RecorderConfig,
    ledger: &Arc<Ledger>,
) -> Result<Option<Spool>, OpenError> {
    let Some(directory) = config.spool.clone() else {
        return Ok(None);
    };
    let (max_bytes, hears) = (config.spool_max_bytes, Arc::clone(ledger));
    let path = directory.clone();
    let opening = tokio::task::spawn_blocking(move || Spool::open(&path, max_bytes, hears));
    let opened = opening.await.map_err(|error| {
        let source = std::io::Error::other(error);
        OpenError::Spool { directory, source }
    })?;
    let (spool, found) = opened?;
    ledger.count(|counters| counters.recover(found.records, found.damaged_files));
    Ok(Some(spool))
}

#[cfg(not(feature = "spool"))]
async fn open_spool(
    _config: &RecorderConfig,
    _ledger: &Arc<Ledger>,
) -> Result<Option<Spool>, OpenError> {
    Ok(None)
}

impl Hears for Arc<Ledger> {
    fn spooled(&self, tickets: &[u64]) {
        Ledger::spooled(self, tickets);
    }

    fn unspooled(&self, tickets: &[u64], error: &SpoolError) {
        Ledger::unspooled(self, tickets, &error.clone().into());
    }

    fn damaged(&self, records: u64) {
        self.count(|counters| counters.damage(records));
    }

    fn gone(&self) {
        self.unspooled_all(&SpoolError::gone().into());
    }
}
