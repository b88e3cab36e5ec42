//! Archives expired records, then deletes exactly those.

use std::collections::HashMap;
use std::time::Instant;

use auditrail_core::{ArchiveManifest, ArchiveName};
use uuid::Uuid;

use super::{ATTEMPTS, Outcome, Work};
use crate::archive::{ArchiveDir, ArchiveReader, ArchiveWriter, blocking, read_chunk};
use crate::retention::run::archived;
use crate::retention::run::context::Context;
use crate::retention::run::delete;
use crate::retention::run::error::RetentionError;
use crate::retention::run::expired::{Position, Rows};
use crate::retention::run::groups::Listed;
use crate::retention::run::ledger::ArchiveReference;
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
            let name = self.archive_name(context).await?;
            let create = {
                let (dir, partition) = (dir.clone(), table.name.clone());
                move || ArchiveWriter::create(&dir, name, &partition)
            };
            let mut writer = blocking(create).await?;
            let Some((filled, next)) = self.fill(context, table, writer, start).await? else {
                return Ok(Outcome::Postponed);
            };
            (writer, position) = (filled, next);
            if writer.records() == 0 {
                break;
            }
            let started = Instant::now();
            let (manifest, reference) = self.finish_archive(context, table, dir, writer).await?;
            let outcome = self.delete_archived(context, table, dir, &manifest, &reference).await;
            if !matches!(outcome, Ok(Outcome::Done)) {
                self.withdraw(dir, name).await?;
                return outcome;
            }
            deleted += manifest.records;
            self.count_deleted(table, manifest.records);
            self.pause(started).await;
        }
        self.vacuum(table, deleted).await;
        Ok(Outcome::Done)
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
        dir: &ArchiveDir,
        writer: ArchiveWriter,
    ) -> Result<(ArchiveManifest, ArchiveReference), RetentionError> {
        let seq = archived::seq_bounds(&mut self.db, context, &writer).await?;
        let (schema_version, bounds) = (context.schema_version, table.bounds.clone());
        let manifest = blocking(move || writer.finish(schema_version, bounds, seq)).await?;
        let name = manifest.name();
        let dir = dir.clone();
        let sha256 = blocking(move || dir.manifest_sha256(name)).await?;
        let (archive, records) = (name.to_string(), manifest.records);
        self.report.archives.push(archive.clone());
        self.step(RetentionStep::Archived { archive: archive.clone(), records });
        Ok((manifest, ArchiveReference { name: archive, sha256 }))
    }

    /// Removes an archive whose records stay.
    pub(super) async fn withdraw(
        &mut self,
        dir: &ArchiveDir,
        name: ArchiveName,
    ) -> Result<(), RetentionError> {
        self.report.archives.retain(|archive| *archive != name.to_string());
        let dir = dir.clone();
        Ok(blocking(move || dir.remove(name)).await?)
    }

    /// Deletes the records of an archive in one transaction.
    async fn delete_archived(
        &mut self,
        context: &Context,
        table: &Table,
        dir: &ArchiveDir,
        manifest: &ArchiveManifest,
        reference: &ArchiveReference,
    ) -> Result<Outcome, RetentionError> {
        for attempt in 0..ATTEMPTS {
            let opened = {
                let (dir, manifest) = (dir.clone(), manifest.clone());
                move || ArchiveReader::open(&dir, manifest)
            };
            let reader = blocking(opened).await?;
            self.begin().await?;
            let outcome = self.delete_lines(context, table, reader, reference).await;
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
        mut reader: ArchiveReader,
        reference: &ArchiveReference,
    ) -> Result<(), RetentionError> {
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
            self.list_removed(context, table, reference, deleted.records, &mut listed).await?;
        }
    }
}
