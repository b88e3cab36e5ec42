//! Archives expired records, then deletes exactly those.

use std::collections::HashMap;
use std::time::Instant;

use uuid::Uuid;

use super::{ATTEMPTS, Outcome, Work};
use crate::archive::{ArchiveDir, ArchiveWriter, blocking, read_chunk};
use crate::retention::run::archived::{self, Archived};
use crate::retention::run::context::Context;
use crate::retention::run::delete;
use crate::retention::run::error::RetentionError;
use crate::retention::run::expired::{Position, Rows};
use crate::retention::run::groups::Listed;
use crate::retention::run::lines;
use crate::retention::run::options::RetentionStep;
use crate::retention::run::tables::Table;

/// Most rows that a statement returns as lines: each may have 64 KiB of metadata.
pub(super) const LINES_MAX: u32 = 500;

impl Work<'_> {
    /// Archives and deletes the expired records of a table, one archive and one transaction after the other.
    pub(super) async fn archive_and_delete(
        &mut self,
        context: &Context,
        table: &Table,
        dir: &ArchiveDir,
    ) -> Result<Outcome, RetentionError> {
        let (mut position, mut deleted) = (Some(Position::start()), 0);
        while let Some(start) = position {
            if (self.options.stop)() {
                return Ok(Outcome::Postponed);
            }
            let writer = self.create_archive(context, table, dir).await?;
            let Some((writer, next)) = self.fill(context, table, writer, start).await? else {
                return Ok(Outcome::Postponed);
            };
            position = next;
            if writer.records() == 0 {
                break;
            }
            let started = Instant::now();
            let archive = self.finish_archive(context, table, writer).await?;
            let outcome = self.delete_archived(context, table, &archive).await?;
            if outcome != Outcome::Done {
                self.remove_unused_archives(dir).await?;
                return Ok(outcome);
            }
            deleted += archive.manifest.records;
            self.count_deleted(table, archive.manifest.records);
            self.pause(started).await;
        }
        self.vacuum(table, deleted).await;
        Ok(Outcome::Done)
    }

    /// Starts the next archive of this run.
    pub(super) async fn create_archive(
        &mut self,
        context: &Context,
        table: &Table,
        dir: &ArchiveDir,
    ) -> Result<ArchiveWriter, RetentionError> {
        let name = self.archive_name(context).await?;
        let (dir, partition) = (dir.clone(), table.name.clone());
        Ok(blocking(move || ArchiveWriter::create(&dir, name, &partition)).await?)
    }

    /// Adds expired records to an archive until it is full or the table ends, which is no position. `None` when the
    /// run is to stop; what was written is removed with the writer.
    async fn fill(
        &mut self,
        context: &Context,
        table: &Table,
        mut writer: ArchiveWriter,
        mut position: Position,
    ) -> Result<Option<(ArchiveWriter, Option<Position>)>, RetentionError> {
        while writer.records() < self.options.limits.archived {
            if (self.options.stop)() {
                return Ok(None);
            }
            let started = Instant::now();
            let limit = self.options.limits.rows.min(LINES_MAX);
            let rows = Rows::After { position, upper: context.upper, limit };
            let found = lines::read(&mut self.db, context, table, rows).await?;
            self.looked_at(table, found.rows());
            writer = archived::write(writer, found.lines).await?;
            match found.last {
                Some(last) => position = last,
                None => return Ok(Some((writer, None))),
            }
            self.pause(started).await;
        }
        Ok(Some((writer, Some(position))))
    }

    /// Completes an archive, which is read back.
    pub(super) async fn finish_archive(
        &mut self,
        context: &Context,
        table: &Table,
        writer: ArchiveWriter,
    ) -> Result<Archived, RetentionError> {
        let seq = archived::seq_bounds(&mut self.db, context, &writer).await?;
        let (schema_version, bounds) = (context.schema_version, table.bounds.clone());
        let archived = Archived::complete(writer, schema_version, bounds, seq).await?;
        let (archive, records) = (archived.reference().name, archived.manifest.records);
        self.report.archives.push(archive.clone());
        self.step(RetentionStep::Archived { archive, records });
        Ok(archived)
    }

    /// Deletes the records of an archive in one transaction.
    async fn delete_archived(
        &mut self,
        context: &Context,
        table: &Table,
        archive: &Archived,
    ) -> Result<Outcome, RetentionError> {
        for attempt in 0..ATTEMPTS {
            self.begin().await?;
            let outcome = self.delete_lines(context, table, archive).await;
            match self.end(outcome).await {
                Err(error) if error.is_lock_timeout() => Self::back_off(attempt).await,
                outcome => return outcome.map(|()| Outcome::Done),
            }
        }
        Ok(Outcome::Postponed)
    }

    /// Deletes the records of an archive as they are read back from it. The database returns the line of each record
    /// that it deletes: all must be those of the archive, byte for byte, or the transaction is undone.
    async fn delete_lines(
        &mut self,
        context: &Context,
        table: &Table,
        archive: &Archived,
    ) -> Result<(), RetentionError> {
        self.hold_run(context).await?;
        let (mut reader, reference) = (archive.open().await?, archive.reference());
        self.db.execute("open the guard of the log", delete::OPEN_GUARD.to_owned()).await?;
        let mut listed = Listed::default();
        loop {
            let (next, chunk) = blocking(move || read_chunk(reader)).await?;
            reader = next;
            if chunk.is_empty() {
                self.step(RetentionStep::Deleting { partition: table.name.clone() });
                return Ok(());
            }
            let archived: HashMap<Uuid, String> = chunk.into_iter().collect();
            let ids: Vec<Uuid> = archived.keys().copied().collect();
            let deleted = lines::delete(&mut self.db, context, table, &ids).await?;
            let is_same = |(record, line): (&super::RemovedRecords, &String)| {
                archived.get(&record.lowest_id) == Some(line)
            };
            let all_same = deleted.records.iter().zip(&deleted.lines).all(is_same);
            if !all_same || deleted.lines.len() != archived.len() {
                return Err(RetentionError::RecordsChanged { partition: table.name.clone() });
            }
            self.list_removed(context, table, &reference, deleted.records, &mut listed).await?;
        }
    }
}
