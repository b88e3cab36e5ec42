//! The status of the migrations, and the comparison of the live schema with its description.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use sqlx::PgConnection;

use super::error::MigrateError;
use super::migration::Migration;
use super::runner::{Runner, history};
use super::set::MigrationSet;
use super::tracking::{Origin, Tracked};
use super::validate::{Problem, problems};
use crate::schema::{Difference, compare, describe, weaknesses};

/// The migrations of a database and their states.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Every migration of the program or the database, by number.
    pub migrations: Vec<MigrationStatus>,
    /// Inconsistencies; empty if there are none.
    pub problems: Vec<Problem>,
}

/// One migration in a [`Status`].
#[derive(Clone, Debug, Serialize)]
pub struct MigrationStatus {
    /// Its number.
    pub version: i64,
    /// Its description.
    pub name: String,
    /// Its state.
    pub state: State,
    /// Whether it is breaking for programs that do not know it.
    pub breaking: bool,
    /// Whether the file is the one that was applied; `None` if pending or unknown.
    pub checksum_ok: Option<bool>,
    /// How it got into the tracking table.
    pub origin: Option<Origin>,
    /// When it was applied.
    pub applied_at: Option<Timestamp>,
    /// Its duration, in milliseconds.
    #[serde(rename = "duration_ms", serialize_with = "as_millis")]
    pub took: Option<Duration>,
    /// The program that applied it.
    pub applied_by: Option<String>,
}

/// The state of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was applied.
    Applied,
    /// It was not applied yet.
    Pending,
    /// It was applied, and this program does not know it.
    Unknown,
}

impl Status {
    /// The number of pending migrations.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.migrations.iter().filter(|m| m.state == State::Pending).count()
    }
}

impl Runner {
    /// Every migration and its state. Read-only.
    ///
    /// # Errors
    /// When the database cannot be reached or the tracking table cannot be read. Problems of the
    /// history are part of the result, not an error.
    pub async fn status(&self) -> Result<Status, MigrateError> {
        let mut db = self.connect().await?;
        self.status_over(&mut db).await
    }

    /// As [`status`](Self::status), over an open connection.
    pub(super) async fn status_over(&self, db: &mut PgConnection) -> Result<Status, MigrateError> {
        let history = history(db, &self.tracking()).await?;
        Ok(Status {
            migrations: join(&self.set, &history),
            problems: problems(&self.set, &history),
        })
    }

    /// Compares the live schema with the description of its version, and returns that version and every
    /// difference, followed by every [weakness](crate::schema::weaknesses). Read-only.
    ///
    /// # Errors
    /// [`MigrateError::Invalid`] when the history is inconsistent with this program, and
    /// [`MigrateError::NotDescribed`] when the version has no description.
    pub async fn verify(&self) -> Result<(i64, Vec<Difference>), MigrateError> {
        let mut db = self.connect().await?;
        let history = history(&mut db, &self.tracking()).await?;
        super::runner::check(&self.set, &history)?;
        let known = history.iter().map(|row| row.version).filter(|v| self.set.get(*v).is_some());
        // An empty database is compared with the newest version, so that everything is missing.
        let version = known.max().unwrap_or_else(|| self.set.latest());
        let schema = self.set.schema();
        let expected = self
            .set
            .expected(version)
            .ok_or_else(|| MigrateError::NotDescribed { schema: schema.to_owned(), version })?;
        let live = describe(&mut db, schema)
            .await
            .map_err(MigrateError::while_trying_to("read the live schema"))?;
        let mut differences = compare(&expected, &live);
        differences.extend(
            weaknesses(&mut db, schema, &expected)
                .await
                .map_err(MigrateError::while_trying_to("read what protects the records"))?,
        );
        Ok((version, differences))
    }
}

fn join(set: &MigrationSet, history: &[Tracked]) -> Vec<MigrationStatus> {
    let row_of = |version| history.iter().find(|row| row.version == version);
    let known = set.migrations().iter().map(|m| known(m, row_of(m.version)));
    let unknown = history.iter().filter(|row| set.get(row.version).is_none()).map(unknown);
    let mut all: Vec<MigrationStatus> = known.chain(unknown).collect();
    all.sort_by_key(|m| m.version);
    all
}

fn known(migration: &Migration, row: Option<&Tracked>) -> MigrationStatus {
    MigrationStatus {
        version: migration.version,
        name: migration.name.clone(),
        state: if row.is_some() { State::Applied } else { State::Pending },
        breaking: migration.breaking,
        checksum_ok: row.map(|row| migration.checksum.matches(&row.checksum)),
        origin: row.map(|row| row.origin),
        applied_at: row.map(|row| row.applied_at),
        took: row.map(|row| row.took),
        applied_by: row.map(|row| row.applied_by.clone()),
    }
}

fn unknown(row: &Tracked) -> MigrationStatus {
    MigrationStatus {
        version: row.version,
        name: row.name.clone(),
        state: State::Unknown,
        breaking: row.breaking,
        checksum_ok: None,
        origin: Some(row.origin),
        applied_at: Some(row.applied_at),
        took: Some(row.took),
        applied_by: Some(row.applied_by.clone()),
    }
}

fn as_millis<S: Serializer>(took: &Option<Duration>, out: S) -> Result<S::Ok, S::Error> {
    took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)).serialize(out)
}
