//! The task that signs checkpoints of the transparency log.

use std::time::{Duration, Instant};

use auditrail_core::Backoff;
use auditrail_signer::{Signed, Signer, SignerError, Signing};
use auditrail_store::StoreError;
use auditrail_store::tree::SignerSession;
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::Sequencing;
use crate::background::{Schedule, StopSignal, Task, TaskError};
use crate::clock;
use crate::limits::{CHECKPOINT_INTERVAL, CHECKPOINTS_THINNED};

/// The pauses after failures.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

/// Signs a checkpoint when the log has grown, about once a second.
pub(super) struct SignerTask {
    signer: Signer,
    /// Locked by the run.
    session: Mutex<SignerSession>,
    status: Sequencing,
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
enum SigningError {
    #[error(transparent)]
    Key(#[from] SignerError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SignerTask {
    pub(super) fn new(signer: Signer, session: SignerSession, status: Sequencing) -> Self {
        Self { signer, session: Mutex::new(session), status }
    }

    async fn run(&self, stop: &StopSignal) {
        let mut session = self.session.lock().await;
        let (mut failures, mut signed, mut thinned) = (0, None, None);
        loop {
            // What is dropped was signed or not: the memory says which, and the next attempt stores it.
            let outcome = tokio::select! {
                outcome = self.sign(&mut session, signed, &mut thinned) => outcome,
                () = stop.requested() => break,
            };
            // After an error the log is compared with the memory again, even if it has the size of the last checkpoint.
            signed = outcome.as_ref().ok().copied().flatten();
            self.note(outcome.err().as_ref(), &mut failures);
            let pause = match u32::checked_sub(failures, 1) {
                Some(retries) => BACKOFF.pause(retries, clock::random_fraction()),
                None => CHECKPOINT_INTERVAL,
            };
            tokio::select! {
                biased;
                () = stop.requested() => break,
                () = sleep(pause) => {}
            }
        }
        session.close().await;
    }

    /// Signs the log if it has another size than the last checkpoint, which has the size `signed` if that is known.
    /// Returns the size of the last checkpoint.
    async fn sign(
        &self,
        session: &mut SignerSession,
        signed: Option<u64>,
        thinned: &mut Option<Instant>,
    ) -> Result<Option<u64>, SigningError> {
        let size = self.status.status().tree_size.and_then(|size| u64::try_from(size).ok());
        if size.is_none() || size == signed {
            return Ok(signed);
        }
        let signer = self.signer.clone();
        let signing = blocking(move || signer.lock()).await?;
        let heads = session.heads(signing.last().size()).await?;
        let (outcome, signing) = blocking(move || {
            let mut signing = signing;
            let outcome = signing.sign(heads.earlier, heads.size, heads.root)?;
            Ok((outcome, signing))
        })
        .await?;
        // Also an unchanged one: a process may have ended before it was stored.
        let is_stored = outcome == Signed::New || signed.is_none();
        if is_stored && signing.last().size() > 0 {
            store(session, &signing).await?;
        }
        self.status.change(|status| status.signed_size = Some(signing.last().size()));
        let is_due = thinned.is_none_or(|at: Instant| at.elapsed() >= CHECKPOINTS_THINNED);
        if is_due {
            session.thin_out().await?;
            *thinned = Some(clock::monotonic());
        }
        Ok(Some(signing.last().size()))
    }

    fn note(&self, error: Option<&SigningError>, failures: &mut u32) {
        let was_contradicted = self.status.status().is_contradicted;
        let is_contradicted = match error {
            None => false,
            Some(SigningError::Key(error)) if error.is_contradiction() => true,
            // The log could not be compared with what was signed.
            Some(_) => was_contradicted,
        };
        self.status.change(|status| {
            status.is_contradicted = is_contradicted;
            status.sign_failures += u64::from(error.is_some());
        });
        match error {
            None if *failures > 0 => tracing::info!("checkpoints are signed again"),
            // An alarm is reported also after other failures.
            Some(error) if *failures == 0 || (is_contradicted && !was_contradicted) => {
                let source = std::error::Error::source(error).map(ToString::to_string);
                tracing::error!(%error, source, "checkpoints are not signed; retrying");
            }
            _ => {}
        }
        *failures = if error.is_some() { failures.saturating_add(1) } else { 0 };
    }
}

async fn store(session: &mut SignerSession, signing: &Signing) -> Result<(), StoreError> {
    let keys: Vec<String> = signing.verifiers().iter().map(ToString::to_string).collect();
    session.add(signing.last(), &signing.note().to_string(), &keys).await
}

/// Runs what waits for files on a thread of its own.
async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, SignerError> + Send + 'static,
) -> Result<T, SigningError> {
    match spawn_blocking(run).await {
        Ok(outcome) => Ok(outcome?),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only the runtime cancels it, when it shuts down.
            Err(_) => Err(StoreError::Overloaded { doing: "sign a checkpoint" }.into()),
        },
    }
}

impl Task for SignerTask {
    fn name(&self) -> &'static str {
        "signer"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Once
    }

    fn run<'a>(&'a self, stop: &'a StopSignal) -> BoxFuture<'a, Result<(), TaskError>> {
        Box::pin(async move {
            self.run(stop).await;
            Ok(())
        })
    }
}
