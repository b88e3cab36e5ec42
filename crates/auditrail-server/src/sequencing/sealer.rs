//! The task that adds records to the transparency log.

use std::time::Duration;

use auditrail_core::Backoff;
use auditrail_store::StoreError;
use auditrail_store::tree::{SealStep, Sealer};
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::Sequencing;
use super::pace::{Pace, Share};
use crate::background::{Schedule, StopSignal, Task, TaskError};
use crate::clock;
use crate::limits::{SEALER_INTERVAL, SEALER_PAUSE_MAX, SEALER_POLL, SEALER_RATE, SEALER_YIELD};

const SHARE: Share = Share { rate: SEALER_RATE, yields: SEALER_YIELD, pause_max: SEALER_PAUSE_MAX };
/// The pauses after failures.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10));

/// Seals what the sequence has, and yields to busy writers (see [`Pace`]). Of several servers any does a step; the lock of
/// the tree lets one at a time.
pub(super) struct SealerTask {
    /// Locked by the run.
    sealer: Mutex<Sealer>,
    status: Sequencing,
}

impl SealerTask {
    pub(super) fn new(sealer: Sealer, status: Sequencing) -> Self {
        Self { sealer: Mutex::new(sealer), status }
    }

    async fn run(&self, stop: &StopSignal) {
        let mut sealer = self.sealer.lock().await;
        let mut next_seq = self.status.next_seq();
        let mut failures = 0;
        loop {
            // A step that is dropped is committed or not, and the next one continues either way.
            let outcome = tokio::select! {
                outcome = self.seal(&mut sealer) => outcome,
                () = stop.requested() => break,
            };
            self.note(outcome.as_ref().err(), &mut failures);
            let pause = async {
                match failures.checked_sub(1) {
                    Some(retries) => sleep(BACKOFF.pause(retries, clock::random_fraction())).await,
                    None => {
                        sleep(SEALER_INTERVAL).await;
                        tokio::select! {
                            // The sender is part of `status`.
                            _ = next_seq.changed() => {}
                            () = sleep(SEALER_POLL.saturating_sub(SEALER_INTERVAL)) => {}
                        }
                    }
                }
            };
            tokio::select! {
                biased;
                () = stop.requested() => break,
                () = pause => {}
            }
        }
        sealer.close().await;
    }

    /// Seals every record that has a seq, unless another server is at it.
    async fn seal(&self, sealer: &mut Sealer) -> Result<(), StoreError> {
        let mut unsealed = self.look(sealer).await?;
        let mut pace = Pace::new(SHARE, unsealed);
        while unsealed > 0 {
            let began = clock::monotonic();
            let SealStep::Advanced { entries, missing, size } = sealer.step().await? else {
                return Ok(());
            };
            let took = began.elapsed();
            self.note_missing(missing, size);
            self.status.change(|status| {
                status.sealed += entries;
                status.sealed_missing += missing;
            });
            unsealed = self.look(sealer).await?;
            if unsealed > 0 {
                sleep(pace.pause((entries, took), unsealed)).await;
            }
        }
        Ok(())
    }

    /// The number of records without an entry.
    async fn look(&self, sealer: &mut Sealer) -> Result<u64, StoreError> {
        let began = clock::monotonic();
        let look = sealer.look().await?;
        self.status.change(|status| status.looked_at_tree(look, began));
        Ok(look.unsealed)
    }

    fn note_missing(&self, missing: u64, size: i64) {
        if missing > 0 {
            tracing::error!(
                missing,
                tree_size = size,
                "records were removed before they were sealed, by other means than retention and erasure"
            );
        }
    }

    fn note(&self, error: Option<&StoreError>, failures: &mut u32) {
        let is_damaged = matches!(error, Some(StoreError::DamagedTree { .. }));
        self.status.change(|status| {
            status.is_tree_damaged = is_damaged;
            status.seal_failures += u64::from(error.is_some());
        });
        match error {
            None if *failures > 0 => tracing::info!("records are sealed again"),
            Some(error) if *failures == 0 => {
                let source = std::error::Error::source(error).map(ToString::to_string);
                tracing::error!(%error, source, "records are not sealed; retrying");
            }
            _ => {}
        }
        *failures = if error.is_some() { failures.saturating_add(1) } else { 0 };
    }
}

impl Task for SealerTask {
    fn name(&self) -> &'static str {
        "sealer"
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
