//! Writing many records quickly, for imports.

mod compare;
mod copy_in;

use auditrail_core::{Record, RecordId};
use pg_pipeline::{Connection, Options};
use sqlx::postgres::PgConnectOptions;

use crate::connect::pipeline_options;
use crate::db::{rows_of, run_together};
use crate::driver::{from_pipeline, from_pipeline_error};
use crate::error::StoreError;
use crate::records::{Columns, insert_many_sql};
pub(crate) use compare::{Standing, compare, compare_sql, read_comparison};
pub(crate) use copy_in::{Copied, copy_in};

/// Writes records chunk by chunk over a connection of its own; each chunk is one transaction.
///
/// A chunk goes in by COPY, which is the quickest way but knows no "unless it is there". When an id
/// of the chunk is there already, the chunk is written again by INSERT, and when most of a chunk was
/// there, the next one is first compared with the table, so that repeating an import writes nothing.
///
/// Dropping the future of a write in the middle is safe: the server keeps that chunk as a whole or not
/// at all, and the next write uses a new connection.
#[derive(Debug)]
pub struct BulkWriter {
    options: Options,
    /// Not there while a chunk is being written, and after the connection was lost.
    connection: Option<Connection>,
    /// Whether the last chunk was mostly there already.
    compare_first: bool,
    /// Whether the server refuses COPY for this role, as it does under row-level security.
    copy_refused: bool,
}

/// What became of a chunk. The three numbers add up to its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkOutcome {
    /// Records that were written.
    pub created: u64,
    /// Records that were there already with the same content, or twice in the chunk.
    pub duplicates: u64,
    /// Ids that were there with other content; these records were not written.
    pub conflicts: Vec<RecordId>,
}

impl BulkWriter {
    /// Opens the connection.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`].
    pub async fn connect(options: &PgConnectOptions) -> Result<Self, StoreError> {
        let options = pipeline_options(options);
        Ok(Self {
            connection: Some(connect(&options).await?),
            options,
            compare_first: false,
            copy_refused: false,
        })
    }

    /// Writes a chunk: all of it, but for records that are there already.
    ///
    /// # Errors
    /// Nothing of the chunk is kept after an error, with one exception: after
    /// [`StoreError::Unreachable`] it may have been kept as a whole. Writing it again is always safe.
    pub async fn write(&mut self, records: &[Record]) -> Result<ChunkOutcome, StoreError> {
        let time_given = vec![true; records.len()];
        self.write_with_times(records, &time_given).await
    }

    /// As [`write`](Self::write), where some records have a time only because one had to be made up.
    ///
    /// `time_given` says so for each record. A made-up time is not compared with what is stored, so
    /// that repeating an import of records without a time finds them instead of a conflict.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    ///
    /// # Panics
    /// When the two slices differ in length.
    pub async fn write_with_times(
        &mut self,
        records: &[Record],
        time_given: &[bool],
    ) -> Result<ChunkOutcome, StoreError> {
        assert_eq!(records.len(), time_given.len(), "one flag for each record");
        if records.is_empty() {
            return Ok(ChunkOutcome::default());
        }
        let mut db = match self.connection.take() {
            Some(db) => db,
            None => connect(&self.options).await?,
        };
        let written = self.write_chunk(&mut db, records, time_given).await;
        if !matches!(written, Err(StoreError::Unreachable { .. })) {
            self.connection = Some(db).filter(Connection::is_usable);
        }
        let outcome = written?;
        self.compare_first = outcome.created * 2 < records.len() as u64;
        Ok(outcome)
    }

    /// Closes the connection in an orderly way.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`]; every chunk that was written stays written.
    pub async fn close(mut self) -> Result<(), StoreError> {
        match self.connection.take() {
            Some(db) => {
                let closed = db.close().await.map_err(from_pipeline_error);
                closed.map_err(StoreError::while_trying_to("close a connection"))
            }
            None => Ok(()),
        }
    }

    async fn write_chunk(
        &mut self,
        db: &mut Connection,
        records: &[Record],
        time_given: &[bool],
    ) -> Result<ChunkOutcome, StoreError> {
        let mut outcome = ChunkOutcome::default();
        let all: Vec<usize> = (0..records.len()).collect();
        let new = match self.compare_first {
            true => {
                let columns = Columns::of(records);
                let standing = compare(db, &columns, time_given).await?;
                outcome.note_there(records, &standing)
            }
            false => all,
        };
        if new.is_empty() {
            return Ok(outcome);
        }
        if !self.copy_refused {
            let rows = new.iter().map(|place| &records[*place]);
            match copy_in(db, rows, &[]).await? {
                Copied::All => {
                    outcome.created = new.len() as u64;
                    return Ok(outcome);
                }
                Copied::Fewer { kept } => {
                    outcome.created = kept;
                    return Ok(outcome);
                }
                Copied::NoneForDuplicate | Copied::NoneForKey => {}
                Copied::NoneForPolicy => self.copy_refused = true,
            }
        }
        insert_new(db, records, time_given, &new, &mut outcome).await?;
        Ok(outcome)
    }
}

/// Writes the records at `places` by INSERT, and sorts those that were there.
async fn insert_new(
    db: &mut Connection,
    records: &[Record],
    time_given: &[bool],
    places: &[usize],
    outcome: &mut ChunkOutcome,
) -> Result<(), StoreError> {
    let columns = Columns::of(places.iter().map(|place| &records[*place]));
    let given: Vec<bool> = places.iter().map(|place| time_given[*place]).collect();
    // Both in one transaction, so that nothing is kept when the second fails.
    let statements = [insert_many_sql(&columns), compare_sql(&columns, &given)];
    let replies = run_together(db, &statements).await.map_err(from_pipeline);
    let replies = replies.map_err(StoreError::while_trying_to("write records"))?;
    let mut replies = replies.into_iter().map(rows_of);
    let created = replies.next().unwrap_or_default().len();
    if created < places.len() {
        // The rows just written compare as the same, and so do their repetitions in this chunk.
        let standing = read_comparison(&replies.next().unwrap_or_default())?;
        let other = standing.iter().filter(|standing| !standing.same);
        let ids = columns.ids();
        let conflicts = other.map(|standing| RecordId::from(ids[standing.place]));
        outcome.conflicts.extend(conflicts);
        outcome.duplicates += (places.len() - created) as u64;
        outcome.duplicates -= standing.iter().filter(|s| !s.same).count() as u64;
    }
    outcome.created = created as u64;
    Ok(())
}

impl ChunkOutcome {
    /// Counts the records that are there, and returns the places of the others.
    fn note_there(&mut self, records: &[Record], standing: &[Standing]) -> Vec<usize> {
        let mut is_new = vec![true; records.len()];
        for Standing { place, same } in standing {
            is_new[*place] = false;
            match same {
                true => self.duplicates += 1,
                false => self.conflicts.push(records[*place].id),
            }
        }
        let places = is_new.iter().enumerate();
        places.filter_map(|(place, new)| new.then_some(place)).collect()
    }
}

async fn connect(options: &Options) -> Result<Connection, StoreError> {
    let db = Connection::connect(options).await.map_err(from_pipeline_error);
    db.map_err(StoreError::while_trying_to("connect"))
}
