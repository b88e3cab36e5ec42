//! Reverts migrations.

use std::time::Duration;

use sqlx::PgConnection;

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
        let steps = self.to_revert(&history, target, allow_data_loss)?;
        self.check_reapplicable(&mut db, &steps, target).await?;
        Ok(steps)
    }

    /// Reverts every migration after `to`, newest first, each in its own transaction; 0 reverts all.
    ///
    /// # Errors
    /// Before it starts, when a step cannot be reverted, or loses data and `allow_data_loss` is false, or could not
    /// be applied to a partitioned table again; otherwise as [`Runner::up`].
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
        let steps = self.to_revert(&history, target, allow_data_loss)?;
        self.check_reapplicable(&mut run.connection, &steps, target).await?;
        for migration in steps {
            run.lock.check().await?;
            if let Some(took) = execute::run(&mut run, Step::down(&migration)?, progress).await? {
                reverted.push((migration, took));
            }
        }
        run.end().await?;
        Ok(reverted)
    }

    /// Fails when a step could not be applied again, because the table is partitioned and remains.
    async fn check_reapplicable(
        &self,
        db: &mut PgConnection,
        steps: &[Migration],
        target: i64,
    ) -> Result<(), MigrateError> {
        let Some(plain) = self.set.newest_for_plain_table().filter(|_| target > 0) else {
            return Ok(());
        };
        if !steps.iter().any(|step| step.version == plain.version) {
            return Ok(());
        }
        let table = partitioned_table(db, self.set.schema())
            .await
            .map_err(MigrateError::while_trying_to("look for a partitioned table"))?;
        match table {
            Some(table) => {
                Err(MigrateError::Partitioned { file: plain.file(), table, version: plain.version })
            }
            None => Ok(()),
        }
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

/// A partitioned table of the schema.
async fn partitioned_table(
    db: &mut PgConnection,
    schema: &str,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select n.nspname || '.' || c.relname
           from pg_catalog.pg_class c
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where n.nspname = $1 and c.relkind = 'p'
          order by c.relname
          limit 1",
    )
    .bind(schema)
    .fetch_optional(db)
    .await
}

fn check_revertible(steps: &[Migration], allow_data_loss: bool) -> Result<(), MigrateError> {
    if let Some(migration) = steps.iter().find(|m| m.undo().is_none()) {
        return Err(MigrateError::NoWayBack { file: migration.file() });
    }
    let loses = |m: &&Migration| m.undo().is_some_and(|undo| undo.loses_data());
    let files: Vec<String> = steps.iter().filter(loses).map(Migration::file).collect();
    if files.is_empty() || allow_data_loss { Ok(()) } else { Err(MigrateError::DataLoss { files }) }
}
