//! Reverts migrations.

use std::time::Duration;

use super::error::MigrateError;
use super::execute;
use super::migration::Migration;
use super::progress::Progress;
use super::runner::{Runner, check, history};
use super::step::Step;
use super::tracking::Tracked;

impl Runner {
    /// The migrations that [`Runner::down`] would revert, newest first. Read-only.
    ///
    /// # Errors
    /// As [`Runner::down`], except for those of running a step.
    pub async fn plan_down(
        &self,
        to: i64,
        allow_data_loss: bool,
    ) -> Result<Vec<Migration>, MigrateError> {
        let target = self.target(Some(to))?;
        let mut db = self.connect().await?;
        let history = history(&mut db, &self.tracking()).await?;
        check(&self.set, &history)?;
        self.to_revert(&history, target, allow_data_loss)
    }

    /// Reverts every migration after `to`, newest first, each in its own transaction; 0 reverts all.
    ///
    /// # Errors
    /// Before it starts, when a step cannot be reverted, or loses data and `allow_data_loss` is false;
    /// otherwise as [`Runner::up`].
    pub async fn down(
        &self,
        to: i64,
        allow_data_loss: bool,
        progress: Progress<'_>,
    ) -> Result<Vec<(Migration, Duration)>, MigrateError> {
        if self.plan_down(to, allow_data_loss).await?.is_empty() {
            return Ok(Vec::new());
        }
        let target = self.target(Some(to))?;
        let mut run = self.begin(progress).await?;
        // An earlier holder of the lock may have applied more migrations, which are reverted first.
        let history = history(&mut run.connection, &run.tracking).await?;
        check(&self.set, &history)?;
        let mut reverted = Vec::new();
        for migration in self.to_revert(&history, target, allow_data_loss)? {
            run.lock.check().await?;
            if let Some(took) = execute::run(&mut run, Step::down(&migration)?, progress).await? {
                reverted.push((migration, took));
            }
        }
        run.end().await?;
        Ok(reverted)
    }

    /// The applied migrations after `target`, newest first, unless one of them must not be reverted.
    fn to_revert(
        &self,
        history: &[Tracked],
        target: i64,
        allow_data_loss: bool,
    ) -> Result<Vec<Migration>, MigrateError> {
        let is_applied = |version| history.iter().any(|row| row.version == version);
        let steps: Vec<Migration> = self
            .set
            .migrations()
            .iter()
            .rev()
            .filter(|m| target < m.version && is_applied(m.version))
            .cloned()
            .collect();
        check_revertible(&steps, allow_data_loss)?;
        Ok(steps)
    }
}

fn check_revertible(steps: &[Migration], allow_data_loss: bool) -> Result<(), MigrateError> {
    if let Some(migration) = steps.iter().find(|m| m.undo().is_none()) {
        return Err(MigrateError::NoWayBack { file: migration.file() });
    }
    let loses = |m: &&Migration| m.undo().is_some_and(|undo| undo.loses_data());
    let files: Vec<String> = steps.iter().filter(loses).map(Migration::file).collect();
    if files.is_empty() || allow_data_loss { Ok(()) } else { Err(MigrateError::DataLoss { files }) }
}
