//! Replaces a closed partition of which little stays.

use std::time::Instant;

use uuid::Uuid;

use super::by_archive::LINES_MAX;
use super::{ATTEMPTS, Outcome, Work};
use crate::archive::ArchiveWriter;
use crate::retention::run::archived::{self, Archived};
use crate::retention::run::context::Context;
use crate::retention::run::error::RetentionError;
use crate::retention::run::exchange::{self, Exchange};
use crate::retention::run::expired::{Position, Rows, end};
use crate::retention::run::groups::{Groups, RemovedRecords};
use crate::retention::run::ledger::{self, ArchiveReference};
use crate::retention::run::lines;
use crate::retention::run::options::RetentionStep;
use crate::retention::run::retired;
use crate::retention::run::survey;
use crate::retention::run::tables::Table;

/// What a walk through a partition found.
struct Walk {
    expired: Groups,
    kept: Vec<Uuid>,
    writer: Option<ArchiveWriter>,
}

impl Work<'_> {
    /// Replaces a partition, unless too much of it stays: copying a record costs about one and a half times as much as
    /// deleting one and vacuuming after it, so at most half as many may stay as leave.
    pub(super) async fn exchange(
        &mut self,
        context: &Context,
        table: &Table,
    ) -> Result<Outcome, RetentionError> {
        self.changes = exchange::changes(&mut self.db).await?;
        let walk = match self.walk(context, table).await? {
            Ok(walk) => walk,
            Err(outcome) => return Ok(outcome),
        };
        let (expired, kept) = (walk.expired.records(), walk.kept.len() as u64);
        if walk.expired.is_empty() {
            return Ok(Outcome::Done);
        }
        if kept.saturating_mul(2) > expired {
            return Ok(Outcome::Unsuitable);
        }
        let partition = table.name.clone();
        self.step(RetentionStep::Surveyed { partition: partition.clone(), expired, kept });
        let run_id = self.run_id(context).await?.simple();
        let number = self.exchanges;
        self.exchanges += 1;
        let exchange = Exchange {
            table,
            new: format!("audit_logs_new_{run_id}_{number}"),
            retired: format!("{}{run_id}_{number}", retired::PREFIX),
            columns: exchange::columns(&mut self.db).await?,
            expired,
            kept,
            changes: self.changes,
        };
        let archive = match walk.writer {
            Some(writer) => Some(self.finish_archive(context, table, writer).await?),
            None => None,
        };
        let (kept, expired_groups) = (&walk.kept, walk.expired.into_list());
        self.begin().await?;
        let outcome = self
            .exchange_in_transaction(context, &exchange, kept, &expired_groups, archive.as_ref())
            .await;
        match self.end(outcome).await {
            Err(error) if error.is_lock_timeout() => {
                if let Some(archive) = archive {
                    self.remove_unused_archives(&archive.dir).await?;
                }
                return Ok(Outcome::Postponed);
            }
            outcome => outcome?,
        }
        self.report.records += expired;
        self.step(RetentionStep::Exchanged { partition, records: expired });
        self.drop_retired().await?;
        Ok(Outcome::Done)
    }

    /// Walks through a whole partition. An outcome ends the attempt.
    async fn walk(
        &mut self,
        context: &Context,
        table: &Table,
    ) -> Result<Result<Walk, Outcome>, RetentionError> {
        let mut walk = Walk { expired: Groups::default(), kept: Vec::new(), writer: None };
        if let Some(dir) = self.options.archive.clone() {
            walk.writer = Some(self.create_archive(context, table, &dir).await?);
        }
        let mut position = Position::start();
        loop {
            if (self.options.stop)() {
                return Ok(Err(Outcome::Postponed));
            }
            let started = Instant::now();
            let last = self.walk_chunk(context, table, position, &mut walk).await?;
            if walk.kept.len() > self.options.limits.kept_max {
                return Ok(Err(Outcome::Unsuitable));
            }
            match last {
                Some(last) => position = last,
                None => return Ok(Ok(walk)),
            }
            self.pause(started).await;
        }
    }

    async fn walk_chunk(
        &mut self,
        context: &Context,
        table: &Table,
        position: Position,
        walk: &mut Walk,
    ) -> Result<Option<Position>, RetentionError> {
        let limit = self.options.limits.rows;
        let Some(writer) = walk.writer.take() else {
            let chunk = survey::with_kept(&mut self.db, context, table, position, limit).await?;
            self.looked_at(table, chunk.rows);
            chunk.expired.into_iter().for_each(|group| walk.expired.add(group));
            walk.kept.extend(chunk.kept);
            return Ok(chunk.last);
        };
        let rows = Rows::After { position, upper: end(), limit: limit.min(LINES_MAX) };
        let found = lines::read(&mut self.db, context, table, rows).await?;
        self.looked_at(table, found.rows());
        found.records.into_iter().for_each(|record| walk.expired.add(record));
        walk.kept.extend(found.kept);
        walk.writer = Some(archived::write(writer, found.lines).await?);
        Ok(found.last)
    }

    /// Copies what stays and exchanges the tables.
    async fn exchange_in_transaction(
        &mut self,
        context: &Context,
        exchange: &Exchange<'_>,
        kept: &[Uuid],
        expired: &[RemovedRecords],
        archive: Option<&Archived>,
    ) -> Result<(), RetentionError> {
        let run_id = self.hold_run(context).await?;
        let mut reference = ArchiveReference::default();
        if let Some(archive) = archive {
            archive.open().await?;
            reference = archive.reference();
        }
        exchange.create(&mut self.db).await?;
        exchange.copy(&mut self.db, kept).await?;
        let partition = &exchange.table.name;
        ledger::add(&mut self.db, run_id, partition, &reference, expired).await?;
        self.step(RetentionStep::Copied { partition: partition.clone() });
        self.swap(context, exchange).await
    }

    /// Exchanges the tables, as soon as their locks are free.
    async fn swap(
        &mut self,
        context: &Context,
        exchange: &Exchange<'_>,
    ) -> Result<(), RetentionError> {
        self.db.execute("set a savepoint", "savepoint exchange".to_owned()).await?;
        let mut attempt = 0;
        loop {
            match exchange.swap(&mut self.db, context).await {
                Err(error) if error.is_lock_timeout() && attempt + 1 < ATTEMPTS => {
                    let undo = "rollback to savepoint exchange".to_owned();
                    self.db.execute("undo the exchange of a partition", undo).await?;
                    Self::back_off(attempt).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }
}
