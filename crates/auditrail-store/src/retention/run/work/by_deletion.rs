//! Deletes expired records in small transactions.

use std::time::Instant;

use super::{ATTEMPTS, Outcome, Work};
use crate::retention::run::context::Context;
use crate::retention::run::delete;
use crate::retention::run::error::RetentionError;
use crate::retention::run::expired::Position;
use crate::retention::run::groups::Listed;
use crate::retention::run::ledger::ArchiveReference;
use crate::retention::run::options::RetentionStep;
use crate::retention::run::survey::Chunk;
use crate::retention::run::tables::Table;

/// Deleted records of a table after which it is vacuumed: before, autovacuum does it in time.
const VACUUM_AFTER: u64 = 10_000;

impl Work<'_> {
    /// Deletes the expired records of a table.
    pub(super) async fn delete(
        &mut self,
        context: &Context,
        table: &Table,
    ) -> Result<Outcome, RetentionError> {
        let mut listed = Listed::default();
        let (mut position, mut deleted) = (Position::start(), 0);
        loop {
            if (self.options.stop)() {
                return Ok(Outcome::Postponed);
            }
            let started = Instant::now();
            let Some(chunk) = self.delete_chunk(context, table, position, &mut listed).await?
            else {
                return Ok(Outcome::Postponed);
            };
            let records = chunk.expired.iter().map(|group| group.records).sum::<u64>();
            self.looked_at(table, chunk.rows);
            self.count_deleted(table, records);
            deleted += records;
            let Some(last) = chunk.last else { break };
            position = last;
            self.pause(started).await;
        }
        self.vacuum(table, deleted).await;
        Ok(Outcome::Done)
    }

    /// One transaction; `None` if its locks were never free in time.
    async fn delete_chunk(
        &mut self,
        context: &Context,
        table: &Table,
        position: Position,
        listed: &mut Listed,
    ) -> Result<Option<Chunk>, RetentionError> {
        self.run_id(context).await?;
        for attempt in 0..ATTEMPTS {
            self.begin().await?;
            let outcome = self.delete_in_transaction(context, table, position, listed).await;
            match self.end(outcome).await {
                Err(error) if error.is_lock_timeout() => Self::back_off(attempt).await,
                outcome => return outcome.map(Some),
            }
        }
        Ok(None)
    }

    async fn delete_in_transaction(
        &mut self,
        context: &Context,
        table: &Table,
        position: Position,
        listed: &mut Listed,
    ) -> Result<Chunk, RetentionError> {
        self.hold_run(context).await?;
        self.db.execute("open the guard of the log", delete::OPEN_GUARD.to_owned()).await?;
        let limit = self.options.limits.rows;
        let chunk = delete::chunk(&mut self.db, context, table, position, limit).await?;
        if !chunk.expired.is_empty() {
            let archive = ArchiveReference::default();
            self.list_removed(context, table, &archive, chunk.expired.clone(), listed).await?;
            self.step(RetentionStep::Deleting { partition: table.name.clone() });
        }
        Ok(chunk)
    }

    pub(super) fn count_deleted(&mut self, table: &Table, records: u64) {
        if records > 0 {
            self.report.records += records;
            self.step(RetentionStep::Deleted { partition: table.name.clone(), records });
        }
    }

    /// Frees the space of deleted records for new ones, slowly and only if nothing else works on the table. Without
    /// it, autovacuum does it some time later, so a failure is no error of the run.
    pub(super) async fn vacuum(&mut self, table: &Table, deleted: u64) {
        if deleted < VACUUM_AFTER || (self.options.stop)() {
            return;
        }
        let doing = "vacuum a table";
        let vacuum = format!("vacuum (skip_locked, truncate false, analyze) {}", table.sql());
        drop(self.db.execute(doing, "set vacuum_cost_delay = '2ms'".to_owned()).await);
        drop(self.db.set_unbounded(true).await);
        drop(self.db.execute(doing, vacuum).await);
        drop(self.db.set_unbounded(false).await);
    }
}
