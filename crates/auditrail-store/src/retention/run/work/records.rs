//! The records of runs: of interrupted ones first, of this one at its end.

use auditrail_core::RecordTime;

use super::Work;
use crate::archive::ArchiveDir;
use crate::error::StoreError;
use crate::records::write::insert_one;
use crate::retention::run::error::RetentionError;
use crate::retention::run::ledger::{self, UnrecordedRun};
use crate::retention::run::options::RetentionStep;
use crate::retention::run::record;
use crate::retention::run::session::Session;
use crate::retention::run::unused;

/// The outcome for a run that had no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Completed {
    /// It has its record now.
    Recorded,
    /// It removed nothing, and was forgotten.
    Forgotten,
    /// Another process has completed it.
    Before,
}

impl Work<'_> {
    /// Records the runs that were interrupted, and removes their archives of records that did not leave. A run of which
    /// a transaction is still open is left to the next run.
    pub(super) async fn complete_interrupted_runs(&mut self) -> Result<(), RetentionError> {
        for run in ledger::unrecorded(&mut self.db).await? {
            match self.complete_interrupted(&run).await {
                Ok(Completed::Recorded) => {
                    self.report.completed_runs += 1;
                    self.step(RetentionStep::CompletedRun);
                }
                Ok(Completed::Forgotten | Completed::Before) => {}
                Err(error) if error.is_lock_timeout() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn complete_interrupted(
        &mut self,
        run: &UnrecordedRun,
    ) -> Result<Completed, RetentionError> {
        if let Some(dir) = &self.options.archive {
            unused::remove(&mut self.db, dir, run.id).await?;
        }
        self.complete(run, true).await
    }

    /// Writes the record of this run, over a new connection if the former one is lost. Its archives of records that
    /// did not leave are removed before; if that is not possible, it is left to the next run.
    pub(super) async fn record_this_run(
        &mut self,
        kept_at: RecordTime,
    ) -> Result<(), RetentionError> {
        let Some(id) = self.run_id else { return Ok(()) };
        if !self.db.is_usable().await {
            self.db = Session::open(&self.connect).await?;
        }
        if let Some(dir) = self.options.archive.clone() {
            self.remove_unused_archives(&dir).await?;
        }
        let started_by = self.options.by.to_string();
        match self.complete(&UnrecordedRun { id, kept_at, started_by }, false).await? {
            Completed::Recorded => self.step(RetentionStep::Recorded),
            Completed::Forgotten => self.report.run_id = None,
            Completed::Before => {}
        }
        Ok(())
    }

    /// Removes the archives of this run whose records did not leave.
    pub(super) async fn remove_unused_archives(
        &mut self,
        dir: &ArchiveDir,
    ) -> Result<(), RetentionError> {
        let Some(id) = self.run_id else { return Ok(()) };
        let removed = unused::remove(&mut self.db, dir, id).await?;
        self.report.archives.retain(|archive| !removed.contains(archive));
        Ok(())
    }

    /// Writes the record of a run, or forgets one that removed nothing.
    async fn complete(
        &mut self,
        run: &UnrecordedRun,
        is_interrupted: bool,
    ) -> Result<Completed, RetentionError> {
        self.begin().await?;
        let completed = self.complete_in_transaction(run, is_interrupted).await;
        self.end(completed).await
    }

    /// No transaction can remove more for the run, once its row is locked.
    async fn complete_in_transaction(
        &mut self,
        run: &UnrecordedRun,
        is_interrupted: bool,
    ) -> Result<Completed, RetentionError> {
        if !ledger::lock(&mut self.db, run.id).await? {
            return Ok(Completed::Before);
        }
        let removals = ledger::removals(&mut self.db, run.id).await?;
        if removals.is_empty() {
            ledger::forget(&mut self.db, run.id).await?;
            return Ok(Completed::Forgotten);
        }
        let record = record::of_run(run, &removals, is_interrupted)?;
        ledger::finish(&mut self.db, run.id).await?;
        match insert_one(self.db.connection().into(), &record).await? {
            Some(_) => Ok(Completed::Recorded),
            None => Err(StoreError::IdConflict { id: record.id }.into()),
        }
    }
}
