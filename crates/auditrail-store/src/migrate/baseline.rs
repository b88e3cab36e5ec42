//! Adopts a schema that was created by other means.

use std::time::Duration;

use sqlx::Connection;

use super::error::MigrateError;
use super::progress::Progress;
use super::runner::{Runner, check_encoding, history};
use super::tracking::Origin;
use crate::schema::{Difference, compare, describe};

impl Runner {
    /// Compares the live schema with every known version, and records the migrations up to the newest
    /// version that matches as applied, without running them. Returns that version.
    ///
    /// # Errors
    /// When there is a history already, or the schema matches no version; then nothing is recorded.
    pub async fn baseline(&self, progress: Progress<'_>) -> Result<i64, MigrateError> {
        let mut db = self.connect().await?;
        check_encoding(&mut db).await?;
        let tracked = history(&mut db, &self.tracking()).await?;
        if let Some(row) = tracked.last() {
            return Err(MigrateError::AlreadyTracked { version: row.version });
        }
        // Checked before taking the lock: a schema that does not match must not get a tracking table.
        self.matching_version(&mut db).await?;
        let mut run = self.begin(progress).await?;
        if let Some(row) = history(&mut run.connection, &run.tracking).await?.last() {
            return Err(MigrateError::AlreadyTracked { version: row.version });
        }
        let version = self.matching_version(&mut run.connection).await?;
        let failed = || MigrateError::while_trying_to("record the adopted migrations");
        let mut tx = run.connection.begin().await.map_err(failed())?;
        for migration in self.set.migrations().iter().filter(|m| m.version <= version) {
            run.tracking
                .insert(&mut tx, migration, Origin::Baseline, Duration::ZERO, run.program)
                .await
                .map_err(failed())?;
        }
        tx.commit().await.map_err(failed())?;
        run.end().await?;
        Ok(version)
    }

    /// The newest version that matches the live schema.
    async fn matching_version(&self, db: &mut sqlx::PgConnection) -> Result<i64, MigrateError> {
        let live = describe(db, self.set.schema())
            .await
            .map_err(MigrateError::while_trying_to("read the live schema"))?;
        let mut closest: Option<(i64, Vec<Difference>)> = None;
        for migration in self.set.migrations().iter().rev() {
            let Some(expected) = self.set.expected(migration.version) else {
                continue;
            };
            let mut differences = compare(&expected, &live);
            differences.retain(Difference::is_drift);
            if differences.is_empty() {
                return Ok(migration.version);
            }
            if closest.as_ref().is_none_or(|(_, best)| differences.len() <= best.len()) {
                closest = Some((migration.version, differences));
            }
        }
        Err(match closest {
            Some((closest, differences)) => MigrateError::NoBaseline { closest, differences },
            None => MigrateError::NotDescribed {
                schema: self.set.schema().to_owned(),
                version: self.set.latest(),
            },
        })
    }
}
