//! The task that indexes the words of records.

use std::time::Duration;

use auditrail_store::StoreError;
use auditrail_store::text_index::{TextIndexStep, TextIndexer};
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::Sequencing;
use crate::background::{Schedule, StopSignal, Task, TaskError};
use crate::clock;
use crate::limits::{TEXT_INDEX_INTERVAL, TEXT_INDEX_PAUSE_MAX};

/// Indexes what the sequence has, at most half of the time. Of several servers any does a step; the lock of the position
/// lets one at a time.
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
        loop {
            let began = clock::monotonic();
            let step = indexer.step().await?;
            let unindexed = indexer.lag().await?;
            let TextIndexStep::Advanced { entries, .. } = step else {
                self.status.change(|status| status.unindexed = Some(unindexed));
                return Ok(());
            };
            self.status.change(|status| {
                status.indexed += entries;
                status.unindexed = Some(unindexed);
            });
            // Others get as much of the processor and the disk.
            sleep(began.elapsed().clamp(Duration::ZERO, TEXT_INDEX_PAUSE_MAX)).await;
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
