//! The task that indexes the words of records.

use std::num::NonZero;
use std::time::Duration;

use auditrail_store::StoreError;
use auditrail_store::text_index::{TextIndexStep, TextIndexer};
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::Sequencing;
use crate::background::{Schedule, StopSignal, Task, TaskError};
use crate::clock;
use crate::limits::{TEXT_INDEX_INTERVAL, TEXT_INDEX_PAUSE_MAX, TEXT_INDEX_RATE, TEXT_INDEX_YIELD};

/// Indexes what the sequence has, at most half of the time, and less while writers need it (see [`pause`]). Of several
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
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get) as u64;
        let mut before = indexer.lag().await?;
        let mut looked = clock::monotonic();
        loop {
            let began = clock::monotonic();
            let TextIndexStep::Advanced { entries, .. } = indexer.step().await? else {
                self.status.change(|status| status.unindexed = Some(before));
                return Ok(());
            };
            let took = began.elapsed();
            let unindexed = indexer.lag().await?;
            self.status.change(|status| {
                status.indexed += entries;
                status.unindexed = Some(unindexed);
            });
            let arrived = (unindexed + entries).saturating_sub(before);
            let pause = pause((entries, took), (arrived, looked.elapsed()), processors);
            (before, looked) = (unindexed, clock::monotonic());
            sleep(pause).await;
        }
    }
}

/// The pause after a step that indexed this number of entries in this time, while that number arrived in that time since
/// the look before, on a machine with so many processors.
///
/// It is as long as the step. While entries arrive faster than that indexes them, or faster than
/// [`TEXT_INDEX_RATE`], it is [`TEXT_INDEX_YIELD`] times as long and leaves the processors and the disk to the writers: the index
/// catches up afterwards.
fn pause(step: (u64, Duration), arrived: (u64, Duration), processors: u64) -> Duration {
    let (entries, took) = (u128::from(step.0), step.1.as_micros());
    let (arrivals, since) = (u128::from(arrived.0), arrived.1.as_micros());
    // arrivals / since > entries / (2 * took)
    let falls_behind = arrivals * 2 * took > entries * since;
    let is_busy = arrivals * 1_000_000 > u128::from(TEXT_INDEX_RATE * processors) * since;
    let pause = if falls_behind || is_busy { step.1 * TEXT_INDEX_YIELD } else { step.1 };
    pause.min(TEXT_INDEX_PAUSE_MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn index_that_keeps_up_works_half_of_the_time() {
        assert_eq!(pause((8_192, 200 * MS), (0, 400 * MS), 2), 200 * MS);
        assert_eq!(pause((8_192, 200 * MS), (8_192, 400 * MS), 64), 200 * MS);
        assert_eq!(pause((256, 10 * MS), (300, 1_000 * MS), 2), 10 * MS);
    }

    #[test]
    fn index_yields_to_busy_writers() {
        let behind = pause((8_192, 200 * MS), (8_193, 400 * MS), 64);
        assert_eq!(behind, 200 * MS * TEXT_INDEX_YIELD);
        let many = |arrived| pause((8_192, 200 * MS), (arrived, 1_000 * MS), 2);
        assert_eq!(many(2 * TEXT_INDEX_RATE), 200 * MS);
        assert_eq!(many(2 * TEXT_INDEX_RATE + 1), 200 * MS * TEXT_INDEX_YIELD);
        assert_eq!(pause((8_192, 2_000 * MS), (90_000, 2_000 * MS), 2), TEXT_INDEX_PAUSE_MAX);
        assert_eq!(pause((8_192, 11_000 * MS), (0, 11_000 * MS), 2), TEXT_INDEX_PAUSE_MAX);
    }
}
