//! Records that get in: batches, retries, and a policy for when the service is gone.

mod backoff;
mod config;
mod engine;
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

use auditrail_core::{CreateInput, DeliveryStatus, FailurePolicy, RecordSink};
use bytes::Bytes;
use tokio::runtime::Handle;

pub use config::RecorderConfig;
pub use error::{DropReason, RecordError};
pub use lost::Lost;
pub use open::OpenError;
pub use stats::{Flushed, Stats};

use crate::client::Client;
use crate::spool::{Hears, Spool, SpoolError};
use engine::Engine;
use ledger::{Hearing, Ledger};

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
    engine: Arc<Engine>,
    runtime: Handle,
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
        let engine = Arc::new(Engine::start(&runtime, &client, &config, ledger, spool));
        Ok(Self { shared: Arc::new(Shared { client, config, engine, runtime }) })
    }

    /// Records, under the policy that the configuration has for the action. The record is taken on at once;
    /// dropping the future takes nothing back.
    ///
    /// # Errors
    /// As [`RecordSink::submit`] has them.
    pub fn record(
        &self,
        input: CreateInput,
    ) -> impl Future<Output = Result<DeliveryStatus, RecordError>> + Send + use<> {
        self.shared.take(input, None).wait()
    }

    /// Sends everything that waits, the spool included, without waiting for company. Ends when nothing is
    /// left, at the latest after `deadline`.
    pub async fn flush(&self, deadline: Duration) -> Flushed {
        self.shared.engine.flush(deadline).await
    }

    /// Takes no more records, flushes for at most `deadline`, and ends. What is still in memory then is
    /// dropped and counted, and its callers hear [`RecordError::Closed`]; what is in the spool stays there
    /// for the next process. Calls that come later wait for the first and hear the same.
    pub async fn close(&self, deadline: Duration) -> Flushed {
        self.shared.engine.close(deadline).await
    }

    /// What became of every record so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let engine = &self.shared.engine;
        let mut stats = engine.ledger.stats();
        stats.spool_bytes = engine.spool.as_ref().map_or(0, |spool| spool.bytes());
        stats
    }
}

impl RecordSink for Recorder {
    type Error = RecordError;

    fn submit(
        &self,
        input: CreateInput,
        policy: Option<FailurePolicy>,
    ) -> impl Future<Output = Result<DeliveryStatus, RecordError>> + Send + 'static {
        self.shared.take(input, policy).wait()
    }

    fn spools(&self) -> bool {
        self.shared.engine.spool.is_some()
    }
}

/// What became of a record by the time it was taken on.
enum Begun {
    Settled(Result<DeliveryStatus, RecordError>),
    Waiting(Hearing),
}

impl Begun {
    async fn wait(self) -> Result<DeliveryStatus, RecordError> {
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
        if policy == FailurePolicy::Spool {
            return self.spool(made);
        }
        match (policy, self.engine.ledger.accept(made, policy, |_| Ok(()))) {
            (FailurePolicy::BestEffort, Ok(_)) => Begun::Settled(Ok(DeliveryStatus::Queued)),
            (FailurePolicy::BestEffort, Err(_)) => Begun::Settled(Ok(DeliveryStatus::Dropped)),
            (_, Ok((_, hearing))) => Begun::Waiting(hearing),
            (_, Err(error)) => Begun::Settled(Err(error)),
        }
    }

    fn spool(&self, made: Result<Bytes, RecordError>) -> Begun {
        let Engine { ledger, spool, .. } = &*self.engine;
        let text = made.as_ref().ok().cloned().unwrap_or_default();
        let mut reserved = None;
        let accepted = ledger.accept(made, FailurePolicy::Spool, |text| {
            let spool = spool.as_ref().ok_or(RecordError::NoSpool)?;
            // A spool at its own bound means that the service does not keep up; asking it is of no use.
            spool.reserve(text.len())?;
            reserved = Some(spool);
            Ok(())
        });
        match (accepted, reserved) {
            (Ok((ticket, hearing)), reserved) => {
                // Only what found room in a spool was accepted.
                let spool = reserved.ok_or(SpoolError::Closed);
                if let Err(error) = spool.and_then(|spool| spool.append(ticket, text)) {
                    ledger.unspooled(&[ticket], &error);
                }
                Begun::Waiting(hearing)
            }
            (Err(error), reserved) => {
                if let Some(spool) = reserved {
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
        if !self.engine.is_closed() {
            let engine = Arc::clone(&self.engine);
            drop(self.runtime.spawn(async move { engine.close(ORPHANED).await }));
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { client, config, .. } = &*self.shared;
        f.debug_struct("Recorder").field("client", client).field("config", config).finish()
    }
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
