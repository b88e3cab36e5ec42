//! Takes migrations back.

use std::time::Duration;

use super::error::MigrateError;
use super::execute;
use super::migration::Migration;
use super::progress::Progress;
use super::runner::{Runner, check, history};
use super::step::Step;
use super::tracking::Tracked;

impl Runner {
    /// What [`Runner::down`] would undo, newest first. Reads only.
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
        self.to_undo(&history, target, allow_data_loss)
    }

    /// Undoes every migration after `to`, newest first, each in its own transaction; 0 undoes all.
    ///
    /// # Errors
    /// Refuses before it starts when a step has no way back, or loses data and `allow_data_loss` is
    /// false; otherwise as [`Runner::up`].
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
        // Whoever held the lock until now may have applied more, which has to be undone first.
        let history = history(&mut run.connection, &run.tracking).await?;
        check(&self.set, &history)?;
        let mut undone = Vec::new();
        for migration in self.to_undo(&history, target, allow_data_loss)? {
            run.lock.check().await?;
            if let Some(took) = execute::run(&mut run, Step::down(&migration)?, progress).await? {
                undone.push((migration, took));
            }
        }
        run.end().await?;
        Ok(undone)
    }

    /// The applied migrations after `target`, newest first, unless one of them may not be undone.
    fn to_undo(
        &self,
        history: &[Tracked],
        target: i64,
        allow_data_loss: bool,
    ) -> Result<Vec<Migration>, MigrateError> {
        let applied = |version| history.iter().any(|row| row.version == version);
        let newest_first = self.set.migrations().iter().rev();
        let steps: Vec<Migration> =
            newest_first.filter(|m| target < m.version && applied(m.version)).cloned().collect();
        refuse(&steps, allow_data_loss)?;
        Ok(steps)
    }
}

fn refuse(steps: &[Migration], allow_data_loss: bool) -> Result<(), MigrateError> {
    if let Some(migration) = steps.iter().find(|m| m.undo().is_none()) {
        return Err(MigrateError::NoWayBack { file: migration.file() });
    }
    let loses = |m: &&Migration| m.undo().is_some_and(|undo| undo.loses_data());
    let files: Vec<String> = steps.iter().filter(loses).map(Migration::file).collect();
    match files.is_empty() || allow_data_loss {
        true => Ok(()),
        false => Err(MigrateError::DataLoss { files }),
    }
}
