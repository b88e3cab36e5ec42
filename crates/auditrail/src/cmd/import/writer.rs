//! Writes chunks, and keeps the counts.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use auditrail_core::RecordId;
use auditrail_store::BulkWriter;
use tokio::sync::mpsc::Receiver;

use super::reader::{Chunk, Ended};
use super::reject::{Reason, Reject, Rejects};
use super::tally::{Broken, Tally};
use crate::error::Error;
use crate::output::progress::Meter;
use crate::output::{Output, safe};

/// Takes chunks until there are no more.
pub(super) struct Writer {
    output: Output,
    files: Vec<String>,
    strict: bool,
    rejects: Rejects,
    meter: Meter,
    read: Arc<AtomicU64>,
    tally: Tally,
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
            tally: Tally::default(),
        }
    }

    /// Writes every chunk that comes; without `bulk` nothing is written. Whether all came, and not
    /// only those before the first reject of a strict import.
    ///
    /// # Errors
    /// When the database refuses or goes away; the error says how much is in.
    pub(super) async fn write_all(
        &mut self,
        mut chunks: Receiver<Chunk>,
        mut bulk: Option<BulkWriter>,
    ) -> Result<bool, Error> {
        self.tally.dry_run = bulk.is_none();
        let mut to_the_end = true;
        while let Some(chunk) = chunks.recv().await {
            self.chunk(&chunk, bulk.as_mut()).await?;
            let stop = self.strict && self.tally.rejected > 0;
            let records = self.tally.read;
            self.meter.tell(self.read.load(Ordering::Relaxed), records);
            if stop {
                to_the_end = false;
                break;
            }
        }
        if let Some(bulk) = bulk {
            bulk.close().await?;
        }
        Ok(to_the_end)
    }

    /// Takes the progress away, when something else went wrong.
    pub(super) fn abandon(self) {
        self.meter.finish();
    }

    /// The counts, when all is done.
    pub(super) fn finish(mut self) -> Result<Tally, Error> {
        self.tally.took = self.meter.finish();
        self.rejects.finish()?;
        Ok(self.tally)
    }

    async fn chunk(&mut self, chunk: &Chunk, bulk: Option<&mut BulkWriter>) -> Result<(), Error> {
        for (file, reject) in &chunk.rejects {
            self.reject(*file, reject)?;
        }
        if let (Some(bulk), false) = (bulk, chunk.records.is_empty()) {
            let written = bulk.write_with_times(&chunk.records, &chunk.time_given).await;
            let outcome = written.map_err(|error| Error::Partly {
                detail: format!("the import was aborted: {}", self.tally.so_far()),
                source: Box::new(error.into()),
            })?;
            self.tally.created += outcome.created;
            self.tally.duplicates += outcome.duplicates;
            self.tally.chunks += 1;
            self.conflicts(chunk, &outcome.conflicts)?;
        }
        let without_time = chunk.time_given.iter().filter(|given| !**given).count();
        self.tally.without_time += without_time as u64;
        self.tally.read += (chunk.records.len() + chunk.rejects.len()) as u64;
        for ended in &chunk.ended {
            self.ended(ended);
        }
        Ok(())
    }

    fn reject(&mut self, file: usize, reject: &Reject) -> Result<(), Error> {
        self.tally.rejected += 1;
        let (files, rejects) = (&self.files, &mut self.rejects);
        let mut outcome = Ok(());
        self.meter.suspend(|| outcome = rejects.add(&files[file], reject));
        outcome
    }

    /// Of two records of the chunk with one id, the first was written; so conflicts are looked for
    /// from the end.
    fn conflicts(&mut self, chunk: &Chunk, conflicts: &[RecordId]) -> Result<(), Error> {
        let mut left: HashMap<RecordId, u64> = HashMap::new();
        for id in conflicts {
            *left.entry(*id).or_default() += 1;
        }
        let mut found = Vec::new();
        for (n, record) in chunk.records.iter().enumerate().rev() {
            if let Some(count) = left.get_mut(&record.id).filter(|count| **count > 0) {
                *count -= 1;
                found.push(n);
            }
        }
        for n in found.into_iter().rev() {
            let record = &chunk.records[n];
            let text = format!("id: {} is the id of a record with different content", record.id);
            let (file, place) = chunk.origins[n];
            let reject = Reject {
                place,
                reason: Reason::new("id_conflict", text),
                input: serde_json::to_vec(record).unwrap_or_default(),
            };
            self.reject(file, &reject)?;
        }
        Ok(())
    }

    fn ended(&mut self, ended: &Ended) {
        let file = &self.files[ended.file];
        match &ended.fault {
            Some(error) => {
                self.tally.broken.push(Broken { file: file.clone(), reason: reason(error) })
            }
            None if ended.pieces == 0 => {
                let text = format!("{} contains no records", safe::text(file));
                self.meter.suspend(|| self.output.warn(&text));
            }
            None => {}
        }
    }
}

/// Why a file could not be read on, for people.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof if error.to_string().contains("JSON") => error.to_string(),
        io::ErrorKind::UnexpectedEof => "the compressed data is truncated".to_owned(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            format!("the compressed data is corrupt ({error})")
        }
        _ => error.to_string(),
    }
}
