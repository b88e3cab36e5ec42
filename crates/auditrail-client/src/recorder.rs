//! The recorder: batches, retries, and a failure policy for when the service is unreachable.

mod backoff;
mod config;
mod encode;
mod engine;
mod error;
mod ledger;
mod lost;
mod open_error;
mod redelivery;
mod sender;
mod stats;
mod trouble;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use auditrail_core::{CreateInput, DeliveryStatus, FailurePolicy, RecordSink};
use tokio::runtime::Handle;

pub use config::RecorderConfig;
pub use error::{DropReason, RecordError};
pub use lost::Lost;
pub use open_error::OpenError;
pub use stats::{Flushed, Stats};
pub use trouble::Trouble;

use crate::client::Client;
use crate::entry::Entry;
use crate::error::ClientError;
use crate::spool::{Spool, SpoolError, SpoolObserver};
use encode::Rejected;
use engine::Engine;
use ledger::{Ledger, OutcomeReceiver};

/// How long records in memory are retried after the last clone of a recorder is dropped.
const DROP_DEADLINE: Duration = Duration::from_secs(30);

/// Accepts records and delivers them to the service. Cheap to clone.
///
/// The crate documentation describes the failure policies. [`close`](Self::close) the recorder before
/// the process exits; otherwise the records in memory are lost. When the last clone is dropped without
/// that, records in memory are retried for 30 seconds, if the runtime lives as long, and the spool stays
/// locked until then.
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
    /// Opens a recorder, and its spool if one is configured, in the current tokio runtime. Records that
    /// an earlier process left in the spool are delivered from now on.
    ///
    /// # Errors
    /// When a setting is invalid, or the spool is locked or cannot be created. A damaged spool is moved
    /// aside and is not an error.
    pub async fn open(client: Client, config: RecorderConfig) -> Result<Self, OpenError> {
        config.check()?;
        let runtime = Handle::try_current().map_err(|_| OpenError::NoRuntime)?;
        let ledger = Arc::new(Ledger::new(&config));
        let spool = open_spool(&config, &ledger).await?.map(Arc::new);
        if let Some(spool) = &spool {
            ledger.keep_refused_in(spool);
        }
        let engine = Arc::new(Engine::start(&runtime, &client, &config, ledger, spool));
        Ok(Self { shared: Arc::new(Shared { client, config, engine, runtime }) })
    }

    /// Records under the policy that is configured for the action. The record is accepted before this
    /// returns; dropping the future does not cancel it.
    ///
    /// # Errors
    /// The same as [`RecordSink::submit`].
    pub fn record(
        &self,
        input: CreateInput,
    ) -> impl Future<Output = Result<DeliveryStatus, RecordError>> + Send + use<> {
        self.shared.admit(input, None).wait()
    }

    /// Verifies that the service is reachable and that the API key may write, within five seconds. Writes
    /// nothing. Call it at the start of a process to detect a wrong URL or key before the first record; the
    /// recorder works without it, and logs such an error when the first record cannot be delivered.
    ///
    /// # Errors
    /// The same as [`Client::check`].
    pub async fn check(&self) -> Result<(), ClientError> {
        let result = self.shared.client.check().await;
        self.shared.engine.ledger.report_delivery(result.as_ref().err());
        result
    }

    /// Sends all pending records, including the spool, without waiting for batches to fill. Returns when
    /// none is left, at the latest after `deadline`.
    pub async fn flush(&self, deadline: Duration) -> Flushed {
        self.shared.engine.flush(deadline).await
    }

    /// Rejects further records, flushes for at most `deadline`, and shuts down. Records still in memory
    /// are dropped and counted, and their callers get [`RecordError::Closed`]; records in the spool stay
    /// there for the next process. Concurrent and later calls return the result of the first.
    pub async fn close(&self, deadline: Duration) -> Flushed {
        self.shared.engine.close(deadline).await
    }

    /// The current counters.
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
        self.shared.admit(input, policy).wait()
    }

    fn spools(&self) -> bool {
        self.shared.engine.spool.is_some()
    }
}

/// The result of accepting a record.
enum Admission {
    /// The outcome is known.
    Settled(Result<DeliveryStatus, RecordError>),
    /// The outcome follows.
    Pending(OutcomeReceiver),
}

impl Admission {
    async fn wait(self) -> Result<DeliveryStatus, RecordError> {
        match self {
            Self::Settled(outcome) => outcome,
            // The sender is dropped only with the recorder's tasks.
            Self::Pending(receiver) => receiver.await.unwrap_or(Err(RecordError::Closed)),
        }
    }
}

impl Shared {
    fn admit(&self, input: CreateInput, policy: Option<FailurePolicy>) -> Admission {
        let policy = policy.unwrap_or_else(|| self.config.policy_of(&input.action));
        let encoded = encode::encode(&self.client, input);
        if policy == FailurePolicy::Spool {
            return self.spool(encoded);
        }
        match (policy, self.engine.ledger.accept(encoded, policy, |_| Ok(()))) {
            (FailurePolicy::BestEffort, Ok(_)) => Admission::Settled(Ok(DeliveryStatus::Queued)),
            (FailurePolicy::BestEffort, Err(_)) => Admission::Settled(Ok(DeliveryStatus::Dropped)),
            (_, Ok((_, receiver))) => Admission::Pending(receiver),
            (_, Err(error)) => Admission::Settled(Err(error)),
        }
    }

    fn spool(&self, encoded: Result<Entry, Rejected>) -> Admission {
        let Engine { ledger, spool, .. } = &*self.engine;
        let entry = encoded.as_ref().ok().cloned().unwrap_or_default();
        let mut reserved = None;
        let accepted = ledger.accept(encoded, FailurePolicy::Spool, |entry| {
            let spool = spool.as_ref().ok_or(RecordError::NoSpool)?;
            // A spool at its limit means that the service does not keep up, so sending directly is no
            // alternative.
            spool.reserve(entry.len())?;
            reserved = Some(spool);
            Ok(())
        });
        match accepted {
            Ok((ticket, receiver)) => {
                // A record is accepted only with a reservation.
                let appended = reserved
                    .ok_or(SpoolError::Closed)
                    .and_then(|spool| spool.append(ticket, entry));
                if let Err(error) = appended {
                    ledger.spool_failed(&[ticket], &error);
                }
                Admission::Pending(receiver)
            }
            Err(error) => {
                if let Some(spool) = reserved {
                    spool.release(entry.len());
                }
                Admission::Settled(Err(error))
            }
        }
    }
}

impl Drop for Shared {
    /// Delivers the records in memory for a while and releases the spool.
    fn drop(&mut self) {
        if !self.engine.is_closed() {
            let engine = Arc::clone(&self.engine);
            drop(self.runtime.spawn(async move { engine.close(DROP_DEADLINE).await }));
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
    use crate::spool::SpoolOpenError;

    let Some(directory) = config.spool.clone() else {
        return Ok(None);
    };
    let path = directory.clone();
    let (max_bytes, dead_letters) = (config.spool_max_bytes, config.dead_letters_max_bytes);
    let observer = Arc::clone(ledger);
    let opened =
        tokio::task::spawn_blocking(move || Spool::open(&path, max_bytes, dead_letters, observer))
            .await
            .unwrap_or_else(|panic| Err(SpoolOpenError::Io(std::io::Error::other(panic))));
    let (spool, report) = opened.map_err(|error| match error {
        SpoolOpenError::Locked => OpenError::SpoolLocked { directory },
        SpoolOpenError::Unsafe { reason } => OpenError::SpoolUnsafe { directory, reason },
        SpoolOpenError::Io(source) => OpenError::Spool { directory, source },
    })?;
    ledger.count(|counters| counters.recover(report.records, report.damaged_files));
    Ok(Some(spool))
}

#[cfg(not(feature = "spool"))]
async fn open_spool(
    _config: &RecorderConfig,
    _ledger: &Arc<Ledger>,
) -> Result<Option<Spool>, OpenError> {
    Ok(None)
}

impl SpoolObserver for Arc<Ledger> {
    fn spooled(&self, tickets: &[u64]) {
        Ledger::spooled(self, tickets);
    }

    fn spool_failed(&self, tickets: &[u64], error: &SpoolError) {
        Ledger::spool_failed(self, tickets, &error.clone().into());
    }

    fn damaged(&self, records: u64) {
        self.count(|counters| counters.damage(records));
    }

    fn dead_letters(&self, written: u64, dropped: u64) {
        self.count(|counters| counters.add_dead_letters(written, dropped));
    }

    fn worker_panicked(&self) {
        self.spool_failed_for_all(&SpoolError::worker_panicked().into());
    }
}

impl From<SpoolError> for RecordError {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::LimitReached { .. } | SpoolError::DiskFull => {
                Self::SpoolFull { detail: error.to_string() }
            }
            SpoolError::Failed(detail) => Self::SpoolFailed { detail: detail.to_string() },
            SpoolError::Closed => Self::Closed,
        }
    }
}
