//! The index of words: follows the sequence, and makes a filter of words for each block of records.
//!
//! The promise is that of migration 025: a record of an entry before the position that has a word lies within a block
//! whose filter has it. Searches rely on nothing else, so blocks may overlap, and records that leave need no change.
//!
//! A *step* of the [`TextIndexer`] first reads how many entries are not indexed; fewer than 256 wait, without a lock, which
//! would be a write. It is a transaction: it locks the position, reads the entries after it, a multiple of
//! 256 and at most [`STEP_ENTRIES`], adds the blocks of their records and advances the position. The lock elects one
//! of several servers, and a crash at any moment repeats and loses nothing. Fewer than 256 entries wait: a search
//! reads those records itself. The records of a step are put in the order of time first, which is also that of most
//! searches, and divided by `words::range::cut`, so that blocks are short ranges.
//!
//! The words are those of the text in which a search looks for phrases, as the database builds it for that condition.
//! A record that is changed in place needs [`rebuild_text_blocks`] in the same transaction; [`remove_empty_text_blocks`]
//! removes what no record is left of.

mod blocks;
mod empty;
mod position;
mod rebuild;
mod records;

use auditrail_core::FeedPosition;
use pg_pipeline::Connection;
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use crate::db::{Db, Prologue};
use crate::error::StoreError;
use crate::records::entry_ids;
use crate::sequencer::session::{Session, roll_back, run, run_one};
use crate::sql::Sql;
use crate::words::range::BLOCK_RECORDS;
pub use empty::remove_empty_text_blocks;
pub use rebuild::rebuild_text_blocks;

/// Most entries of a step, which takes some 200 to 400 ms.
pub const STEP_ENTRIES: usize = 8_192;
/// Each statement has a snapshot of its own, taken after its locks: one that waits while partitions are exchanged finds the
/// records where they are then.
const BEGIN: &str = "begin isolation level read committed";
/// The application name of the sessions in `pg_stat_activity`.
const APPLICATION_NAME: &str = "auditrail text index";

/// Indexes the words of records in the order of their seq, over a connection of its own. See the [module](self).
///
/// It connects on first use and again after a loss. Several may run at once, in any process.
#[derive(Debug)]
pub struct TextIndexer {
    session: Session,
}

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextIndexStep {
    /// Another process is at a step, or the index is that of another version of the program. Nothing was done.
    Locked,
    /// Too few entries wait. Nothing was done.
    Waiting,
    /// The step is committed.
    Advanced {
        /// Entries that are indexed now and were not before.
        entries: u64,
        /// The seq of the first entry that is not indexed.
        next_seq: i64,
    },
}

impl TextIndexer {
    /// For the database of these options, whose role needs the privileges of the service. Does not connect yet.
    #[must_use]
    pub fn new(options: &PgConnectOptions) -> Self {
        Self { session: Session::new(options, APPLICATION_NAME) }
    }

    /// The number of entries that are not indexed, without writing or locking anything. Usually less than 256.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lag(&mut self) -> Result<u64, StoreError> {
        let (db, _) = self.session.connection().await?;
        Ok(u64::try_from(read_lag(db).await?).unwrap_or(0))
    }

    /// Indexes the next entries.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::PositionUnknown`] if the sequence ends before the position. After
    /// [`StoreError::Unreachable`] the step may be committed; the next one continues either way.
    pub async fn step(&mut self) -> Result<TextIndexStep, StoreError> {
        let (db, _) = self.session.connection().await?;
        // A negative lag is the error of an unknown position.
        if u64::try_from(read_lag(db).await?).is_ok_and(|lag| lag < BLOCK_RECORDS as u64) {
            return Ok(TextIndexStep::Waiting);
        }
        let step = step(db).await;
        roll_back(db).await;
        step
    }

    /// Closes the connection; a later call opens another one.
    pub async fn close(&mut self) {
        self.session.close().await;
    }
}

async fn read_lag(db: &mut Connection) -> Result<i64, StoreError> {
    let doing = "read the position of the index of words";
    let rows = run_one(db, &position::lag_sql(), doing).await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound);
    row.and_then(|row| row.get(0)).map_err(StoreError::while_trying_to(doing))
}

/// A step. The transaction is still open unless it advanced.
async fn step(db: &mut Connection) -> Result<TextIndexStep, StoreError> {
    let doing = "index words";
    let rows = run(db, &[Sql::new(BEGIN), position::lock_sql()], doing).await?;
    let Some(row) = rows.get(1).and_then(|rows| rows.first()) else {
        return Ok(TextIndexStep::Locked);
    };
    let position: i64 = row.get(0).map_err(StoreError::while_trying_to(doing))?;
    let mut ids = entries(db, position).await?;
    ids.truncate(ids.len() / BLOCK_RECORDS * BLOCK_RECORDS);
    if ids.is_empty() {
        return Ok(TextIndexStep::Waiting);
    }
    let entries = ids.len() as u64;
    let next_seq = position.saturating_add_unsigned(entries);
    let blocks = blocks::of(db, &ids).await?;
    let statements = [
        blocks::insert_sql(&blocks, position),
        position::advance_sql(next_seq),
        Sql::new("commit"),
    ];
    run(db, &statements, doing).await?;
    Ok(TextIndexStep::Advanced { entries, next_seq })
}

async fn entries(db: &mut Connection, position: i64) -> Result<Vec<Uuid>, StoreError> {
    let mut prologue = Prologue::default();
    let db = Db::Pipeline { connection: db, prologue: &mut prologue };
    entry_ids(db, FeedPosition { seq: position - 1, id: None }, STEP_ENTRIES).await
}
