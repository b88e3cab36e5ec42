//! Writes chunks to the database and counts the results.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use auditrail_core::RecordId;
use auditrail_store::BulkWriter;
use tokio::sync::mpsc::Receiver;

use super::reader::{Chunk, FileEnd, Origin};
use super::reject::{Reason, Reject, Rejects};
use super::report::{Committed, ImportReport, UnreadableFile};
use crate::error::Error;
use crate::output::progress::Meter;
use crate::output::{Output, safe};

/// Writes the chunks of an import.
pub(super) struct Writer {
    output: Output,
    files: Vec<String>,
    strict: bool,
    rejects: Rejects,
    meter: Meter,
    read: Arc<AtomicU64>,
    report: ImportReport,
    committed: Arc<Committed>,
}

impl Writer {
    pub(super) fn new(
        output: Output,
        files: &[PathBuf],
        strict: bool,
        rejects: Rejects,
        meter: Meter,
        read: Arc<AtomicU64>,
    ) -> Self {
        Self {
            output,
            files: files.iter().map(|file| file.display().to_string()).collect(),
            strict,
            rejects,
            meter,
            read,
            report: ImportReport::default(),
            committed: Arc::default(),
        }
    }

    /// Receives and writes all chunks; without `bulk` (dry run) nothing is written. Returns `false` if a
    /// strict import stopped at a reject.
    ///
    /// # Errors
    /// When the database rejects a chunk or the connection is lost; the error has the committed counts.
    pub(super) async fn write_all(
        &mut self,
        mut chunks: Receiver<Chunk>,
        mut bulk: Option<BulkWriter>,
    ) -> Result<bool, Error> {
        self.report.dry_run = bulk.is_none();
        let mut is_complete = true;
        while let Some(chunk) = chunks.recv().await {
            self.write_chunk(&chunk, bulk.as_mut()).await?;
            let stop = self.strict && self.report.rejected > 0;
            let records = self.report.read;
            self.meter.update(self.read.load(Ordering::Relaxed), records);
            if stop {
                is_complete = false;
                break;
            }
        }
        if let Some(bulk) = bulk {
            bulk.close().await?;
        }
        Ok(is_complete)
    }

    /// What is committed, also while the import is running.
    pub(super) fn committed(&self) -> Arc<Committed> {
        Arc::clone(&self.committed)
    }

    /// Removes the progress bar after an error.
    pub(super) fn abandon(self) {
        self.meter.finish();
    }

    /// Completes the rejects file and returns the report.
    pub(super) fn finish(mut self) -> Result<ImportReport, Error> {
        self.report.took = self.meter.finish();
        self.rejects.finish()?;
        Ok(self.report)
    }

    async fn write_chunk(
        &mut self,
        chunk: &Chunk,
        bulk: Option<&mut BulkWriter>,
    ) -> Result<(), Error> {
        for (file, reject) in &chunk.rejects {
            self.reject(*file, reject)?;
        }
        let derived = chunk.origins.iter().filter(|origin| origin.id_is_derived).count() as u64;
        self.report.derived_ids += derived;
        if let (Some(bulk), false) = (bulk, chunk.records.is_empty()) {
            let outcome = bulk.write_with_times(&chunk.records, &chunk.time_given).await.map_err(
                |error| Error::Partial {
                    detail: format!("the import was aborted: {}", self.committed),
                    source: Box::new(error.into()),
                },
            )?;
            // The store counts the records that were present, and does not say which ones these are.
            self.report.derived_present |= derived > 0 && outcome.duplicates > 0;
            self.report.created += outcome.created;
            self.report.duplicates += outcome.duplicates;
            self.report.chunks += 1;
            self.committed.update(&self.report);
            self.reject_conflicts(chunk, &outcome.conflicts)?;
        }
        let without_time = chunk.time_given.iter().filter(|given| !**given).count();
        self.report.without_time += without_time as u64;
        self.report.read += (chunk.records.len() + chunk.rejects.len()) as u64;
        for ended in &chunk.ended {
            self.file_ended(ended);
        }
        Ok(())
    }

    fn reject(&mut self, file: usize, reject: &Reject) -> Result<(), Error> {
        self.report.rejected += 1;
        let files = &self.files;
        let rejects = &mut self.rejects;
        let mut outcome = Ok(());
        self.meter.suspend(|| outcome = rejects.add(&files[file], reject));
        outcome
    }

    /// Rejects the records with conflicting ids. Of several records of a chunk with one id the first was
    /// written, so conflicts are assigned from the end.
    fn reject_conflicts(&mut self, chunk: &Chunk, conflicts: &[RecordId]) -> Result<(), Error> {
        let mut remaining: HashMap<RecordId, u64> = HashMap::new();
        for id in conflicts {
            *remaining.entry(*id).or_default() += 1;
        }
        let mut rejected = Vec::new();
        for (n, record) in chunk.records.iter().enumerate().rev() {
            if let Some(count) = remaining.get_mut(&record.id).filter(|count| **count > 0) {
                *count -= 1;
                rejected.push(n);
            }
        }
        for n in rejected.into_iter().rev() {
            let record = &chunk.records[n];
            let Origin { file, position, id_is_derived, input } = &chunk.origins[n];
            let text = if *id_is_derived {
                "id: the same line was imported before with different content, such as another \
                 --tenant; --source NAME imports it as another record"
                    .to_owned()
            } else {
                format!("id: {} is the id of a record with different content", record.id)
            };
            let reason = Reason::new("id_conflict", text);
            let reject = Reject { position: *position, reason, input: input.clone() };
            self.reject(*file, &reject)?;
        }
        Ok(())
    }

    fn file_ended(&mut self, ended: &FileEnd) {
        let file = &self.files[ended.file];
        for note in &ended.notes {
            self.meter.suspend(|| self.output.warn(&safe::text(note)));
        }
        match &ended.error {
            Some(error) => self
                .report
                .broken
                .push(UnreadableFile { file: file.clone(), reason: read_error_message(error) }),
            None if ended.records == 0 && ended.notes.is_empty() => {
                let text = format!("{} contains no records", safe::text(file));
                self.meter.suspend(|| self.output.warn(&text));
            }
            None => {}
        }
    }
}

/// The message of a read error.
fn read_error_message(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof if error.to_string().contains("JSON") => error.to_string(),
        io::ErrorKind::UnexpectedEof => "the compressed data is truncated".to_owned(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            format!("the compressed data is corrupt ({error})")
        }
        _ => error.to_string(),
    }
}
