//! Applies pending migrations.

use std::time::Duration;

use super::error::MigrateError;
use super::execute;
use super::migration::Migration;
use super::partition;
use super::progress::Progress;
use super::runner::{Runner, check, check_encoding, history};
use super::step::Step;
use super::tracking::Tracked;

/// The outcome of a run.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// The migrations that this run applied, in order, with the duration of each.
    pub migrations: Vec<(Migration, Duration)>,
    /// Why the table of the log is not partitioned, and what to do; `None` if it is, if its role does not
    /// own the table, or if the run did not reach the newest version.
    pub not_partitioned: Option<String>,
}

impl Runner {
    /// The migrations that [`Runner::up`] would apply, in order. Read-only.
    ///
    /// # Errors
    /// As [`Runner::up`], except for those of running a step.
    pub async fn plan(&self, to: Option<i64>) -> Result<Vec<Migration>, MigrateError> {
        let target = self.target(to)?;
        let mut db = self.connect().await?;
        let history = history(&mut db, &self.tracking()).await?;
        check(&self.set, &history)?;
        let pending = self.pending(&history, target);
        if !pending.is_empty() {
            check_encoding(&mut db).await?;
        }
        Ok(pending)
    }

    /// Applies every pending migration up to `to`, or all of them, each in its own transaction.
    ///
    /// The whole history is validated before a step runs. One runner at a time applies migrations; others
    /// wait, and then have nothing to apply. A step that does not get its table lock is rolled back, so
    /// that other sessions proceed, and is retried until the lock timeout expires. At the newest version, the
    /// table is partitioned if it is new or small.
    ///
    /// # Errors
    /// [`MigrateError`] has the step that failed and the cause. Earlier steps stay applied; a transactional
    /// step that failed is rolled back.
    pub async fn up(
        &self,
        to: Option<i64>,
        progress: Progress<'_>,
    ) -> Result<Applied, MigrateError> {
        let target = self.target(to)?;
        // The usual case. It needs no more than read access.
        if self.plan(to).await?.is_empty()
            && !self.is_adoption_due(&mut self.connect().await?, target).await?
        {
            return Ok(Applied::default());
        }
        let mut run = self.begin(progress).await?;
        let history = history(&mut run.connection, &run.tracking).await?;
        check(&self.set, &history)?;
        let mut applied = Applied::default();
        for migration in self.pending(&history, target) {
            run.lock.check().await?;
            if let Some(took) = execute::run(&mut run, Step::up(&migration), progress).await? {
                applied.migrations.push((migration, took));
            }
        }
        if self.is_adoption_due(&mut run.connection, target).await? {
            run.lock.check().await?;
            applied.not_partitioned = partition::adopt(&mut run).await?;
        }
        run.end().await?;
        Ok(applied)
    }

    fn pending(&self, history: &[Tracked], target: i64) -> Vec<Migration> {
        let newest = history.iter().map(|row| row.version).max().unwrap_or(0);
        self.set
            .migrations()
            .iter()
            .filter(|m| newest < m.version && m.version <= target)
            .cloned()
            .collect()
    }
}
