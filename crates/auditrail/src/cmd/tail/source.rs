//! The records to print: read from the database, which may be away for a while.

use std::time::Duration;

use auditrail_core::{FeedPosition, FeedQuery, Filters, PageSize};
use auditrail_store::sequencer::{Sequencer, Step};
use auditrail_store::{FeedBatch, PgAuditLog};
use tokio::time::sleep;

use crate::cmd::sequence::ROUNDS;
use crate::database::Database;
use crate::error::Error;
use crate::output::Output;

/// Interval in which the head is read.
const POLL_INTERVAL: Duration = Duration::from_millis(150);
/// Pause after a temporary failure.
const OUTAGE_PAUSE: Duration = Duration::from_secs(1);
/// Maximum number of records of a read.
const PAGE: u16 = 500;

/// The sequence of records from a position on.
pub(super) struct Source {
    output: Output,
    log: PgAuditLog,
    /// Gives records their seq in the private database, where possibly no service does.
    sequencer: Option<Sequencer>,
    filters: Filters,
    position: FeedPosition,
    /// Whether the last read failed temporarily, so that the warning is not repeated.
    is_failing: bool,
}

impl Source {
    /// Starts at a position, which must exist, or at the head.
    pub(super) async fn open(
        output: Output,
        database: &Database,
        filters: Filters,
        after: Option<FeedPosition>,
    ) -> Result<Self, Error> {
        let log = database.log().await?;
        let sequencer = database.is_private().then(|| Sequencer::new(database.options()));
        let position = FeedPosition::START;
        let mut source = Self { output, log, sequencer, filters, position, is_failing: false };
        source.sequence().await?;
        source.position = match after {
            Some(after) => source.log.position(after).await?,
            None => source.log.head().await?,
        };
        Ok(source)
    }

    pub(super) const fn position(&self) -> FeedPosition {
        self.position
    }

    /// The next records, at most `max`.
    pub(super) async fn next(&mut self, max: u64) -> Result<FeedBatch, Error> {
        let limit = u16::try_from(max.min(u64::from(PAGE))).unwrap_or(PAGE);
        let limit = PageSize::new(limit).unwrap_or_default();
        let query = FeedQuery { filters: self.filters.clone(), after: self.position, limit };
        loop {
            match self.log.feed(&query, None).await {
                Ok(batch) => {
                    self.is_failing = false;
                    self.position = batch.position;
                    return Ok(batch);
                }
                Err(error) if error.is_worth_retrying() => self.pause(error.into()).await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for the next records, and sequences them if necessary.
    pub(super) async fn wait(&mut self) -> Result<(), Error> {
        sleep(POLL_INTERVAL).await;
        match self.sequence().await {
            Err(Error::Store(error)) if error.is_worth_retrying() => {
                self.pause(error.into()).await;
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// The seq of the newest record.
    pub(super) async fn head(&self) -> Result<i64, Error> {
        Ok(self.log.head().await?.seq)
    }

    /// Sequences the records of the private database that are committed now; later ones may never end.
    async fn sequence(&mut self) -> Result<(), Error> {
        let Some(sequencer) = &mut self.sequencer else { return Ok(()) };
        let mut rounds = 0;
        while rounds < ROUNDS && sequencer.look().await?.has_more {
            match sequencer.step().await? {
                Step::Advanced(advance) => rounds += u32::from(advance.is_complete),
                // A service is at it.
                Step::Locked => return Ok(()),
            }
        }
        Ok(())
    }

    /// Warns about a temporary failure, and waits.
    async fn pause(&mut self, error: Error) {
        if !self.is_failing {
            self.output.warn(&format!("{}; retrying", error.chain().join(": ")));
        }
        self.is_failing = true;
        sleep(OUTAGE_PAUSE).await;
    }
}
