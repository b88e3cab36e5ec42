//! A run: removes the records that no rule keeps.
//!
//! It runs as the owner of the log; no other role can remove records. One process at a time changes partitions or
//! removes records, elected by the leadership `partitions`.
//!
//! Each table (the log itself, or its partitions) is walked in the order of `(created_at, id)` in bounded
//! statements. A closed partition of which little stays is replaced: what stays is copied to a new partition,
//! which takes the place of the old one under a short lock, and the old table is dropped afterwards. From every
//! other table records are deleted in small transactions. Each transaction adds what it removed to
//! `audit_log_retention_removals`, of which the record of the run is made, so the log says that records left if
//! and only if they did. A run that is interrupted at any moment has removed exactly what is listed there, and the
//! next one writes its record.
//!
//! Nothing waits for a lock for more than [`LOCK_TIMEOUT_MILLIS`], so readers and writers are not held up by a
//! queue behind it; an exchange of partitions ends after [`EXCHANGE_TIMEOUT_MILLIS`], or is undone.

mod archived;
mod context;
mod delete;
mod due;
mod error;
mod exchange;
mod expired;
mod groups;
mod ledger;
mod lines;
mod options;
mod owner;
mod record;
mod retired;
mod session;
mod survey;
mod tables;
mod unused;
mod work;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::sync::Mutex;

pub use due::RetentionDue;
pub use error::RetentionError;
pub use groups::RemovedRecords;
pub use options::{RetentionOptions, RetentionStep, RunLimits};

use crate::leadership::Leadership;
use context::Context;
use session::Session;
use work::Work;

/// Longest wait of a run for a lock, in milliseconds. Requests that come after it in the queue wait as long.
pub(crate) const LOCK_TIMEOUT_MILLIS: u32 = 50;
/// Longest duration of an exchange of two partitions, with its wait for the lock, in milliseconds.
pub(crate) const EXCHANGE_TIMEOUT_MILLIS: u32 = 95;

/// What a run would remove from a table.
#[derive(Clone, Debug, serde::Serialize)]
pub struct TablePlan {
    /// The table: a partition, or `audit_logs`.
    pub partition: String,
    /// The records, by tenant and action.
    pub removed: Vec<RemovedRecords>,
}

/// What a run would remove.
#[derive(Clone, Debug, serde::Serialize)]
pub struct RetentionPlan {
    /// The time from which ages are counted; `None` when no rule removes records.
    pub kept_at: Option<auditrail_core::RecordTime>,
    /// The tables from which it would remove records.
    pub tables: Vec<TablePlan>,
}

impl RetentionPlan {
    /// The number of records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.tables.iter().flat_map(|table| &table.removed).map(|group| group.records).sum()
    }
}

/// What a run removed.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct RetentionReport {
    /// The id of the run; `None` when it removed nothing.
    pub run_id: Option<uuid::Uuid>,
    /// Records that were removed.
    pub records: u64,
    /// Archives that were written.
    pub archives: Vec<String>,
    /// Tables whose turn did not come: their locks were not free, or the run was stopped.
    pub postponed: Vec<String>,
    /// Interrupted runs that got their record from this one.
    pub completed_runs: u64,
}

/// Runs of retention over connections of the owner of the log.
#[derive(Clone, Debug)]
pub struct RetentionRun {
    options: PgConnectOptions,
}

impl RetentionRun {
    /// With connections of these options. Does not connect yet.
    #[must_use]
    pub const fn new(options: PgConnectOptions) -> Self {
        Self { options }
    }

    /// Whether a run has something to do, by one statement without a lock, which the role of a service may run too.
    /// `settled` is how long the rules must not have been set or changed.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn due(&self, settled: Duration) -> Result<RetentionDue, RetentionError> {
        let mut db = Session::open(&self.options).await?;
        let due = due::due(&mut db, settled).await?;
        db.close().await;
        Ok(due)
    }

    /// Counts what a run would remove now; `on_step` receives [`RetentionStep::LookedAt`]. Changes nothing, but needs
    /// the owner of the log too: other roles cannot read a partition by its name.
    ///
    /// # Errors
    /// [`RetentionError::NotOwner`], and errors of the database.
    pub async fn plan(
        &self,
        on_step: &mut (dyn FnMut(RetentionStep) + Send),
    ) -> Result<RetentionPlan, RetentionError> {
        let mut db = Session::open(&self.options).await?;
        owner::check(&mut db).await?;
        let Some(context) = Context::read(&mut db).await? else {
            return Ok(RetentionPlan { kept_at: None, tables: Vec::new() });
        };
        let mut plan = RetentionPlan { kept_at: Some(context.kept_at), tables: Vec::new() };
        for table in tables::list(&mut db).await? {
            let mut on_rows = |records| {
                on_step(RetentionStep::LookedAt { partition: table.name.clone(), records });
            };
            let removed = survey::all(&mut db, &context, &table, &mut on_rows).await?;
            if !removed.is_empty() {
                plan.tables.push(TablePlan { partition: table.name, removed });
            }
        }
        db.close().await;
        Ok(plan)
    }

    /// Removes the records that no rule keeps. Without rules it does nothing.
    ///
    /// # Errors
    /// [`RetentionError`]; what was removed before it is listed, and the next run records it.
    pub async fn run(
        &self,
        options: RetentionOptions<'_>,
    ) -> Result<RetentionReport, RetentionError> {
        let mut db = Session::open(&self.options).await?;
        owner::check(&mut db).await?;
        let leader = Arc::new(Mutex::new(session::lead(&self.options).await?));
        let mut work = Work::new(self.options.clone(), db, Arc::clone(&leader), options);
        let outcome = tokio::select! {
            outcome = work.run() => outcome,
            never = keep_leading(&leader) => match never {},
        };
        work.into_session().close().await;
        if let Some(leader) = Arc::into_inner(leader) {
            drop(leader.into_inner().release().await);
        }
        outcome
    }
}

/// Lets the server know that the leader is not suspended. That the leadership is lost is noticed before the next
/// removal.
async fn keep_leading(leader: &Mutex<Leadership>) -> Infallible {
    loop {
        tokio::time::sleep(session::HEARTBEAT).await;
        drop(leader.lock().await.check().await);
    }
}
