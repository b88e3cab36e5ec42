//! Replaces a closed partition of which little stays.

use std::time::Instant;

use uuid::Uuid;

use super::by_archive::LINES_MAX;
use super::{ATTEMPTS, Outcome, Work};
use crate::archive::{ArchiveWriter, blocking};
use crate::retention::run::archived;
use crate::retention::run::context::Context;
use crate::retention::run::error::RetentionError;
use crate::retention::run::exchange::{self, Exchange};
use crate::retention::run::expired::{Position, Rows, end};
use crate::retention::run::groups::{Groups, Listed};
use crate::retention::run::ledger::ArchiveReference;
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
        let changes = exchange::changes(&mut self.db).await?;
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
            changes,
        };
        let dir = self.options.archive.clone();
        let mut archive = None;
        if let (Some(dir), Some(writer)) = (dir, walk.writer) {
            let (manifest, reference) = self.finish_archive(context, table, &dir, writer).await?;
            archive = Some((dir, manifest.name(), reference));
        }
        let reference = archive.as_ref().map(|(_, _, reference)| reference.clone());
        let reference = reference.unwrap_or_default();
        self.begin().await?;
        let outcome = self
            .exchange_in_transaction(context, &exchange, &walk.kept, walk.expired, &reference)
            .await;
        let outcome = self.end(outcome).await;
        if let (Some((dir, name, _)), Ok(false) | Err(_)) = (&archive, &outcome) {
            self.withdraw(dir, *name).await?;
        }
        if !outcome? {
            return Ok(Outcome::Postponed);
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
            let (name, partition) = (self.archive_name(context).await?, table.name.clone());
            let create = move || ArchiveWriter::create(&dir, name, &partition);
            walk.writer = Some(blocking(create).await?);
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
            chunk.expired.into_iter().for_each(|group| walk.expired.add(group));
            walk.kept.extend(chunk.kept);
            return Ok(chunk.last);
        };
        let rows = Rows::After { position, upper: end(), limit: limit.min(LINES_MAX) };
        let found = lines::read(&mut self.db, context, table, rows).await?;
        found.records.into_iter().for_each(|record| walk.expired.add(record));
        walk.kept.extend(found.kept);
        walk.writer = Some(archived::write(writer, found.lines).await?);
        Ok(found.last)
    }

    /// Copies what stays and exchanges the tables. `false` if the locks were never free in time.
    async fn exchange_in_transaction(
        &mut self,
        context: &Context,
        exchange: &Exchange<'_>,
        kept: &[Uuid],
        expired: Groups,
        archive: &ArchiveReference,
    ) -> Result<bool, RetentionError> {
        exchange.create(&mut self.db).await?;
        exchange.copy(&mut self.db, kept).await?;
        let run_id = self.run_id(context).await?;
        let groups = Listed::default().bounded(expired.into_list());
        let partition = &exchange.table.name;
        super::ledger::add(&mut self.db, run_id, partition, archive, &groups).await?;
        self.step(RetentionStep::Copied { partition: partition.clone() });
        for attempt in 0..ATTEMPTS {
            self.db.execute("set a savepoint", "savepoint exchange".to_owned()).await?;
            match exchange.swap(&mut self.db, context).await {
                Err(error) if error.is_lock_timeout() => {
                    let undo = "rollback to savepoint exchange".to_owned();
                    self.db.execute("undo the exchange of a partition", undo).await?;
                    Self::back_off(attempt).await;
                }
                outcome => return outcome.map(|()| true),
            }
        }
        // Undone with the transaction.
        self.db.execute("give an exchange up", "rollback; begin".to_owned()).await?;
        Ok(false)
    }
}
