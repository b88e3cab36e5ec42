//! The task that reads new records for all listeners.

use auditrail_core::{FeedPosition, FeedQuery, Filters, PageSize};
use auditrail_store::{FeedBatch, StoreError};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::ring::Ring;
use super::{RingItem, Tails, record_event};
use crate::limits::{TAIL_OUTAGE_PAUSE, TAIL_POLL_INTERVAL};

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("no database connection is free")]
    NoConnection,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a record cannot be serialized")]
    Encoding(#[from] serde_json::Error),
}

/// Reads until there are no listeners.
pub(super) async fn run(tails: Tails) {
    let mut next_seq = tails.0.source.next_seq.clone();
    let mut is_failing = false;
    while !tails.ends_reading() {
        match tails.read_next().await {
            Ok(has_more) => {
                is_failing = false;
                if !has_more {
                    pause(&mut next_seq).await;
                }
            }
            Err(ReadError::Store(error @ StoreError::PositionUnknown { .. })) => {
                tracing::error!(%error, "the log has lost its newest records; all tails end");
                tails.forget();
            }
            Err(error) => {
                if !is_failing {
                    tracing::warn!(%error, "cannot read new records for the tails; retrying");
                }
                is_failing = true;
                sleep(TAIL_OUTAGE_PAUSE).await;
            }
        }
    }
}

/// Waits for the interval, or until the sequencer of this process has sequenced records.
async fn pause(next_seq: &mut watch::Receiver<i64>) {
    if let Ok(Err(_)) = timeout(TAIL_POLL_INTERVAL, next_seq.changed()).await {
        // There is no sequencer any more.
        sleep(TAIL_POLL_INTERVAL).await;
    }
}

impl Tails {
    /// Whether there are no listeners, so that the reader ends.
    fn ends_reading(&self) -> bool {
        let mut state = self.lock();
        if state.listeners > 0 {
            return false;
        }
        state.is_reading = false;
        state.ring = Ring::default();
        true
    }

    /// Reads the records after the ring; first the head. Returns whether there are more.
    async fn read_next(&self) -> Result<bool, ReadError> {
        let is_started = self.0.head.borrow().position.is_some();
        let share = self.0.source.database_shares.read_for_tails().await;
        let _share = share.map_err(|_| ReadError::NoConnection)?;
        if !is_started {
            let head = self.0.source.log.head().await?;
            self.lock().ring = Ring::from_position(head);
            self.0.head.send_modify(|shared| shared.position = Some(head));
            return Ok(false);
        }
        let after = self.lock().ring.end();
        let limit = PageSize::new(1_000).unwrap_or_default();
        let batch =
            self.0.source.log.feed(&FeedQuery { filters: all(), after, limit }, None).await?;
        let has_more = batch.has_more();
        self.push(batch, after)?;
        Ok(has_more)
    }

    fn push(&self, batch: FeedBatch, after: FeedPosition) -> Result<(), ReadError> {
        let FeedBatch { items, position, .. } = batch;
        if position.seq == after.seq {
            return Ok(());
        }
        let items = items.into_iter().map(|item| {
            let event = record_event(&item)?;
            Ok(RingItem { item, event })
        });
        let items = items.collect::<Result<_, ReadError>>()?;
        self.lock().ring.push(items, position);
        self.0.head.send_modify(|head| head.position = Some(position));
        Ok(())
    }

    /// Starts again at the head of another history.
    fn forget(&self) {
        self.0.head.send_modify(|head| {
            head.position = None;
            head.history += 1;
        });
    }
}

fn all() -> Filters {
    Filters::default()
}
