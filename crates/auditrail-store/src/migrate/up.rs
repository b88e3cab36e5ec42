//! Applies what is pending.

use std::time::Duration;

use super::error::MigrateError;
use super::execute;
use super::migration::Migration;
use super::progress::Progress;
use super::runner::{Runner, check, history};
use super::step::Step;
use super::tracking::Tracked;

/// What a run did.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// The migrations this run applied, in order, and how long each took.
    pub migrations: Vec<(Migration, Duration)>,
}

impl Runner {
    /// What [`Runner::up`] would apply, in order. Reads only.
    ///
    /// # Errors
    /// As [`Runner::up`], except for those of running a step.
    pub async fn plan(&self, to: Option<i64>) -> Result<Vec<Migration>, MigrateError> {
        let target = self.target(to)?;
        let mut db = self.connect().await?;
        let history = history(&mut db, &self.tracking()).await?;
        check(&self.set, &history)?;
        Ok(self.pending(&history, target))
    }

    /// Applies every pending migration up to `to`, or all of them, each in its own transaction.
    ///
    /// The whole history is checked before anything runs. One runner at a time does this; others wait
    /// and then find nothing left to do. A step that cannot have its table's lock is rolled back, lets
    /// other sessions through, and is tried again until the lock timeout is over.
    ///
    /// # Errors
    /// [`MigrateError`] says which step failed and why. Steps before it stay applied; of a
    /// transactional step that failed nothing stays.
    pub async fn up(
        &self,
        to: Option<i64>,
        progress: Progress<'_>,
    ) -> Result<Applied, MigrateError> {
        // The usual case, and the only one open to a role that may just read.
        if self.plan(to).await?.is_empty() {
            return Ok(Applied::default());
        }
        let target = self.target(to)?;
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
        run.end().await?;
        Ok(applied)
    }

    fn pending(&self, history: &[Tracked], target: i64) -> Vec<Migration> {
        let newest = history.iter().map(|row| row.version).max().unwrap_or(0);
        let all = self.set.migrations().iter();
        all.filter(|m| newest < m.version && m.version <= target).cloned().collect()
    }
}
