//! The task that indexes the words of records.

use auditrail_store::StoreError;
use auditrail_store::text_index::{TextIndexStep, TextIndexer};
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::Sequencing;
use super::pace::{Pace, Share};
use crate::background::{Schedule, StopSignal, Task, TaskError};
use crate::clock;
use crate::limits::{TEXT_INDEX_INTERVAL, TEXT_INDEX_PAUSE_MAX, TEXT_INDEX_RATE, TEXT_INDEX_YIELD};

const SHARE: Share =
    Share { rate: TEXT_INDEX_RATE, yields: TEXT_INDEX_YIELD, pause_max: TEXT_INDEX_PAUSE_MAX };

/// Indexes what the sequence has, at most half of the time, and less while writers need it (see [`Pace`]). Of several
/// servers any does a step; the lock of the position lets one at a time.
pub(super) struct TextIndexTask {
    indexer: Mutex<TextIndexer>,
    status: Sequencing,
}

impl TextIndexTask {
    pub(super) fn new(indexer: TextIndexer, status: Sequencing) -> Self {
        Self { indexer: Mutex::new(indexer), status }
    }

    async fn index(&self) -> Result<(), StoreError> {
        let mut indexer = self.indexer.lock().await;
        let mut unindexed = indexer.lag().await?;
        let mut pace = Pace::new(SHARE, unindexed);
        loop {
            let began = clock::monotonic();
            let TextIndexStep::Advanced { entries, .. } = indexer.step().await? else {
                self.status.change(|status| status.unindexed = Some(unindexed));
                return Ok(());
            };
            let took = began.elapsed();
            unindexed = indexer.lag().await?;
            self.status.change(|status| {
                status.indexed += entries;
                status.unindexed = Some(unindexed);
            });
            sleep(pace.pause((entries, took), unindexed)).await;
        }
    }
}

impl Task for TextIndexTask {
    fn name(&self) -> &'static str {
        "text_index"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Every(TEXT_INDEX_INTERVAL)
    }

    fn run<'a>(&'a self, stop: &'a StopSignal) -> BoxFuture<'a, Result<(), TaskError>> {
        Box::pin(async move {
            // A step that is dropped is committed or not, and the next one continues either way.
            let outcome = tokio::select! {
                outcome = self.index() => outcome,
                () = stop.requested() => Ok(()),
            };
            match outcome {
                // The sequencer reports an outage.
                Err(error) if error.is_worth_retrying() => Ok(()),
                outcome => Ok(outcome?),
            }
        })
    }
}
