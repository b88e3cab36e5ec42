//! The order of a run: interrupted runs first, then one table after the other, then its record.

mod by_archive;
mod by_deletion;
mod by_exchange;
mod records;

use std::sync::Arc;
use std::time::{Duration, Instant};

use auditrail_core::ArchiveName;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::context::{self, Context};
use super::error::RetentionError;
use super::groups::Listed;
use super::ledger::ArchiveReference;
use super::options::{RetentionOptions, RetentionStep};
use super::session::Session;
use super::tables::{self, Table};
use super::{RemovedRecords, RetentionReport, ledger, retired};
use crate::clock;
use crate::error::StoreError;
use crate::leadership::Leadership;
use crate::partitions::{Closed, Limits, close_if_full};
use crate::text_index::remove_empty_text_blocks;
use crate::value::PgTime;

/// Attempts of a transaction that gets no lock in time.
const ATTEMPTS: u32 = 12;
/// The longest pause between two attempts, and after a transaction.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// The first pause between two attempts; it doubles.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// A run in progress.
pub(super) struct Work<'a> {
    connect: PgConnectOptions,
    db: Session,
    leader: Arc<Mutex<Leadership>>,
    options: RetentionOptions<'a>,
    run_id: Option<Uuid>,
    archives: u32,
    exchanges: u32,
    report: RetentionReport,
    /// When the run last looked whether the hot partition is full.
    looked: Instant,
    /// How often records were changed before the walk in progress, apart from changes by closing the hot partition.
    changes: Option<i64>,
}

/// How a table was dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    /// Too much of the partition stays to replace it.
    Unsuitable,
    /// The run is to stop, or locks were not free.
    Postponed,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        connect: PgConnectOptions,
        db: Session,
        leader: Arc<Mutex<Leadership>>,
        options: RetentionOptions<'a>,
    ) -> Self {
        let report = RetentionReport::default();
        let looked = Instant::now();
        Self {
            connect,
            db,
            leader,
            options,
            run_id: None,
            archives: 0,
            exchanges: 0,
            report,
            looked,
            changes: None,
        }
    }

    pub(super) fn into_session(self) -> Session {
        self.db
    }

    pub(super) async fn run(&mut self) -> Result<RetentionReport, RetentionError> {
        self.complete_interrupted_runs().await?;
        self.drop_retired().await?;
        if let Some(context) = Context::read(&mut self.db).await? {
            let outcome = self.tables(&context).await;
            // What left is recorded even if a later table failed, which is the error to report then.
            let recorded = self.record_this_run(context.kept_at).await;
            outcome.and(recorded)?;
            if self.report.records > 0 {
                let stop = self.options.stop;
                remove_empty_text_blocks(self.db.connection(), || !stop()).await?;
            }
        }
        Ok(std::mem::take(&mut self.report))
    }

    async fn tables(&mut self, context: &Context) -> Result<(), RetentionError> {
        for table in tables::list(&mut self.db).await? {
            if (self.options.stop)() {
                self.report.postponed.push(table.name);
                continue;
            }
            let extent = tables::extent(&mut self.db, &table, PgTime(context.upper)).await?;
            if !extent.may_expire {
                continue;
            }
            let mut outcome = Outcome::Unsuitable;
            if table.is_closed && !extent.has_impossible_times {
                outcome = self.exchange(context, &table).await?;
            }
            if outcome == Outcome::Unsuitable {
                outcome = match self.options.archive.clone() {
                    Some(dir) => self.archive_and_delete(context, &table, &dir).await?,
                    None => self.delete(context, &table).await?,
                };
            }
            if outcome == Outcome::Postponed {
                self.report.postponed.push(table.name);
            }
        }
        Ok(())
    }

    fn step(&mut self, step: RetentionStep) {
        (self.options.on_step)(step);
    }

    fn looked_at(&mut self, table: &Table, records: u64) {
        self.step(RetentionStep::LookedAt { partition: table.name.clone(), records });
    }

    /// The id of this run. Its row is there before its first archive and its first removal.
    async fn run_id(&mut self, context: &Context) -> Result<Uuid, RetentionError> {
        if let Some(id) = self.run_id {
            return Ok(id);
        }
        let id = Uuid::from(clock::new_id(clock::now())?);
        ledger::start(&mut self.db, id, context.kept_at, &self.options.by).await?;
        self.run_id = Some(id);
        self.report.run_id = Some(id);
        Ok(id)
    }

    /// The name of the next archive of this run.
    async fn archive_name(&mut self, context: &Context) -> Result<ArchiveName, RetentionError> {
        let run_id = self.run_id(context).await?;
        self.archives += 1;
        Ok(ArchiveName::new(run_id, self.archives))
    }

    /// Fails if another process may remove records and change partitions.
    async fn check_leading(&mut self) -> Result<(), StoreError> {
        let checked = self.leader.lock().await.check().await;
        checked.map_err(StoreError::while_trying_to("check that no other process removes records"))
    }

    /// Starts a transaction, if this process is still the one that may remove records.
    async fn begin(&mut self) -> Result<(), RetentionError> {
        self.check_leading().await?;
        Ok(self.db.execute("start a transaction", "begin".to_owned()).await?)
    }

    /// Commits if the work was successful, and undoes it otherwise.
    async fn end<T>(&mut self, outcome: Result<T, RetentionError>) -> Result<T, RetentionError> {
        match outcome {
            Ok(value) => {
                let commit = "commit".to_owned();
                let committed = self.db.execute("commit the removal of records", commit).await;
                // Not tried again, whatever the error is: it may have taken effect.
                committed.map_err(|source| RetentionError::Unacknowledged { source })?;
                Ok(value)
            }
            Err(error) => {
                // Without a connection the server undoes it.
                drop(self.db.execute("undo a transaction", "rollback".to_owned()).await);
                Err(error)
            }
        }
    }

    /// At the start of a transaction that removes records: locks the row of the run until the commit is visible. Only
    /// then is the archive of the records looked at, so that none [is removed](unused) that a removal refers to.
    async fn hold_run(&mut self, context: &Context) -> Result<Uuid, RetentionError> {
        let run_id = self.run_id(context).await?;
        if ledger::lock(&mut self.db, run_id).await? {
            Ok(run_id)
        } else {
            Err(RetentionError::Superseded)
        }
    }

    /// In a transaction that removes records: lists them, and checks that the rules are as they were. They are locked
    /// until the commit, so a rule or hold that is set afterwards finds the records gone, and one before keeps them.
    async fn list_removed(
        &mut self,
        context: &Context,
        table: &Table,
        archive: &ArchiveReference,
        removed: Vec<RemovedRecords>,
        listed: &mut Listed,
    ) -> Result<(), RetentionError> {
        let run_id = self.run_id(context).await?;
        let groups = listed.bounded(removed);
        ledger::add(&mut self.db, run_id, &table.name, archive, &groups).await?;
        if context::lock_rules(&mut self.db).await? == context.version {
            Ok(())
        } else {
            Err(RetentionError::RulesChanged)
        }
    }

    /// After a transaction: gives processor and disk to others for as long as it took.
    async fn pause(&mut self, since: Instant) {
        if self.options.limits.pauses {
            tokio::time::sleep(since.elapsed().min(PAUSE_MAX)).await;
        }
        if self.looked.elapsed() >= self.options.limits.hot_look {
            self.close_hot().await;
            self.looked = Instant::now();
        }
    }

    /// Closes the hot partition if it is full. A run may take an hour, and no other process maintains the partitions
    /// meanwhile; writers would become slow. If it cannot be closed now, a later look or the maintenance tries again.
    async fn close_hot(&mut self) {
        if self.check_leading().await.is_err() {
            // The next transaction reports it.
            return;
        }
        let limits = Limits { hot_rows: self.options.limits.hot_rows, ..Limits::default() };
        let closed = close_if_full(self.db.connection(), &limits).await;
        if let Ok(Some(Closed { name: partition, changes: (before, after) })) = closed {
            if self.changes == Some(before) {
                self.changes = Some(after);
            }
            self.step(RetentionStep::Closed { partition });
        }
    }

    /// Before another attempt.
    async fn back_off(attempt: u32) {
        let longest = PAUSE_MIN.saturating_mul(1 << attempt.min(10)).min(PAUSE_MAX);
        tokio::time::sleep(longest.mul_f64(clock::random_fraction().max(0.2))).await;
    }

    /// Drops the tables of replaced partitions. One that is in use is dropped by a later run.
    async fn drop_retired(&mut self) -> Result<(), RetentionError> {
        for attempt in 0..ATTEMPTS {
            match retired::drop_all(&mut self.db).await {
                Ok(0) => return Ok(()),
                Ok(_) => {
                    self.step(RetentionStep::Dropped);
                    return Ok(());
                }
                Err(error) if error.is_lock_timeout() => Self::back_off(attempt).await,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
