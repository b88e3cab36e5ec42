//! Bulk writes, for imports.

use std::collections::HashSet;

use auditrail_core::{ProvidedFields, Record, RecordId};
use pg_pipeline::{Connection, Options, Reply};
use sqlx::postgres::PgConnectOptions;

use crate::connect::pipeline_options;
use crate::db::{rows_of, run_together};
use crate::error::StoreError;
use crate::records::PgAuditLog;
use crate::records::write::{
    Columns, Comparison, Copied, INSERT_ATTEMPTS, compare, compare_sql, copy_in, insert_many_sql,
    read_comparison,
};
use crate::sql::Sql;
use crate::sqlstate::{from_pipeline, from_pipeline_error};

/// Writes records chunk by chunk over a connection of its own; each chunk is one transaction.
///
/// A chunk is written by COPY, which is fastest but cannot skip ids that are taken. When an id of the
/// chunk is taken, the chunk is written by INSERT instead. When most of a chunk was stored before, the
/// next one is compared with the table first, so that a repeated import writes nothing.
///
/// Dropping the future of a write is safe: the server commits that chunk as a whole or not at all, and
/// the next write uses a new connection.
#[derive(Debug)]
pub struct BulkWriter {
    options: Options,
    /// `None` while a chunk is being written, and after the connection was lost.
    connection: Option<Connection>,
    /// Whether most of the last chunk was stored before.
    compare_first: bool,
    /// Whether the server refuses COPY for this role, as it does under row-level security.
    copy_refused: bool,
}

/// The outcome of a chunk. The three numbers add up to its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkOutcome {
    /// Records that were written.
    pub created: u64,
    /// Records stored before with the same content, or repeated in the chunk.
    pub duplicates: u64,
    /// Ids that belong to other content; these records were not written.
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

    /// Writes a chunk, except for records whose ids are taken.
    ///
    /// # Errors
    /// After an error nothing of the chunk is written, except that after [`StoreError::Unreachable`] all
    /// of it may be. Retrying is always safe.
    pub async fn write(&mut self, records: &[Record]) -> Result<ChunkOutcome, StoreError> {
        self.write_provided(records, &vec![ProvidedFields::ALL; records.len()]).await
    }

    /// As [`write`](Self::write), for records of which some were given a default time.
    ///
    /// `time_given` is false for these. A default time is not compared with the stored one, so that
    /// repeating an import of records without a time finds duplicates and not conflicts.
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
        let provided: Vec<_> = time_given
            .iter()
            .map(|created_at| ProvidedFields { created_at: *created_at, ..ProvidedFields::ALL })
            .collect();
        self.write_provided(records, &provided).await
    }

    async fn write_provided(
        &mut self,
        records: &[Record],
        provided: &[ProvidedFields],
    ) -> Result<ChunkOutcome, StoreError> {
        if records.is_empty() {
            return Ok(ChunkOutcome::default());
        }
        let mut db = match self.connection.take() {
            Some(db) => db,
            None => connect(&self.options).await?,
        };
        let result = self.write_chunk(&mut db, records, provided).await;
        if !matches!(result, Err(StoreError::Unreachable { .. })) {
            self.connection = Some(db).filter(Connection::is_usable);
        }
        let outcome = result?;
        self.compare_first = outcome.created * 2 < records.len() as u64;
        Ok(outcome)
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`]; all chunks stay written.
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
        provided: &[ProvidedFields],
    ) -> Result<ChunkOutcome, StoreError> {
        let mut outcome = ChunkOutcome::default();
        let all: Vec<usize> = (0..records.len()).collect();
        let new = if self.compare_first {
            let columns = Columns::of(records);
            let comparisons = compare(db, &columns, provided).await?;
            outcome.count_stored(records, &comparisons)
        } else {
            all
        };
        if new.is_empty() {
            return Ok(outcome);
        }
        if !self.copy_refused {
            let rows = new.iter().map(|index| &records[*index]);
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
        insert_new(db, records, provided, &new, &mut outcome).await?;
        Ok(outcome)
    }
}

/// Writes the records at `indexes` by INSERT in one transaction, and counts those whose ids are taken.
async fn insert_new(
    db: &mut Connection,
    records: &[Record],
    provided: &[ProvidedFields],
    indexes: &[usize],
    outcome: &mut ChunkOutcome,
) -> Result<(), StoreError> {
    let inserted = insert_or_compare(db, records, provided, indexes, outcome).await;
    let end = if inserted.is_ok() { "commit" } else { "rollback" };
    if db.is_in_transaction() {
        run(db, &[Sql::new(end)]).await?;
    }
    inserted
}

/// As [`insert_new`], in a transaction that it leaves open.
///
/// A record whose id was taken, and that has no stored record to compare it with, is written again up to
/// [`INSERT_ATTEMPTS`] times: retention may have deleted the stored one in between.
async fn insert_or_compare(
    db: &mut Connection,
    records: &[Record],
    provided: &[ProvidedFields],
    indexes: &[usize],
    outcome: &mut ChunkOutcome,
) -> Result<(), StoreError> {
    let mut remaining = indexes.to_vec();
    run(db, &[Sql::new("begin")]).await?;
    for _ in 0..INSERT_ATTEMPTS {
        let columns = Columns::of(remaining.iter().map(|index| &records[*index]));
        let provided: Vec<_> = remaining.iter().map(|index| provided[*index]).collect();
        let statements = [insert_many_sql(&columns), compare_sql(&columns, &provided)];
        let mut replies = run(db, &statements).await?.into_iter().map(rows_of);
        let created = replies.next().unwrap_or_default().len();
        outcome.created += created as u64;
        if created == remaining.len() {
            return Ok(());
        }
        // The new rows compare as equal, and so do their repetitions in this chunk.
        let comparisons = read_comparison(&replies.next().unwrap_or_default())?;
        let conflicts: Vec<RecordId> = comparisons
            .iter()
            .filter(|comparison| !comparison.same)
            .map(|comparison| columns.id(comparison.index))
            .collect();
        outcome.duplicates += (comparisons.len() - created - conflicts.len()) as u64;
        outcome.conflicts.extend(conflicts);
        let compared: HashSet<usize> = comparisons.iter().map(|compared| compared.index).collect();
        remaining = (0..remaining.len())
            .filter(|position| !compared.contains(position))
            .map(|position| remaining[position])
            .collect();
        if remaining.is_empty() {
            return Ok(());
        }
    }
    outcome.conflicts.extend(remaining.into_iter().map(|index| records[index].id));
    Ok(())
}

async fn run(db: &mut Connection, statements: &[Sql]) -> Result<Vec<Reply>, StoreError> {
    run_together(db, statements)
        .await
        .map_err(from_pipeline)
        .map_err(StoreError::while_trying_to("write records"))
}

impl PgAuditLog {
    /// Opens a connection of its own to the same database for writing many records.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`].
    pub async fn bulk_writer(&self) -> Result<BulkWriter, StoreError> {
        BulkWriter::connect(&self.pool().connect_options()).await
    }
}

impl ChunkOutcome {
    /// Counts the records whose ids are taken, and returns the indexes of the others.
    fn count_stored(&mut self, records: &[Record], comparisons: &[Comparison]) -> Vec<usize> {
        let mut is_new = vec![true; records.len()];
        for Comparison { index, same } in comparisons {
            is_new[*index] = false;
            if *same {
                self.duplicates += 1;
            } else {
                self.conflicts.push(records[*index].id);
            }
        }
        (0..records.len()).filter(|index| is_new[*index]).collect()
    }
}

async fn connect(options: &Options) -> Result<Connection, StoreError> {
    Connection::connect(options)
        .await
        .map_err(from_pipeline_error)
        .map_err(StoreError::while_trying_to("connect"))
}
